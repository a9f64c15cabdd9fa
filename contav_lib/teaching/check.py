"""Checks of a learner's answers to the notebooks' exercises."""

import sys
from collections.abc import Callable
from contextlib import redirect_stderr
from dataclasses import dataclass
from html import escape

import numpy as np
import torch

from contav_lib.utils.registry import find_by_name, import_all

Checker = Callable[..., str]
EXERCISES: dict[str, Checker] = {}


class NotYet(Exception):
    """Error raised by a checker for a wrong answer; it says why it is wrong, without giving the answer away."""


class Unanswered(Exception):
    """Error raised by a checker where there is no answer yet; it may say what stands in its place."""


def exercise(name: str) -> Callable[[Checker], Checker]:
    """Function decorator: register the checker of the exercise `name`, in a file of `contav_lib/teaching/exercises/`.

    A checker takes the answer, and by name whatever else it needs. It returns a sentence that explains why the answer is
    right, or raises `NotYet`.
    """

    def register(checker: Checker) -> Checker:
        EXERCISES[name] = checker
        return checker

    return register


@dataclass(frozen=True)
class Feedback:
    """Output of a cell with `check`, or with `predict` and `reveal` (`contav_lib.teaching.guesses`).

    Attributes:
        verdict: "Right", "Not yet" or "Waiting"; of a guess "Noted" or "Result".
        text: why.
    """

    verdict: str
    text: str

    # White on each of these has a contrast of 4.5 and more, whatever theme lies round it; the text is in the theme's colour.
    _LOOKS = {
        "Right": ("✓", "#0072B2"),
        "Not yet": ("✗", "#B84A00"),
        "Waiting": ("…", "#666666"),
        "Noted": ("✎", "#6B5BB0"),
        "Result": ("⇄", "#6B5BB0"),
    }

    def __repr__(self) -> str:
        return f"{self._LOOKS[self.verdict][0]} {self.verdict}: {self.text}"

    def _repr_html_(self) -> str:
        sign, colour = self._LOOKS[self.verdict]
        return (
            f'<div style="border-left: 5px solid {colour}; padding: 0.4em 0.8em">'
            f'<b style="background: {colour}; color: white; padding: 0.1em 0.5em; border-radius: 3px">'
            f"{sign} {self.verdict}</b> {escape(self.text)}</div>"
        )


def check(name: str, answer: object, **given: object) -> Feedback:
    """Say whether an answer to an exercise is right, and if not, why; a wrong answer raises nothing.

    Args:
        name: the exercise's name.
        answer: the learner's; `...`, or a function that returns it, means that there is none yet.
        given: what the checker needs to know beside the answer.

    Raises:
        ValueError: there is no such exercise.
    """
    import_all("contav_lib.teaching.exercises")
    checker = find_by_name(EXERCISES, name, "exercise")
    try:
        if answer is ...:
            raise Unanswered
        return Feedback("Right", checker(answer, **given))
    except Unanswered as gap:
        place = str(gap) or "the three dots"
        return Feedback("Waiting", f"write your answer in place of {place}, and run the cell again.")
    except NotYet as wrong:
        return Feedback("Not yet", str(wrong))
    except (TypeError, ValueError, AttributeError) as error:
        return Feedback("Not yet", f"this answer is of another kind than the question asks for ({error}).")


def require(name: str, answer: object, **given: object) -> None:
    """Demand a right answer to the exercise `name`, as a test that nbgrader counts; else the feedback's words are the error's.

    Args:
        name: the exercise's name.
        answer: the learner's, as for `check`.
        given: as for `check`; a `seed` draws other cases to try a function on.

    Raises:
        AssertionError: the answer is wrong, or there is none yet.
        ValueError: there is no such exercise.
    """
    __tracebackhide__ = True  # the error shows the line of the test, and not this function
    with redirect_stderr(sys.stdout):  # nbgrader takes a warning for an error
        feedback = check(name, answer, **given)
    if feedback.verdict != "Right":
        raise AssertionError(f"{feedback.verdict}: {feedback.text}")


def require_number(answer: object) -> float:
    """Return the answer as a number; raise `NotYet` for anything else."""
    if isinstance(answer, torch.Tensor | np.ndarray | np.generic) and np.prod(answer.shape) == 1:
        answer = answer.item()
    if isinstance(answer, bool) or not isinstance(answer, int | float):
        raise NotYet(f"a number is asked for, and this is a {type(answer).__name__}.")
    return float(answer)
