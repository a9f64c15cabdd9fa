"""AVE: 4,143 events of 28 classes, seen and heard in clips of ten seconds (Tian et al. 2018)."""

from math import isfinite
from pathlib import Path

from contav_lib.datasets.listed import ListedVideos
from contav_lib.datasets.lists import (
    Annotation,
    at,
    by_split,
    check_label,
    check_youtube_id,
    find_lists,
    read_lines,
    shown,
)
from contav_lib.utils.registry import DATASETS

_SPLIT_LISTS = {"train": ("trainset.txt",), "validation": ("valset.txt",), "test": ("testset.txt",)}


@DATASETS.register("ave")
class Ave(ListedVideos):
    """All classes of AVE; of each clip only the seconds of its event.

    The folder holds `Annotations.txt` (a line is `Category&VideoID&Quality&StartTime&EndTime`), perhaps `trainSet.txt`,
    `valSet.txt` and `testSet.txt` of the same form, and the clips as `AVE/<id>.mp4`, `<id>.mp4` or `<class>/<id>.mp4`.
    """

    def annotations(self) -> list[Annotation]:
        lists, shared_out = find_lists(self.videos, "annotations.txt"), self.split_lists(_SPLIT_LISTS)
        if not lists and not shared_out:
            raise ValueError(f"{self.place}: has no Annotations.txt, the list of AVE's events; copy it there.")
        listed = [one for path in lists for one in _read(path)]
        return by_split(listed, {split: _read(path) for split, path in shared_out.items()})


def _read(path: Path) -> list[Annotation]:
    lines = read_lines(path)
    if lines and lines[0][1].startswith("Category&"):
        del lines[0]
    return [_annotation(line.split("&"), path, number) for number, line in lines]


def _annotation(cells: list[str], path: Path, number: int) -> Annotation:
    if len(cells) != 5:
        raise ValueError(
            f"{at(path, number)} has {len(cells)} parts and not 5: Category&VideoID&Quality&StartTime&EndTime. Correct it."
        )
    label, video = check_label(cells[0], path, number), check_youtube_id(cells[1], path, number)
    start, end = (_seconds(cell, path, number) for cell in cells[3:])
    return Annotation(label, video, video, span=(start, end), fault="" if start < end else "its event has no length")


def _seconds(cell: str, path: Path, number: int) -> float:
    try:
        seconds = float(cell)
    except ValueError:
        seconds = -1.0
    if not (isfinite(seconds) and seconds >= 0):
        raise ValueError(f"{at(path, number)} {shown(cell)} is no number of seconds. Correct it.")
    return seconds
