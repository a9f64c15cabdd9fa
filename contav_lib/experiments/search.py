"""Search the methods' settings on validation clips, with the same number of tries for each.

contav search --profile lab

Every try learns the first ten classes of the data twice, in two tasks, with a memory of one clip a class and two seeds that no
reported result uses; its score is the SDR on validation mixtures over all of these classes after the last task, mean of the
two. (One run alone may be dB off: it would choose luck.) What is chosen stands on the profile's page (`contav_lib/profiles`);
rows without memory use it, too (`--exemplars 0` searches without). Methods without `tries` have no settings of their own.
"distillation only" is ContAV-Sep without CrossSDC: the control has as many tries as what it is held against. How ContAV-Sep
fares with the weights of its paper: `contav study terms`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from contav_lib.config import Config
from contav_lib.evaluation.evaluate import validation_sdr
from contav_lib.experiments.executors import HERE
from contav_lib.experiments.plans import first_classes, over_seeds, run_plan
from contav_lib.experiments.result import Result
from contav_lib.experiments.setup import Setup
from contav_lib.methods import all_methods
from contav_lib.mixtures.fixed import fixed_mixtures
from contav_lib.utils.devices import cpu_threads
from contav_lib.utils.registry import find_by_name

SEEDS = (100, 101)
COMMON: dict[str, Any] = dict(tasks=2, test_mixtures=1)
CLASSES = 10  # that are learned, at most
MIXTURES = 200  # validation mixtures a score is the mean of

NOISE = 0.5  # dB within which two tries are taken as equal: luck moves a score by that much, and at times by more

Tries = dict[str, list[dict[str, Any]]]


def search_grid(with_memory: bool = True) -> Tries:
    """Settings to try, by row: a method's `tries`, or those of a control made of one, with `method` among its settings.

    Args:
        with_memory: methods that make no sense without a memory are there, too.
    """
    grid: Tries = {}
    for method in all_methods():
        if method.needs_memory and not with_memory:
            continue
        if method.tries:
            grid[method.name] = [dict(settings) for settings in method.tries]
        for control in method.variants:
            if control.tries:
                common = {"method": method.name, **control.settings}
                grid[control.title] = [{**common, **settings} for settings in control.tries]
    return grid


def search(
    rows: Sequence[str],
    profile: str,
    separator: str = "iquery",
    exemplars: int = 1,
    executor: str = HERE,
    **overrides: Any,
) -> pd.DataFrame:
    """One line a try, the best of each row of `search_grid` first: `method`, `validation_sdr` in dB, `chosen`, `settings`.

    Chosen is a row's first try, in the order of the grid, whose score is within `NOISE` of the row's best.

    Args:
        rows: names in `search_grid`.
        profile: whose settings the tries change.
        separator: which separator learns.
        exemplars: remembered clips a class.
        executor: as for `run_all`.
        overrides: other settings of all tries, as for `Config.profile`: `data`, `encoder`.

    Raises:
        ValueError: a name with no tries, or a setting or data that `Config.profile` or `load_data` refuse.
    """
    grid = search_grid()
    tries = [(name, settings) for name in rows for settings in find_by_name(grid, name, "search for method")]
    of_tries = {place: {"method": name, **settings} for place, (name, settings) in enumerate(tries)}
    common = COMMON | overrides
    common["classes"] = first_classes(Config.profile(profile, **common), CLASSES)
    plan = over_seeds(profile, SEEDS, of_tries, separator=separator, exemplars=exemplars, **common)
    results = run_plan(plan, executor=executor)
    means = [np.mean([score(run) for run in runs]) for runs in results.values()]
    table = pd.DataFrame({"method": [name for name, _ in tries], "validation_sdr": means})
    near = table["validation_sdr"] >= table.groupby("method")["validation_sdr"].transform("max") - NOISE
    table["chosen"] = near & ~table[near].duplicated("method").reindex(table.index, fill_value=True)
    table["settings"] = [settings for _, settings in tries]
    return table.sort_values(["method", "validation_sdr"], ascending=[True, False], ignore_index=True)


def score(result: Result) -> float:
    """SDR in dB of the last separator, on validation mixtures over all classes."""
    config = Config.from_json(result.config)
    store = Setup.build(config).validation
    mixtures = fixed_mixtures(store, range(len(result.classes)), MIXTURES, SEEDS[0])
    with cpu_threads(config.threads):
        return validation_sdr(result.separator(), store, mixtures)
