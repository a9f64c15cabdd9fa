"""Hugging Face's VideoFolder: videos beside a `metadata.csv` or `metadata.jsonl` that says their labels; read and written."""

import csv
import os
import shutil
from collections.abc import Iterable, Mapping
from io import StringIO
from math import isfinite
from pathlib import Path, PurePosixPath
from typing import Any

from contav_lib.datasets.clip import OPTIONAL_SPLIT, SPLITS, Clip, inside
from contav_lib.datasets.listed import ListedVideos
from contav_lib.datasets.lists import Annotation, at, check_label, parse_json, read_lines, read_text, shown
from contav_lib.utils.registry import DATASETS

# The names that Hugging Face knows, and the kit's own.
_SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), "test"),
    OPTIONAL_SPLIT: OPTIONAL_SPLIT,
}


@DATASETS.register("videofolder")
class VideoFolder(ListedVideos):
    """A folder with `metadata.csv` or `metadata.jsonl` in it, or in folders `train/`, `validation/`, `test/` of it.

    Their columns are `file_name`, which begins where the list lies, `label` and perhaps `split`; also `video` where several
    clips are of one video, and `start` and `end`, seconds, where only a part of a file counts.
    """

    def annotations(self) -> list[Annotation]:
        folders = [self.videos, *sorted(self.videos / name for name in _SPLITS)]
        lists = [
            path for folder in folders for kind in ("csv", "jsonl") if (path := folder / f"metadata.{kind}").is_file()
        ]
        if not lists:
            raise ValueError(
                f"{self.place}: has no metadata.csv or metadata.jsonl. Its columns are file_name, label and perhaps split."
            )
        return [self._annotation(row, path, number) for path in lists for number, row in _rows(path)]

    def locate(self, annotation: Annotation) -> Path | None:
        path = self.videos / annotation.file
        return path if os.path.isfile(path) else None  # False, too, for a name that no disk takes

    def _annotation(self, row: Mapping[str, Any], path: Path, number: int) -> Annotation:
        name: Any = row.get("file_name")
        split = row.get("split") or (path.parent.name if path.parent != self.videos else "")
        parts = PurePosixPath(name).parts if isinstance(name, str) and name.isprintable() and "\\" not in name else ()
        if not parts or parts[0] == "/" or ".." in parts:
            raise ValueError(
                f"{at(path, number)} file_name {shown(name)} names no file inside the folder. Write it as 'violin/one.mp4'."
            )
        if not isinstance(split, str) or split not in ("", *_SPLITS):
            raise ValueError(f"{at(path, number)} split {shown(split)} is none of {', '.join(SPLITS)}. Correct it.")
        file = (path.parent.relative_to(self.videos) / PurePosixPath(*parts)).as_posix()
        video = row.get("video") or file
        if not isinstance(video, str):
            raise ValueError(f"{at(path, number)} video {shown(video)} is no text. Write it in quotes.")
        span = _span(row, path, number)
        return Annotation(check_label(row.get("label"), path, number), video, file, _SPLITS.get(split, ""), span)


def write_video_folder(clips: Iterable[Clip], folder: str | Path) -> None:
    """Write clips as a VideoFolder: `<split>/<class>/<name>.mp4` and `<split>/metadata.csv`.

    Files are hard links where the disk can do that, else copies. The folder appears when it is whole.

    Raises:
        ValueError: there is such a folder.
        OSError: a video can't be read, or the disk refuses.
    """
    folder = Path(folder)
    if folder.exists():
        raise ValueError(f"{folder} is there already. Give a new folder, or remove it.")
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        columns: dict[str, list[list[Any]]] = {}
        for clip in clips:
            name = clip.id.removesuffix(clip.path.suffix) + clip.path.suffix
            place = inside(part, clip.split, name)
            place.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(clip.path.resolve(), place)
            except OSError:  # another disk, or one without links
                shutil.copy2(clip.path, place)
            columns.setdefault(clip.split, []).append([name, clip.label, clip.video, *(clip.span or ("", ""))])
        for split, rows in columns.items():
            with (part / split / "metadata.csv").open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows([["file_name", "label", "video", "start", "end"], *rows])
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _rows(path: Path) -> list[tuple[int, Mapping[str, Any]]]:
    """The rows of a list, each with the number of its line."""
    if path.suffix == ".jsonl":
        values = [(number, parse_json(line, path, number)) for number, line in read_lines(path)]
        for number, value in values:
            if not isinstance(value, dict):
                raise ValueError(
                    f'{at(path, number)} is not of the form {{"file_name": ..., "label": ...}}. Correct it.'
                )
        return values
    reader = csv.DictReader(StringIO(read_text(path), newline=""), restval="", strict=True)
    try:
        if lacking := {"file_name", "label"} - set(reader.fieldnames or ()):
            raise ValueError(f"{at(path, 1)} has no column {' and no '.join(sorted(lacking))}. Name them there.")
        return [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise ValueError(f"{at(path, reader.line_num)} is no CSV ({error}). Correct it there.") from error


def _span(row: Mapping[str, Any], path: Path, number: int) -> tuple[float, float] | None:
    values = [row.get(name) for name in ("start", "end")]
    if all(value in ("", None) for value in values):
        return None
    try:
        start, end = map(float, values)  # type: ignore[arg-type]
        if 0 <= start < end and isfinite(end):
            return start, end
    except (TypeError, ValueError):
        pass
    raise ValueError(
        f"{at(path, number)} start and end, {shown(values[0])} and {shown(values[1])}, are no span of seconds."
    )
