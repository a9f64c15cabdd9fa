"""The checkers of the lessons as tests that nbgrader can count."""

import sys
from contextlib import redirect_stderr

from contav_lib.teaching.check import check


def require(name: str, answer: object, seed: int = 0, **given: object) -> None:
    """Demand a right answer to the exercise `name`; else the feedback's words are the error's.

    Args:
        name: the exercise's name.
        answer: the learner's, as for `check`.
        seed: draws other cases to try a function on; 0 draws those of `check`.
        given: what the checker needs to know beside the answer.

    Raises:
        AssertionError: the answer is wrong, or there is none yet.
        ValueError: there is no such exercise.
    """
    __tracebackhide__ = True  # the error shows the line of the test, and not this function
    with redirect_stderr(sys.stdout):  # nbgrader takes a warning for an error
        feedback = check(name, answer, **({"seed": seed} if seed else {}), **given)
    if feedback.verdict != "Right":
        raise AssertionError(f"{feedback.verdict}: {feedback.text}")
