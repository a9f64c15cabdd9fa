"""Studies of the protocol: do the methods keep their order under other conditions?

That is: with more sources, other classes first, another memory or choice of weights, and from the same first task.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from contav_lib.experiments.plans import DISTILLATION, Plan, Seeds, over_seeds
from contav_lib.experiments.result import Result
from contav_lib.experiments.studies.families import Family, against_row
from contav_lib.methods import method_class

METHODS: dict[str, dict[str, Any]] = {
    method_class(method).title: dict(method=method) for method in ("finetune", "replay", "contav", "joint")
}
USUAL: dict[str, Any] = dict(memory_share=0.25, select_on="seen")  # as in the profile `lab`
CHANGES: dict[str, dict[str, Any]] = {
    # 0.36, 0.53 and 0.63 of the sources in tasks 2 to 4 with 36 clips and one exemplar a class.
    "memory as often as the authors repeat it": dict(memory_share=None),
    "weights selected on new classes": dict(select_on="new"),
    "last weights": dict(select_on="last"),
}
ONLY_DISTILLATION = "distillation only"


def methods(profile: str, seeds: Seeds) -> Plan:
    """Fine-tuning, replay, ContAV-Sep and the upper bound, as the profile has them."""
    return over_seeds(profile, seeds, METHODS)


def sources(profile: str, seeds: Seeds) -> Plan:
    """The same methods with mixtures of three sources, in training and test."""
    return over_seeds(profile, seeds, METHODS, num_sources=3)


def order(profile: str, seeds: Seeds) -> Plan:
    """The same methods with the classes in another order for each seed, and so with other classes in a task."""
    return over_seeds(profile, seeds, METHODS, shuffle_classes=True)


def protocol(profile: str, seeds: Seeds) -> Plan:
    """Fine-tuning, replay and ContAV-Sep with the `USUAL` protocol and with one of the `CHANGES` at a time."""
    variants = {}
    for name in ("fine-tuning", "replay", "ContAV-Sep"):
        variants[name] = METHODS[name] | USUAL
        for change, settings in CHANGES.items():
            if name == "fine-tuning" and "memory_share" in settings:
                continue  # it has no memory: the same run again
            variants[f"{name}, {change}"] = METHODS[name] | USUAL | settings
    return over_seeds(profile, seeds, variants)


def start(profile: str, seeds: Seeds) -> Plan:
    """The contrastive terms in the first task only, in later tasks only, always, and never.

    Without contrastive terms in the first task, all methods share its weights for a seed: what "later tasks only" adds to
    distillation, it adds to the same start; what "first task only" adds is the other start alone.
    """
    variants = {
        ONLY_DISTILLATION: DISTILLATION,
        "contrast in the first task only": dict(method="contav", contrast_when="first"),
        "contrast in later tasks only": dict(method="contav", contrast_when="later"),
        "contrast always (ContAV-Sep)": dict(method="contav", contrast_when="always"),
    }
    return over_seeds(profile, seeds, variants)


def against_replay(results: Mapping[str, Sequence[Result]]) -> dict[str, Family]:
    """Of `sources` and `order`: every method against replay."""
    return {"vs_replay": against_row(results, "replay")}


def against_usual(results: Mapping[str, Sequence[Result]]) -> dict[str, Family]:
    """Of `protocol`: each changed row against the same method as usual, and ContAV-Sep against replay in each protocol."""
    changed = {name: name.split(", ")[0] for name in results if ", " in name}
    pairs = {name: name.replace("ContAV-Sep", "replay") for name in results if name.startswith("ContAV-Sep")}
    return {
        "vs_usual": Family("the same method with the usual protocol", changed),
        "vs_replay": Family("replay with the same protocol", pairs),
    }


def against_distillation(results: Mapping[str, Sequence[Result]]) -> dict[str, Family]:
    """Of `start`: each row against distillation only."""
    return {"vs_distillation": against_row(results, ONLY_DISTILLATION)}
