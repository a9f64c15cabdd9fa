"""The task matrix: refused when the file holds something else, cut where something is lost; and what it says."""

import json

import numpy as np
import pytest

from contav_lib.evaluation.metrics import SCORES
from contav_lib.evaluation.task_matrix import (
    average,
    backward_transfer,
    forget_scores,
    forgetting,
    no_scores,
    read_scores,
    set_scores,
    tasks_measured,
)
from contav_lib.utils.storage import StorageError

NAN = float("nan")
TASKS = [["banjo"], ["cello"], ["drum"]]


def measured(count: int) -> dict:
    scores = no_scores(TASKS) | {"measured": count}
    for name in SCORES:
        for task in range(count):
            scores["seen"][name][task] = float(task)
            scores["matrix"][name][task] = [float(task)] * (task + 1) + [None] * (2 - task)
    return scores


@pytest.mark.parametrize("count", [0, 1, 3])
def test_what_is_written_is_read(tmp_path, count):
    path = tmp_path / "matrix.json"
    path.write_text(json.dumps(measured(count)))
    assert read_scores(path) == measured(count) and tasks_measured(read_scores(path)) == count


def test_scores_are_entered_where_they_belong():
    scores = no_scores(TASKS)
    set_scores(scores, "matrix", dict.fromkeys(SCORES, 2.0), 2, 1)
    set_scores(scores, "seen", {**dict.fromkeys(SCORES, 3.0), "sar": float("nan")}, 1)
    assert scores["matrix"]["sdr"] == [[None] * 3, [None] * 3, [None, 2.0, None]]
    assert scores["seen"]["sdr"] == [None, 3.0, None] and scores["seen"]["sar"] == [None] * 3


def test_a_task_whose_mixtures_are_all_silent_is_measured_without_a_number(tmp_path):
    scores = no_scores(TASKS)
    for task in range(2):
        set_scores(scores, "seen", dict.fromkeys(SCORES, NAN), task)
    path = tmp_path / "matrix.json"
    path.write_text(json.dumps(scores))
    assert tasks_measured(read_scores(path)) == 2 and tasks_measured(forget_scores(scores, 1)) == 1


def test_files_of_before_say_by_their_numbers_how_many_tasks_are_measured(tmp_path):
    scores = measured(2)
    del scores["measured"]
    (tmp_path / "matrix.json").write_text(json.dumps(scores))
    assert read_scores(tmp_path / "matrix.json") == measured(2)


def broken(what: str) -> object:
    scores = measured(2)
    match what:
        case "no object":
            return [1, 2]
        case "a score lost":
            del scores["matrix"]["sir"]
        case "a row lost":
            del scores["matrix"]["sdr"][0]
        case "a row too short":
            scores["matrix"]["sdr"][1] = [1.0]
        case "words":
            scores["seen"]["sar"][0] = "good"
        case "too few measured":
            scores["measured"] = 1
        case "too few tasks":
            scores["tasks"] = TASKS[:2]
        case "no tasks" | "dropped" | "seen":
            del scores[what.removeprefix("no ")]
    return scores


@pytest.mark.parametrize(
    "what",
    [
        "no object",
        "a score lost",
        "a row lost",
        "a row too short",
        "words",
        "too few measured",
        "too few tasks",
        "no tasks",
        "dropped",
        "seen",
    ],
)
def test_anything_else_is_refused_with_the_files_name(tmp_path, what):
    path = tmp_path / "matrix.json"
    path.write_text(json.dumps(broken(what)))
    with pytest.raises(StorageError, match=r"matrix\.json is missing, damaged, or not .*Remove it and run again"):
        read_scores(path)


def test_scores_of_a_lost_task_and_of_later_ones_are_forgotten():
    assert forget_scores(measured(3), 1) == measured(1)
    assert forget_scores(measured(2), 3) == measured(2)


MATRIX = np.array([[8.0, NAN, NAN], [3.0, 7.0, NAN], [-1.0, 2.0, 6.0]])


def test_the_task_matrix_by_hand():
    assert average(MATRIX) == pytest.approx((-1 + 2 + 6) / 3)
    assert forgetting(MATRIX) == pytest.approx(((8 + 1) + (7 - 2)) / 2)
    assert backward_transfer(MATRIX) == pytest.approx(-((8 + 1) + (7 - 2)) / 2)


def test_padding_is_never_taken_for_a_score():
    """With 0 for "not measured", the best score of a task that never got above 0 dB would be that 0."""
    negative = np.array([[-5.0, NAN, NAN], [-7.0, -2.0, NAN], [-6.0, -3.0, -1.0]])
    assert forgetting(negative) == pytest.approx(((-5 + 6) + (-2 + 3)) / 2)
    assert backward_transfer(negative) == pytest.approx(((-6 + 5) + (-3 + 2)) / 2)
    assert average(negative) == pytest.approx(-10 / 3)


def test_a_task_that_ends_better_than_ever_has_negative_forgetting():
    better = np.array([[2.0, NAN], [5.0, 4.0]])
    assert forgetting(better) == pytest.approx(-3) and backward_transfer(better) == pytest.approx(3)
    peak = np.array([[2.0, NAN, NAN], [5.0, 4.0, NAN], [4.0, 4.0, 4.0]])
    assert forgetting(peak) == pytest.approx((1 + 0) / 2)  # the best row before the last, whichever it is
    assert backward_transfer(peak) == pytest.approx((2 + 0) / 2)


def test_unfinished_matrices_are_measured_as_far_as_they_go():
    after_two = np.array([[8.0, NAN, NAN], [3.0, 7.0, NAN], [NAN, NAN, NAN]])
    assert average(after_two) == 5 and forgetting(after_two) == 5 and backward_transfer(after_two) == -5
    only_last = np.array([[NAN, NAN], [3.0, 7.0]])  # rows from before a stop may be missing
    assert np.isnan(forgetting(only_last)) and average(only_last) == 5
    after_one = np.full((3, 3), NAN)
    after_one[0, 0] = -4
    assert average(after_one) == -4 and forgetting(after_one) == 0 and backward_transfer(after_one) == 0


@pytest.mark.parametrize("measure", [forgetting, backward_transfer])
def test_many_matrices_are_measured_at_once(measure):
    many = np.stack([MATRIX, 2 * MATRIX, MATRIX - 1, MATRIX])
    assert measure(many.reshape(2, 2, *MATRIX.shape)).flatten() == pytest.approx([measure(one) for one in many])


@pytest.mark.parametrize("measure", [average, forgetting, backward_transfer])
def test_what_is_no_task_matrix_is_refused(measure):
    with pytest.raises(ValueError, match=r"square.*\(2, 3\)"):
        measure(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="nothing has been measured"):
        measure(np.full((2, 2), NAN))
