"""Studies of CrossSDC: which of its terms help (the paper's Table 2), and under what conditions it helps.

python -m contav_lib.studies terms --profile lab --seeds 3
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from contav_lib.lesson_plan import DISTILLATION, Plan, over_seeds, run_plan
from contav_lib.program import command_line
from contav_lib.result import Result
from contav_lib.tables import in_words, paired_differences, results_table

# What might let CrossSDC show, and the settings that differ from those of `lab`.
CONDITIONS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "4 diverse exemplars": dict(exemplars=4, exemplar_choice="diverse"),
    "half the sources from memory": dict(memory_share=0.5),
    "batches of twice the size": dict(batch_size=24),
    "weights x 3": dict(instance=0.3, class_=0.9),
    "temperature 0.2": dict(temperature=0.2),
    "30 % same-class mixtures": dict(same_class_share=0.3),
    "no class given (Sound of Pixels)": dict(separator="soundofpixels"),
}


def terms(profile: str, seeds: int) -> Plan:
    """The rows of Table 2, and replay below them: mask distillation, with and without the two contrastive terms."""
    variants = {
        "replay": dict(method="replay"),
        "distillation only": DISTILLATION,
        "distillation + instance": dict(method="contav", class_=0.0),
        "distillation + class": dict(method="contav", instance=0.0),
        "ContAV-Sep": dict(method="contav"),
    }
    return over_seeds(profile, seeds, variants)


def needs(profile: str, seeds: int) -> Plan:
    """Every condition of `CONDITIONS`, with CrossSDC ("<condition>") and without ("<condition>, without").

    Raises:
        ValueError: a profile whose sizes are not those that the conditions change.
    """
    if profile not in ("lab", "smoke"):
        raise ValueError(f"profile={profile!r}: the conditions of this study are made for 'lab'.")
    variants = {}
    for name, settings in CONDITIONS.items():
        rest = {setting: value for setting, value in settings.items() if setting != "temperature"}  # CrossSDC's own
        variants[f"{name}, without"] = {**rest, **DISTILLATION}
        variants[name] = {"method": "contav", **settings}
    return over_seeds(profile, seeds, variants)


STUDIES = {"terms": terms, "needs": needs}


def what_crosssdc_adds(results: Mapping[str, Sequence[Result]], score: str = "sdr") -> pd.DataFrame:
    """What CrossSDC adds to the same training without it, seed by seed: `paired_differences`, one row a condition.

    Args:
        results: of the plan `needs`; conditions may be left out.
        score: a key of `Result.summary()`, in dB.
    """
    conditions = [name for name in results if f"{name}, without" in results]
    rows = [
        paired_differences({name: results[name], "without": results[f"{name}, without"]}, "without", score)
        for name in conditions
    ]
    return pd.concat(rows)


@command_line
def main(arguments: Sequence[str] | None = None) -> None:
    """The command line: run a study's rows and print them."""
    parser = argparse.ArgumentParser(prog="python -m contav_lib.studies", description=__doc__.splitlines()[0])
    parser.add_argument("study", choices=STUDIES)
    parser.add_argument("--profile", default="lab", help="smoke, lab (default), gpu or paper")
    parser.add_argument("--seeds", type=int, default=3, help="repetitions of every row (default 3)")
    chosen = parser.parse_args(arguments)
    results = run_plan(STUDIES[chosen.study](chosen.profile, chosen.seeds))
    print(results_table(results, paper=chosen.study == "terms").to_string())
    if chosen.study == "needs":
        print("\nWhat CrossSDC adds:")
        print(in_words(what_crosssdc_adds(results), "the same without it", "final SDR"))


if __name__ == "__main__":
    sys.exit(main())
