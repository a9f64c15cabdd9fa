"""The checkers of notebook 03 take the right answer and know the usual mistakes."""

import numpy as np
import pytest

from contav_lib.teaching.check import check

NAN = float("nan")
MATRIX = np.array([[6.0, NAN, NAN, NAN], [6.5, 7.0, NAN, NAN], [3.0, 4.0, 8.0, NAN], [2.5, 5.0, 4.5, 7.5]])


def test_forgetting_is_best_minus_last():
    assert check("forgetting by hand", 3.17, matrix=MATRIX).verdict == "Right"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (-3.17, "positive"),
        (3.0, "diagonal"),
        (2.375, "old tasks only"),
        (9.5, "mean"),
        (4.0, "single task"),
        (3.2, "two decimals"),
        (1.0, "column"),
    ],
)
def test_forgetting_wrong_answers_are_explained(answer, why):
    feedback = check("forgetting by hand", answer, matrix=MATRIX)
    assert feedback.verdict == "Not yet" and why in feedback.text


def test_backward_transfer_is_last_minus_diagonal():
    assert check("backward transfer by hand", -3.0, matrix=MATRIX).verdict == "Right"


@pytest.mark.parametrize(("answer", "why"), [(3.0, "sign"), (-3.17, "diagonal"), (-2.25, "old tasks only")])
def test_backward_transfer_wrong_answers_are_explained(answer, why):
    feedback = check("backward transfer by hand", answer, matrix=MATRIX)
    assert feedback.verdict == "Not yet" and why in feedback.text
