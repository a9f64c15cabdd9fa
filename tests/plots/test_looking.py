"""Figures of what a separator sees show the numbers they are given, where they belong."""

import numpy as np
import torch

from contav_lib import plots


def test_heat_lies_over_the_middles_of_its_windows():
    heat = {"both": torch.rand(3, 2, 5), "one": torch.rand(3, 2, 5) / 2}
    figure = plots.heat_over_frames(heat, torch.zeros(3, 40, 120, 3, dtype=torch.uint8), (20, 30))
    panels = [ax for ax in figure.axes if len(ax.images) == 2]
    assert len(panels) == 6
    assert panels[0].images[1].get_extent() == [
        3.75,
        116.25,
        40,
        0,
    ]  # half a step beyond the middles, 15 and 105, 10 and 30
    assert np.allclose(panels[4].images[1].get_array(), heat["one"][1])
    assert {ax.images[1].get_clim() for ax in panels} == {(0, heat["both"].max().item())}
    assert [ax.get_ylabel() for ax in panels[::3]] == ["both", "one"]


def test_shares_are_written_in_percent_and_gaps_are_left():
    figure = plots.share_matrices({"known": np.array([[1, np.nan], [0.456, 0]]), "unknown": np.zeros((2, 2))})
    first, second = figure.axes
    assert [text.get_text() for text in first.texts] == ["100", "46", "0"] and len(second.texts) == 4
    assert [label.get_text() for label in first.get_xticklabels()] == ["1", "2"] and second.get_title() == "unknown"
