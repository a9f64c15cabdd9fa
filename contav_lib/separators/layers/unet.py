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
    """Output of the U-Net for `[B, 1, F, T]`."""

    before_last: torch.Tensor  # [B, 2 * width, F / 2, T / 2]: the outermost level's input
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

    def of_one_channel(self, x: torch.Tensor, constant: torch.Tensor) -> torch.Tensor:
        """Output of the first level for `[B, 1, F, T]` with the same further channels `[1, C, F, T]` in every row.

        A convolution is linear, so those are worked out once. Cut into pixels of 2 x 2, the one channel becomes four, and
        the 4 x 4 convolution of stride 2 a 2 x 2 one of stride 1: the same sums, in less time.
        """
        kernel = self.conv.weight
        squares = functional.pixel_unshuffle(functional.pad(x, (1, 1, 1, 1)), 2)
        out = functional.conv2d(squares, functional.pixel_unshuffle(kernel[:, :1], 2))
        return out + functional.conv2d(constant, kernel[:, 1:], None, 2, 1) if constant.shape[1] else out


class Up(nn.Module):
    """Double both axes. The outermost level has no batch norm: its maps are the mask features.

    Doubling and convolution are one step, with less than half of the multiplications: a doubled map has every pixel
    twice along each axis, so of the three weights that meet it, two meet the same pixel and can be summed beforehand.
    What is left of three weights a, b, c is a transposed convolution of stride 2 with the weights c, b + c, a + b, a.
    """

    summed: torch.Tensor

    def __init__(self, inputs: int, outputs: int, normalise: bool):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, 1, 1, bias=False)
        self.norm = nn.BatchNorm2d(outputs) if normalise else nn.Identity()
        along_an_axis = torch.tensor([[0.0, 0.0, 1.0], [0.0, 1.0, 1.0], [1.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
        self.register_buffer("summed", torch.kron(along_an_axis, along_an_axis), persistent=False)  # [4 * 4, 3 * 3]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kernel = self._kernel().unflatten(0, (4, 4)).permute(3, 2, 0, 1)
        return self.norm(functional.conv_transpose2d(functional.relu(x), kernel, stride=2, padding=1))

    def combined(self, x: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """Weighted sums of the maps that `forward` gives where there is no batch norm, without making those maps.

        The weights `[B, N, outputs]` are put into the kernel: N convolved maps `[B, N, 2 * H, 2 * W]` are cheaper than many, of
        which N sums are taken.
        """
        kernel = torch.einsum("bnm,kmc->bnkc", weights, self._kernel()).flatten(1, 2)  # a kernel of its own each row
        pixels = functional.relu(x).permute(0, 2, 3, 1).flatten(1, 2)  # [B, H * W, C], as they lie in memory
        sides = (2 * x.shape[2], 2 * x.shape[3])
        return functional.fold((pixels @ kernel.mT).mT, sides, kernel_size=4, stride=2, padding=1)

    def _kernel(self) -> torch.Tensor:
        """Weights of the transposed convolution, `[4 * 4, outputs, inputs]`, by one product for all channels."""
        taps = self.conv.weight.permute(2, 3, 0, 1)
        return (self.summed @ taps.reshape(9, -1)).unflatten(1, taps.shape[2:])


class UNet(nn.Module):
    """The U-Net of iQuery (Chen et al. 2023), as ContAV-Sep uses it.

    Args:
        width: channels after the first level (64 in the paper); 2, 4, 8, 8, ... times that below.
        mask_dim: channels of the mask features (32 in the paper).
        levels: how often the axes are halved (7 in the paper), at least 4. F and T must be multiples of `2^levels`.
        frequency_codes: channels added to the input that tell how high up a pixel lies: so many sine and cosine pairs. A
            convolution by itself can't know that; the paper's 7 levels find out from the borders, 4 levels hardly do.
    """

    def __init__(self, width: int = 64, mask_dim: int = 32, levels: int = 7, frequency_codes: int = 0):
        super().__init__()
        if levels <= LATENT_LEVEL:
            raise ValueError(
                f"A U-Net of {levels} levels has no latent map at 1/8 size; give it {LATENT_LEVEL + 1} or more."
            )
        channels = [width * min(2**level, 8) for level in range(levels)]
        self.levels, self.frequency_codes = levels, frequency_codes
        self.input_norm = nn.BatchNorm2d(1)
        self.down = nn.ModuleList(
            Down(inputs, outputs, rectify=level > 0, normalise=0 < level < levels - 1)
            for level, (inputs, outputs) in enumerate(zip([1 + 2 * frequency_codes, *channels], channels, strict=False))
        )
        # The level up from size 1/2^(i+1) to 1/2^i: its inputs are its neighbour's outputs and the map from the way down.
        outputs = [mask_dim, *channels]
        self.up = nn.ModuleList(
            Up(channels[level] * (1 if level == levels - 1 else 2), outputs[level], normalise=level > 0)
            for level in reversed(range(levels))
        )
        # The same numbers in another order in memory: channels last is the order convolutions are fastest in.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's types lack this argument

    def forward(self, x: torch.Tensor) -> UNetMaps:
        """Pass log magnitudes `[B, 1, F, T]` through all levels but the outermost one up: `mask_features` and `mix` do that."""
        check_sides(x, self.levels)
        x = self.input_norm(x)
        outermost = self.down[0]
        assert isinstance(outermost, Down)  # a `ModuleList` does not tell
        x = outermost.of_one_channel(x, frequency_codes(x, self.frequency_codes))
        downs = [x]
        for level in self.down[1:]:
            downs.append(x := level(x))
        ups = []
        for level, skip in zip(self.up[:-1], [None, *reversed(downs[1:-1])], strict=True):
            ups.append(x := level(x if skip is None else torch.cat([skip, x], 1)))
        return UNetMaps(torch.cat([downs[0], x], 1), ups[-LATENT_LEVEL], downs + ups)

    def mask_features(self, maps: UNetMaps) -> torch.Tensor:
        """Return what comes out of the outermost level, `[B, mask_dim, F, T]`."""
        return self.up[-1](maps.before_last)

    def mix(self, maps: UNetMaps, weights: torch.Tensor) -> torch.Tensor:
        """Weighted sums of the mask features, without making them: `[B, N, mask_dim]` -> `[B, N, F, T]`."""
        outermost = self.up[-1]
        assert isinstance(outermost, Up)  # a `ModuleList` does not tell
        return outermost.combined(maps.before_last, weights)


def check_sides(x: torch.Tensor, levels: int) -> None:
    """Raise a ValueError where the sides of `[B, C, F, T]` can't be halved `levels` times."""
    if x.shape[-1] % 2**levels or x.shape[-2] % 2**levels:
        raise ValueError(
            f"A U-Net of {levels} levels needs a spectrogram whose sides are multiples of {2**levels}; "
            f"it was given {tuple(x.shape[-2:])}. Change the number of bins, of frames, or of levels."
        )


def with_frequency_codes(x: torch.Tensor, pairs: int) -> torch.Tensor:
    """Add `frequency_codes` to `[B, C, F, T]`: `[B, C + 2 * pairs, F, T]`."""
    return torch.cat([x, frequency_codes(x, pairs).expand(len(x), -1, -1, -1)], 1) if pairs else x


def frequency_codes(x: torch.Tensor, pairs: int) -> torch.Tensor:
    """Sines and cosines of half a turn, one, two, ... over the frequency axis of `[B, C, F, T]`: `[1, 2 * pairs, F, T]`."""
    height = torch.linspace(-1, 1, x.shape[2], device=x.device, dtype=x.dtype)
    turns = 2.0 ** torch.arange(-1, pairs - 1, device=x.device, dtype=x.dtype)
    angle = pi * turns[:, None] * height
    return torch.cat([angle.sin(), angle.cos()])[None, :, :, None].expand(-1, -1, -1, x.shape[3])
