"""Options that several commands have, and what the words behind them mean."""

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_OPTIONS: dict[str, dict[str, Any]] = {
    "profile": dict(default="lab", help="smoke, lab (default), gpu or paper"),
    # Read by `data_given`.
    "data": dict(metavar="FOLDER", help="videos of yours, <class>/<name>.mp4 (default: the embedded data set)"),
    "dataset": dict(metavar="NAME", help="whose lists lie in that folder: music21, ave, vggsound or videofolder"),
    "encoder": dict(metavar="NAME", help="what looks at the pictures (default: tiny for the embedded data set; for videos of "
                    "yours CLIP and VideoMAE where they were downloaded, else imagenet)"),
    "separator": dict(default="iquery", help="which separator learns (default iquery)"),
    # Read by `seeds_given`.
    "seeds": dict(nargs="+", default=["3"], metavar="SEED", help="how many, as in 3 (the default: 0, 1, 2), or which, as in "
                  "6 7 8 or 6-8; the seed 6 alone is 6-6"),
    "cluster": dict(default="local", metavar="ADDRESS", help="of a Dask scheduler whose workers run the experiments, as "
                    "tcp://host:8786"),
    "minutes": dict(type=float, nargs="?", const=9.5, metavar="N", help="stop at a checkpoint after N minutes (9.5 by default) "
                    "and say what is left; the same command goes on"),
    "save": dict(type=Path, metavar="FILE", help="write all measures to this CSV file; compare has one by default"),
    # Read by `setting`.
    "set": dict(nargs="+", action="extend", default=[], metavar="NAME=VALUE", help="others by name, as in: --set "
                "separator=coseparation steps=600; of a report, the notebook's: --set SEPARATORS=iquery"),
}  # fmt: skip


def add_options(parser: argparse.ArgumentParser, *names: str) -> None:
    """Give a command some of the options that several have."""
    for name in names:
        parser.add_argument(f"--{name}", **_OPTIONS[name])


def setting(text: str) -> tuple[str, Any]:
    """Read `name=value`: the value as JSON or as a Python literal (numbers, lists, true, None, ...), else as text.

    Raises:
        ValueError: there is no `=`, or nothing before it.
    """
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise ValueError(f"--set {text}: write it as name=value, without spaces, as in steps=600.")
    from contav_lib.utils.settings import literal

    return name, literal(value, value)


def named_folder(text: str) -> Path:
    """Read a folder's name; an empty one, which would be the current folder, is refused (a `type` for argparse).

    Raises:
        ArgumentTypeError: it is empty.
    """
    if not text:
        raise argparse.ArgumentTypeError("the folder's name is empty: is a variable not set?")
    return Path(text)


def data_given(chosen: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that `--data`, `--dataset` and `--encoder` stand for, as far as they are given."""
    data = ":".join(filter(None, (chosen.dataset, chosen.data)))
    return {name: value for name, value in (("data", data), ("encoder", chosen.encoder)) if value}


def in_runs(path: Path) -> Path:
    """The folder of that name, or the one of that name where results are kept."""
    from contav_lib.utils import paths

    others = (paths.home() / path, paths.runs() / path)
    return path if path.exists() else next((other for other in others if other.exists()), path)


def seeds_given(words: Sequence[str]) -> int | list[int]:
    """Return what the words after `--seeds` mean: how many seeds, or which.

    Raises:
        ValueError: a word is neither a number nor a range.
    """
    ranges = [re.fullmatch(r"(\d{1,10})(?:-(\d{1,10}))?", word) for word in words]
    if not all(ranges):
        raise ValueError(f"--seeds {' '.join(words)}: write how many, as in 3, or which, as in 6 7 8 or 6-8.")
    ends = [(int(found[1]), int(found[2] or found[1])) for found in ranges if found]
    if len(words) == 1 and words[0].isdecimal():
        return ends[0][0]
    return [seed for first, last in ends for seed in range(first, min(last, first + 1000) + 1)]
