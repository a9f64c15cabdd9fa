"""Results in `runs/`, or else those of the kit, sorted for somebody who wants to listen: by the mixtures they separated."""

import re
from collections.abc import Collection
from contextlib import suppress

from contav_lib.experiments.examples import examples_are_whole
from contav_lib.experiments.result import Result
from contav_lib.experiments.rows import all_rows
from contav_lib.experiments.starter import starter
from contav_lib.experiments.stored import Entries, as_rows, find_results
from contav_lib.separators import separator_class
from contav_lib.utils import paths
from contav_lib.utils.storage import StorageError

Shelf = dict[str, Result]  # results by what they are called in a menu


def find_shelves() -> tuple[dict[str, Shelf], int]:
    """Find all finished results that hold separated examples, those with the same mixtures together.

    Returns:
        shelves by title, those of most classes first; in each the results by name. And how many results
        were left out: unfinished, damaged, without examples, or of another version of the kit. Where nothing is found,
        those of the starter pack are shown, if it is there.
    """
    found, left_out = find_results(paths.runs(), _can_be_heard)
    if not found:
        with suppress(StorageError, ValueError):
            found, _ = find_results(next(iter(starter().values())).folder.parent, _can_be_heard)
    return {title: _in_order(entries) for title, entries in found.items()}, left_out


def _can_be_heard(result: Result) -> bool:
    return bool(result.examples()) and examples_are_whole(result.folder / "examples")


def _in_order(entries: Entries) -> Shelf:
    """By what tables call them, in their order, with as much of seed and settings as tells the results of this shelf apart."""
    rows = as_rows(entries)
    shared = set.intersection(*(set(name.split(", ")[1:]) for name in rows))
    several = len({config.seed for config, _ in entries}) > 1
    named = {
        _plain(name, shared) + f", seed {result.config['seed']}" * several: result
        for name, results in rows.items()
        for result in results
    }
    order = [row.name for row in all_rows()]
    place = {name: order.index(start) for name in named if (start := name.split(", seed ")[0]) in order}
    return dict(sorted(named.items(), key=lambda entry: place.get(entry[0], len(order))))


def _plain(name: str, shared: Collection[str]) -> str:
    """A row's name in words, where it has settings in code, and without what all rows share."""
    name = ", ".join(word for word in name.split(", ") if word not in shared)
    name = re.sub(r"separator=(\w+)", lambda found: f"with {separator_class(found[1]).__name__}", name)
    return name.replace("_", " ").replace("=", " ")
