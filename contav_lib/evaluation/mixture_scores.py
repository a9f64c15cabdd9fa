"""Scores of single test mixtures, as `mixtures.json` holds them; intervals and scores of classes are made of them.

`tasks`: for each task, its own fixed mixtures with the SDR of their sources after every task (a row each, None where not
measured). `seen`: the mixtures across all classes, with all scores, after the last task measured.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from contav_lib.evaluation.metrics import SCORES
from contav_lib.utils.storage import file_errors, read_json

Stored = dict[str, Any]


@dataclass(frozen=True)
class MixtureScores:
    """Scores of M fixed test mixtures of N sources.

    Attributes:
        clips: ids of the clips that are mixed, `[M, N]`.
        labels: their classes, `[M, N]`.
        scores: by name, in dB, `[M, N]`, or `[T, M, N]` after each of T tasks; NaN where there is none.
    """

    clips: np.ndarray
    labels: np.ndarray
    scores: Mapping[str, np.ndarray]

    def of(self, score: str) -> np.ndarray:
        """Score of each mixture, the mean over its sources: `[M]` or `[T, M]`."""
        return self.scores[score].mean(-1)


def name_clips(mixtures: torch.Tensor, ids: Sequence[str], labels: Sequence[str]) -> Stored:
    """Ids and labels of the clips in mixtures, which are given as places in the two lists: `[M, N]` each."""
    places = mixtures.tolist()
    return {
        "clips": [[ids[place] for place in row] for row in places],
        "labels": [[labels[place] for place in row] for row in places],
    }


def no_mixture_scores(mixtures: Sequence[Stored]) -> Stored:
    """Scores of an experiment that has just begun, none yet, from what `name_clips` says of each task's own mixtures."""
    return {"tasks": [{**named, "sdr": [None] * len(mixtures)} for named in mixtures], "seen": None}


def set_task_scores(stored: Stored, task: int, row: int, scores: Mapping[str, torch.Tensor]) -> None:
    """Enter the scores `[M, N]` of a task's own mixtures after the task `row` is learned."""
    stored["tasks"][task]["sdr"][row] = _as_json(scores["sdr"])


def set_seen_scores(stored: Stored, mixtures: Stored, scores: Mapping[str, torch.Tensor]) -> None:
    """Enter all scores `[M, N]` of the mixtures across all seen classes, with their clips as `name_clips` gives them."""
    stored["seen"] = {**mixtures, **{name: _as_json(scores[name]) for name in SCORES}}


def read_mixture_scores(path: Path, measured: int) -> Stored:
    """Read the scores of an experiment of whose tasks `measured` have theirs.

    Raises:
        StorageError: the file is missing, holds something else, or lacks a score.
    """
    stored = read_json(path)
    with file_errors(path):
        for number in range(measured):
            mixtures = task_mixtures(stored, number).scores["sdr"]
            if not all(sdr is not None for sdr in stored["tasks"][number]["sdr"][number:measured]):
                raise ValueError(f"task {number + 1} lacks scores of its mixtures")
            if len(mixtures) != len(stored["tasks"]):
                raise ValueError(f"{len(stored['tasks'])} tasks, but {len(mixtures)} rows for task {number + 1}")
        if measured:
            seen = seen_mixtures(stored)
            # A stop between two files may leave the scores of a later task here; those of the last task must be complete.
            if measured == len(stored["tasks"]) and len(seen.clips) != sum(
                len(task["clips"]) for task in stored["tasks"]
            ):
                raise ValueError(
                    f"{len(seen.clips)} mixtures across all classes, not as many as those of all tasks together"
                )
    return stored


def forget_mixture_scores(stored: Stored, first: int) -> Stored:
    """Drop the scores after task `first` and after all that were learned later."""
    rows = range(len(stored["tasks"]))
    return {
        "tasks": [
            {**task, "sdr": [task["sdr"][row] if row < first else None for row in rows]} for task in stored["tasks"]
        ],
        "seen": stored["seen"] if first >= len(rows) else None,
    }


def seen_mixtures(stored: Stored) -> MixtureScores:
    """The mixtures across all seen classes after the last task measured, all `SCORES`: `[M, N]` each."""
    seen = stored["seen"]
    return _checked(seen, {name: np.array(seen[name], dtype=float) for name in SCORES})


def task_mixtures(stored: Stored, task: int) -> MixtureScores:
    """A task's own mixtures: `sdr` after every task, `[T, M, N]`, NaN where not measured."""
    column = stored["tasks"][task]
    empty = np.full(np.shape(column["clips"]), np.nan)
    rows = [empty if row is None else np.array(row, dtype=float) for row in column["sdr"]]
    return _checked(column, {"sdr": np.stack(rows)})


def _as_json(values: torch.Tensor) -> list:
    """Numbers as nested lists, None for NaN, which JSON does not have."""
    numbers = values.numpy()
    return np.where(np.isnan(numbers), np.array(None), numbers).tolist()


def _checked(mixtures: Stored, scores: Mapping[str, np.ndarray]) -> MixtureScores:
    clips, labels = np.array(mixtures["clips"]), np.array(mixtures["labels"])
    shapes = {clips.shape, labels.shape, *(values.shape[-2:] for values in scores.values())}
    if len(shapes) > 1 or clips.ndim != 2:
        raise ValueError(f"clips, labels and scores of mixtures have the shapes {shapes}")
    return MixtureScores(clips, labels, scores)
