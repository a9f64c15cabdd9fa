"""Checkers of notebook 01: the log-frequency axis, the reach of a sigmoid, the size of the memory."""

from math import sqrt

from contav_lib.audio import SAMPLE_RATE
from contav_lib.teaching.check import NotYet, exercise, require_number


@exercise("middle of the log-frequency axis")
def check_middle(answer: object) -> str:
    """Check the frequency in Hz halfway up the log-frequency axis."""
    hertz, top = require_number(answer), SAMPLE_RATE / 2
    right = (sqrt(21) - 1) / 20 * top
    if abs(hertz - right) < 0.02 * right:
        return f"{right:.0f} Hz: half of the picture shows what lies below, where most notes and their first harmonics are."
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
