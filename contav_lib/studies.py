"""Studies of CrossSDC: which of its terms help (the paper's Table 2), what it needs to help, and what it adds to learning.

python -m contav_lib.studies terms --profile lab --seeds 3
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from contav_lib.batches import ClipBank
from contav_lib.config import Config
from contav_lib.evaluation import Sight, evaluate, fixed_mixtures
from contav_lib.experiment import load_banks
from contav_lib.lesson_plan import DISTILLATION, FIRST_TASK, Plan, Seeds, add_seeds, over_seeds, run_plan, seeds_given
from contav_lib.metrics import mean_scores
from contav_lib.naming import find_by_name
from contav_lib.program import command_line
from contav_lib.result import Result
from contav_lib.results_file import command, save_results
from contav_lib.tables import (
    half_interval,
    in_words,
    measures_table,
    paired_differences,
    results_table,
    with_verdicts,
)

PAPER_WEIGHTS = dict(instance=0.1, class_=0.3)  # the paper's weights, about three times those of `lab`
UNCHANGED = "as it is"
SAME_CLASS = "30 % same-class mixtures"

# What might let CrossSDC show, and the settings that differ from those of `lab`.
CONDITIONS: dict[str, dict[str, Any]] = {
    UNCHANGED: {},
    "the paper's weights": PAPER_WEIGHTS,
    "a third of lab's weights": dict(instance=0.01, class_=0.03),
    "temperature 0.2": dict(temperature=0.2),
    "half the sources from memory": dict(memory_share=0.5),
    "no class given (Sound of Pixels)": dict(separator="soundofpixels"),
    "poor pictures": dict(picture_noise=4.0),
    SAME_CLASS: dict(same_class_share=0.3),
    "batches of twice the size": dict(batch_size=24),
    "two tasks, twice as long": dict(tasks=2, steps=400),
    "4 diverse exemplars": dict(exemplars=4, exemplar_choice="diverse"),
    "whole-video motion": dict(motion="whole"),
}
OF_CROSSSDC = ("instance", "class_", "temperature")  # settings that mean nothing without it


def terms(profile: str, seeds: Seeds) -> Plan:
    """The rows of Table 2, distillation with and without contrastive terms; before them replay, last the paper's weights."""
    variants = {
        "replay": dict(method="replay"),
        "distillation only": DISTILLATION,
        "distillation + instance": dict(method="contav", class_=0.0),
        "distillation + class": dict(method="contav", instance=0.0),
        "ContAV-Sep": dict(method="contav"),
        "ContAV-Sep, the paper's weights": dict(method="contav", **PAPER_WEIGHTS),
    }
    return over_seeds(profile, seeds, variants)


def needs(profile: str, seeds: Seeds, conditions: Sequence[str] = ()) -> Plan:
    """Conditions of `CONDITIONS` (all by default), with CrossSDC ("<condition>") and without ("<condition>, without").

    Raises:
        ValueError: a profile whose sizes are not those that the conditions change, or no such condition.
    """
    if profile not in ("lab", "smoke"):
        raise ValueError(f"profile={profile!r}: the conditions of this study are made for 'lab'.")
    variants = {}
    for name in conditions or CONDITIONS:
        settings = find_by_name(CONDITIONS, name, "condition")
        rest = {setting: value for setting, value in settings.items() if setting not in OF_CROSSSDC}
        variants[f"{name}, without"] = {**rest, **DISTILLATION}
        variants[name] = {"method": "contav", **settings}
    return over_seeds(profile, seeds, variants)


def learning(profile: str, seeds: Seeds) -> Plan:
    """One task of five classes in every separator, with CrossSDC and without: what it adds where nothing can be forgotten."""
    variants = {}
    for name in ("iquery", "coseparation", "soundofpixels"):
        variants[f"{name}, without"] = {**DISTILLATION, "separator": name}
        variants[name] = {"method": "contav", "separator": name}
    return over_seeds(profile, seeds, variants, classes=FIRST_TASK, tasks=1)


REFERENCES = {
    "replay": "replay",
    "distillation only": "distillation",
}  # of the study of terms, with their names in columns
STUDIES = {"terms": terms, "needs": needs, "learning": learning}


def what_crosssdc_adds(results: Mapping[str, Sequence[Result]], score: str = "sdr") -> pd.DataFrame:
    """What CrossSDC adds to the same training without it, seed by seed: `paired_differences`, one row a condition; all
    conditions together are the family that Holm's correction is for.

    Args:
        results: of the plan `needs` or `learning`; conditions may be left out.
        score: a key of `Result.summary()`, in dB.
    """
    conditions = [name for name in results if f"{name}, without" in results]
    rows = [
        paired_differences({name: results[name], "without": results[f"{name}, without"]}, "without", score)
        for name in conditions
    ]
    return with_verdicts(pd.concat(rows))


def study_table(study: str, results: Mapping[str, Sequence[Result]]) -> pd.DataFrame:
    """All measures of a study as numbers, one row a name: `tables.measures_table`.

    Terms are compared with the `REFERENCES`; in the other studies, columns `sdr_added_<column>` say what CrossSDC adds to
    the final SDR (`what_crosssdc_adds`).
    """
    if study == "terms":
        return measures_table(results, REFERENCES)
    # One at a time, for conditions may have test mixtures of their own.
    tables = [measures_table({name: runs}, {}) for name, runs in results.items()]
    return pd.concat(tables).join(what_crosssdc_adds(results).add_prefix("sdr_added_"))


def scored_again(
    results: Mapping[str, Sequence[Result]],
    mixtures: int = 200,
    same_class: bool = False,
    class_from_vision: bool = False,
) -> pd.DataFrame:
    """SDR improvement in dB on test mixtures of all classes, asked in another way than when the experiment was tested.

    Args:
        results: by what a reader calls them, one a seed.
        mixtures: how many, the same for all results.
        same_class: mixtures of two clips of one class, which only their pictures can tell apart.
        class_from_vision: the separator is not told the class: it is asked for the class that each clip looks most like.

    Returns:
        one row a name, one column a seed.
    """
    rows = {}
    for name, runs in results.items():
        rows[name] = {}
        for run in runs:
            config = Config.from_json(run.config)
            (bank,) = load_banks(config, "test")
            draw = fixed_mixtures(bank, range(len(run.classes)), mixtures, 0, config.num_sources, same_class)
            sight = by_looks(run, bank) if class_from_vision else None
            scores = mean_scores(evaluate(run.separator(), bank, draw, sight))
            rows[name][f"seed {config.seed}"] = scores["sdr_improvement"]
    return pd.DataFrame.from_dict(rows, orient="index")


def by_looks(result: Result, bank: ClipBank) -> Sight:
    """Replaces the classes of a batch by those that its clips look most like (see `prototypes`)."""
    nearest = result.prototypes(device=bank.device).recognise(bank.looks()).nearest
    return lambda batch: replace(batch, classes=nearest[batch.videos])


@command_line
def main(arguments: Sequence[str] | None = None) -> None:
    """The command line: run a study's rows and print them."""
    parser = argparse.ArgumentParser(prog="python -m contav_lib.studies", description=__doc__.splitlines()[0])
    parser.add_argument("study", choices=STUDIES)
    parser.add_argument("--profile", default="lab", help="smoke, lab (default), gpu or paper")
    add_seeds(parser)
    parser.add_argument("--conditions", nargs="+", default=[], metavar="NAME", help="of needs: only these, in quotes")
    parser.add_argument("--save", type=Path, metavar="FILE", help="write all measures to this CSV file")
    chosen = parser.parse_args(arguments)
    if chosen.conditions and chosen.study != "needs":
        parser.error("--conditions goes with the study 'needs'.")
    conditions = [chosen.conditions] if chosen.study == "needs" else []
    results = run_plan(STUDIES[chosen.study](chosen.profile, seeds_given(chosen.seeds), *conditions))
    if chosen.save:
        save_results(chosen.save, command("contav_lib.studies", arguments), results, study_table(chosen.study, results))
    print(results_table(results, paper=chosen.study == "terms").to_string())
    if chosen.study == "terms":
        for reference in REFERENCES:
            print(in_words(paired_differences(results, reference), reference, "final SDR"))
    else:
        print("\nWhat CrossSDC adds:")
        print(in_words(what_crosssdc_adds(results), "the same without it", "final SDR"))
    for name, question, settings in (
        (SAME_CLASS, "mixtures of one class", dict(same_class=True)),
        (UNCHANGED, "mixtures whose classes are recognised by their looks, not given", dict(class_from_vision=True)),
    ):
        if name in results:
            pair = {row: results[row] for row in (f"{name}, without", name)}
            scores = scored_again(pair, **settings)
            apart = (scores.loc[name] - scores.loc[f"{name}, without"]).to_numpy()
            print(f"\nOn {question}, SDR improvement in dB:\n{scores.round(2).to_string()}")
            print(
                f"CrossSDC adds {apart.mean():+.2f} dB; the 95 % interval is {half_interval(apart):.2f} to either side."
            )


if __name__ == "__main__":
    sys.exit(main())
