"""Compare methods over seeds: the paper's Table 1 with the spread it does not give.

contav compare --profile lab --seeds 3
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from contav_lib.experiments.executors import HERE
from contav_lib.experiments.plans import Seeds, over_seeds, run_plan
from contav_lib.experiments.result import Result
from contav_lib.experiments.rows import Row, as_pairs, row_in
from contav_lib.experiments.tables import measures_table
from contav_lib.methods import method_class

_GIVEN = {"method", "seed", "exemplars"}  # settings that a row or `seeds` says
# What differences are taken against.
REFERENCES: tuple[Row, ...] = (Row("finetune", 0), Row("replay", 1), Row("contav", 1))


def compare(
    methods: Iterable[str | tuple | Row], seeds: Seeds = 3, profile: str = "lab", **overrides: Any
) -> pd.DataFrame:
    """Run methods over seeds, or fetch stored results, and sum them up: one row a method and memory setting.

    An interrupted comparison goes on where it stopped.

    Args:
        methods: names such as "contav" (with the memory that the method asks for); pairs such as `("lwf", 1)`: name and
            exemplars a class; with settings of this row alone, `("lwf", 1, {"distillation": 0.3})`; or a `Row`. One whose
            settings in this profile are those of a variant gets these, and so the variant's name (`rows.row_in`).
        seeds: how many (0, 1, ...), or which.
        profile, overrides: as for `Config.profile`. A method's own setting may be overridden when all methods have it.

    Returns:
        indexed by `method` (of a row with settings, its name) and `exemplars`; the columns of `tables.measures_table`, with
        differences to fine-tuning (`<key>_vs_finetune_...`), to replay (`<key>_vs_replay_...`) and to ContAV-Sep
        (`<key>_vs_contav_...`), both with one exemplar a class, where those are among the methods; `minutes` and
        `memory_bytes`, means over seeds.

    Raises:
        ValueError: no method or seed, one given twice, or settings that `Config.profile` refuses.
    """
    return table_of(run_comparison(methods, seeds, profile, **overrides))


def run_comparison(
    methods: Iterable[str | tuple | Row],
    seeds: Seeds = 3,
    profile: str = "lab",
    only_stored: bool = False,
    executor: str = HERE,
    **overrides: Any,
) -> dict[Row, list[Result]]:
    """The results behind `compare`, one a seed, by row.

    Args:
        only_stored: run nothing; leave out the rows whose results are not all there.
        executor: as for `run_all`.
    """
    if taken := _GIVEN & overrides.keys():
        raise ValueError(f"{', '.join(sorted(taken))}: give methods and seeds as such, exemplars as in ('replay', 2).")
    rows = {row: {**overrides, **row.in_full} for row in _as_rows(methods, profile, overrides)}
    return run_plan(over_seeds(profile, seeds, rows), only_stored, executor)


def with_titles(results: Mapping[Row, list[Result]]) -> dict[str, list[Result]]:
    """The same results under the names that tables and figures use, as `Row.name` gives them."""
    return {row.name: runs for row, runs in results.items()}


def by_memory(results: Mapping[Row, list[Result]]) -> dict[str, dict[int, list[Result]]]:
    """The same results by method's name, then by exemplars a class: what `plots.against_memory` draws."""
    sizes: dict[str, dict[int, list[Result]]] = {}
    for row, runs in results.items():
        sizes.setdefault(row.name_without_memory, {})[row.exemplars] = runs
    return sizes


def table_of(results: Mapping[Row, list[Result]]) -> pd.DataFrame:
    """The table of `compare`, from results with the same seeds in each row."""
    frame = measures_table(results, {reference: reference.method for reference in REFERENCES})
    frame["minutes"] = [np.mean([run.minutes for run in runs]) for runs in results.values()]
    frame["memory_bytes"] = [np.mean([run.memory_bytes for run in runs]) for runs in results.values()]
    names = [(row.name if row.settings else row.method, row.exemplars) for row in results]
    return frame.set_axis(pd.MultiIndex.from_tuples(names, names=["method", "exemplars"]))


def _as_rows(methods: Iterable[str | tuple | Row], profile: str, overrides: Mapping[str, Any]) -> list[Row]:
    given = methods if isinstance(methods, Iterable) and not isinstance(methods, str) else []
    rows = [row_in(profile, _as_row(method), **overrides) for method in given]
    if not rows or len(set(rows)) < len(rows):
        raise ValueError(
            f"methods={methods!r}: give at least one method, and each only once, as in ['finetune', 'replay']."
        )
    return rows


def _as_row(method: str | tuple | Row) -> Row:
    match method:
        case Row():
            row = method
        case str(name):
            row = Row(name, method_class(name).exemplars)
        case (str(name), int(exemplars)):
            row = Row(name, exemplars)
        case (str(name), int(exemplars), Mapping() as settings):
            row = Row(name, exemplars, as_pairs(settings))
        case _:
            raise ValueError(
                f"{method!r} is no method: give its name, or name and exemplars: ('replay', 2), or settings, too: "
                "('contav', 1, {'temperature': 0.2})."
            )
    if taken := _GIVEN & dict(row.settings).keys():
        raise ValueError(f"{method!r}: {', '.join(sorted(taken))} can't be among a row's settings.")
    # Joint training keeps everything, however many exemplars are asked for.
    return replace(row, exemplars=0) if method_class(row.method).joint else row
