"""The task matrix, how it is stored in `matrix.json`, and what it says: average, forgetting, backward transfer.

R[i, j] is the score on task j's fixed test mixtures after learning task i; None in the file, NaN in the array, where
nothing is measured yet.
"""

from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from contav_lib.evaluation.metrics import SCORES
from contav_lib.utils.storage import file_errors, read_json

Scores = dict[str, Any]


def no_scores(tasks: Sequence[Sequence[str]]) -> Scores:
    """Scores of an experiment that has just begun, none yet.

    Args:
        tasks: labels by task.

    Returns:
        `tasks`; `measured`: tasks that have their scores, though these may be None where all is silent; `dropped`: test
        mixtures without a score; `matrix`: the task matrix `[T, T]` by score; `seen`: `[T]` by score, on mixtures across
        all seen classes.
    """
    count = len(tasks)
    return {
        "tasks": tasks,
        "measured": 0,
        "dropped": 0,
        "matrix": {name: [[None] * count for _ in tasks] for name in SCORES},
        "seen": {name: [None] * count for name in SCORES},
    }


def read_scores(path: Path) -> Scores:
    """Read the stored scores.

    Raises:
        StorageError: the file is missing, or holds something else.
    """
    scores = read_json(path)
    with file_errors(path):
        count = len(scores["tasks"])
        for name in SCORES:
            shapes = [np.array(scores[table][name], dtype=float).shape for table in ("matrix", "seen")]
            if shapes != [(count, count), (count,)]:
                raise ValueError(f"{count} tasks, but tables of {name} of the shapes {shapes}")
        scores["dropped"]  # must be there, too
        told_by_numbers = [*scores["seen"]["sdr"], None].index(None)  # files of before do not say it
        if scores.setdefault("measured", told_by_numbers) not in range(told_by_numbers, count + 1):
            raise ValueError(f"{scores['measured']!r} tasks measured, but scores of {told_by_numbers} of {count}")
    return scores


def tasks_measured(scores: Scores) -> int:
    """Number of tasks, from the first on, that have their scores."""
    return scores["measured"]


def set_scores(scores: Scores, table: str, means: Mapping[str, float], task: int, *column: int) -> None:
    """Enter the mean scores measured after a task: row `task` of "seen", its last ones, or row and column of "matrix"."""
    if table == "seen":
        scores["measured"] = task + 1
    for name in SCORES:
        rows = scores[table][name]
        *outer, last = task, *column
        for place in outer:
            rows = rows[place]
        rows[last] = means[name] if isfinite(means[name]) else None


def forget_scores(scores: Scores, first: int) -> Scores:
    """Drop the scores of task `first` and of all that were learned after it."""
    kept = no_scores(scores["tasks"])
    kept["measured"] = min(scores["measured"], first)
    if first >= scores["measured"]:
        kept["dropped"] = scores["dropped"]
    for name in SCORES:
        for table in ("matrix", "seen"):
            kept[table][name][:first] = scores[table][name][:first]
    return kept


def average(matrix: np.ndarray) -> float:
    """Mean over the seen tasks, after the last one learned: the mean of R's last measured row."""
    return float(np.nanmean(matrix[_measured(matrix) - 1]))


def forgetting(matrix: np.ndarray) -> np.ndarray:
    """Mean over old tasks j of `max over i < T of R[i, j]`, minus `R[T, j]` (Chaudhry et al. 2018, their eq. 3).

    Negative where old tasks end better than they ever were before; 0 while there is one task only; NaN where an old task
    was never measured before the last row.

    Args:
        matrix: R `[T, T]`, or several, `[..., T, T]`, all measured up to the same task.

    Returns:
        `[...]`: one number a matrix.
    """
    old = _measured(matrix) - 1
    if not old:
        return np.zeros(np.shape(matrix)[:-2])
    best = np.fmax.reduce(matrix[..., :old, :old], axis=-2)
    return np.mean(best - matrix[..., old, :old], axis=-1)


def backward_transfer(matrix: np.ndarray) -> np.ndarray:
    """Mean over old tasks j of `R[T, j] - R[j, j]` (Lopez-Paz and Ranzato 2017); 0 while there is one task only.

    Arguments and what is returned: as for `forgetting`.
    """
    old = _measured(matrix) - 1
    if not old:
        return np.zeros(np.shape(matrix)[:-2])
    learned = np.diagonal(matrix, axis1=-2, axis2=-1)[..., :old]
    return np.mean(matrix[..., old, :old] - learned, axis=-1)


def _measured(matrix: np.ndarray) -> int:
    """Number of tasks learned so far."""
    if np.ndim(matrix) < 2 or matrix.shape[-1] != matrix.shape[-2]:
        raise ValueError(f"A task matrix is square, [T, T]; this one is {np.shape(matrix)}.")
    of_row = (*range(matrix.ndim - 2), matrix.ndim - 1)
    rows = np.flatnonzero(~np.isnan(matrix).all(axis=of_row))
    if not len(rows):
        raise ValueError("The task matrix is all NaN: nothing has been measured yet.")
    return int(rows[-1]) + 1
