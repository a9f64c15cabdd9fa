"""Experiments under the names that a reader calls them by, over seeds; those of the notebooks, for the main job."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from contav_lib.config import Config
from contav_lib.datasets.load import load_data
from contav_lib.datasets.minimusic import MUSIC_ORDER
from contav_lib.experiments.executors import HERE, placed, run_all
from contav_lib.experiments.result import Result
from contav_lib.experiments.run import is_finished
from contav_lib.methods.contav import WITHOUT_CROSSSDC
from contav_lib.utils.registry import open_dataset

Name = TypeVar("Name")
Plan = dict[str, list[Config]]  # by what a reader calls it, one experiment a seed
Seeds = int | Sequence[int]  # how many (0, 1, ...), or which
NamedSettings = dict[str, dict[str, Any]]  # settings by what a reader calls them

DISTILLATION: dict[str, Any] = dict(method="contav", **WITHOUT_CROSSSDC)
FIRST_TASK = tuple(MUSIC_ORDER[:5])
THREE_SEPARATORS = ("iquery", "coseparation", "soundofpixels")
# Notebooks 03 and 04: with no help, with a small memory, with what ContAV-Sep adds to it, and with all old clips kept.
FOUR_TASKS: NamedSettings = {
    "fine-tuning": dict(method="finetune"),
    "replay": dict(method="replay"),
    "distillation only": DISTILLATION,
    "ContAV-Sep": dict(method="contav"),
    "upper bound": dict(method="joint"),
}


def single_task(profile: str, seeds: Seeds) -> Plan:
    """Notebook 02: one task of five classes, with the motion of the crop itself and with that of the whole video.

    On `lab` longer than a task among four: here nothing else is to be learned in the time.
    """
    rows: NamedSettings = {"aligned motion": dict(motion="aligned"), "whole-video motion": dict(motion="whole")}
    longer = dict(steps=1000) if profile == "lab" else {}
    return over_seeds(profile, seeds, rows, method="finetune", classes=FIRST_TASK, tasks=1, **longer)


def other_separators(profile: str) -> Plan:
    """Notebook 05: ContAV-Sep in each separator, once each; what seeds decide is read from `contav compare`."""
    return over_seeds(profile, 1, {name: dict(separator=name) for name in THREE_SEPARATORS}, method="contav")


def of_notebooks(profile: str, seeds: Seeds) -> list[Config]:
    """The experiments of all notebooks; one that two notebooks share comes once."""
    plans = over_seeds(profile, seeds, FOUR_TASKS), single_task(profile, seeds), other_separators(profile)
    everything = [config for plan in plans for configs in plan.values() for config in configs]
    return list({config.name: config for config in everything}.values())


def run_plan(
    plan: Mapping[Name, list[Config]], only_stored: bool = False, executor: str = HERE
) -> dict[Name, list[Result]]:
    """Run a plan's experiments side by side, or fetch them where they are stored; results under the plan's names.

    Args:
        only_stored: run nothing; leave out the names whose results are not all there.
        executor: as for `run_all`.
    """
    there = iter(placed([config for configs in plan.values() for config in configs], executor))
    plan = {name: [next(there) for _ in configs] for name, configs in plan.items()}
    if only_stored:
        plan = {name: configs for name, configs in plan.items() if all(map(is_finished, configs))}
    results = iter(run_all([config for configs in plan.values() for config in configs], executor=executor))
    return {name: [next(results) for _ in configs] for name, configs in plan.items()}


def over_seeds(profile: str, seeds: Seeds, rows: Mapping[Name, Mapping], **common) -> dict[Name, list[Config]]:
    """One experiment a row and seed; the settings `common` hold for all rows.

    Raises:
        ValueError: no seed, one given twice, or settings that `Config.profile` refuses.
    """
    numbers = which_seeds(seeds)
    return {
        name: [Config.profile(profile, **common, **settings, seed=seed) for seed in numbers]
        for name, settings in rows.items()
    }


def first_classes(config: Config, count: int) -> tuple[str, ...]:
    """The first classes of a config's data in the order of learning, so many at most."""
    classes = open_dataset(config.data).classes
    if not classes:  # only the clips tell
        corpus = load_data(config.data, config.clips_per_class, config.encoder, config.data_digest, config.on_unusable)
        classes = corpus.classes
    return tuple(classes[:count])


def which_seeds(seeds: Seeds) -> list[int]:
    """Seeds one by one: 3 means 0, 1 and 2.

    Raises:
        ValueError: no seed, one given twice, or something else than whole numbers.
    """
    numbers = range(seeds) if isinstance(seeds, int) else seeds if isinstance(seeds, Iterable) else []
    numbers = [number if isinstance(number, int) else None for number in numbers]
    if not numbers or None in numbers or len(set(numbers)) < len(numbers):
        raise ValueError(
            f"seeds={seeds!r}: give at least one seed, and each only once: how many, as in 3, or which, as in [0, 2]."
        )
    return numbers
