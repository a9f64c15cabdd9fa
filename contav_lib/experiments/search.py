"""Search the methods' settings on validation clips, with the same number of tries for each.

python -m contav_lib.experiments.search --profile lab

Every try learns the first two tasks twice, with a memory of one clip a class and two seeds that no reported result uses; its
score is the SDR on validation mixtures over all 10 classes after the last task, mean of the two. (One run alone may be dB off:
it would choose luck.) What is chosen stands on the profile's page (`contav_lib/profiles`); rows without memory use it, too
(`--exemplars 0` searches without). Methods that are not here have no settings of their own. "distillation only" is ContAV-Sep
without CrossSDC: the control has as many tries as what it is held against. How ContAV-Sep fares with the weights of its paper:
`python -m contav_lib.experiments.studies terms`.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from contav_lib.cli import command_line
from contav_lib.config import Config
from contav_lib.datasets.minimusic import MUSIC_ORDER
from contav_lib.evaluation.evaluate import fixed_mixtures, validation_sdr
from contav_lib.experiments.executors.local import run_all
from contav_lib.experiments.plans import DISTILLATION
from contav_lib.experiments.result import Result
from contav_lib.experiments.results_file import command, save_table
from contav_lib.experiments.setup import Setup
from contav_lib.utils.registry import find_by_name

SEEDS = (100, 101)
COMMON = dict(tasks=2, classes=tuple(MUSIC_ORDER[:10]), test_mixtures=1)
MIXTURES = 200  # validation mixtures a score is the mean of

NOISE = 0.5  # dB within which two tries are taken as equal: luck moves a score by that much, and at times by more

Tries = dict[str, list[dict[str, float | str]]]

# Four tries a row: the paper's values first (where it gives some for a loss like ours), then what is nearer to them. A row is
# a method, or a control made of one: `method` then stands among its settings.
TRIES: Tries = {
    "lwf": [
        dict(old_queries=old_queries, distillation=weight)
        for old_queries, weight in (("plain", 1.0), ("plain", 0.3), ("plain", 3.0), ("new_picture", 0.3))
    ],
    "ewc": [dict(strength=strength) for strength in (1.0, 0.1, 0.01, 10.0)],
    "plop": [
        dict(old_queries=old_queries, pod=pod, distillation=weight)
        for old_queries, pod, weight in (
            ("plain", 1.0, 1.0), ("plain", 0.1, 1.0), ("plain", 0.1, 0.3), ("new_picture", 0.1, 0.3),
        )
    ],
    "ewf": [
        dict(old_queries=old_queries, distillation=weight)
        for old_queries, weight in (("plain", 1.0), ("plain", 0.3), ("plain", 0.1), ("new_picture", 0.3))
    ],
    "avcil": [
        dict(distillation=distillation, instance_weight=instance_weight, class_weight=class_weight, attention=attention)
        for distillation, instance_weight, class_weight, attention in (
            (0.3, 0.1, 1.0, 0.1), (1.0, 0.1, 1.0, 0.1), (0.3, 0.03, 0.3, 0.1), (1.0, 0.03, 0.3, 0.1),
        )
    ],
    "contav": [
        dict(distillation=distillation, instance_weight=instance_weight, class_weight=class_weight)
        for distillation, instance_weight, class_weight in ((0.3, 0.1, 0.3), (1.0, 0.1, 0.3), (0.3, 0.03, 0.1), (1.0, 0.03, 0.1))
    ],
    "distillation only": [DISTILLATION | dict(distillation=weight) for weight in (0.3, 1.0, 0.1, 3.0)],
    "der": [dict(distillation=weight) for weight in (1.0, 0.3, 3.0, 0.1)],
    "adapters": [
        dict(rank=rank, orthogonality=weight) for rank, weight in ((8, 0.5), (8, 5.0), (4, 0.5), (2, 0.5))
    ],
}  # fmt: skip


def search(rows: Sequence[str], profile: str, separator: str = "iquery", exemplars: int = 1) -> pd.DataFrame:
    """One line a try, the best of each row of `TRIES` first: `method` (the row's name), `validation_sdr` in dB, `chosen`,
    and its `settings`.

    Chosen is a row's first try, in the order of `TRIES`, whose score is within `NOISE` of the row's best.

    Raises:
        ValueError: a name with no tries.
    """
    tries = [(name, settings) for name in rows for settings in find_by_name(TRIES, name, "search for method")]
    common = dict(separator=separator, exemplars=exemplars, **COMMON)
    configs = [
        Config.profile(profile, **common, **{"method": name, **settings}, seed=seed)
        for name, settings in tries
        for seed in SEEDS
    ]
    scores = [score(config, result) for config, result in zip(configs, run_all(configs), strict=True)]
    means = np.reshape(scores, (len(tries), len(SEEDS))).mean(1)
    table = pd.DataFrame({"method": [name for name, _ in tries], "validation_sdr": means})
    near = table["validation_sdr"] >= table.groupby("method")["validation_sdr"].transform("max") - NOISE
    table["chosen"] = near & ~table[near].duplicated("method").reindex(table.index, fill_value=True)
    table["settings"] = [settings for _, settings in tries]
    return table.sort_values(["method", "validation_sdr"], ascending=[True, False], ignore_index=True)


def score(config: Config, result: Result) -> float:
    """SDR in dB of the last separator, on validation mixtures over all classes."""
    bank = Setup.build(config).validation
    return validation_sdr(
        result.separator(), bank, fixed_mixtures(bank, range(len(result.classes)), MIXTURES, SEEDS[0])
    )


@command_line
def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m contav_lib.experiments.search", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--profile", default="lab", help="smoke, lab (default), gpu or paper")
    parser.add_argument("--separator", default="iquery", help="which separator learns (default iquery)")
    parser.add_argument("--exemplars", type=int, default=1, help="remembered clips a class (default 1)")
    parser.add_argument("methods", nargs="*", default=list(TRIES), help=f"default: {', '.join(TRIES)}")
    parser.add_argument("--save", type=Path, metavar="FILE", help="write the table to this CSV file")
    chosen = parser.parse_args(arguments)
    table = search(chosen.methods, chosen.profile, chosen.separator, chosen.exemplars).round(2)
    print(table.to_string(index=False))
    if chosen.save:
        save_table(
            chosen.save, command("contav_lib.experiments.search", arguments), table.rename(columns={"method": "name"})
        )


if __name__ == "__main__":
    sys.exit(main())
