"""Figures that compare many methods: what is drawn is what was measured."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
from matplotlib.collections import PathCollection

from contav_lib import Config
from contav_lib.plots import comparing
from contav_lib.plots.learning import row_styles

NAN = float("nan")
MATRIX = np.array([[6.0, NAN, NAN], [-2.0, 7.0, NAN], [1.0, 3.0, 8.0]])


def result(shift: float = 0.0, **settings):
    config = Config.profile("lab", **settings).to_json()
    return SimpleNamespace(matrix=lambda score: MATRIX + shift, summary=lambda: {"sdr": 2.0 + shift}, config=config)


def test_a_forest_has_a_dot_and_an_interval_a_row_and_fills_what_is_decided():
    # The second interval leaves 0 out, but the verdict is corrected for many comparisons.
    rows = {
        "replay": dict(difference=2.0, low=1.0, high=3.0, verdict="higher"),
        "LwF": dict(difference=0.5, low=0.1, high=0.9, verdict="not decided"),
    }
    (ax,) = comparing.forest(pd.DataFrame.from_dict(rows, orient="index")).axes
    spans = [collection.get_segments()[0][:, 0].tolist() for collection in ax.collections]
    assert spans == [[1.0, 3.0], [0.1, 0.9]]
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    assert [dot.get_xdata()[0] for dot in dots] == [2.0, 0.5]
    assert [dot.get_markerfacecolor() == "white" for dot in dots] == [False, True]
    assert len({dot.get_color() for dot in dots}) == 1  # colours would mean nothing here
    assert [label.get_text() for label in ax.get_yticklabels()] == ["replay", "LwF"]


def test_old_and_new_tasks_stand_in_one_row_a_method_the_best_kept_first():
    long = "PLOP + memory, asks with a new picture"
    results = {"replay": [result(), result(2.0)], long: [result(4.0)]}
    figure = comparing.stability_plasticity(results)
    (ax,) = figure.axes
    figure.canvas.draw()
    assert ax.bbox.width > figure.bbox.width / 2  # neither names nor legend take the room
    assert [label.get_text() for label in ax.get_yticklabels()] == [long, "replay"]
    dots = [each.get_offsets().tolist() for each in ax.collections if isinstance(each, PathCollection)]
    old_seeds, old, new_seeds, new = dots
    assert old_seeds == [[6.0, 0], [2.0, 1], [4.0, 1]] and old == [[6.0, 0], [3.0, 1]]
    assert new_seeds == [[11.5, 0], [7.5, 1], [9.5, 1]] and new == [[11.5, 0], [8.5, 1]]
    markers = [each.get_paths()[0].vertices.shape for each in ax.collections if isinstance(each, PathCollection)]
    assert markers[1] != markers[3]  # not told apart by colour alone


def test_scores_stand_over_their_memory_size():
    results = {"replay": {4: [result(1.0)], 1: [result(), result(2.0)]}, "LwF": {1: [result()], 20: [result(5.0)]}}
    (ax,) = comparing.against_memory(results, ("sdr",)).axes
    assert [label.get_text() for label in ax.get_xticklabels()] == ["1", "4", "20"]
    replay, lwf = ax.lines
    assert replay.get_xdata().tolist() == [0, 1] and replay.get_ydata().tolist() == [3.0, 3.0]
    assert lwf.get_xdata().tolist() == [0, 2] and lwf.get_ydata().tolist() == [2.0, 7.0]
    band = ax.collections[0].get_datalim(ax.transData)
    assert band.intervaly.tolist() == [2.0, 4.0]


def test_a_method_keeps_its_colour_with_and_without_memory():
    rows = {
        "a": dict(method="lwf"),
        "b": dict(method="lwf", exemplars=1),
        "c": dict(method="ewc"),
        "d": dict(method="replay"),
    }
    found = row_styles({name: [result(**settings)] for name, settings in rows.items()})
    assert found["a"].colour == found["b"].colour != found["c"].colour
    assert [look.memory for look in found.values()] == [False, True, False, False]  # replay has its own


def test_a_control_has_a_colour_of_its_own():
    rows = {"a": dict(), "b": dict(instance_weight=0.0, class_weight=0.0), "c": dict(temperature=0.2)}
    found = row_styles({name: [result(**settings)] for name, settings in rows.items()})
    assert found["b"].colour != found["a"].colour == found["c"].colour


def test_rows_of_one_method_are_told_apart_by_colour():
    names = ("iquery", "coseparation", "soundofpixels")
    found = row_styles({name: [result(separator=name)] for name in names})
    assert len({look.colour for look in found.values()}) == 3
