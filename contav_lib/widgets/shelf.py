"""Results in `runs/`, sorted for somebody who wants to listen: those together that separated the same mixtures."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from typing import Any

import numpy as np

from contav_lib.config import Config
from contav_lib.experiments.examples import examples_are_whole
from contav_lib.experiments.result import Result
from contav_lib.experiments.rows import all_rows
from contav_lib.methods import method_class
from contav_lib.utils import paths
from contav_lib.utils.registry import SEPARATORS

Shelf = dict[str, Result]  # results by what they are called in a menu

# What two results must share, beside the tasks, to have separated the same mixtures ...
_SAME = ("name_of_profile", "data", "clips_per_class", "num_sources", "hop", "frames", "test_mixtures")
# ... and what, with these, does not belong into the name of a result.
_UNTOLD = {*_SAME, "method", "method_settings", "separator", "separator_settings", "seed", "device",
           "classes", "tasks", "shuffle_classes"}  # fmt: skip


def find_shelves() -> tuple[dict[str, Shelf], int]:
    """Find all finished results that hold separated examples, those with the same mixtures together.

    Returns:
        shelves by title, those of most classes first; in each the results by name, the plainest first. And how many results
        were left out: unfinished, damaged, without examples, or of another version of the kit.
    """
    found: dict[tuple, list[tuple[Config, Result]]] = {}
    left_out = 0
    for folder in sorted(path.parent for path in paths.runs().glob("*/config.json")):
        try:
            result = Result(folder)
            config = Config.from_json(result.config)
            whole = result.examples() and examples_are_whole(folder / "examples")
            if not whole or not np.isfinite(result.over_all_seen()[-1]):
                raise ValueError("nothing to hear, or not finished")
            key = (*(getattr(config, name) for name in _SAME), tuple(map(tuple, result.tasks)))
            _changes(config)  # its method and separator are known here
            found.setdefault(key, []).append((config, result))
        except (OSError, ValueError, KeyError, TypeError, IndexError):
            left_out += 1
    shelves: dict[str, Shelf] = {}
    for entries in sorted(found.values(), key=lambda each: (-len(each[0][1].classes), -len(each))):
        title = _title(*entries[0])
        while title in shelves:
            title += "'"
        shelves[title] = _in_order(entries)
    return shelves, left_out


def _title(config: Config, result: Result) -> str:
    tasks = Counter(len(task) for task in result.tasks)
    counts = " and ".join(f"{many} task{'s' * (many > 1)} of {size} classes" for size, many in tasks.items())
    return f"{config.name_of_profile}: {counts}" + ("" if config.data == "mini" else f", {config.data}")


def _in_order(entries: list[tuple[Config, Result]]) -> Shelf:
    """By name: method, and as much of seed and settings as tells the results of this shelf apart."""
    place = {name: number for number, name in enumerate(dict.fromkeys(row.method for row in all_rows()))}
    shared = set.intersection(*({(name, str(value)) for name, value in _changes(each).items()} for each, _ in entries))
    several_seeds = len({config.seed for config, _ in entries}) > 1
    told = []
    for config, result in entries:
        own = {name: value for name, value in _changes(config).items() if (name, str(value)) not in shared}
        words = [f"seed {config.seed}"] * several_seeds + [f"{name}={value}" for name, value in own.items()]
        name = ", ".join([method_class(config.method).title, *words])
        told.append(((len(own), place.get(config.method, len(place)), config.seed), name, result))
    return {name: result for _, name, result in sorted(told, key=lambda entry: entry[0])}


def _changes(config: Config) -> dict[str, Any]:
    """The settings that are not its profile's."""
    usual = _usual(config.name_of_profile, config.method, config.separator)
    changes = {name: value for name, value in _flat(config).items() if usual.get(name) != value}
    return changes if config.separator == Config.separator else {"separator": config.separator, **changes}


@cache
def _usual(profile: str, method: str, separator: str) -> Mapping[str, Any]:
    if separator not in SEPARATORS:  # somebody's own, made in a notebook: its sizes are told
        separator = Config.separator
    return _flat(Config.profile(profile, method=method, separator=separator))


def _flat(config: Config) -> dict[str, Any]:
    plain = {name: value for name, value in asdict(config).items() if name not in _UNTOLD}
    return {**plain, **config.method_settings, **config.separator_settings}
