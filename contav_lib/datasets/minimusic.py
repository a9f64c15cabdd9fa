"""MiniMUSIC, the embedded data set: generated when it is first asked for, by `contav_lib.minimusic`."""

from collections.abc import Collection
from pathlib import Path

import numpy as np

from contav_lib.datasets.clip import Clip, find_clips
from contav_lib.datasets.dataset import Dataset
from contav_lib.utils import paths
from contav_lib.utils.registry import CLIPS_PER_CLASS, DATASETS

# The order in which the authors' code learns the 20 classes of MUSIC-21 that it uses, five a task.
MUSIC_ORDER = (
    "accordion bagpipe bassoon clarinet drum "
    "flute piano saxophone tuba violin "
    "xylophone acoustic_guitar banjo cello electric_bass "
    "erhu guzheng pipa trumpet ukulele"
).split()


@DATASETS.register("mini")
class MiniMusic(Dataset):
    """The classes of MUSIC-21 in small: composed music, sampled instruments, drawn players (`data/README.md`)."""

    classes, drawn = MUSIC_ORDER, True

    def __init__(self, place: str = "", clips_per_class: tuple[int, int, int] = CLIPS_PER_CLASS):
        if place:
            raise ValueError(f"data='mini:{place}': 'mini' takes no place; it lies where the kit generates it.")
        super().__init__(place, clips_per_class)

    @property
    def videos(self) -> Path:
        from contav_lib.minimusic import MINIMUSIC_VERSION

        return paths.generated("-".join(map(str, ("minimusic", MINIMUSIC_VERSION, *self.clips_per_class))))

    def clips(self, without: Collection[str] = ()) -> list[Clip]:
        from contav_lib.minimusic.generate import make_mini  # needs what training does not: PyAV and the renderer

        make_mini(self.videos, self.clips_per_class)
        return find_clips(self.videos, self.classes, without)

    def drawn_pictures(self, clip: str) -> list[np.ndarray] | None:
        from contav_lib.minimusic.generate import FRAME_RATE, clip_pictures

        return list(clip_pictures(clip)[:: round(FRAME_RATE)])
