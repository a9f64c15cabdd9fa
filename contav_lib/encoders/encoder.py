"""What a frozen picture encoder must offer, so that all that follows is the same code whichever one is used."""

from typing import Protocol

import torch


class Encoder(Protocol):
    """Turns frames into object features (what is seen) and motion features (how it moves).

    Attributes:
        name: short name, such as "tiny".
        version: changes whenever the same frames would give other features.
        weights_hash: SHA-256 of the weights in hexadecimal digits. Prepared clips remember name, version and hash, and
            are made again when one of them changes.
        longest_side: frames are decoded no larger than this many pixels, as more would not be looked at.

    Both methods are deterministic, take no gradients and may be called from several threads.
    """

    name: str
    version: str
    weights_hash: str
    longest_side: int

    def objects(self, frames: torch.Tensor) -> torch.Tensor:
        """What each picture shows.

        Args:
            frames: `[n, height, width, 3]`, uint8 RGB.

        Returns:
            `[n, 512]`, float32, the size of CLIP's features.
        """
        ...

    def motion(self, frames: torch.Tensor) -> torch.Tensor:
        """How the pictures move: one feature for every 2 frames, as VideoMAE gives.

        Args:
            frames: `[n, height, width, 3]`, uint8 RGB in the order of time, n even.

        Returns:
            `[n / 2, 768]`, float32, the size of VideoMAE's features.

        Raises:
            ValueError: n is odd or 0.
        """
        ...
