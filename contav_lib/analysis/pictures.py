"""Small pictures of clips, one a second, for the eye."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path

import numpy as np

from contav_lib.datasets.clip import Clip
from contav_lib.utils.registry import open_dataset

LONGEST = 120  # seconds of a video that are looked at
_SIDE = 160  # pixels of the longer side


def pictures_in(video: Path, start: float = 0.0, end: float = float("inf")) -> list[np.ndarray]:
    """Small pictures of a video between two seconds, one a second: uint8 `[height, width, 3]`, the first `LONGEST` of them.

    Raises:
        MediaError: it can't be read, or has no pictures.
    """
    from contav_lib.media import each_picture

    return list(islice(each_picture(video, 1.0, _SIDE), int(start), int(min(end, start + LONGEST))))


def pictures_of(data: str, clips_per_class: tuple[int, int, int], clip: str) -> Sequence[np.ndarray]:
    """Small pictures of a data set's clip, as `pictures_in`; none where its video is not there.

    Those that the kit draws itself are drawn once more, in a tenth of a second: videos need not be made for that.

    Args:
        data, clips_per_class: as for `open_dataset`.
        clip: its id.
    """
    try:
        return _pictures(data, clips_per_class, clip)
    except (ImportError, KeyError, ValueError, OSError):  # prepared elsewhere
        return []


@lru_cache(maxsize=64)
def _pictures(data: str, clips_per_class: tuple[int, int, int], clip: str) -> Sequence[np.ndarray]:
    drawn = open_dataset(data, clips_per_class).drawn_pictures(clip)
    if drawn is not None:
        return drawn
    video = _videos(data, clips_per_class)[clip]
    return pictures_in(video.path, *(video.span or ()))


@lru_cache(maxsize=4)
def _videos(data: str, clips_per_class: tuple[int, int, int]) -> dict[str, Clip]:
    return {clip.id: clip for clip in open_dataset(data, clips_per_class).clips()}
