"""Search the methods' settings on validation clips, with the same number of tries for each method.

python -m contav_lib.search --profile lab

Every try learns the first three tasks once, with a memory of one clip a class and a seed that no reported result uses; its
score is the SDR on validation mixtures over all 15 classes after the last task. Test clips are never looked at. What is chosen
stands in each method's file, as `lab`. Fine-tuning, replay and the upper bound have no settings of their own.
"""

import argparse
import sys
from collections.abc import Sequence

import pandas as pd

from contav_lib.config import Config
from contav_lib.corpus.load import MUSIC_ORDER
from contav_lib.evaluation import fixed_mixtures, validation_sdr
from contav_lib.experiment import load_banks
from contav_lib.naming import find_by_name
from contav_lib.parallel import run_all
from contav_lib.result import Result

SEED = 100
COMMON = dict(tasks=3, classes=tuple(MUSIC_ORDER[:15]), exemplars=1, seed=SEED)
MIXTURES = 200  # validation mixtures a score is the mean of

TRIES: dict[str, list[dict[str, float]]] = {
    "lwf": [dict(distillation=weight) for weight in (0.3, 1.0, 3.0)],
    "ewc": [dict(strength=strength) for strength in (1e-3, 1e-2, 1e-1)],
    "plop": [dict(pod=pod, distillation=weight) for pod, weight in ((0.1, 0.3), (0.1, 1.0), (1.0, 1.0))],
    "ewf": [dict(distillation=weight) for weight in (0.3, 1.0, 3.0)],
    "avcil": [
        dict(distillation=0.3, instance=0.1, class_=0.1, attention=0.1),
        dict(distillation=1.0, instance=0.1, class_=0.1, attention=0.1),
        dict(distillation=1.0, instance=0.03, class_=0.03, attention=0.3),
    ],
    "contav": [
        dict(distillation=0.3, instance=0.1, class_=0.3),
        dict(distillation=1.0, instance=0.1, class_=0.3),
        dict(distillation=1.0, instance=0.03, class_=0.1),
    ],
    "der": [dict(distillation=weight, replayed=count) for weight, count in ((0.3, 3), (1.0, 3), (1.0, 6))],
}


def search(methods: Sequence[str], profile: str) -> pd.DataFrame:
    """One row a try: `method`, its `settings`, and `validation_sdr` in dB; the best of each method first.

    Raises:
        ValueError: a method with no tries.
    """
    tries = [(name, settings) for name in methods for settings in find_by_name(TRIES, name, "search for method")]
    configs = [Config.profile(profile, method=name, **COMMON, **settings) for name, settings in tries]
    rows = [
        {"method": name, "validation_sdr": score(config, result), "settings": settings}
        for (name, settings), config, result in zip(tries, configs, run_all(configs), strict=True)
    ]
    table = pd.DataFrame(rows)
    return table.sort_values(["method", "validation_sdr"], ascending=[True, False], ignore_index=True)


def score(config: Config, result: Result) -> float:
    """SDR in dB of the last separator, on validation mixtures over all classes."""
    (bank,) = load_banks(config, "validation")
    return validation_sdr(result.separator(), bank, fixed_mixtures(bank, range(len(result.classes)), MIXTURES, SEED))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m contav_lib.search", description=__doc__.splitlines()[0])
    parser.add_argument("--profile", default="lab", help="smoke, lab (default), gpu or paper")
    parser.add_argument("methods", nargs="*", default=list(TRIES), help=f"default: {' '.join(TRIES)}")
    chosen = parser.parse_args(arguments)
    try:
        table = search(chosen.methods, chosen.profile)
    except (ValueError, OSError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    print(table.round(2).to_string(index=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
