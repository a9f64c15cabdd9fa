"""VGGSound: 200,000 clips of ten seconds, 309 classes (Chen et al. 2020)."""

import csv
from io import StringIO
from pathlib import Path

from contav_lib.datasets.listed import ListedVideos
from contav_lib.datasets.lists import Annotation, at, check_label, check_youtube_id, find_lists, read_text, shown
from contav_lib.utils.registry import DATASETS

_SECONDS = 10  # of every clip


@DATASETS.register("vggsound")
class VggSound(ListedVideos):
    """All classes of VGGSound, or those in `classes.txt`; validation videos are drawn from those for training.

    The folder holds `vggsound.csv` (rows are id, start in seconds, label, "train" or "test") and clips named
    `<id>_<start, six digits>.mp4`, in one folder or one a class.
    """

    on_youtube = True

    def annotations(self) -> list[Annotation]:
        lists = find_lists(self.videos, "vggsound*.csv")
        if not lists:
            raise ValueError(f"{self.place}: has no vggsound.csv, the list of VGGSound's clips; copy it there.")
        return [one for path in lists for one in _read(path)]

    def cut(self, suffix: str) -> list[str]:
        start = int(suffix[1:])
        return ["--download-sections", f"*{start}-{start + _SECONDS}", "--force-keyframes-at-cuts"]


def _read(path: Path) -> list[Annotation]:
    rows = csv.reader(StringIO(read_text(path), newline=""), strict=True)
    try:
        return [
            _annotation(cells, path, rows.line_num)
            for cells in rows
            if cells and not (rows.line_num == 1 and {"label", "split"} <= set(cells))
        ]
    except csv.Error as error:
        raise ValueError(f"{at(path, rows.line_num)} is no CSV ({error}). Correct it there.") from error


def _annotation(cells: list[str], path: Path, number: int) -> Annotation:
    if len(cells) != 4:
        raise ValueError(f"{at(path, number)} has {len(cells)} cells and not 4: id,start,label,split. Correct it.")
    video, start, label, split = cells
    check_youtube_id(video, path, number)
    if not (start.isascii() and start.isdigit() and len(start) <= 6):
        raise ValueError(f"{at(path, number)} {shown(start)} is no whole number of seconds, the start. Correct it.")
    if split not in ("train", "test"):
        raise ValueError(f"{at(path, number)} {shown(split)} is neither 'train' nor 'test', the split. Correct it.")
    return Annotation(check_label(label, path, number), video, f"{video}_{int(start):06d}", split)
