"""Checks of the notebooks."""

import numpy as np
import pytest
import torch

from contav_lib import Config
from contav_lib.teaching.check import Feedback, NotYet, check, require_number

DATA = dict(tasks=4, classes=20, exemplars=3, task=3)


@pytest.mark.parametrize(
    ("name", "right", "wrong", "given"),
    [
        ("middle of the log-frequency axis", 987.3, (0.179, 4.58, 2756.25, 19746, 500, 5000), {}),
        ("what a sigmoid can't reach", 2, (0, 3, 3 / 7, -1), {}),
        ("exemplars in memory", 30, (45, 6, 10, 60), DATA),
        ("name the fault", "Artefact", ("leak", "filter", "drum"), {}),
        ("two of a kind, no picture", 0.0, (0.1, -1), {}),
        ("numbers a source needs", 16, (4096, 48, 1), {"config": Config.profile("smoke", mask_dim=16, hidden=48)}),
    ],
)
def test_exercises_know_right_from_wrong(name, right, wrong, given):
    assert check(name, right, **given).verdict == "Right"
    reasons = {check(name, answer, **given).text for answer in wrong}
    assert all(check(name, answer, **given).verdict == "Not yet" for answer in wrong)
    assert len(reasons) >= 2  # they say why, not just no


def test_an_exercise_waits_for_its_answer():
    assert check("name the fault", ...).verdict == "Waiting"


def test_an_answer_of_another_kind_is_no_crash():
    feedback = check("what a sigmoid can't reach", "two")
    assert feedback.verdict == "Not yet" and "number" in feedback.text
    assert "✗" in repr(feedback) and "✗" in feedback._repr_html_()


def test_a_misspelt_exercise_is_named():
    with pytest.raises(ValueError, match="name the fault"):
        check("name the fold", 1)


def test_numbers_come_in_many_kinds():
    assert [require_number(n) for n in (2, 2.0, np.float32(2), torch.tensor(2), torch.tensor([2.0]))] == [2.0] * 5
    for no_number in (True, "2", None, torch.zeros(2)):
        with pytest.raises(NotYet):
            require_number(no_number)


@pytest.mark.parametrize("verdict", Feedback._LOOKS)
def test_verdicts_can_be_read_in_light_and_dark(verdict):
    colour = Feedback._LOOKS[verdict][1]
    parts = np.array([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    assert 1.05 / (linear @ (0.2126, 0.7152, 0.0722) + 0.05) >= 4.5  # WCAG, of the white letters on it
    assert f"background: {colour}; color: white" in Feedback(verdict, "text")._repr_html_()
