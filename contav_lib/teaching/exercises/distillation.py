"""Checkers of notebook 04: what the contrastive losses compare, and what they cost when nothing is known."""

import math

import numpy as np

from contav_lib.teaching.check import NotYet, exercise, require_number


@exercise("loss of indifference")
def check_indifference(answer: object, rows: int) -> str:
    """Check the contrastive loss of `rows` rows whose similarities are all equal."""
    given, right = require_number(answer), math.log(rows)
    mistakes = {
        0.0: "0 would mean that every anchor is certain of its positives. Here it can't tell them from the rest.",
        1 / rows: "that is the softmax of each candidate; the loss is minus its logarithm.",
        -right: "the size is right; mind the minus sign in front of the sum.",
        math.log2(rows): "that is the logarithm to base 2; the formula has the natural one.",
        math.log(rows - 1): "the anchor's own row among the candidates counts too: the sum over k leaves none out.",
    }
    if math.isclose(given, right, abs_tol=0.006):
        return (
            f"each of {rows} equal candidates gets a share of 1/{rows}, so the loss is ln {rows} = {right:.2f}, whatever "
            "the temperature and however many positives. A model trained with this loss should be below that."
        )
    made = [explanation for value, explanation in mistakes.items() if math.isclose(given, value, abs_tol=0.006)]
    raise NotYet(made[0] if made else "if all similarities are equal, what is the softmax over the candidates?")


@exercise("positives of a memory clip")
def check_positives(answer: object, positives: np.ndarray, row: int) -> str:
    """Check how many positives the given row has under a rule, bool `[R, R]`."""
    given, right = require_number(answer), int(positives[row].sum())
    if given == right:
        return (
            f"{right}: its own row, and the same clip once more with the old model's features. The second is what "
            "carries the old model's knowledge across."
        )
    if given == right - 1:
        raise NotYet("a row counts as a positive of itself too: its sound feature should match its own object feature.")
    if given > right:
        raise NotYet("that is too many: which rows hold the same video?")
    raise NotYet("look for the clip's name among all eight rows.")
