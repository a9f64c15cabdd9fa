"""Data sets whose videos stand in lists: what is listed is compared with what is there, shared out, and told in a report."""

import hashlib
import os
import shlex
import warnings
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import ClassVar
from unicodedata import normalize

from contav_lib.datasets.clip import SPLITS, VIDEO_SUFFIXES, Clip
from contav_lib.datasets.contents import digest_of
from contav_lib.datasets.folder import Folder
from contav_lib.datasets.lists import Annotation, at, check_label, find_lists, read_lines
from contav_lib.utils.registry import CLIPS_PER_CLASS, did_you_mean

_HELD_OUT = 100 / 1040  # of a class's videos, for validation and again for test: the paper's 840 / 100 / 100
_DEPTH = 3  # folders below the data set's in which videos are looked for
_NEEDED = ("train", "validation", "test")


@dataclass
class Listed:
    """Fate of the annotations of one class.

    Attributes:
        count: how many there are.
        clips: those that are used.
        missing: those without a file.
        twice: those that stand in the lists again.
        left_out: why others are not used, by id.
        drawn: the splits that the lists leave without a video, so that some of those for training were drawn for it.
    """

    count: int = 0
    clips: list[Clip] = field(default_factory=list)
    missing: list[Annotation] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    drawn: list[str] = field(default_factory=list)


class ListedVideos(Folder):
    """Base class: a folder with lists in it, and videos named as the lists say, in it or in folders up to three below.

    A video that is missing is no error: YouTube loses some every week. A video under two labels or in two splits is used for
    none of them. Where lists name none for validation or test, or none of these is there, a hash of the ids draws some of the
    class's videos for training. Where the folder holds `classes.txt`, one class a line, these are learned, in this order.
    """

    published_order: ClassVar[Sequence[str]] = ()  # the classes that are learned, in order; empty: all, sorted
    has_lists = True
    on_youtube: ClassVar[bool] = False  # whether the missing videos can be had there

    def __init__(self, place: str = "", clips_per_class: tuple[int, int, int] = CLIPS_PER_CLASS):
        if not place.strip():
            raise ValueError(f"data='{self.name}': say where its lists and videos lie, as in '{self.name}:~/videos'.")
        super().__init__(place, clips_per_class)

    @abstractmethod
    def annotations(self) -> list[Annotation]:
        """Return what the lists say.

        Raises:
            ValueError: a list is not there, or not as it should be; the message gives file, line and value.
        """

    @property
    def spelling(self) -> str:
        return f"{self.name}:{self.place}"

    @property
    def order(self) -> Sequence[str]:
        return list(self._chosen()) or self.published_order

    @property
    def classes(self) -> Sequence[str]:  # type: ignore[override]
        """The classes that can be learned: those of which there are enough videos, in the order of learning."""
        return [label for label, row in self.listed.items() if row.clips]

    def prepared(self, encoder: str) -> Path:
        return super().prepared(f"{self.name}-{encoder}")

    def clips(self, without: Collection[str] = ()) -> list[Clip]:
        """The clips that are there, by class in the order of learning; a warning counts what is not."""
        if without:
            return _clips_of(self._rows(without))
        clips = _clips_of(self.listed)
        if not clips:
            raise ValueError(f"{self._summary()} `contav data report {self.spelling}` says why.")
        if len(clips) < sum(row.count for row in self.listed.values()):
            warnings.warn(f"{self._summary()} `contav data report {self.spelling}` lists the others.", stacklevel=2)
        return clips

    def digest(self) -> str:
        """A hash of the clips in their order: ids, which hold class and span, splits and what the files hold."""
        return digest_of(lambda: _clips_of(self.listed), self._contents, in_any_order=False)

    @cached_property
    def listed(self) -> dict[str, Listed]:
        """Return what became of the annotations, by class: those that are learned, in order, then the others.

        Raises:
            ValueError: as `annotations`; no folder, empty lists, classes that differ only in upper and lower case.
        """
        return self._rows(())

    def _rows(self, without: Collection[str]) -> dict[str, Listed]:
        if not self.videos.is_dir():
            raise ValueError(f"data={self.spelling!r}: there is no folder {self.place}.")
        annotations = self.annotations()
        if not annotations:
            raise ValueError(f"{self.place}: its lists are empty; there is nothing to learn.")
        labels = dict.fromkeys(annotation.label for annotation in annotations)
        if len({label.casefold() for label in labels}) < len(labels):
            [(label, _)] = Counter(label.casefold() for label in labels).most_common(1)
            raise ValueError(f"{self.place}: lists have {label!r} in upper and in lower case. Write it in one way.")
        chosen = self._chosen()
        for label in chosen.keys() - labels:
            place = at(self.videos / "classes.txt", chosen[label])
            raise ValueError(f"{place} no list has a class {label!r}; {did_you_mean(label, labels)}")
        wanted = self.order or sorted(labels)
        rows = {label: Listed() for label in [*wanted, *sorted(labels.keys() - wanted)]}
        _sort_out(annotations, set(wanted), rows, self.locate)
        for row in rows.values():
            row.clips = [clip for clip in row.clips if clip.id not in without]
            _share_out(row)
        return rows

    def locate(self, annotation: Annotation) -> Path | None:
        """The file of an annotation: of several with this name the one in its class's folder, else the first."""
        paths = self.files.get(annotation.file, ())
        return min(paths, key=lambda path: (normalize("NFC", path.parent.name) != annotation.label, path), default=None)

    @cached_property
    def files(self) -> dict[str, list[Path]]:
        """The videos in the folder by name without suffix."""
        files: dict[str, list[Path]] = {}
        for path in _video_files(self.place, _DEPTH):
            files.setdefault(path.stem, []).append(path)
        return files

    def report(self, most: int | None = 20) -> str:
        """A table of what became of the annotations, by class, then their ids; as many as there are where `most` is None."""
        width = max(map(len, ["class", *self.listed]))
        titles = ("listed", "used", "missing", "twice", "left out", *SPLITS)
        lines = [self._summary(), "", f"{'class':{width}} " + " ".join(f"{title:>10}" for title in titles)]
        for label, row in self.listed.items():
            splits = [sum(clip.split == split for clip in row.clips) for split in SPLITS]
            counts = (row.count, len(row.clips), len(row.missing), len(row.twice), len(row.left_out), *splits)
            lines.append(f"{label:{width}} " + " ".join(f"{count:10d}" for count in counts))
        for label, row in self.listed.items():
            told = {"missing": [annotation.file for annotation in row.missing], "listed more than once": row.twice}
            for name, why in row.left_out.items():
                told.setdefault(f"left out, {why}", []).append(name.removeprefix(f"{label}/"))
            lines += [f"- {label}, {what}: {_some(names, most)}" for what, names in told.items() if names]
            if row.drawn:
                lines.append(f"- {label}: {' and '.join(row.drawn)} drawn by a hash from what is listed for training")
        used = {clip.path for clip in _clips_of(self.listed)}
        unused = [path for paths in self.files.values() for path in paths if path not in used]
        others = sorted(path.relative_to(self.place).as_posix() for path in unused)
        if others:
            lines.append(f"- video files not used, {len(others)}: {_some(others, most)}")
        return "\n".join(lines).encode(errors="backslashreplace").decode()  # names of files may be no text

    def fetch_commands(self) -> str:
        """The yt-dlp commands that would fetch what is missing; the kit itself fetches nothing."""
        if not self.on_youtube:
            raise ValueError(f"{self.name} can't be fetched from YouTube: get it from those who publish it.")
        groups: dict[tuple[str, str], list[str]] = {}
        for label, row in self.listed.items():
            for annotation in row.missing:
                address = f"https://www.youtube.com/watch?v={annotation.video}"  # whole, for an id may begin with "-"
                groups.setdefault((label, annotation.file.removeprefix(annotation.video)), []).append(address)
        lines = []
        for (label, suffix), addresses in groups.items():
            place = Path(self.place, label).as_posix().replace("%", "%%") + f"/%(id)s{suffix}.%(ext)s"
            words = ["yt-dlp", "--ignore-errors", "-f", "bv*[height<=480]+ba/b[height<=480]", *self.cut(suffix)]
            lines.append(shlex.join([*words, "-o", place, *dict.fromkeys(addresses)]))
        return "\n".join(lines)

    def split_lists(self, names: Mapping[str, Sequence[str]]) -> dict[str, Path]:
        """The list of each split, by patterns of its name; none where none of them is there.

        Raises:
            ValueError: a split has two lists, or none while others have one.
        """
        found = {split: find_lists(self.videos, *patterns) for split, patterns in names.items()}
        for split, paths in found.items():
            if len(paths) > 1:
                raise ValueError(f"{paths[0]} and {paths[1]} both say what is for {split}; keep one of them.")
            if not paths and any(found.values()):
                raise ValueError(
                    f"{self.place}: has lists of some splits, but none for {split}; give all three or none."
                )
        return {split: paths[0] for split, paths in found.items() if paths}

    def cut(self, suffix: str) -> list[str]:
        """Options of yt-dlp that fetch the part of a video that a file with this after its id holds; none: all of it."""
        return []

    def _chosen(self) -> dict[str, int]:
        """The classes in `classes.txt`, with their lines; none where there is no such file."""
        path = self.videos / "classes.txt"
        lines = read_lines(path) if path.is_file() else []
        return {check_label(line, path, number): number for number, line in lines}

    def _summary(self) -> str:
        rows = self.listed.values()
        count, used = sum(row.count for row in rows), sum(len(row.clips) for row in rows)
        missing = sum(len(row.missing) for row in rows)
        return f"{self.spelling}: {used:,} of {count:,} listed clips can be used; missing: {missing:,}."


def _clips_of(rows: Mapping[str, Listed]) -> list[Clip]:
    return [clip for row in rows.values() for clip in row.clips]


def _sort_out(
    annotations: list[Annotation],
    wanted: set[str],
    rows: dict[str, Listed],
    locate: Callable[[Annotation], Path | None],
) -> None:
    """Put every annotation where it belongs in the row of its class."""
    labels: dict[str, set[str]] = {}
    splits: dict[str, set[str]] = {}
    for annotation in annotations:
        labels.setdefault(annotation.video, set()).add(annotation.label)
        splits.setdefault(annotation.video, set()).update({annotation.split} - {""})
    known: set[str] = set()
    for annotation in annotations:
        row, clip_id = rows[annotation.label], annotation.id
        row.count += 1
        if clip_id in known:
            row.twice.append(annotation.file)
        elif annotation.label not in wanted:
            row.left_out[clip_id] = annotation.fault or "not among the classes that are learned"
        elif len(labels[annotation.video]) > 1:
            row.left_out[clip_id] = f"listed as {' and as '.join(sorted(labels[annotation.video]))}"
        elif annotation.fault:
            row.left_out[clip_id] = annotation.fault
        elif len(splits[annotation.video]) > 1:
            row.left_out[clip_id] = f"listed for {' and for '.join(sorted(splits[annotation.video]))}"
        elif (path := locate(annotation)) is None:
            row.missing.append(annotation)
        else:
            row.clips.append(Clip(clip_id, annotation.label, annotation.split, path, annotation.video, annotation.span))
        known.add(clip_id)


def _share_out(row: Listed) -> None:
    """Give every video of a class one split; leave the class out where there are too few to learn and to test it."""
    splits = {clip.video: clip.split or "train" for clip in row.clips}
    free = sorted((video for video in splits if splits[video] == "train"), key=_draw)
    was_listed = any(clip.split for clip in row.clips)
    for split in ("test", "validation"):
        if split not in splits.values() and len(free) > 1:
            part = min(max(round(_HELD_OUT * len(splits)), 1), len(free) - 1)
            splits |= dict.fromkeys(free[:part], split)
            free = free[part:]
            row.drawn += [split] if was_listed else []
    if lacking := set(_NEEDED) - set(splits.values()):
        why = f"too few of this class can be used: {len(splits)}, none for {' and '.join(sorted(lacking))}"
        row.left_out |= {clip.id: why for clip in row.clips}
        row.clips, row.drawn = [], []
    clips = [replace(clip, split=splits[clip.video]) for clip in row.clips]
    row.clips = sorted(clips, key=lambda clip: (SPLITS.index(clip.split), clip.id))


def _draw(video: str) -> str:
    return hashlib.sha256(video.encode(errors="surrogateescape")).hexdigest()


def _video_files(folder: str, depth: int) -> Iterator[Path]:
    """The videos in a folder and so many below it; links are followed, those that lead nowhere left out."""
    with os.scandir(folder) as found:
        for entry in found:
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                yield from _video_files(entry.path, depth - 1) if depth else ()
            elif entry.name.lower().endswith(VIDEO_SUFFIXES) and entry.is_file():
                yield Path(entry.path)


def _some(names: Iterable[str], most: int | None) -> str:
    names = list(names)
    return " ".join(names[:most]) + (f" ... ({len(names)} in all)" if most and len(names) > most else "")
