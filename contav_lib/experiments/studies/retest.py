"""Stored separators asked again: on other mixtures, with other questions than in their own test."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import wraps
from typing import Any

import pandas as pd
import torch

from contav_lib.config import Config
from contav_lib.evaluation.ablations import VisualAblation
from contav_lib.evaluation.evaluate import evaluate
from contav_lib.evaluation.metrics import mean_scores
from contav_lib.experiments.result import Result
from contav_lib.experiments.setup import Setup
from contav_lib.experiments.tables import ci95_halfwidth
from contav_lib.mixtures.batch import MixtureSpec
from contav_lib.mixtures.clip_store import ClipStore
from contav_lib.mixtures.fixed import fixed_mixtures
from contav_lib.utils.devices import cpu_threads, pick_device


def setup_of(result: Result) -> Setup:
    """The experiment behind a result made ready again, on the GPU where there is one."""
    return Setup.build(Config.from_json(result.config), pick_device())


def with_its_threads(ask: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator of a function whose first argument is a result: it works with as many threads as the result was made with."""

    @wraps(ask)
    def asked(result: Result, *others: Any, **named: Any) -> Any:
        with cpu_threads(Config.from_json(result.config).threads):
            return ask(result, *others, **named)

    return asked


def require_old_tasks(result: Result) -> None:
    """Raise a ValueError where nothing can be forgotten."""
    if len(result.tasks) < 2:
        raise ValueError("One task has no old classes: give a result of two tasks or more.")


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
            clips = setup_of(run).test
            sources = run.config["num_sources"]
            spec = fixed_mixtures(clips, range(len(run.classes)), mixtures, 0, sources, same_class)
            ablation = by_looks(run, clips) if class_from_vision else None
            scores = mean_scores(evaluated(run, clips, spec, ablation))
            rows[name][f"seed {run.config['seed']}"] = scores["sdr_improvement"]
    return pd.DataFrame.from_dict(rows, orient="index")


@with_its_threads
def evaluated(
    result: Result, clips: ClipStore, spec: MixtureSpec, ablation: VisualAblation | None = None
) -> dict[str, torch.Tensor]:
    """Scores of the final separator on mixtures; all but the result as for `evaluate`."""
    return evaluate(result.separator(device=clips.device), clips, spec, ablation)


def by_looks(result: Result, clips: ClipStore) -> VisualAblation:
    """Replaces the classes of a batch by those that its clips look most like (see `prototypes`)."""
    nearest = result.prototypes(device=clips.device).recognise(clips.object_embeddings()).nearest
    return lambda batch: replace(batch, classes=nearest[batch.videos])


def added_in_another_test(pair: Mapping[str, Sequence[Result]], test: str, **settings: bool) -> str:
    """Scores of `scored_again` without CrossSDC and with it, in this order, and what it adds, as text.

    Args:
        test: what it is called.
        settings: of `scored_again`.
    """
    scores = scored_again(pair, **settings)
    added = (scores.iloc[1] - scores.iloc[0]).to_numpy()
    return (
        f"On {test}, SDR improvement in dB:\n{scores.round(2).to_string()}\n"
        f"CrossSDC adds {added.mean():+.2f} dB; the 95 % interval is {ci95_halfwidth(added):.2f} to either side."
    )
