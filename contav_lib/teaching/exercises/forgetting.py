"""Checkers of notebook 03: forgetting and backward transfer, by hand and as functions; the choice of exemplars."""

import math

import numpy as np
import torch

from contav_lib.continual.exemplars import choose_exemplars
from contav_lib.evaluation.task_matrix import backward_transfer, forgetting
from contav_lib.teaching.behaviour import coded
from contav_lib.teaching.check import NotYet, exercise, require_number

_CLOSE = 0.006  # answers are asked for with two decimals


@exercise("forgetting by hand")
def check_forgetting(answer: object, matrix: np.ndarray) -> str:
    """Check the forgetting of the task matrix `[T, T]`, in dB."""
    given, right, transfer = require_number(answer), float(forgetting(matrix)), float(backward_transfer(matrix))
    drops = _drops(matrix)
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
    changes = _changes(matrix)
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
    if not made and math.isclose(given, right, abs_tol=0.06):
        raise NotYet("close by, but not to two decimals: is it rounded too early?")
    raise NotYet(made[0] if made else "go column by column: each is one task's story, and NaN means not measured.")


def _sum(values: np.ndarray) -> str:
    return f"({' + '.join(f'({value:.1f})' for value in values)}) / {len(values)}"


def _matrices(random):
    for tasks in (4, 2, 6):
        matrix = torch.randint(-100, 100, (tasks, tasks), generator=random).double().numpy() / 10
        yield dict(matrix=np.where(np.tri(tasks, dtype=bool), matrix, np.nan))


_NAN = "it gives NaN: the upper right of the matrix was never measured. Which NumPy functions leave NaN out?"
_ALL = "the newest task counts, too: nothing has come after it yet, so leave it out of the mean."


def _drops(matrix):
    return np.nanmax(matrix[:-1, :-1], axis=0) - matrix[-1, :-1]


def _changes(matrix):
    return (matrix[-1] - np.diag(matrix))[:-1]


coded(
    "forgetting",
    reference=forgetting,
    cases=_matrices,
    mistakes={
        _NAN: lambda r: (r[:-1, :-1].max(0) - r[-1, :-1]).mean(),
        "the sign is turned round: what was lost counts as positive.": lambda r: -_drops(r).mean(),
        "it starts from the diagonal. A task may have been better later than just after it was learned.": (
            lambda r: -_changes(r).mean()
        ),
        "the last row is among those you take the best of, so it can never be negative: which rows came before?": (
            lambda r: (np.nanmax(r, axis=0) - r[-1])[:-1].mean()
        ),
        _ALL: lambda r: _drops(r).sum() / len(r),
        "that is a sum; forgetting is a mean over the old tasks.": lambda r: _drops(r).sum(),
        "you take the best of a row. A task's story is a column.": (
            lambda r: (np.nanmax(r[:-1, :-1], axis=1) - r[-1, :-1]).mean()
        ),
    },
    right="best before the end minus the end, column by column, and the mean over the old tasks.",
    otherwise="try it on the small matrix above, where pencil and paper give 3.17.",
)
coded(
    "backward transfer",
    reference=backward_transfer,
    cases=_matrices,
    mistakes={
        "the sign is turned round: it is positive when later tasks helped.": lambda r: -_changes(r).mean(),
        "that is minus the forgetting: start from the diagonal, not from the best.": lambda r: -_drops(r).mean(),
        _ALL: lambda r: _changes(r).sum() / len(r),
        "that is a sum; backward transfer is a mean over the old tasks.": lambda r: _changes(r).sum(),
        "it gives NaN: the first row was measured for the first task only. Where does each task's story begin?": (
            lambda r: (r[-1] - r[0])[:-1].mean()
        ),
        "you compare with the row before the last, not with the moment just after each task was learned.": (
            lambda r: (r[-1] - r[-2])[:-1].mean()
        ),
    },
    right="the last row minus the diagonal, and the mean over the old tasks.",
    otherwise="try it on the small matrix above, where pencil and paper give -3.00.",
)


def herd(features: np.ndarray, count: int) -> list[int]:
    """Rows of the `count` clips whose mean stays nearest to the mean of `features [clips, D]`, one after the other."""
    return choose_exemplars("herding", count, features, np.random.default_rng())


def _from_mean(features):
    return np.linalg.norm(features - features.mean(0), axis=1)


def _herd(features, count, sign=1, again=False, divide=True):
    chosen: list[int] = []
    total = np.zeros(features.shape[1])
    for number in range(1, count + 1):
        distance = sign * np.linalg.norm(features.mean(0) - (total + features) / (number if divide else 1), axis=1)
        if not again:
            distance[chosen] = np.inf
        chosen.append(int(distance.argmin()))
        total += features[chosen[-1]]
    return chosen


coded(
    "herding",
    reference=herd,
    cases=lambda random: (
        dict(features=1 + torch.randn(*shape, generator=random).numpy(), count=count)
        for *shape, count in ((12, 3, 5), (6, 4, 1), (9, 9, 9))
    ),
    mistakes={
        "you take the clips nearest to the mean, each by itself. The mean of those chosen should come near it.": (
            lambda f, c: np.argsort(_from_mean(f))[:c]
        ),
        "a clip is chosen twice: what is in memory already can't be chosen again.": (
            lambda f, c: _herd(f, c, again=True)
        ),
        "it takes the farthest where it should take the nearest.": lambda f, c: _herd(f, c, sign=-1),
        "it takes the clips farthest from the mean: these are the odd ones.": (
            lambda f, c: np.argsort(-_from_mean(f))[:c]
        ),
        "the sum of those chosen is compared with a mean: divide it by how many they are.": (
            lambda f, c: _herd(f, c, divide=False)
        ),
        "that is diverse, not herding: each next clip is the farthest from those chosen.": (
            lambda f, c: choose_exemplars("diverse", c, f, np.random.default_rng())
        ),
        "the right clips, but sorted: the first chosen comes first, so that a smaller memory keeps the best.": (
            lambda f, c: sorted(herd(f, c))
        ),
    },
    right="each next clip brings the mean of those chosen nearest to the class's mean.",
    otherwise="follow the first two choices by hand: the first is nearest to the mean. Which pair has the nearest mean?",
)
