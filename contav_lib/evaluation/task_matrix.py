"""The scores of an experiment, as `matrix.json` holds them: None where nothing is measured yet."""

from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from contav_lib.evaluation.metrics import SCORES
from contav_lib.utils.storage import file_errors, read_json

Scores = dict[str, Any]


def no_scores(tasks: Sequence[Sequence[str]]) -> Scores:
    """The scores of an experiment that has just begun.

    Args:
        tasks: labels by task.

    Returns:
        `tasks`; `dropped`: test mixtures without a score; `matrix`: the task matrix `[T, T]` by score; `seen`: `[T]` by
        score, on mixtures across all seen classes.
    """
    count = len(tasks)
    return {
        "tasks": tasks,
        "dropped": 0,
        "matrix": {name: [[None] * count for _ in tasks] for name in SCORES},
        "seen": {name: [None] * count for name in SCORES},
    }


def read_scores(path: Path) -> Scores:
    """The stored scores.

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
    return scores


def tasks_measured(scores: Scores) -> int:
    """How many tasks, from the first on, have their scores."""
    return [*scores["seen"]["sdr"], None].index(None)


def set_scores(scores: Scores, table: str, means: Mapping[str, float], task: int, *column: int) -> None:
    """Enter the mean scores measured after a task: row `task` of "seen", or row and column of "matrix"."""
    for name in SCORES:
        rows = scores[table][name]
        *outer, last = task, *column
        for place in outer:
            rows = rows[place]
        rows[last] = means[name] if isfinite(means[name]) else None


def forget_scores(scores: Scores, first: int) -> Scores:
    """The scores without those of task `first` and of all that were learned after it."""
    kept = no_scores(scores["tasks"])
    for name in SCORES:
        for table in ("matrix", "seen"):
            kept[table][name][:first] = scores[table][name][:first]
    return kept
