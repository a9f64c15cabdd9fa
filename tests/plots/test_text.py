"""Names of users in figures: `$` is a dollar, other scripts are shown, or it is said once that no font has them."""

import warnings

import matplotlib
import numpy as np
import pytest
from matplotlib.text import Text

from contav_lib import plots
from contav_lib.plots import text

DOLLARS = ["ab$x_$", "$\\frac{"]


def similarity(labels):
    return plots.similarity({"after task 1": {"sound x motion": np.eye(2)}}, [0, 1], labels)


@pytest.mark.parametrize(
    "figure",
    [
        lambda: similarity(DOLLARS),
        lambda: plots.positives({DOLLARS[0]: np.eye(2, dtype=bool)}, DOLLARS),
        lambda: plots.task_matrices({name: np.eye(2) for name in DOLLARS}),
        lambda: plots.share_matrices({name: np.eye(2) for name in DOLLARS}),
        lambda: plots.curves([0.0, 1.0], {name: [0.0, 1.0] for name in DOLLARS}),
    ],
)
def test_a_dollar_in_a_name_is_a_dollar(figure):
    made = figure()
    made.canvas.draw()
    named = [found for found in made.findobj(Text) if found.get_text() in DOLLARS]
    assert len(named) >= 2 and not any(found.get_parse_math() for found in named)


def test_formulas_elsewhere_stay_formulas():
    similarity(DOLLARS)
    assert Text(text="$x$").get_parse_math()


@pytest.mark.filterwarnings("error")
def test_names_that_the_usual_font_has_need_no_warning():
    similarity(["Geige", "كمان"]).canvas.draw()


def test_names_that_no_font_has_are_told_once(monkeypatch):
    monkeypatch.setattr(text, "_installed", lambda: ())
    with warnings.catch_warnings(record=True) as caught:
        figure = similarity(["小琴", "琴"])
        figure.canvas.draw()
    assert [str(each.message) for each in caught] == ["No font here shows 小, 琴: install one, such as Noto Sans CJK."]
    assert [found.get_text() for found in figure.axes[0].get_yticklabels()] == ["小琴", "琴"]


def test_a_backend_that_the_first_figure_loads_stays_as_it_sets_itself():
    def draw():
        matplotlib.interactive(True)  # as a notebook's does, or it would show no figure after the first
        return similarity(DOLLARS)

    with matplotlib.rc_context():
        matplotlib.interactive(False)
        text.as_written(draw)()
        assert matplotlib.is_interactive()
