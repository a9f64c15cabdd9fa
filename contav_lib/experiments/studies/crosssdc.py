"""Studies of CrossSDC: which of its terms help (the paper's Table 2), what it needs to help, and what it adds to learning."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from contav_lib.experiments.plans import DISTILLATION, FIRST_TASK, Plan, Seeds, over_seeds
from contav_lib.experiments.result import Result
from contav_lib.experiments.studies.families import Family, against_row, family_differences
from contav_lib.methods.contav import ContAV
from contav_lib.utils.registry import find_by_name

UNCHANGED = "as it is"
SAME_CLASS = "30 % same-class mixtures"

# What might let CrossSDC show, and the settings that differ from those of `lab`.
CONDITIONS: dict[str, dict[str, Any]] = {
    UNCHANGED: {},
    "a third of the paper's weights": dict(instance_weight=0.03, class_weight=0.1),
    "three times the paper's weights": dict(instance_weight=0.3, class_weight=0.9),
    "temperature 0.2": dict(temperature=0.2),
    "half the sources from memory": dict(memory_share=0.5),
    "no class given (Sound of Pixels)": dict(separator="soundofpixels"),
    "poor pictures": dict(visual_noise=4.0),
    SAME_CLASS: dict(same_class_share=0.3),
    "batches of twice the size": dict(batch_size=24),
    "two tasks, twice as long": dict(tasks=2, steps=800),
    "4 diverse exemplars": dict(exemplars=4, exemplar_choice="diverse"),
    "whole-video motion": dict(motion="whole"),
}
OF_CROSSSDC = ("instance_weight", "class_weight", "temperature")  # settings that mean nothing without it


def terms(profile: str, seeds: Seeds) -> Plan:
    """The rows of Table 2, distillation with and without contrastive terms; before them replay."""
    of_table_2 = {each.title or ContAV.title: {"method": "contav", **each.settings} for each in ContAV.variants}
    return over_seeds(profile, seeds, {"replay": dict(method="replay"), **of_table_2})


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


def families_of_terms(results: Mapping[str, Sequence[Result]]) -> dict[str, Family]:
    """Every row of the study of terms against each of the `REFERENCES`."""
    return {column: against_row(results, reference) for reference, column in REFERENCES.items()}


def with_and_without(results: Mapping[str, Sequence[Result]]) -> dict[str, Family]:
    """Of the studies `needs` and `learning`: each condition with CrossSDC against the same without it."""
    pairs = {name: f"{name}, without" for name in results if f"{name}, without" in results}
    return {"added": Family("the same without CrossSDC", pairs)}


def what_crosssdc_adds(results: Mapping[str, Sequence[Result]], score: str = "sdr") -> pd.DataFrame:
    """Difference that CrossSDC makes to the same training without it, seed by seed.

    As `paired_differences`, one row a condition; all conditions together are the family that Holm's correction is for.

    Args:
        results: of the plan `needs` or `learning`; conditions may be left out.
        score: a key of `Result.summary()`, in dB.
    """
    return family_differences(results, with_and_without(results)["added"], score)
