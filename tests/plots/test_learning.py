"""Figures about learning: what is drawn is what was measured."""

from itertools import pairwise
from textwrap import fill
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.text import Text

from contav_lib import Config
from contav_lib.plots import learning

NAN = float("nan")
MATRIX = np.array([[6.0, NAN, NAN], [-2.0, 7.0, NAN], [1.0, 3.0, 8.0]])


def result(seed: float = 0.0, method: str = "replay", **settings):
    """Stands for a Result: settings, a matrix, scores over all seen classes, and a summary."""
    return SimpleNamespace(
        config=Config.profile("lab", method=method, **settings).to_json(),
        matrix=lambda score: MATRIX + seed,
        over_all_seen=lambda score: np.array([6.0, 3.0, 2.0]) + seed,
        summary=lambda: {"sdr": 2.0 + seed, "forgetting": 4.5 + seed},
    )


RESULTS = {"replay": [result(), result(1.0)], "something else": [result(2.0), result(4.0)]}


def test_task_matrix_shows_each_measured_score_and_nothing_else():
    ax = learning.task_matrices({"a": MATRIX}).axes[0]
    assert {text.get_text() for text in ax.texts} == {"6.0", "-2.0", "7.0", "1.0", "3.0", "8.0"}


def test_task_matrix_has_zero_decibels_in_the_middle_of_its_colours():
    low, high = learning.task_matrices({"a": MATRIX}).axes[0].images[0].get_clim()
    assert (low, high) == (-8.0, 8.0)


def test_task_matrices_share_their_colours():
    figure = learning.task_matrices({"a": MATRIX, "b": MATRIX / 4})
    limits = [ax.images[0].get_clim() for ax in figure.axes if ax.images]
    assert limits == [(-8.0, 8.0)] * 2


def test_many_task_matrices_stand_in_rows():
    figure = learning.task_matrices({f"method {number}": MATRIX for number in range(7)})
    drawn = [ax for ax in figure.axes if ax.images]
    assert [ax.get_title() for ax in drawn] == [f"method {number}" for number in range(7)]
    assert len({round(ax.get_position().y0, 2) for ax in drawn}) == 2
    # Only the outer ones are labelled; the fourth has nothing below it.
    assert [bool(ax.get_xlabel()) for ax in drawn] == [False] * 3 + [True] * 4


@pytest.mark.filterwarnings("error")  # of axes that collapse
@pytest.mark.parametrize("count", [1, 6])
def test_names_of_any_length_leave_the_axes_their_room(count):
    names = [f"ContAV-Sep, {', '.join(f'setting{each}={number}' for each in range(12))}" for number in range(count)]
    matrices = learning.task_matrices(dict.fromkeys(names, MATRIX))
    lines = learning.scores_after_tasks({name: [result()] for name in names})
    for figure in (matrices, lines):
        figure.canvas.draw()
        assert all(min(ax.bbox.width, ax.bbox.height) > 100 for ax in figure.axes if ax.images or ax.lines)


@pytest.mark.parametrize("draw", [learning.scores_after_tasks, learning.course_of_task])
def test_many_lines_are_named_at_their_ends_in_their_order_and_none_over_another(draw):
    rows = {f"method {number}": [result(0.01 * (number % 5))] for number in range(14)} | {"far " * 15: [result(-9.0)]}
    figure = draw(rows)
    figure.canvas.draw()
    for ax in figure.axes:
        boxes = [Text.get_window_extent(text) for text in sorted(ax.texts, key=lambda text: text.xyann[1])]
        assert len(boxes) == len(rows) and ax.get_legend() is None
        assert all(above.y0 >= below.y1 - 1 for below, above in pairwise(boxes))
        assert all(figure.bbox.x1 >= box.x1 and figure.bbox.y0 <= box.y0 and box.y1 <= figure.bbox.y1 for box in boxes)
        ends = {fill(line.get_label(), 40): line.get_ydata()[-1] for line in ax.lines if line.get_label() in rows}
        places = {text.get_text(): text.xyann[1] for text in ax.texts}
        assert all(ends[one] <= ends[other] for one in ends for other in ends if places[one] < places[other])


def test_rows_are_told_apart_without_colours():
    methods = "finetune lwf ewc plop ewf avcil replay der contav freeze adapters scratch joint".split()
    figure = learning.course_of_task({name: [result(method=name)] for name in methods})
    lines = [line for line in figure.axes[0].lines if not line.get_label().startswith("_")]
    assert len({(line.get_marker(), line.get_markerfacecolor() == "white") for line in lines}) == len(methods)


def test_filling_up_adds_a_row_a_task():
    figure = learning.filling_up(MATRIX)
    assert [len(ax.texts) for ax in figure.axes[:3]] == [1, 3, 6]


def test_scores_after_tasks_draws_means_and_the_span_of_the_seeds():
    figure = learning.scores_after_tasks(RESULTS, ("sdr",))
    (ax,) = figure.axes
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [6.5, 3.5, 2.5])
    np.testing.assert_allclose(ax.collections[0].get_datalim(ax.transData).intervaly, [2.0, 7.0])


def test_course_of_task_follows_a_column():
    figure = learning.course_of_task(RESULTS, task=0)
    np.testing.assert_allclose(figure.axes[0].lines[0].get_ydata(), [6.5, -1.5, 1.5])


def test_seeds_side_by_side_shows_every_seed():
    figure = learning.seeds_side_by_side(RESULTS)
    dots = [collection.get_offsets()[:, 1].tolist() for collection in figure.axes[0].collections[::2]]
    assert dots == [[2.0, 3.0], [4.0, 6.0]]


def test_a_method_keeps_its_colour():
    alone = learning.course_of_task({"ContAV-Sep": [result(method="contav")]})
    second = learning.course_of_task({"x": [result()], "any name": [result(method="contav")]})
    assert alone.axes[0].lines[0].get_color() == second.axes[0].lines[1].get_color()


def test_lines_are_dashed_with_a_memory_that_the_method_does_not_have_by_itself():
    rows = {"one": [result(method="lwf")], "other": [result(method="lwf", exemplars=1)], "replay": [result()]}
    ax = learning.course_of_task(rows).axes[0]
    assert [line.get_linestyle() for line in ax.lines[:3]] == ["-", "--", "-"]


def test_similarity_names_classes_has_zero_in_the_middle_and_leaves_out_what_is_not_known():
    unknown = np.eye(4)
    unknown[2:] = NAN
    pairs = {"sound x object": np.eye(4), "sound x motion": unknown}
    figure = learning.similarity({"old": pairs, "new": pairs}, [0, 0, 2, 2], ["cello", "flute", "violin"])
    drawn = figure.axes[:4]
    meshes = [ax.collections[0] for ax in drawn]
    assert all(mesh.get_clim() == (-1, 1) for mesh in meshes)
    np.testing.assert_array_equal(np.asarray(meshes[0].get_array()).reshape(4, 4), np.eye(4))
    assert np.ma.getmaskarray(meshes[1].get_array()).sum() == 8
    assert [tick.get_text() for tick in drawn[0].get_yticklabels()] == ["cello", "violin"]
    assert drawn[0].get_yticks().tolist() == [1, 3]


def test_positives_draws_a_panel_a_rule():
    figure = learning.positives({"same video": np.eye(2, dtype=bool), "same class": np.ones((2, 2), bool)}, ["a", "b"])
    assert [ax.get_title() for ax in figure.axes] == ["same video", "same class"]


@pytest.mark.parametrize(("change", "limit"), [(0.5, 0.5), (0.001, 0.1)])
def test_mask_change_does_not_blow_up_a_tiny_change(change, limit):
    before = np.full((4, 3), 0.25)
    figure = learning.mask_change(before, before + change)
    images = [ax.images[0] for ax in figure.axes if ax.images]
    np.testing.assert_allclose(images[2].get_array(), change)
    np.testing.assert_allclose(images[2].get_clim(), (-limit, limit))


def test_shares_are_written_in_percent_and_gaps_are_left():
    figure = learning.share_matrices({"known": np.array([[1, np.nan], [0.456, 0]]), "unknown": np.zeros((2, 2))})
    first, second = figure.axes
    assert [text.get_text() for text in first.texts] == ["100", "46", "0"] and len(second.texts) == 4
    assert [label.get_text() for label in first.get_xticklabels()] == ["1", "2"] and second.get_title() == "unknown"
