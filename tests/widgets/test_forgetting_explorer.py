"""The forgetting explorer: fills while a run goes on, works the formulas out, plays what is clicked."""

import json
from dataclasses import dataclass, field

import matplotlib

matplotlib.use("agg")

import numpy as np
import pytest

from contav_lib import run
from contav_lib.evaluation import metrics, task_matrix
from contav_lib.experiments.result import Result
from contav_lib.widgets.forgetting_explorer import LIVE, ForgettingExplorer

NAN = float("nan")


@dataclass
class FakePlayer:
    """Stands for a StemPlayer: notes what it is asked to play."""

    played: list = field(default_factory=list)

    def load_result(self, result, example=0, after=None):
        self.played.append((result, example, after))


def record(task: int, row: list, kind: str = "test") -> dict:
    return {"kind": kind, "task": task, "step": 6, "tasks": dict.fromkeys(metrics.SCORES, row), "seen": {}}


def test_a_result_is_shown_as_it_was_measured(reference):
    explorer = ForgettingExplorer({"contav": reference})
    np.testing.assert_array_equal(explorer.matrix("contav"), reference.matrix("sdr"))
    explorer.score = "sir"
    np.testing.assert_array_equal(explorer.matrix("contav"), reference.matrix("sir"))
    assert json.loads(json.dumps(explorer._methods)) == explorer._methods  # what is not measured travels as null


def test_it_fills_while_an_experiment_runs(home, tiny):
    explorer, stages = ForgettingExplorer(), []
    explorer.observe(lambda change: stages.append(np.isfinite(explorer.matrix(LIVE)).sum()), "_methods")
    result = run(tiny(), callbacks=[explorer], progress=False)
    assert stages == [1, 3]
    np.testing.assert_array_equal(explorer.matrix(LIVE), result.matrix())
    assert explorer._progress == {}


def test_progress_is_told_between_the_rows():
    explorer = ForgettingExplorer()
    explorer({"kind": "train", "task": 1, "step": 40, "losses": {"separation": 0.25, "instance": 0.5}})
    assert explorer._progress["text"] == "this run is learning task 2: step 40, loss 0.750"
    explorer({"kind": "validation", "task": 1, "step": 40, "sdr": 1.0})
    assert explorer.names == []


def test_runs_can_be_watched_under_names():
    explorer = ForgettingExplorer()
    for name, score in (("replay", 5.0), ("fine-tuning", 4.0)):
        explorer.watch(name)(record(0, [score, None]))
    explorer.watch("replay")(record(1, [3.0, 6.0]))
    assert explorer.names == ["replay", "fine-tuning"]
    np.testing.assert_array_equal(explorer.matrix("replay"), [[5, NAN], [3, 6]])
    explorer.watch("replay")(record(0, [1.0, None]))  # run again: from the beginning
    np.testing.assert_array_equal(explorer.matrix("replay"), [[1, NAN], [NAN, NAN]])


def test_a_run_that_goes_on_after_a_stop_leaves_the_rows_before_empty():
    explorer = ForgettingExplorer()
    explorer(record(1, [3.0, 6.0]))
    np.testing.assert_array_equal(explorer.matrix(LIVE), [[NAN, NAN], [3, 6]])
    assert explorer.to_frame().loc[LIVE, "average"] == 4.5


def test_the_measures_are_the_librarys(reference):
    explorer = ForgettingExplorer({"contav": reference})
    matrix = reference.matrix()
    line = explorer.to_frame().loc["contav"]
    assert line["average"] == task_matrix.average(matrix)
    assert line["forgetting"] == task_matrix.forgetting(matrix)
    assert line["backward transfer"] == task_matrix.backward_transfer(matrix)
    assert ForgettingExplorer().to_frame().empty


def test_a_clicked_cell_comes_to_python_and_plays(reference):
    player = FakePlayer()
    explorer = ForgettingExplorer({"contav": reference}, player)
    explorer._cell = {"method": "contav", "learned": 1, "tested": 0}
    assert explorer.selected == {"method": "contav", "learned": 1, "tested": 0, "value": reference.matrix()[1, 0]}
    assert player.played == [(reference, 0, 1)]
    explorer.score = "sar"
    assert explorer.selected["value"] == reference.matrix("sar")[1, 0] and len(player.played) == 1


def test_without_a_player_a_cell_can_be_chosen_all_the_same(reference):
    explorer = ForgettingExplorer(reference)
    explorer._cell = {"method": LIVE, "learned": 1, "tested": 1}
    assert explorer.selected["value"] == reference.matrix()[1, 1] and explorer._notice == ""


def test_what_can_not_be_heard_is_said(reference, monkeypatch):
    explorer = ForgettingExplorer({"old": reference}, FakePlayer())
    explorer.watch("new")(record(0, [5.0, None]))
    explorer._cell = {"method": "new", "learned": 0, "tested": 0}
    assert "explorer.add('new', result)" in explorer._notice
    monkeypatch.setattr(Result, "examples", lambda _: [])
    explorer._cell = {"method": "old", "learned": 1, "tested": 0}
    assert "no stored example of task 1" in explorer._notice
    monkeypatch.undo()
    explorer._cell = {"method": "old", "learned": 1, "tested": 1}
    assert explorer._notice == "" and explorer.player.played == [(reference, 1, 1)]


@pytest.mark.parametrize("results", [{"contav": "runs/contav"}, {"contav": []}])
def test_what_is_no_result_is_refused(results):
    with pytest.raises(ValueError, match="not a Result"):
        ForgettingExplorer(results)


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match="none yet"):
        ForgettingExplorer().matrix("contav")


def test_a_figure_is_stored_where_there_is_something_to_draw(reference):
    data, _ = ForgettingExplorer(reference)._repr_mimebundle_()
    assert data["text/html"].count("<img ") == 2 and len(data["text/html"]) < 200_000
    assert "tested on task" in data["text/html"]
    data, _ = ForgettingExplorer()._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data and "text/html" not in data
