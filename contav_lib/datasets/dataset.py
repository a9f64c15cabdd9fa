"""The contract of a data set: which clips it holds, in which order their classes are learned, where everything lies.

A new data set is one file: a subclass of `Dataset`, registered with `@DATASETS.register("name")`. `Config` finds it under that
name: `data="name"`, or `data="name:path"` where it must be told where its videos lie.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from contav_lib.datasets.clip import Clip
from contav_lib.utils import paths
from contav_lib.utils.registry import CLIPS_PER_CLASS


class Dataset(ABC):
    """Base class of all data sets. Making one costs nothing: nothing is read or generated before it is asked for.

    Args:
        place: what stands behind the name in `data="name:place"`; "" where nothing does.
        clips_per_class: training, validation and test clips a class, for data that are generated.

    Attributes:
        name: the registered name.
        classes: labels in the order in which they are learned; None: sorted by name.
        drawn: whether the kit made the pictures, as its encoder "tiny" knows them.
        has_lists: whether lists say which videos there should be, so that `report` tells what became of each.
    """

    name: ClassVar[str]
    classes: Sequence[str] | None = None
    drawn: ClassVar[bool] = False
    has_lists: ClassVar[bool] = False

    def __init__(self, place: str = "", clips_per_class: tuple[int, int, int] = CLIPS_PER_CLASS):
        training, validation, test = clips_per_class
        self.place, self.clips_per_class = place, (training, validation, test)

    @property
    def spelling(self) -> str:
        """The one way in which `Config.data` writes it, whichever way it was given."""
        return f"{self.name}:{self.place}" if self.place else self.name

    @property
    def order(self) -> Sequence[str]:
        """The classes that belong to it, in the order of learning, whether videos of them are there or not; empty: any."""
        return self.classes or ()

    @property
    @abstractmethod
    def videos(self) -> Path:
        """The folder where its videos lie, or will lie."""

    @abstractmethod
    def clips(self, without: Collection[str] = ()) -> list[Clip]:
        """All clips, their videos in place; what is not there is made or downloaded now.

        Args:
            without: ids of clips that can't be used: where no lists say who belongs to which split, the others are shared out
                as if these were not there.

        Raises:
            ValueError: there are no videos, or they are not laid out as they should be.
        """

    def drawn_pictures(self, clip: str) -> list[np.ndarray] | None:
        """Draw a clip's pictures without its video, one a second, uint8 `[height, width, 3]`; None: only the video has them.

        Args:
            clip: its id.

        Raises:
            ValueError: there is no such clip.
        """
        return None

    def digest(self) -> str:
        """A short hash of what it holds, for data that can change; "" for data that never do.

        Raises:
            ValueError: its folder is missing.
        """
        return ""

    def report(self, most: int | None = 20) -> str:
        """Tell what became of each video that it should hold, at most so many named a class; "" where no lists say which.

        Raises:
            ValueError: its folder or its lists are not as they should be.
        """
        return ""

    def fetch_commands(self) -> str:
        """The commands, for a shell, that would fetch what is missing. Nothing is fetched here.

        Raises:
            ValueError: there are none.
        """
        raise ValueError(f"data={self.spelling!r}: there are no lists that say where videos could be fetched from.")

    def prepared(self, encoder: str) -> Path:
        """The folder for its clips as prepared with the encoder of this name."""
        return paths.generated(f"{self.videos.name}-{encoder}-prepared")
