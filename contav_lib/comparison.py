"""Compare methods over seeds: the paper's Table 1 with the spread it does not give.

python -m contav_lib.comparison --profile lab --seeds 3
"""

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from contav_lib import paths
from contav_lib.config import Config
from contav_lib.experiment import load_banks, schedule_of
from contav_lib.lesson_plan import run_plan
from contav_lib.methods import method_class
from contav_lib.program import command_line
from contav_lib.result import Result
from contav_lib.storage import load_tensors, without_prefix, write_atomically
from contav_lib.tables import half_interval, in_words, paired_differences, results_table

Row = tuple[str, int]  # a method and how many exemplars a class it may keep

# The rows of the paper's Table 1, in its order, and two more that teachers ask for.
TABLE_1: tuple[Row, ...] = (
    ("finetune", 0),
    ("lwf", 0),
    ("ewc", 0),
    ("plop", 0),
    ("ewf", 0),
    ("lwf", 1),
    ("ewc", 1),
    ("plop", 1),
    ("ewf", 1),
    ("avcil", 1),
    ("contav", 1),
    ("joint", 0),
)
BEYOND: tuple[Row, ...] = (("replay", 1), ("der", 1))
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
REFERENCES: tuple[Row, ...] = (("finetune", 0), ("replay", 1), ("contav", 1))  # what differences are taken against


def rows_of(methods: Sequence[str] | None = None, exemplars: Sequence[int] | None = None) -> list[Row]:
    """Rows to compare: those of Table 1 and `BEYOND`, or some methods' only, or each of these with each memory size.

    Raises:
        ValueError: no such method.
    """
    rows = TABLE_1 + BEYOND
    names = methods or list(dict.fromkeys(name for name, _ in rows))
    for name in names:
        method_class(name)
    if exemplars:
        # Joint training keeps everything, however many exemplars are asked for: one row.
        counts = {name: [0] if method_class(name).joint else exemplars for name in names}
        return [(name, count) for name in names for count in counts[name]]
    return [row for row in rows if row[0] in names]


def compare(
    methods: Iterable[str | Row], seeds: int | Sequence[int] = 3, profile: str = "lab", **overrides: Any
) -> pd.DataFrame:
    """Run methods over seeds, or fetch stored results, and sum them up: one row a method and memory setting.

    An interrupted comparison goes on where it stopped.

    Args:
        methods: names such as "contav" (with the memory that the method asks for), or pairs such as `("lwf", 1)`: name and
            exemplars a class. See `TABLE_1`.
        seeds: how many (0, 1, ...), or which.
        profile, overrides: as for `Config.profile`. A method's own setting may be overridden when all methods have it.

    Returns:
        indexed by `method` and `exemplars`; for each key of `Result.summary()` (dB) the columns `<key>_mean`, `<key>_std`
        (over seeds; NaN with one) and `<key>_ci95` (half the 95 % interval of the mean, Student's t); the same three of the
        difference, seed by seed, to fine-tuning (`<key>_vs_finetune_...`), to replay (`<key>_vs_replay_...`) and to
        ContAV-Sep (`<key>_vs_contav_...`), both with one exemplar a class, where those are among the methods; `minutes` and
        `memory_bytes`, means over seeds.

    Raises:
        ValueError: no method or seed, one given twice, or settings that `Config.profile` refuses.
    """
    return table_of(run_comparison(methods, seeds, profile, **overrides))


def run_comparison(
    methods: Iterable[str | Row],
    seeds: int | Sequence[int] = 3,
    profile: str = "lab",
    only_stored: bool = False,
    **overrides: Any,
) -> dict[Row, list[Result]]:
    """The results behind `compare`, one a seed, by method and exemplars.

    Args:
        only_stored: run nothing; leave out the rows whose results are not all there.
    """
    if taken := {"method", "seed", "exemplars"} & overrides.keys():
        raise ValueError(f"{', '.join(sorted(taken))}: give methods and seeds as such, exemplars as in ('replay', 2).")
    rows, numbers = _as_rows(methods), _as_numbers(seeds)
    plan = {
        (name, exemplars): [
            Config.profile(profile, method=name, exemplars=exemplars, seed=seed, **overrides) for seed in numbers
        ]
        for name, exemplars in rows
    }
    return run_plan(plan, only_stored)


def readable(results: Mapping[Row, list[Result]]) -> dict[str, list[Result]]:
    """The same results under the names that tables and figures use: "LwF", "LwF + memory", "LwF + 4 exemplars", ..."""
    return {_name(row): runs for row, runs in results.items()}


def by_memory(results: Mapping[Row, list[Result]]) -> dict[str, dict[int, list[Result]]]:
    """The same results by method's name, then by exemplars a class: what `plots.against_memory` draws."""
    sizes = {}
    for (method, exemplars), runs in results.items():
        sizes.setdefault(NAMES.get(method, method), {})[exemplars] = runs
    return sizes


def table_of(results: Mapping[Row, list[Result]]) -> pd.DataFrame:
    """The table of `compare`, from results with the same seeds in each row."""
    summaries = {row: pd.DataFrame([run.summary() for run in runs]) for row, runs in results.items()}
    table = {}
    for row, values in summaries.items():
        cells = _sum_up(values)
        for reference in REFERENCES:
            if reference in summaries and reference != row:
                cells |= _sum_up((values - summaries[reference]).add_suffix(f"_vs_{reference[0]}"))
        cells["minutes"] = np.mean([run.minutes for run in results[row]])
        cells["memory_bytes"] = np.mean([memory_bytes(run) for run in results[row]])
        table[row] = cells
    frame = pd.DataFrame.from_dict(table, orient="index")
    frame = frame[sorted(frame.columns, key=lambda name: ("_vs_" in name, name in ("minutes", "memory_bytes")))]
    frame.index = pd.MultiIndex.from_tuples(frame.index, names=["method", "exemplars"])
    return frame


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


def _as_rows(methods: Iterable[str | Row]) -> list[Row]:
    rows = []
    for method in [] if isinstance(methods, str) else methods:
        match method:
            case str(name):
                rows.append((name, method_class(name).exemplars))
            case (str(name), int(exemplars)):
                rows.append((name, 0 if method_class(name).joint else exemplars))
            case _:
                raise ValueError(f"{method!r} is no method: give its name, or name and exemplars: ('replay', 2).")
    if not rows or len(set(rows)) < len(rows):
        raise ValueError(
            f"methods={methods!r}: give at least one method, and each only once, as in ['finetune', 'replay']."
        )
    return rows


def _as_numbers(seeds: int | Sequence[int]) -> list[int]:
    numbers = range(seeds) if isinstance(seeds, int) else seeds if isinstance(seeds, Iterable) else []
    numbers = [number if isinstance(number, int) else None for number in numbers]
    if not numbers or None in numbers or len(set(numbers)) < len(numbers):
        raise ValueError(
            f"seeds={seeds!r}: give at least one seed, and each only once: how many, as in 3, or which, as in [0, 2]."
        )
    return numbers


def _name(row: Row) -> str:
    method, exemplars = row
    name = NAMES.get(method, method)
    if exemplars == method_class(method).exemplars:
        return name
    if exemplars == 0:
        return f"{name}, no memory"
    return f"{name} + memory" if exemplars == 1 else f"{name} + {exemplars} exemplars"


def _sum_up(values: pd.DataFrame) -> dict[str, float]:
    cells = {}
    for name, column in values.items():
        cells[f"{name}_mean"] = column.mean(skipna=False)  # a run that was not measured is no run less
        cells[f"{name}_std"] = column.std(ddof=1, skipna=False)
        cells[f"{name}_ci95"] = half_interval(column.to_numpy())
    return cells


@command_line
def main(arguments: Sequence[str] | None = None) -> None:
    """The command line: run rows, those of Table 1 by default, and print them beside the paper's."""
    parser = argparse.ArgumentParser(prog="python -m contav_lib.comparison", description=__doc__.splitlines()[0])
    parser.add_argument("--profile", default="lab", help="smoke, lab (default), gpu or paper")
    parser.add_argument("--seeds", type=int, default=3, help="repetitions of every row (default 3)")
    parser.add_argument("--separator", default="iquery", help="which separator learns (default iquery)")
    parser.add_argument("--methods", nargs="+", metavar="NAME", help="only these methods' rows")
    parser.add_argument("--exemplars", nargs="+", type=int, metavar="COUNT", help="a row for each number of exemplars")
    parser.add_argument("--stored", action="store_true", help="run nothing: print the rows whose seeds are all there")
    chosen = parser.parse_args(arguments)
    rows = rows_of(chosen.methods, chosen.exemplars)
    results = run_comparison(rows, chosen.seeds, chosen.profile, chosen.stored, separator=chosen.separator)
    if not results:
        parser.error("No row has all its seeds stored yet; run the same command without --stored.")
    parts = ["comparison", chosen.profile, chosen.separator, *(chosen.methods or ()), *(chosen.exemplars or ())]
    path = paths.runs() / f"{'-'.join(map(str, parts))}-{chosen.seeds}-seeds.csv"
    write_atomically(path, table_of(results).to_csv)
    named = readable(results)
    print(results_table(named, paper=True).to_string())
    for reference in map(_name, REFERENCES):
        if reference in named:
            print(in_words(paired_differences(named, reference), reference, "final SDR"))
    print(f"All measures, with their intervals: {path}")


if __name__ == "__main__":
    sys.exit(main())
