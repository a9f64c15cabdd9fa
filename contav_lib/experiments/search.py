"""Search the methods' settings on validation clips, with the same number of tries for each.

contav search --profile lab

Every try learns the first two tasks twice, with a memory of one clip a class and two seeds that no reported result uses; its
score is the SDR on validation mixtures over all 10 classes after the last task, mean of the two. (One run alone may be dB off:
it would choose luck.) What is chosen stands in each method's file, as a default or as `lab`; rows without memory use it, too
(`--exemplars 0` searches without). Methods that are not here have no settings of their own. "distillation only" is ContAV-Sep
without CrossSDC: the control has as many tries as what it is held against. How ContAV-Sep fares with the weights of its paper:
`contav study terms`.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from contav_lib.config import Config
from contav_lib.datasets.load import MUSIC_ORDER
from contav_lib.evaluation.evaluate import fixed_mixtures, validation_sdr
from contav_lib.experiments.parallel import run_all
from contav_lib.experiments.plans import DISTILLATION
from contav_lib.experiments.result import Result
from contav_lib.experiments.run import load_banks
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
    (bank,) = load_banks(config, "validation")
    return validation_sdr(
        result.separator(), bank, fixed_mixtures(bank, range(len(result.classes)), MIXTURES, SEEDS[0])
    )
