"""Results in `runs/`, or else those of the kit, sorted for somebody who wants to listen: by the mixtures they separated."""

from contextlib import suppress
from typing import Any

from contav_lib.experiments.examples import examples_are_whole
from contav_lib.experiments.result import Result
from contav_lib.experiments.rows import all_rows
from contav_lib.experiments.starter import starter
from contav_lib.experiments.stored import Entries, find_results, row_and_settings
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
    rows = [row_and_settings(config) for config, _ in entries]
    shared = set.intersection(*({(name, str(value)) for name, value in own.items()} for _, own in rows))
    seeds = [config.seed for config, _ in entries]
    order = [row.name for row in all_rows()]
    found = []
    for (row, own), seed, (_, result) in zip(rows, seeds, entries, strict=True):
        words = [_words(name, value) for name, value in own.items() if (name, str(value)) not in shared]
        place = order.index(row) if row in order and not words else len(order)
        name = ", ".join([row, *words, *[f"seed {seed}"] * (len(set(seeds)) > 1)])
        found.append(((place, seed), name, result))
    return {name: result for _, name, result in sorted(found, key=lambda entry: entry[:2])}


def _words(name: str, value: Any) -> str:
    """A setting as a reader would say it."""
    return f"with {separator_class(value).__name__}" if name == "separator" else f"{name} {value}".replace("_", " ")
