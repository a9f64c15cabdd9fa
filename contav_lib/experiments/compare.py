"""Compare methods over seeds: the paper's Table 1 with the spread it does not give.

contav compare --profile lab --seeds 3
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from contav_lib.config import Config
from contav_lib.experiments.plans import DISTILLATION, Seeds, run_plan, which_seeds
from contav_lib.experiments.result import Result
from contav_lib.experiments.run import load_banks, schedule_of
from contav_lib.experiments.tables import measures_table
from contav_lib.methods import method_class
from contav_lib.separators import separator_class
from contav_lib.utils.storage import load_tensors, without_prefix

_GIVEN = {"method", "seed", "exemplars"}  # settings that a row or `seeds` says
NAMES = {
    "finetune": "fine-tuning",
    "replay": "replay",
    "joint": "upper bound",
    "lwf": "LwF",
    "ewc": "EWC",
    "plop": "PLOP",
    "ewf": "EWF",
    "avcil": "AV-CIL",
    "contav": "ContAV-Sep",
    "der": "DER",
    "freeze": "frozen, new queries",
    "adapters": "low-rank adapters",
    "scratch": "from scratch",
}


@dataclass(frozen=True)
class Row:
    """A row of a comparison: a method, its memory, and settings that differ from its own.

    Attributes:
        method: its name in `contav_lib.methods`.
        exemplars: how many clips a class it may keep.
        settings: pairs of a setting's name and value; none for the method as it is.
        title: what tables call a row with settings; "" makes it from method, memory and settings.
    """

    method: str
    exemplars: int
    settings: tuple[tuple[str, Any], ...] = ()
    title: str = field(default="", compare=False)

    @property
    def name(self) -> str:
        """What tables and figures call it: "LwF", "LwF + memory", "LwF + 4 exemplars", "LwF, distillation=0", ..."""
        if self.title:
            return self.title
        name = NAMES.get(self.method, self.method)
        if self.exemplars != method_class(self.method).exemplars:
            if self.exemplars == 0:
                name += ", no memory"
            else:
                name += " + memory" if self.exemplars == 1 else f" + {self.exemplars} exemplars"
        return ", ".join([name, *(f"{setting}={value}" for setting, value in self.settings)])


# The rows of the paper's Table 1, in its order. Then what a demanding reader asks for: other memories, the control without
# CrossSDC, the kit's ways to ask an old model about old classes without a memory, and methods of other kinds.
TABLE_1: tuple[Row, ...] = (
    Row("finetune", 0),
    Row("lwf", 0, (("old_queries", "plain"),), "LwF"),
    Row("ewc", 0),
    Row("plop", 0, (("old_queries", "plain"),), "PLOP"),
    Row("ewf", 0),
    Row("lwf", 1),
    Row("ewc", 1),
    Row("plop", 1),
    Row("ewf", 1),
    Row("avcil", 1),
    Row("contav", 1),
    Row("joint", 0),
)
BEYOND: tuple[Row, ...] = (
    Row("replay", 1),
    Row("replay", 1, (("exemplar_choice", "audiovisual"),), "replay, clips that agree"),
    Row("der", 1),
    Row(
        "contav", 1, tuple((key, value) for key, value in DISTILLATION.items() if key != "method"), "distillation only"
    ),
    Row("lwf", 0, (("old_queries", "prototype"),), "LwF, asks with a prototype"),
    Row("lwf", 0, (("old_queries", "new_picture"),), "LwF, asks with a new picture"),
    Row("plop", 0, (("old_queries", "new_picture"),), "PLOP, asks with a new picture"),
    Row("ewf", 0, (("old_queries", "new_picture"), ("distillation", 0.3)), "EWF, asks with a new picture"),
    Row("freeze", 0),
    Row("adapters", 1),
    Row("scratch", 0),
)
# What differences are taken against.
REFERENCES: tuple[Row, ...] = (Row("finetune", 0), Row("replay", 1), Row("contav", 1))


def rows_of(
    methods: Sequence[str] | None = None, exemplars: Sequence[int] | None = None, separator: str = "iquery"
) -> list[Row]:
    """Rows to compare: those of Table 1 and `BEYOND`, or some methods' only, or each of these with each memory size.

    Args:
        methods: names; None for all methods that the separator can be taught by.
        exemplars: memory sizes, in clips a class; None for the rows as they stand in the table.
        separator: which separator learns.

    Raises:
        ValueError: no such method or separator.
    """
    rows, queries = TABLE_1 + BEYOND, separator_class(separator).class_queries
    taught_by = [row.method for row in rows if queries or not method_class(row.method).needs_queries]
    names = methods or list(dict.fromkeys(taught_by))
    for name in names:
        method_class(name)
    if exemplars:
        # Joint training keeps everything, however many exemplars are asked for: one row.
        counts = {name: [0] if method_class(name).joint else exemplars for name in names}
        return [Row(name, count) for name in names for count in counts[name]]
    return [row for row in rows if row.method in names]


def compare(
    methods: Iterable[str | tuple | Row], seeds: Seeds = 3, profile: str = "lab", **overrides: Any
) -> pd.DataFrame:
    """Run methods over seeds, or fetch stored results, and sum them up: one row a method and memory setting.

    An interrupted comparison goes on where it stopped.

    Args:
        methods: names such as "contav" (with the memory that the method asks for); pairs such as `("lwf", 1)`: name and
            exemplars a class; with settings of this row alone, `("lwf", 1, {"distillation": 0.3})`; or a `Row`.
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
    **overrides: Any,
) -> dict[Row, list[Result]]:
    """The results behind `compare`, one a seed, by row.

    Args:
        only_stored: run nothing; leave out the rows whose results are not all there.
    """
    if taken := _GIVEN & overrides.keys():
        raise ValueError(f"{', '.join(sorted(taken))}: give methods and seeds as such, exemplars as in ('replay', 2).")
    rows, numbers = _as_rows(methods), which_seeds(seeds)
    plan = {}
    for row in rows:
        settings = {**overrides, **dict(row.settings), "method": row.method, "exemplars": row.exemplars}
        plan[row] = [Config.profile(profile, **settings, seed=seed) for seed in numbers]
    return run_plan(plan, only_stored)


def with_titles(results: Mapping[Row, list[Result]]) -> dict[str, list[Result]]:
    """The same results under the names that tables and figures use: "LwF", "LwF + memory", "LwF + 4 exemplars", ..."""
    return {row.name: runs for row, runs in results.items()}


def by_memory(results: Mapping[Row, list[Result]]) -> dict[str, dict[int, list[Result]]]:
    """The same results by method's name, then by exemplars a class: what `plots.against_memory` draws."""
    sizes = {}
    for row, runs in results.items():
        name = row.name if row.settings else NAMES.get(row.method, row.method)
        sizes.setdefault(name, {})[row.exemplars] = runs
    return sizes


def table_of(results: Mapping[Row, list[Result]]) -> pd.DataFrame:
    """The table of `compare`, from results with the same seeds in each row."""
    frame = measures_table(results, {reference: reference.method for reference in REFERENCES})
    frame["minutes"] = [np.mean([run.minutes for run in runs]) for runs in results.values()]
    frame["memory_bytes"] = [np.mean([memory_bytes(run) for run in runs]) for runs in results.values()]
    names = [(row.name if row.settings else row.method, row.exemplars) for row in results]
    return frame.set_axis(pd.MultiIndex.from_tuples(names, names=["method", "exemplars"]))


def memory_bytes(result: Result) -> int:
    """What is kept from the past when the last task begins: remembered clips with their features, and the method's state.

    The old model, which distillation needs while a task is learned, is not counted.
    """
    config = Config.from_json(result.config)
    (bank,) = load_banks(config, "train")
    tasks = schedule_of(config, bank)
    old = [clip for clip in tasks[-1].clips if bank.classes[clip] not in tasks[-1].classes]  # joint training keeps all
    state = 0
    if len(tasks) > 1:
        tensors, _ = load_tensors(result.folder / "checkpoints" / f"task_{len(tasks) - 1}.safetensors")
        state = sum(tensor.nbytes for tensor in without_prefix("method.", tensors).values())
    return sum(bank.nbytes(clip) for clip in [*tasks[-1].memory, *old]) + state


def _as_rows(methods: Iterable[str | tuple | Row]) -> list[Row]:
    rows = [_as_row(method) for method in ([] if isinstance(methods, str) else methods)]
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
            row = Row(name, exemplars, tuple(sorted(settings.items())))
        case _:
            raise ValueError(
                f"{method!r} is no method: give its name, or name and exemplars: ('replay', 2), or settings, too: "
                "('contav', 1, {'temperature': 0.2})."
            )
    if taken := _GIVEN & dict(row.settings).keys():
        raise ValueError(f"{method!r}: {', '.join(sorted(taken))} can't be among a row's settings.")
    # Joint training keeps everything, however many exemplars are asked for.
    return replace(row, exemplars=0) if method_class(row.method).joint else row
