"""Contract of a frozen picture encoder, so that all that follows is the same code whichever one is used."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from inspect import signature
from typing import Any, ClassVar

import torch

from contav_lib.utils.registry import encoder_parts
from contav_lib.utils.storage import StorageError

OBJECT_SIZE, MOTION_SIZE = 512, 768  # values a feature of CLIP ViT-B/32 and of VideoMAE-base, the paper's encoders


class Encoder(ABC):
    """Turns frames into object features (what is seen) and motion features (how it moves).

    It is made without arguments, or with one, the place where its weights lie. What does only a part of this, as CLIP looks at
    objects and VideoMAE at motion, is no subclass, but has the same attributes and those of the three methods that it can do:
    see `Joined`.

    Attributes:
        name: the registered name, such as "tiny".
        version: changes whenever the same frames would give other features.
        weights_hash: SHA-256 of the weights in hexadecimal digits. Prepared clips remember name, version and hash, and
            are made again when one of them changes.
        longest_side: frames are decoded no larger than this many pixels, as more would not be looked at.
        object_dim, motion_dim: values of an object feature and of a motion feature.

    All methods are deterministic, take no gradients and may be called from several threads. `contract.check_encoder` looks
    whether an encoder keeps all this.
    """

    name: ClassVar[str]
    version: str
    weights_hash: str
    longest_side: int
    object_dim: int
    motion_dim: int

    @property
    def maker(self) -> str:
        """Name, version and weights in one line: what features remember of the encoder that made them."""
        return maker(self.name, self.version, self.weights_hash)

    def crop(self, frames: torch.Tensor, label: str) -> tuple[torch.Tensor, torch.Tensor]:
        """The parts of pictures that `objects` should look at; the whole pictures, unless a detector cuts them out.

        Args:
            frames: `[n, height, width, 3]`, uint8 RGB.
            label: the class of what is looked for; "" where it is not known.

        Returns:
            `[n, any height, any width, 3]`, uint8 RGB; and `[n]`, bool: in which pictures something was found. Of the others
            the whole is given, as of all where nothing is looked for.
        """
        return frames, torch.ones(len(frames), dtype=torch.bool)

    @property
    def detector(self) -> Any:
        """What finds the players in a picture, as `inference.players.Detector` says; None where nothing here does."""
        return None

    @abstractmethod
    def objects(self, frames: torch.Tensor) -> torch.Tensor:
        """Features of what each picture shows: `[n, height, width, 3]`, uint8 RGB -> `[n, object_dim]`, float32."""

    @abstractmethod
    def motion(self, frames: torch.Tensor) -> torch.Tensor:
        """Features of how the pictures move, one for every 2 frames, as VideoMAE gives.

        Args:
            frames: `[n, height, width, 3]`, uint8 RGB in the order of time, n even. Of a long video they come in pieces, each
                with the last 16 of the one before.

        Returns:
            `[n / 2, motion_dim]`, float32.

        Raises:
            ValueError: n is odd or 0.
        """


def in_pairs(frames: torch.Tensor) -> torch.Tensor:
    """The frames, where their number is even and not 0, for motion has a feature for every 2 of them.

    Raises:
        ValueError: it is not.
    """
    if len(frames) % 2 or not len(frames):
        raise ValueError(f"{len(frames)} frames were given; motion needs an even number, 2 or more: 2 a step.")
    return frames


class Joined(Encoder):
    """An encoder of parts that share the work, each made by `encoder_parts`.

    Args:
        parts: what crops (if anything does), looks at objects, and looks at motion, by the name of the method.
    """

    def __init__(self, parts: Mapping[str, Any]):
        self._parts = parts
        different = list(dict.fromkeys(parts.values()))
        self.name = "+".join(part.name for part in different)  # type: ignore[misc]  # of this one, not of the class
        self.version = "+".join(part.version for part in different)
        self.weights_hash = hashlib.sha256(" ".join(part.weights_hash for part in different).encode()).hexdigest()
        self.longest_side = max(part.longest_side for part in different)
        self.object_dim, self.motion_dim = parts["objects"].object_dim, parts["motion"].motion_dim

    @property
    def detector(self) -> Any:
        crops = self._parts.get("crop")
        return crops if hasattr(crops, "detect") else None

    def crop(self, frames: torch.Tensor, label: str) -> tuple[torch.Tensor, torch.Tensor]:
        return self._parts["crop"].crop(frames, label) if "crop" in self._parts else super().crop(frames, label)

    def objects(self, frames: torch.Tensor) -> torch.Tensor:
        return self._parts["objects"].objects(frames)

    def motion(self, frames: torch.Tensor) -> torch.Tensor:
        return self._parts["motion"].motion(frames)


def maker(name: str, version: str, weights_hash: str) -> str:
    """Name, version and weights of an encoder in one line."""
    return f"{name} {version} {weights_hash[:16]}".strip()


def make_encoder(name: str) -> Encoder:
    """The encoder of a name, as `encoder_parts` reads it: "tiny", "clip+videomae", "clip:<folder>+videomae".

    Raises:
        ValueError: an unknown name (the nearest are given), parts that don't make a whole, or a place for one that takes none.
        StorageError: weights are not at hand; all that lack are named.
    """
    jobs = encoder_parts(name)
    for part, place in jobs.values():
        if place and not signature(part).parameters:
            raise ValueError(f"encoder={name!r}: {part.name!r} takes no place; write it without the colon.")
    made, lacking = {}, []
    for part, place in dict.fromkeys(jobs.values()):
        try:
            made[part, place] = part(place) if place else part()
        except StorageError as error:
            lacking.append(str(error))
    if lacking:
        raise StorageError("\n".join(lacking))
    first, *others = made.values()
    return Joined({job: made[part] for job, part in jobs.items()}) if others else first
