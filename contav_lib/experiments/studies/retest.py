"""Stored separators asked again: on another split, on other mixtures, with other questions than in their own test."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from contav_lib.config import Config
from contav_lib.continual.tasks import Task, make_schedule
from contav_lib.evaluation.ablations import VisualAblation
from contav_lib.evaluation.evaluate import evaluate
from contav_lib.evaluation.metrics import mean_scores
from contav_lib.experiments.result import Result
from contav_lib.experiments.setup import Setup
from contav_lib.mixtures.clip_store import ClipStore
from contav_lib.mixtures.fixed import fixed_mixtures
from contav_lib.utils.devices import pick_device


def bank_of(result: Result, split: str) -> ClipStore:
    """The clips of one split of an experiment's data, on the GPU where there is one.

    Raises:
        ValueError: the data have no such split.
    """
    return setup_of(result).bank(split)


def setup_of(result: Result) -> Setup:
    """The experiment behind a result made ready again, on the GPU where there is one."""
    return Setup.build(Config.from_json(result.config), pick_device())


def tasks_of(result: Result, bank: ClipStore) -> list[Task]:
    """An experiment's tasks, with their clips in a bank of any split; nothing is remembered."""
    return make_schedule([result.classes[number] for number in bank.classes.tolist()], result.tasks, exemplars=0)


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
    rows: dict[str, dict[str, float]] = {}
    for name, runs in results.items():
        rows[name] = {}
        for run in runs:
            bank = bank_of(run, "test")
            sources = run.config["num_sources"]
            spec = fixed_mixtures(bank, range(len(run.classes)), mixtures, 0, sources, same_class)
            ablation = by_looks(run, bank) if class_from_vision else None
            scores = mean_scores(evaluate(run.separator(device=bank.device), bank, spec, ablation))
            rows[name][f"seed {run.config['seed']}"] = scores["sdr_improvement"]
    return pd.DataFrame.from_dict(rows, orient="index")


def by_looks(result: Result, bank: ClipStore) -> VisualAblation:
    """Replaces the classes of a batch by those that its clips look most like (see `prototypes`)."""
    nearest = result.prototypes(device=bank.device).recognise(bank.object_embeddings()).nearest
    return lambda batch: replace(batch, classes=nearest[batch.videos])
