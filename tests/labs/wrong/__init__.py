"""Typical wrong answers to the labs' exercises, one module a lab with the list `WRONG`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Wrong:
    """A wrong answer.

    Attributes:
        exercise: the `grade_id` of the solution cell that it replaces.
        source: what stands in the cell then.
        loses: the points that are lost, by the `grade_id` of test cells.
        hint: words that the feedback holds.
    """

    exercise: str
    source: str
    loses: dict[str, float]
    hint: str
