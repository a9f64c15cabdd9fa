"""Studies, and what each runs and compares: `contav study <name> --profile lab --seeds 3`."""

from collections.abc import Callable
from typing import Any

import pandas as pd

from contav_lib.experiments.plans import DISTILLATION, FIRST_TASK, FOUR_TASKS, THREE_SEPARATORS, NamedSettings
from contav_lib.experiments.studies.class_forgetting import class_forgetting
from contav_lib.experiments.studies.generalisation import generalisation
from contav_lib.experiments.studies.representations import representations
from contav_lib.experiments.studies.study import Family, Results, Study, against
from contav_lib.methods.contav import ContAV

FOUR_METHODS: NamedSettings = {name: settings for name, settings in FOUR_TASKS.items() if name != "distillation only"}
AGAINST_REPLAY = {"vs_replay": against("replay")}

# Which terms of CrossSDC help: the rows of the paper's Table 2, before them replay.
TABLE_2: NamedSettings = {
    each.title or ContAV.title: {"method": "contav", **each.settings} for each in ContAV.variants if each.exemplars == 1
}

# What might let CrossSDC show, and the settings that differ from those of `lab`.
UNCHANGED = "as it is"
SAME_CLASS = "30 % same-class mixtures"
CONDITIONS: NamedSettings = {
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

OTHER_TESTS = {
    SAME_CLASS: ("mixtures of one class", dict(same_class=True)),
    UNCHANGED: ("mixtures whose classes are recognised by their looks, not given", dict(class_from_vision=True)),
}


def with_and_without(conditions: NamedSettings) -> NamedSettings:
    """Each condition without CrossSDC ("<condition>, without") and with it; without, its own settings mean nothing."""
    rows: NamedSettings = {}
    for name, settings in conditions.items():
        rest = {key: settings[key] for key in settings if key not in ("instance_weight", "class_weight", "temperature")}
        rows |= {f"{name}, without": {**rest, **DISTILLATION}, name: {"method": "contav", **settings}}
    return rows


ADDED = {"added": Family("the same without CrossSDC", lambda name: f"{name}, without")}

USUAL: dict[str, Any] = dict(memory_share=0.25, select_on="seen")  # as in the profile `lab`
CHANGES: NamedSettings = {
    # 0.36, 0.53 and 0.63 of the sources in tasks 2 to 4 with 36 clips and one exemplar a class.
    "memory as often as the authors repeat it": dict(memory_share=None),
    "weights selected on new classes": dict(select_on="new"),
    "last weights": dict(select_on="last"),
}


def protocols() -> NamedSettings:
    """Fine-tuning, replay and ContAV-Sep with the `USUAL` protocol, and with one of the `CHANGES` at a time."""
    rows: NamedSettings = {}
    for name in ("fine-tuning", "replay", "ContAV-Sep"):
        rows[name] = FOUR_METHODS[name] | USUAL
        for change, settings in CHANGES.items():
            if name != "fine-tuning" or "memory_share" not in settings:  # it has no memory: the same run again
                rows[f"{name}, {change}"] = FOUR_METHODS[name] | USUAL | settings
    return rows


STUDIES: dict[str, Study] = {
    "terms": Study(
        {"replay": FOUR_TASKS["replay"], **TABLE_2},
        {"replay": against("replay"), "distillation": against("distillation only")},
        paper=True,
    ),
    "needs": Study(with_and_without(CONDITIONS), ADDED, profiles=("lab", "smoke"), other_tests=OTHER_TESTS),
    # What CrossSDC adds where nothing can be forgotten: one task of five classes in every separator.
    "learning": Study(
        with_and_without({name: dict(separator=name) for name in THREE_SEPARATORS}),
        ADDED,
        dict(classes=FIRST_TASK, tasks=1),
    ),
    # Do the methods keep their order with three sources; with the classes in another order for each seed?
    "sources": Study(FOUR_METHODS, AGAINST_REPLAY, dict(num_sources=3)),
    "order": Study(FOUR_METHODS, AGAINST_REPLAY, dict(shuffle_classes=True)),
    "protocol": Study(
        protocols(),
        {
            "vs_usual": Family("the same method with the usual protocol", lambda name: name.split(", ")[0]),
            "vs_replay": Family("replay with the same protocol", lambda name: name.replace("ContAV-Sep", "replay")),
        },
    ),
    # Without contrastive terms in the first task, all methods share its weights for a seed: what "later tasks only" adds to
    # distillation, it adds to the same start; what "first task only" adds is the other start alone.
    "start": Study(
        {
            "distillation only": DISTILLATION,
            "contrast in the first task only": dict(method="contav", contrast_when="first"),
            "contrast in later tasks only": dict(method="contav", contrast_when="later"),
            "contrast always (ContAV-Sep)": dict(method="contav", contrast_when="always"),
        },
        {"vs_distillation": against("distillation only")},
    ),
}
# Measurements of the stored separators of `FOUR_METHODS`, each a table.
MEASUREMENTS: dict[str, Callable[[Results], pd.DataFrame]] = {
    "generalisation": generalisation,
    "classes": class_forgetting,
    "representations": representations,
}
