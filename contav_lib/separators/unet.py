"""The audio U-Net of iQuery: a spectrogram in; a map of mask features and a latent map out.

Seven levels in the paper. Each level down halves both axes (4 x 4 convolution, stride 2); each level up doubles them
(every pixel twice along each axis, then a 3 x 3 convolution) and is joined by the map of the same size from the way down.
"""

from math import pi
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

LATENT_LEVEL = 3  # the latent map has 1/2^3 of the input's size: 32 x 32 for the paper's 256 x 256


class UNetMaps(NamedTuple):
    """What the U-Net gives for `[B, 1, F, T]`."""

    mask_features: torch.Tensor  # [B, mask_dim, F, T]
    latent: torch.Tensor  # [B, 4 * width, F / 8, T / 8]
    intermediate: list[torch.Tensor]  # after every level, down, then up; without the mask features


class Down(nn.Module):
    """Halve both axes. The first and the innermost level have no batch norm."""

    def __init__(self, inputs: int, outputs: int, rectify: bool, normalise: bool):
        super().__init__()
        self.rectify = rectify
        self.conv = nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False)
        self.norm = nn.BatchNorm2d(outputs) if normalise else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.conv(functional.leaky_relu(x, 0.2) if self.rectify else x))


class Up(nn.Module):
    """Double both axes. The outermost level has no batch norm: its maps are the mask features.

    Doubling and convolution are one step, with less than half of the multiplications: a doubled map has every pixel
    twice along each axis, so of the three weights that meet it, two meet the same pixel and can be summed beforehand.
    What is left of three weights a, b, c is a transposed convolution of stride 2 with the weights c, b + c, a + b, a.
    """

    def __init__(self, inputs: int, outputs: int, normalise: bool):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, 1, 1, bias=False)
        self.norm = nn.BatchNorm2d(outputs) if normalise else nn.Identity()
        along_an_axis = torch.tensor([[0.0, 0.0, 1.0], [0.0, 1.0, 1.0], [1.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
        self.register_buffer("summed", torch.kron(along_an_axis, along_an_axis), persistent=False)  # [4 * 4, 3 * 3]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kernel = functional.linear(self.conv.weight.flatten(2), self.summed).unflatten(2, (4, 4)).transpose(0, 1)
        return self.norm(functional.conv_transpose2d(functional.relu(x), kernel, stride=2, padding=1))


class UNet(nn.Module):
    """The U-Net of iQuery (Chen et al. 2023), as ContAV-Sep uses it.

    Args:
        width: channels after the first level (64 in the paper); 2, 4, 8, 8, ... times that below.
        mask_dim: channels of the mask features (32 in the paper).
        levels: how often the axes are halved (7 in the paper), at least 4. F and T must be multiples of `2^levels`.
        frequency_codes: channels added to the input that tell how high up a pixel lies: so many sine and cosine pairs. A
            convolution by itself can't know that; the paper's 7 levels find out from the borders, 4 levels hardly do.

    Shape:
        `[B, 1, F, T]` log magnitude -> `UNetMaps`.
    """

    def __init__(self, width: int = 64, mask_dim: int = 32, levels: int = 7, frequency_codes: int = 0):
        super().__init__()
        if levels <= LATENT_LEVEL:
            raise ValueError(
                f"A U-Net of {levels} levels has no latent map at 1/8 size; give it at least {LATENT_LEVEL + 1}."
            )
        channels = [width * min(2**level, 8) for level in range(levels)]
        self.levels, self.frequency_codes = levels, frequency_codes
        self.input_norm = nn.BatchNorm2d(1)
        self.down = nn.ModuleList(
            Down(inputs, outputs, rectify=level > 0, normalise=0 < level < levels - 1)
            for level, (inputs, outputs) in enumerate(zip([1 + 2 * frequency_codes, *channels], channels, strict=False))
        )
        # The level up from size 1/2^(i+1) to 1/2^i: its inputs are its neighbour's outputs and the map from the way down.
        self.up = nn.ModuleList(
            Up(
                channels[level] * (1 if level == levels - 1 else 2),
                channels[level - 1] if level else mask_dim,
                normalise=level > 0,
            )
            for level in reversed(range(levels))
        )
        # The same numbers in another order in memory: channels last is the order convolutions are fastest in.
        self.to(memory_format=torch.channels_last)

    def forward(self, x: torch.Tensor) -> UNetMaps:
        check_sides(x, self.levels)
        x = self.input_norm(x.contiguous(memory_format=torch.channels_last))
        x = with_frequency_codes(x, self.frequency_codes)
        downs = []
        for level in self.down:
            x = level(x)
            downs.append(x)
        ups = []
        for level, skip in zip(self.up, [None, *reversed(downs[:-1])], strict=True):
            x = level(x if skip is None else torch.cat([skip, x], 1))
            ups.append(x)
        return UNetMaps(mask_features=x, latent=ups[-1 - LATENT_LEVEL], intermediate=downs + ups[:-1])


def check_sides(x: torch.Tensor, levels: int) -> None:
    """Raise a ValueError where the sides of `[B, C, F, T]` can't be halved `levels` times."""
    if x.shape[-1] % 2**levels or x.shape[-2] % 2**levels:
        raise ValueError(
            f"A U-Net of {levels} levels needs a spectrogram whose sides are multiples of {2**levels}; "
            f"it was given {tuple(x.shape[-2:])}. Change the number of bins, of frames, or of levels."
        )


def with_frequency_codes(x: torch.Tensor, pairs: int) -> torch.Tensor:
    """Add to `[B, C, F, T]` `2 * pairs` channels that tell how high up a pixel lies.

    They are sines and cosines of half a turn, one, two, ... turns over the frequency axis.
    """
    if not pairs:
        return x
    height = torch.linspace(-1, 1, x.shape[2], device=x.device, dtype=x.dtype)
    turns = 2.0 ** torch.arange(-1, pairs - 1, device=x.device, dtype=x.dtype)
    angle = pi * turns[:, None] * height
    code = torch.cat([angle.sin(), angle.cos()])[None, :, :, None]
    return torch.cat([x, code.expand(len(x), -1, -1, x.shape[3])], 1)
