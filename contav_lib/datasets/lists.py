"""Readers of lists of videos: what stands in a file becomes annotations, or a ValueError that says where and what to mend."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from fnmatch import fnmatch
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple
from unicodedata import normalize

_YOUTUBE_ID = re.compile(r"[A-Za-z0-9_-]{11}")
_LONGEST_LABEL = 100  # characters: labels become names of folders


class Annotation(NamedTuple):
    """One clip as a list names it.

    Attributes:
        label: its class.
        video: what names the whole video, of which other clips may be listed: YouTube's id.
        file: the name of its file, without suffix.
        split: one of `SPLITS`; "" where the list says nothing.
        span: the part of the file that counts, (start, end) in seconds; None: all of it.
        fault: why it can't be used; "" where nothing is wrong with it.
    """

    label: str
    video: str
    file: str
    split: str = ""
    span: tuple[float, float] | None = None
    fault: str = ""

    @property
    def id(self) -> str:
        """The clip's id; clips with different spans of one file have different ones."""
        return f"{self.label}/{self.file}" + (f"_{self.span[0]:g}-{self.span[1]:g}" if self.span else "")


def find_lists(folder: Path, *patterns: str) -> list[Path]:
    """The files of a folder, and of `splits/` in it, whose names match one of the patterns, upper case or lower."""
    found = [path for place in (folder, folder / "splits") if place.is_dir() for path in place.iterdir()]
    return sorted(
        path for path in found if path.is_file() and any(fnmatch(path.name.lower(), pattern) for pattern in patterns)
    )


def read_text(path: Path) -> str:
    """The text of a list: UTF-8, with a byte order mark or without.

    Raises:
        ValueError: the file can't be read, or is in another encoding.
    """
    try:
        content = path.read_bytes()
        return content.decode("utf-8-sig")
    except OSError as error:
        raise ValueError(f"{path}: can't be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ValueError(f"{path}: line {line}: is not UTF-8 text. Save the list as UTF-8.") from error


def read_lines(path: Path) -> list[tuple[int, str]]:
    """The lines of a list that hold something, each with its number; ended as on Unix, Windows or old Macs.

    Raises:
        ValueError: as `read_text`.
    """
    return [
        (number, line.rstrip("\n")) for number, line in enumerate(StringIO(read_text(path), None), 1) if line.strip()
    ]


def parse_json(text: str, path: Path, line: int = 0) -> Any:
    """The value of a JSON text, which is the whole of a file or one line of it. A key that occurs twice is refused.

    Raises:
        ValueError: it is no JSON; the message gives file and line.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(values := dict(pairs)) < len(pairs):
            [(twice, _)] = Counter(key for key, _ in pairs).most_common(1)
            place = at(path, line or line_of(text, twice))
            raise ValueError(f"{place} {shown(twice)} stands there more than once; put what belongs to it together.")
        return values

    try:
        return json.loads(text, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}: line {line or error.lineno}: is no JSON ({error.msg}). Correct it there.") from error
    except RecursionError as error:
        raise ValueError(f"{path}: is nested too deep for a list of videos.") from error
    except ValueError as error:  # of `unique`, or a number of too many digits
        raise error if str(path) in str(error) else ValueError(f"{path}: is no list of videos ({error}).") from error


def read_videos(path: Path) -> dict[str, list[str]]:
    """YouTube's ids by class, out of `{"videos": {"violin": ["<id>", ...], ...}}`.

    Raises:
        ValueError: the file holds something else, a label or an id that can't be one.
    """
    text = read_text(path)
    content = parse_json(text, path)
    videos = content.get("videos") if isinstance(content, dict) else None
    if not isinstance(videos, dict) or not all(isinstance(ids, list) for ids in videos.values()):
        raise ValueError(f'{path}: is not of the form {{"videos": {{"violin": ["<id>", ...], ...}}}}.')
    return by_label(videos, path, text)


def by_label(videos: Mapping[Any, Iterable[Any]], path: Path, text: str = "") -> dict[str, list[str]]:
    """The same lists of ids by class, when all labels and ids are good; `text` is searched for the line of a bad one."""
    checked: dict[str, list[str]] = {}
    for label, ids in videos.items():
        good = [check_youtube_id(video, path, text=text) for video in ids]
        checked.setdefault(check_label(label, path, text=text), []).extend(good)
    return checked


def check_youtube_id(value: Any, path: Path, line: int = 0, text: str = "") -> str:
    """The value, when it can be the id of a YouTube video."""
    if not (isinstance(value, str) and _YOUTUBE_ID.fullmatch(value)):
        raise ValueError(
            f"{at(path, line or line_of(text, value))} {shown(value)} is no id of a YouTube video, which has 11 letters, "
            "digits, - and _. Correct it or take it off the list."
        )
    return value


def check_label(value: Any, path: Path, line: int = 0, text: str = "") -> str:
    """The label in Unicode's composed form, when it can be the name of a folder."""
    label = normalize("NFC", value).strip() if isinstance(value, str) else ""
    if (
        not label
        or not label.isprintable()
        or len(label) > _LONGEST_LABEL
        or label[0] == "."
        or set(label) & set("/\\")
    ):
        raise ValueError(
            f"{at(path, line or line_of(text, value))} {shown(value)} can't be the name of a class: up to {_LONGEST_LABEL} "
            "printable characters, no slash, no dot in front. Give the class another name."
        )
    return label


def by_split(listed: Iterable[Annotation], shared_out: Mapping[str, Iterable[Annotation]]) -> list[Annotation]:
    """Annotations with the split of the list that they stand in; what is listed, but in no split, is at fault."""
    if not shared_out:
        return list(listed)
    annotations = [one._replace(split=split) for split, part in shared_out.items() for one in part]
    known = {one.id for one in annotations}
    rest = [one._replace(fault=one.fault or "in no split list") for one in listed if one.id not in known]
    return annotations + rest


def at(path: Path, line: int) -> str:
    """The place of an error, "list.csv: line 3:"; line 0 is one that is not known."""
    return f"{path}: line {line}:" if line else f"{path}:"


def shown(value: Any) -> str:
    """A value for an error message, cut where it is long."""
    text = ascii(value) if isinstance(value, str | int | float | None) else f"a {type(value).__name__}"
    return text if len(text) <= 60 else text[:57] + "..."


def line_of(text: str, value: Any) -> int:
    """The first line of a JSON text in which a text stands; 0 where it is not found."""
    for spelling in (json.dumps(value), json.dumps(value, ensure_ascii=False)) if isinstance(value, str) else ():
        if (place := text.find(spelling)) >= 0:
            return text.count("\n", 0, place) + 1
    return 0
