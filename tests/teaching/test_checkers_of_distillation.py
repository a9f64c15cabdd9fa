"""The checkers of notebook 04 take the right answer and know the usual mistakes."""

import math

import numpy as np
import pytest
import torch

from contav_lib.losses import contrastive_loss
from contav_lib.teaching.check import check

POSITIVES = np.array([[True, False, True], [False, True, False], [True, False, True]])


def test_indifference_costs_the_logarithm_of_the_rows():
    alike = torch.ones(8, 4) / 2
    value = contrastive_loss(alike, alike, torch.eye(8, dtype=torch.bool), 0.05).item()
    assert check("loss of indifference", value, rows=8).verdict == "Right"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (0, "certain"),
        (0.125, "logarithm"),
        (-math.log(8), "minus"),
        (3, "base 2"),
        (math.log(7), "own row"),
        (5, "softmax"),
    ],
)
def test_indifference_wrong_answers_are_explained(answer, why):
    feedback = check("loss of indifference", answer, rows=8)
    assert feedback.verdict == "Not yet" and why in feedback.text


def test_positives_of_a_memory_clip():
    assert check("positives of a memory clip", 2, positives=POSITIVES, row=0).verdict == "Right"


@pytest.mark.parametrize(("answer", "why"), [(1, "itself"), (3, "too many"), (0, "name")])
def test_positives_wrong_answers_are_explained(answer, why):
    feedback = check("positives of a memory clip", answer, positives=POSITIVES, row=0)
    assert feedback.verdict == "Not yet" and why in feedback.text
