"""Common parts of encoders with a large network: pictures of its size, pass after pass, on a GPU where there is one."""

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.functional import interpolate

from contav_lib.utils.devices import pick_device


def fit(frames: torch.Tensor, side: int, cut: bool = True, mode: str = "bicubic") -> torch.Tensor:
    """Pictures as squares, resized on bytes as Pillow does.

    Args:
        frames: `[n, height, width, 3]`, uint8.
        side: of the squares, in pixels.
        cut: take the largest square in the middle; else the whole picture is squeezed into the square.
        mode: "bicubic" or "bilinear".

    Returns:
        `[n, 3, side, side]`, uint8.
    """
    pictures = frames.permute(0, 3, 1, 2)
    height, width = pictures.shape[2:]
    shorter = min(height, width)
    size = [side * length // shorter for length in (height, width)] if cut else [side, side]
    pictures = interpolate(pictures, size, mode=mode, antialias=True)
    top, left = (size[0] - side) // 2, (size[1] - side) // 2
    return pictures[:, :, top : top + side, left : left + side]


class Frozen:
    """A network that is never trained: in eval mode, on the GPU in half precision where there is one.

    Args:
        network: anything that takes pictures.
        mean, spread: of the red, green and blue of its training pictures, 0 to 1; pictures are standardised by them.
        at_once: pictures, or pieces of a video, that are given to it together.
    """

    def __init__(self, network: nn.Module, mean: Iterable[float], spread: Iterable[float], at_once: int = 32):
        self.device = pick_device()
        self.precision = torch.float16 if self.device.type == "cuda" else torch.float32
        self.network: Any = network.eval().requires_grad_(False).to(self.device, self.precision)
        colours = (torch.tensor(list(values), device=self.device)[:, None, None] * 255 for values in (mean, spread))
        self._mean, self._spread = colours
        self.at_once = at_once

    @torch.no_grad()
    def __call__(self, pictures: torch.Tensor, answer: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
        """Return what `answer` makes of pictures `[n, ..., 3, side, side]` uint8, piece by piece: `[n, ...]` float32, CPU."""
        return torch.cat([answer(self.standardised(piece)).float().cpu() for piece in pictures.split(self.at_once)])

    def standardised(self, pictures: torch.Tensor) -> torch.Tensor:
        """Pictures `[..., 3, height, width]` uint8 as the network's input."""
        return ((pictures.to(self.device) - self._mean) / self._spread).to(self.precision)


def hash_of(files: Iterable[Path]) -> str:
    """SHA-256 of the content of files, one after the other, in hexadecimal digits."""
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
