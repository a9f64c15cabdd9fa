"""Checkers of notebook 03: forgetting and backward transfer, worked out by hand from a task matrix."""

import math

import numpy as np

from contav_lib.evaluation.task_matrix import backward_transfer, forgetting
from contav_lib.teaching.check import NotYet, exercise, require_number

_CLOSE = 0.006  # answers are asked for with two decimals


@exercise("forgetting by hand")
def check_forgetting(answer: object, matrix: np.ndarray) -> str:
    """Check the forgetting of the task matrix `[T, T]`, in dB."""
    given, right, transfer = require_number(answer), float(forgetting(matrix)), float(backward_transfer(matrix))
    drops = np.nanmax(matrix[:-1, :-1], axis=0) - matrix[-1, :-1]
    mistakes = {
        -right: "the size is right, but forgetting counts a loss as positive: best minus last.",
        -transfer: "you subtracted from the diagonal. Forgetting starts from the best score a task ever had, and one "
        "task here became better after it was learned.",
        drops.sum() / len(matrix): "the sum is right, but the newest task can't be forgotten yet: average over the old "
        "tasks only.",
        drops.sum(): "that is the sum of the drops; forgetting is their mean over the old tasks.",
        drops.max(): "that is the drop of a single task; forgetting is the mean over all old tasks.",
    }
    return _check(given, right, mistakes, "best minus last for each old task, then the mean: " + _sum(drops))


@exercise("backward transfer by hand")
def check_backward_transfer(answer: object, matrix: np.ndarray) -> str:
    """Check the backward transfer of the task matrix `[T, T]`, in dB."""
    given, right, forgotten = require_number(answer), float(backward_transfer(matrix)), float(forgetting(matrix))
    changes = (matrix[-1] - np.diag(matrix))[:-1]
    mistakes = {
        -right: "the size is right, but the sign says which way it went: last minus the score just after learning.",
        -forgotten: "that is minus the forgetting. Backward transfer starts from the diagonal, not from the best.",
        changes.sum() / len(matrix): "the sum is right, but the newest task has had no later task: average over the "
        "old tasks only.",
    }
    return _check(given, right, mistakes, "last row minus diagonal for each old task, then the mean: " + _sum(changes))


def _check(given: float, right: float, mistakes: dict[float, str], why: str) -> str:
    if math.isclose(given, right, abs_tol=_CLOSE):
        return f"{why} = {right:.2f} dB."
    made = [explanation for value, explanation in mistakes.items() if math.isclose(given, value, abs_tol=_CLOSE)]
    raise NotYet(made[0] if made else "go column by column: each is one task's story, and NaN means not measured.")


def _sum(values: np.ndarray) -> str:
    return f"({' + '.join(f'({value:.1f})' for value in values)}) / {len(values)}"
