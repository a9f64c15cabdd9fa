"""Checkers of lab 3: forgetting, backward transfer, what is retained above doing nothing, intransigence, draws of clips."""

from warnings import catch_warnings, simplefilter

import numpy as np
import torch

from contav_lib.teaching.behaviour import coded


def forgetting_per_task(matrices: np.ndarray) -> np.ndarray:
    """Forgetting of each old task, `[S, T - 1]` in dB, from matrices `[S, T, T]` of S runs (Chaudhry et al. 2018, eq. 3)."""
    return _best(matrices[:, :-1, :-1]) - matrices[:, -1, :-1]


def _best(rows):
    with catch_warnings():
        simplefilter("ignore", RuntimeWarning)  # of a column that is all NaN, in a mistake
        return np.nanmax(rows, axis=1)


def _diagonal(matrices, age=0):
    return np.diagonal(matrices, offset=-age, axis1=1, axis2=2)


def _matrices(random, runs, tasks):
    matrices = torch.randint(-100, 100, (runs, tasks, tasks), generator=random).double().numpy() / 10
    return np.where(np.tri(tasks, dtype=bool), matrices, np.nan)


SIZES = (5, 4), (1, 2), (4, 4), (2, 6)  # more runs than tasks first: then the shape tells one axis from another

coded(
    "lab 3: forgetting per task",
    reference=forgetting_per_task,
    cases=lambda random: (dict(matrices=_matrices(random, *size)) for size in SIZES),
    many=lambda random: dict(matrices=_matrices(random, 3000, 4)),
    mistakes={
        "it gives NaN: what was never measured is NaN. Which NumPy functions leave it out?": (
            lambda r: r[:, :-1, :-1].max(1) - r[:, -1, :-1]
        ),
        "the sign is turned round: what was lost counts as positive.": lambda r: -forgetting_per_task(r),
        "it starts from the diagonal. A task may have been better later than just after it was learned.": (
            lambda r: _diagonal(r)[:, :-1] - r[:, -1, :-1]
        ),
        "the last row is among those you take the best of, so a task that ends better than ever counts as 0.": (
            lambda r: _best(r)[:, :-1] - r[:, -1, :-1]
        ),
        "the newest task is among the columns: nothing has come after it, so it can't be lost yet.": (
            lambda r: _best(r) - r[:, -1]
        ),
        "you take the best of a row. A task's story is a column: which axis do the rows lie along, with the runs before?": (
            lambda r: np.nanmax(r[:, :-1, :-1], axis=2) - r[:, -1, :-1]
        ),
        "you have averaged over the tasks; here each old task keeps a number of its own.": (
            lambda r: forgetting_per_task(r).mean(1, keepdims=True)
        ),
    },
    right="best before the end minus the end, for each old task of each run; nothing is averaged yet.",
    otherwise="take one run and one old task: its column, without the last row, has a best score. What is left at the end?",
)


def backward_transfer_by_age(matrices: np.ndarray) -> np.ndarray:
    """Mean change `[S, T - 1]` in dB of tasks 1, 2, ... T - 1 tasks after they were learned, from matrices `[S, T, T]`."""
    ages = range(1, matrices.shape[1])
    return np.stack([(_diagonal(matrices, age) - _diagonal(matrices)[:, :-age]).mean(1) for age in ages], axis=1)


def _ages(matrices, change):
    return np.stack([change(matrices, age) for age in range(1, matrices.shape[1])], axis=1)


coded(
    "lab 3: backward transfer by age",
    reference=backward_transfer_by_age,
    cases=lambda random: (dict(matrices=_matrices(random, *size)) for size in SIZES),
    many=lambda random: dict(matrices=_matrices(random, 3000, 4)),
    mistakes={
        "the sign is turned round: a loss is a negative change.": lambda r: -backward_transfer_by_age(r),
        "that is the change since the task before. It should be the change since each task was learned.": (
            lambda r: _ages(r, lambda m, k: (_diagonal(m, k) - _diagonal(m, k - 1)[:, : m.shape[1] - k]).mean(1))
        ),
        "these are sums; at age k there are T - k tasks to average over.": (
            lambda r: _ages(r, lambda m, k: (_diagonal(m, k) - _diagonal(m)[:, :-k]).sum(1))
        ),
        "you divide by the number of all old tasks; at age k only T - k tasks are that old.": (
            lambda r: _ages(r, lambda m, k: (_diagonal(m, k) - _diagonal(m)[:, :-k]).sum(1) / (m.shape[1] - 1))
        ),
        "you take the wrong end of the diagonal: the score k rows below R[j, j] stands in the same column j.": (
            lambda r: _ages(r, lambda m, k: (_diagonal(m, k) - _diagonal(m)[:, k:]).mean(1))
        ),
        "these are scores, not changes: what did each task have just after it was learned?": (
            lambda r: _ages(r, lambda m, k: _diagonal(m, k).mean(1))
        ),
        "that is the last row by task. The age is how many tasks came after, and tasks of one age lie on a diagonal.": (
            lambda r: (r[:, -1] - _diagonal(r))[:, :-1]
        ),
        "that is the last row by age. All tasks that were ever so old count, not only those at the end.": (
            lambda r: (r[:, -1] - _diagonal(r))[:, -2::-1]
        ),
        "these places lie above the diagonal, where nothing was measured yet: which offset goes below it?": (
            lambda r: _ages(r, lambda m, k: (_diagonal(m, -k) - _diagonal(m)[:, :-k]).mean(1))
        ),
    },
    right="the k-th diagonal below the main one, minus the scores just after learning, averaged over T - k tasks.",
    otherwise="for age 1, go down one row from each place of the diagonal. How many such steps are there, and what changes?",
)


def retained_fraction(matrices: np.ndarray, floor: np.ndarray) -> np.ndarray:
    """Share `[S, T - 1]` of each old task's skill that is left at the end; `floor [T]` in dB is what doing nothing scores.

    Skill is what lies above the floor, as it was just after learning, and counts as 1 dB at least.
    """
    return _share(matrices, floor, lambda skill: np.maximum(skill, 1))


def _share(matrices, floor, least):
    skill = _diagonal(matrices) - floor
    return ((matrices[:, -1] - floor) / least(skill))[:, :-1]


def _with_floor(random, runs, tasks):
    matrices = _matrices(random, runs, tasks)
    return dict(matrices=matrices, floor=torch.randn(tasks, generator=random).double().numpy())


coded(
    "lab 3: retained fraction",
    reference=retained_fraction,
    cases=lambda random: (_with_floor(random, *size) for size in SIZES),
    many=lambda random: _with_floor(random, 3000, 4),
    mistakes={
        "it divides decibels by decibels. A separator that does nothing has some, too: take the floor away first.": (
            lambda r, f: _share(r, 0 * f, lambda skill: np.maximum(skill, 1))
        ),
        "a task that was hardly learned has a skill near 0 or below, and the share runs off: where does 1 dB come in?": (
            lambda r, f: _share(r, f, lambda skill: skill)
        ),
        "the floor is taken away below the line only.": (
            lambda r, f: (r[:, -1] / np.maximum(_diagonal(r) - f, 1))[:, :-1]
        ),
        "the floor is taken away above the line only.": (
            lambda r, f: ((r[:, -1] - f) / np.maximum(_diagonal(r), 1))[:, :-1]
        ),
        "1 dB is added to the skill; it should be the least that a skill counts as.": (
            lambda r, f: _share(r, f, lambda skill: skill + 1)
        ),
        "that is the share that was lost.": lambda r, f: 1 - retained_fraction(r, f),
        "shares below 0 are cut off. Worse than doing nothing is possible, and should be seen.": (
            lambda r, f: np.maximum(retained_fraction(r, f), 0)
        ),
        "shares below 0 and above 1 are cut off. Both are possible, and should be seen.": (
            lambda r, f: np.clip(retained_fraction(r, f), 0, 1)
        ),
        "the 1 dB counts from the floor up: take the floor away first.": (
            lambda r, f: ((r[:, -1] - f) / (np.maximum(_diagonal(r), 1) - f))[:, :-1]
        ),
        "that is the last column, of the newest task. What is left of all tasks at the end is the last row.": (
            lambda r, f: ((r[:, :, -1] - f) / np.maximum(_diagonal(r) - f, 1))[:, :-1]
        ),
        "the newest task has had no later one: leave its column out.": (
            lambda r, f: (r[:, -1] - f) / np.maximum(_diagonal(r) - f, 1)
        ),
        "it starts from the best score; the skill is what a task had just after it was learned.": (
            lambda r, f: (r[:, -1] - f)[:, :-1] / np.maximum(_best(r[:, :-1, :-1]) - f[:-1], 1)
        ),
    },
    right="1 keeps all, 0 is no better than doing nothing, and below 0 it would be better to switch the separator off.",
    otherwise="take one task: floor 0.5 dB, learned 6.5, at the end 2. Which share of the 6 dB above the floor is left?",
)


def intransigence(matrices: np.ndarray, joint: np.ndarray) -> np.ndarray:
    """Mean over tasks j from 2 to T of the upper bound's R[j, j] minus the method's, `[S]` in dB (Chaudhry et al. 2018)."""
    return (_diagonal(joint) - _diagonal(matrices))[:, 1:].mean(1)


def _with_joint(random, runs, tasks):
    return dict(matrices=_matrices(random, runs, tasks), joint=_matrices(random, runs, tasks))


coded(
    "lab 3: intransigence",
    reference=intransigence,
    cases=lambda random: (_with_joint(random, *size) for size in SIZES),
    many=lambda random: _with_joint(random, 3000, 4),
    mistakes={
        "the sign is turned round: it is positive where the method learned less than the upper bound.": (
            lambda r, j: -intransigence(r, j)
        ),
        "task 1 is counted, too. All methods learn it alike, with nothing to hold on to.": (
            lambda r, j: (_diagonal(j) - _diagonal(r)).mean(1)
        ),
        "the newest task is left out. Here it counts, for it was new once; which one had nothing to hold on to?": (
            lambda r, j: (_diagonal(j) - _diagonal(r))[:, :-1].mean(1)
        ),
        "you compare the last rows, which mix what was not learned with what was forgotten. When is a task just learned?": (
            lambda r, j: (j[:, -1] - r[:, -1])[:, 1:].mean(1)
        ),
        "the upper bound's last row is of the end; take its score, too, at the time when the task was new.": (
            lambda r, j: (j[:, -1] - _diagonal(r))[:, 1:].mean(1)
        ),
        "that is a sum over tasks; a mean is asked for.": lambda r, j: (_diagonal(j) - _diagonal(r))[:, 1:].sum(1),
        "distances of both signs should cancel: a method may learn a task better than the upper bound.": (
            lambda r, j: np.abs(_diagonal(j) - _diagonal(r))[:, 1:].mean(1)
        ),
    },
    right="the two diagonals, from task 2 on: what was never learned needs no forgetting.",
    otherwise="write both diagonals of one run side by side. Which of their places tell of a new task beside old ones?",
)


def expected_draws(new: int, memory: int, share: float, draws: int) -> torch.Tensor:
    """Expected times `[new + memory]` that each clip is drawn, the new ones first; `share` of the draws are of the memory."""
    return _each(new, memory, share, lambda s: draws * (1 - s) / new, lambda s: draws * s / memory)


def _each(new, memory, share, of_new, of_memory):
    share = share if memory else 0
    of_each = [of_new(share)] * new + ([of_memory(share)] * memory if memory else [])
    return torch.tensor(of_each, dtype=torch.float32)


def _draws(random):
    for memory, draws in ((5, 1440), (1, 60), (0, 240), (9, 1000)):
        new = int(torch.randint(20, 200, (1,), generator=random))
        share = round(float(torch.rand(1, generator=random)) * 0.8 + 0.1, 2)
        yield dict(new=new, memory=memory, share=share, draws=draws)


coded(
    "lab 3: expected draws",
    reference=expected_draws,
    cases=_draws,
    mistakes={
        "without a memory it divides by 0, or draws too little: then all draws are of new clips.": (
            lambda n, m, s, d: torch.tensor([d * (1 - s) / n] * n + [d * s / m if m else 0] * m)
        ),
        "the shares are exchanged: `share` is what the memory gets.": (
            lambda n, m, s, d: _each(n, m, s, lambda s: d * (s if m else 1) / n, lambda s: d * (1 - s) / m)
        ),
        "the memory's clips come first; they should follow the new ones.": (
            lambda n, m, s, d: expected_draws(n, m, s, d).roll(m)
        ),
        "all clips are drawn alike. Then a few clips among many new ones would hardly be heard.": (
            lambda n, m, s, d: torch.full((n + m,), d / (n + m))
        ),
        "you divide both by the number of all clips; each part shares its draws among its own clips.": (
            lambda n, m, s, d: _each(n, m, s, lambda s: d * (1 - s) / (n + m), lambda s: d * s / (n + m))
        ),
        "these are chances that sum to 1; the times sum to the number of draws.": (
            lambda n, m, s, d: expected_draws(n, m, s, 1)
        ),
        "these are the draws of a whole part, given to each of its clips: they share them.": (
            lambda n, m, s, d: _each(n, m, s, lambda s: d * (1 - s), lambda s: d * s)
        ),
    },
    right="the memory's few clips share its part of the draws, and so each of them is heard far more often than a new one.",
    otherwise="with 100 draws and a share of 0.25 the memory gets 25. How many does each of its 5 clips get, and each new one?",
)
