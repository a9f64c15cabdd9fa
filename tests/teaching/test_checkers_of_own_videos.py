"""Checkers of notebook 07 with right answers and typical mistakes."""

import pytest

from contav_lib.teaching.check import check


def overlap(a, b):
    width, height = (max(min(a[side + 2], b[side + 2]) - max(a[side], b[side]), 0) for side in (0, 1))
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return width * height / (sum(areas) - width * height)


def with_negative_sides(a, b):
    width, height = (min(a[side + 2], b[side + 2]) - max(a[side], b[side]) for side in (0, 1))
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return width * height / (sum(areas) - width * height)


def of_the_sum(a, b):
    width, height = (max(min(a[side + 2], b[side + 2]) - max(a[side], b[side]), 0) for side in (0, 1))
    return 2 * width * height / sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))


def test_a_right_overlap_is_right():
    assert check("overlap of two boxes", overlap).verdict == "Right"


@pytest.mark.parametrize(
    ("mistake", "hint"),
    [
        (0.5, "a function is asked for"),
        (lambda a, b: ..., "write its body"),
        (lambda a, b: a.left, "stops with AttributeError"),
        (lambda a, b: 1.0, "nothing is shared"),
        (with_negative_sides, "negative"),
        (of_the_sum, "they cover just the first one"),
        (lambda a, b: "1", "a number is asked for"),
    ],
)
def test_a_wrong_overlap_is_told_why(mistake, hint):
    feedback = check("overlap of two boxes", mistake)
    assert feedback.verdict == "Not yet" and hint in feedback.text


def test_the_shorter_of_sound_and_pictures_counts():
    given = dict(heard=12, shown=9.5)
    assert check("seconds that are kept", 9.5, **given).verdict == "Right"
    assert "look at" in check("seconds that are kept", 12, **given).text
    assert "made up" in check("seconds that are kept", 10.75, **given).text
