"""Stored results, found in a folder and sorted: those together that separated the same mixtures, one row a setting."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from contav_lib.config import Config
from contav_lib.experiments.result import Result
from contav_lib.experiments.rows import Row, all_rows, as_pairs, row_in, variant_of
from contav_lib.utils.registry import SEPARATORS

Entries = list[tuple[Config, Result]]

# What two results must share, beside the tasks, to have separated the same mixtures ...
_SAME = ("name_of_profile", "data", "data_digest", "clips_per_class", "num_sources", "hop", "frames", "test_mixtures")
# ... and what, with these, does not belong into the name of a result.
_UNTOLD = {*_SAME, "method", "method_settings", "separator", "separator_settings", "seed", "device",
           "classes", "tasks", "shuffle_classes"}  # fmt: skip


def find_results(
    folder: Path, wanted: Callable[[Result], bool] = lambda result: True
) -> tuple[dict[str, Entries], int]:
    """Find the finished results in a folder, or the one that the folder is; those with the same mixtures together.

    Args:
        wanted: what is found must fit this.

    Returns:
        settings and results by the title of their test, tests of most classes first. And how many results were left out:
        unfinished, damaged, of another version of the kit, or not wanted.
    """
    found: dict[tuple, Entries] = {}
    left_out = 0
    pages = [folder / "config.json"] if (folder / "config.json").exists() else sorted(folder.glob("*/config.json"))
    for page in pages:
        try:
            result = Result(page.parent)
            config = Config.from_json(result.config)
            if not np.isfinite(result.over_all_seen()[-1]) or not wanted(result):
                raise ValueError("not finished, or not wanted")
            key = (*(getattr(config, name) for name in _SAME), tuple(map(tuple, result.tasks)))
            changes(config)  # its method and separator are known here
            found.setdefault(key, []).append((config, result))
        except (OSError, ValueError, KeyError, TypeError, IndexError):
            left_out += 1
    tests: dict[str, Entries] = {}
    for entries in sorted(found.values(), key=lambda each: (-len(each[0][1].classes), -len(each))):
        title = _title(*entries[0])
        while title in tests:
            title += "'"
        tests[title] = entries
    return tests, left_out


def as_rows(entries: Entries) -> dict[str, list[Result]]:
    """Results of one test by what tables call them, one a seed, in the order of comparisons; only the seed differs in a row."""
    rows: dict[str, tuple[str, list[Result]]] = {}
    for config, result in sorted(entries, key=lambda entry: entry[0].seed):
        settings = json.dumps({**config.to_json(), "seed": 0}, sort_keys=True)
        if settings not in rows:
            name = _name(config)
            while name in (taken for taken, _ in rows.values()):
                name += "'"
            rows[settings] = (name, [])
        rows[settings][1].append(result)
    order = [row.name for row in all_rows()]
    return dict(sorted(rows.values(), key=lambda row: order.index(row[0]) if row[0] in order else len(order)))


def _name(config: Config) -> str:
    row, own = row_and_settings(config)
    return ", ".join([row, *(f"{name}={value}" for name, value in own.items())])


def row_and_settings(config: Config) -> tuple[str, dict[str, Any]]:
    """The title of the row that settings belong to, and those of them, by name, that it does not tell."""
    own = changes(config)
    own.pop("exemplars", None)
    variant = variant_of(config.to_json())
    told = dict(variant.settings) if variant else {name: own[name] for name in own if name in config.method_settings}
    row = Row(config.method, config.exemplars, as_pairs(told))
    title = row_in(config.name_of_profile, row, separator=config.separator).name
    return title, {name: value for name, value in own.items() if name not in told}


def _title(config: Config, result: Result) -> str:
    tasks = Counter(len(task) for task in result.tasks)
    counts = " and ".join(f"{many} task{'s' * (many > 1)} of {size} classes" for size, many in tasks.items())
    return f"{config.name_of_profile}: {counts}" + ("" if config.data == "mini" else f", {config.data}")


def changes(config: Config) -> dict[str, Any]:
    """The settings that are not its profile's."""
    usual = _usual(config.name_of_profile, config.method, config.separator)
    own = {name: value for name, value in _flat(config).items() if usual.get(name) != value}
    return own if config.separator == Config.separator else {"separator": config.separator, **own}


@cache
def _usual(profile: str, method: str, separator: str) -> Mapping[str, Any]:
    if separator not in SEPARATORS:  # somebody's own, made in a notebook: its sizes are told
        separator = Config.separator
    return _flat(Config.profile(profile, method=method, separator=separator))


def _flat(config: Config) -> dict[str, Any]:
    plain = {name: value for name, value in asdict(config).items() if name not in _UNTOLD}
    return {**plain, **config.method_settings, **config.separator_settings}
