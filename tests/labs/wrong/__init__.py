"""Typical wrong answers to the labs' exercises, one module a lab with the list `WRONG`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Wrong:
    """A wrong answer; all points of the exercise's test are lost.

    Attributes:
        exercise: the `grade_id` of the solution cell that it replaces.
        source: what stands in the cell then.
        hint: words that the feedback holds.
    """

    exercise: str
    source: str
    hint: str
