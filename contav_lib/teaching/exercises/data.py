"""Checkers of notebook 01: the log-frequency axis, the reach of a sigmoid, the size of the memory; two kinds of masks."""

from math import sqrt

import torch

from contav_lib.audio import SAMPLE_RATE, ratio_masks
from contav_lib.teaching.behaviour import coded
from contav_lib.teaching.check import NotYet, exercise, require_number


@exercise("middle of the log-frequency axis")
def check_middle(answer: object) -> str:
    """Check the frequency in Hz halfway up the log-frequency axis."""
    hertz, top = require_number(answer), SAMPLE_RATE / 2
    right = (sqrt(21) - 1) / 20 * top
    if abs(hertz - right) < 0.02 * right:
        return f"{right:.0f} Hz: half of the picture shows what lies below, where most notes and their first harmonics are."
    if abs(hertz - sqrt(21)) < 0.05:
        raise NotYet(
            "that is 21 to the power of 1/2. The formula goes on: 1 is taken away, and the rest divided by 20."
        )
    if hertz < 5:
        raise NotYet(
            f"{hertz:.3g} is a fraction of the axis, not a frequency: multiply it by the highest frequency, {top:g} Hz."
        )
    if abs(hertz - top / 2) < 0.02 * top:
        raise NotYet("that is the middle of the linear axis. Put i = (F - 1) / 2 into the formula above.")
    if abs(hertz - 20 * right) < 0.4 * right:
        raise NotYet("nearly: the formula divides by 20 at the end.")
    side = "low" if hertz < right else "high"
    raise NotYet(f"too {side}. With i = (F - 1) / 2 the exponent is 1/2; the answer is in Hz.")


@exercise("what a sigmoid can't reach")
def check_reach(answer: object) -> str:
    """Check the error left where the true mask is 3 and a sigmoid answers."""
    error = require_number(answer)
    if abs(error - 2) < 1e-6:
        return "the true mask is 3 / |3 - 4| = 3, and a sigmoid ends at 1. The loss can't push the rest away."
    if abs(error - 3) < 1e-6:
        raise NotYet("3 is the true mask, 3 / |3 - 4|. How near can an answer between 0 and 1 come to it?")
    if abs(error - 0) < 1e-6:
        raise NotYet("opposite phases make the mixture quieter than the source: its magnitude is 4 - 3 = 1.")
    if abs(error - 3 / 7) < 1e-2 or abs(error - 4 / 7) < 1e-2:
        raise NotYet("you added the magnitudes. Opposite phases cancel: the mixture's magnitude is 4 - 3.")
    raise NotYet(
        "work out the mixture's magnitude first (opposite phases), then 3 divided by it, then the distance to 1."
    )


@exercise("exemplars in memory")
def check_exemplars(answer: object, tasks: int, classes: int, exemplars: int, task: int) -> str:
    """Check the number of exemplars in memory while learning `task`, one of `tasks` that share `classes` equally."""
    count, per_task = require_number(answer), classes // tasks
    right = (task - 1) * per_task * exemplars
    if count == right:
        return f"{task - 1} tasks of {per_task} classes came before, each class left {exemplars}: {right}."
    if count == task * per_task * exemplars:
        raise NotYet("that counts the classes of this task, too; their exemplars are drawn only when the task ends.")
    if count == (task - 1) * exemplars:
        raise NotYet("that counts tasks. Exemplars are kept for every class of a task.")
    if count == (task - 1) * per_task:
        raise NotYet(f"right for one exemplar a class; here each class leaves {exemplars}.")
    raise NotYet("count the classes of the tasks that came before, then multiply by the exemplars a class.")


def _mixtures(random):
    magnitudes, mixture = torch.rand(2, 3, 8, 5, generator=random), 2 * torch.rand(2, 1, 8, 5, generator=random)
    yield dict(magnitudes=magnitudes, mixture=mixture)
    is_loud = torch.arange(5) > 2
    yield dict(magnitudes=magnitudes * is_loud, mixture=mixture * is_loud)


coded(
    "ratio mask",
    reference=ratio_masks,
    cases=_mixtures,
    many=lambda random: dict(
        magnitudes=torch.rand(4000, 2, 4, 4, generator=random), mixture=torch.rand(4000, 1, 4, 4, generator=random)
    ),
    mistakes={
        "some of these masks are far too large: which range was asked for?": lambda m, s: m / (s + 1e-10),
        "two things are missing: the range that was asked for, and what keeps the lower number away from 0 in silence.": (
            lambda m, s: m / s
        ),
        "it cuts off too early: where waves cancel, a part is louder than the mixture.": (
            lambda m, s: (m / (s + 1e-10)).clamp(0, 1)
        ),
        "you divide by the sum of the parts' magnitudes. Waves cancel, so the mixture is another thing.": (
            lambda m, s: m / (m.sum(1, keepdim=True) + 1e-10)
        ),
        "it is upside down: who is a share of whom?": lambda m, s: (s / (m + 1e-10)).clamp(0, 5),
        "that is a share of power; eq. 1 has magnitudes.": lambda m, s: (m.square() / (s.square() + 1e-10)).clamp(0, 5),
        "that is what the mask takes away, not what it lets through.": lambda m, s: (1 - m / (s + 1e-10)).clamp(0, 5),
        "in silence it divides 0 by 0: what keeps the lower number away from 0?": lambda m, s: (m / s).clamp(0, 5),
    },
    right="each part's magnitude over the mixture's, kept between 0 and 5, and 0 where all is silent.",
    otherwise="take one pixel, with parts of magnitude 3 and 4 and a mixture of 5: which two masks should come out?",
)


def template_masks(crops: torch.Tensor) -> torch.Tensor:
    """Masks `[N, F]` of N classes, the same in every frame, from magnitudes `[N, C, F, T]` of C training crops of each."""
    return _shares(_spectra(crops.square().mean(3)))


def _spectra(power):
    return (power / power.sum(2, keepdim=True)).mean(1)


def _shares(spectra):
    return spectra / spectra.sum(0).clamp(min=1e-12)


def _crops(random):
    loud = torch.rand(3, 4, 1, 1, generator=random) * 10
    crops = loud * torch.rand(3, 4, 8, 5, generator=random)
    yield dict(crops=crops)
    crops[:, :, 6:] = 0  # rows where no class has anything
    yield dict(crops=crops[:2])


coded(
    "class spectra to masks",
    reference=template_masks,
    cases=_crops,
    many=lambda random: dict(crops=torch.rand(2, 5000, 4, 4, generator=random)),
    mistakes={
        "power is the square of the magnitude.": lambda c: _shares(_spectra(c.mean(3))),
        "you square the mean; the mean power is the mean of the squares.": (
            lambda c: _shares(_spectra(c.mean(3).square()))
        ),
        "a loud crop counts for more than a soft one: scale each crop's spectrum before you average.": (
            lambda c: _shares(c.square().mean((1, 3)))
        ),
        "these are the spectra, each of sum 1. The masks of all classes should sum to 1 in every row.": (
            lambda c: _spectra(c.square().mean(3))
        ),
        "all or nothing: a mask is a share here, and the loudest class does not take all.": (
            lambda c: (template_masks(c) == template_masks(c).amax(0)).float()
        ),
        "where no class has any power it divides 0 by 0.": (lambda c: (s := _spectra(c.square().mean(3))) / s.sum(0)),
    },
    right="a mean of power spectra of sum 1 for each class, and each class's share of their sum.",
    otherwise="go in three steps: a spectrum a crop, a mean a class, a share a row. What should each sum to?",
)
