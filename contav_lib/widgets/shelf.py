"""Results in `runs/`, or else those of the kit, sorted for somebody who wants to listen: by the mixtures they separated."""

from contextlib import suppress

from contav_lib.experiments.examples import examples_are_whole
from contav_lib.experiments.result import Result
from contav_lib.experiments.rows import all_rows
from contav_lib.experiments.starter import starter
from contav_lib.experiments.stored import Entries, changes, find_results
from contav_lib.methods import method_class
from contav_lib.utils import paths
from contav_lib.utils.storage import StorageError

Shelf = dict[str, Result]  # results by what they are called in a menu


def find_shelves() -> tuple[dict[str, Shelf], int]:
    """Find all finished results that hold separated examples, those with the same mixtures together.

    Returns:
        shelves by title, those of most classes first; in each the results by name, the plainest first. And how many results
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
    """By name: method, and as much of seed and settings as tells the results of this shelf apart."""
    place = {name: number for number, name in enumerate(dict.fromkeys(row.method for row in all_rows()))}
    shared = set.intersection(*({(name, str(value)) for name, value in changes(each).items()} for each, _ in entries))
    several_seeds = len({config.seed for config, _ in entries}) > 1
    told = []
    for config, result in entries:
        own = {name: value for name, value in changes(config).items() if (name, str(value)) not in shared}
        words = [f"seed {config.seed}"] * several_seeds + [f"{name}={value}" for name, value in own.items()]
        name = ", ".join([method_class(config.method).title, *words])
        told.append(((len(own), place.get(config.method, len(place)), config.seed), name, result))
    return {name: result for _, name, result in sorted(told, key=lambda entry: entry[0])}
