"""What a frozen picture encoder must offer, so that all that follows is the same code whichever one is used."""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch

from contav_lib.utils.registry import ENCODERS


class Encoder(ABC):
    """Turns frames into object features (what is seen) and motion features (how it moves). Made without arguments.

    Attributes:
        name: the registered name, such as "tiny".
        version: changes whenever the same frames would give other features.
        weights_hash: SHA-256 of the weights in hexadecimal digits. Prepared clips remember name, version and hash, and
            are made again when one of them changes.
        longest_side: frames are decoded no larger than this many pixels, as more would not be looked at.
        object_dim, motion_dim: values of an object feature and of a motion feature.

    Both methods are deterministic, take no gradients and may be called from several threads. `contract.check_encoder` looks
    whether an encoder keeps all this.
    """

    name: ClassVar[str]
    version: str
    weights_hash: str
    longest_side: int
    object_dim: int
    motion_dim: int

    @abstractmethod
    def objects(self, frames: torch.Tensor) -> torch.Tensor:
        """What each picture shows: `[n, height, width, 3]`, uint8 RGB -> `[n, object_dim]`, float32."""

    @abstractmethod
    def motion(self, frames: torch.Tensor) -> torch.Tensor:
        """How the pictures move: one feature for every 2 frames, as VideoMAE gives.

        Args:
            frames: `[n, height, width, 3]`, uint8 RGB in the order of time, n even. Of a long video they come in pieces, each
                with the last 16 of the one before.

        Returns:
            `[n / 2, motion_dim]`, float32.

        Raises:
            ValueError: n is odd or 0.
        """


def make_encoder(name: str) -> Encoder:
    """The encoder registered as `name`; an unknown name is a ValueError that gives the nearest."""
    return ENCODERS.find(name)()
