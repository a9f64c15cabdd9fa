"""The stored table of scores: refused when it holds something else, cut where something is lost."""

import json

import pytest

from contav_lib.evaluation.metrics import SCORES
from contav_lib.evaluation.task_matrix import forget_scores, no_scores, read_scores, set_scores, tasks_measured
from contav_lib.utils.storage import StorageError

TASKS = [["banjo"], ["cello"], ["drum"]]


def measured(count: int) -> dict:
    scores = no_scores(TASKS)
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
