"""Figures of sounds and pictures show what they were given, at the right place."""

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex

from contav_lib import audio
from contav_lib.continual.tasks import make_schedule, split_classes
from contav_lib.plots import signals


def pixels(figure) -> np.ndarray:
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())


def test_film_strip_spreads_over_the_video():
    figure = signals.film_strip(torch.zeros(81, 12, 16, 3, dtype=torch.uint8), frame_rate=8, count=5)
    assert [ax.get_title() for ax in figure.axes] == ["0.0 s", "2.5 s", "5.0 s", "7.5 s", "10.0 s"]


def test_film_strip_of_a_short_video_shows_each_picture_once():
    figure = signals.film_strip(torch.zeros(3, 12, 16, 3, dtype=torch.uint8), frame_rate=8)
    assert len(figure.axes) == 3


def test_boxes_stand_where_players_are():
    boxes = torch.tensor([[[0.0, 0, 0.5, 1]] * 16 + [[0.25, 0, 0.75, 1]] * 16, [[0.5, 0, 1, 1]] * 32])
    figure = signals.players(torch.zeros(32, 12, 16, 3, dtype=torch.uint8), boxes, ["drum", "pipa"], 8, count=2)
    lefts = [[patch.get_x() for patch in ax.patches] for ax in figure.axes]
    assert lefts == [[0, 8], [4, 8]] and figure.axes[0].patches[1].get_width() == 8
    assert [text.get_text() for text in figure.axes[1].texts] == ["drum", "pipa"]
    pixels(figure)


def test_sound_spans_its_duration():
    figure = signals.sound(torch.randn(22_050) * 0.1)
    assert figure.axes[0].get_xlim() == (0, 2)
    pixels(figure)


def test_log_frequency_ticks_stand_where_the_tone_is():
    hertz = 1000
    tone = torch.sin(2 * torch.pi * hertz * torch.arange(11_025) / audio.SAMPLE_RATE)
    linear = audio.stft(tone).abs()
    warped = audio.warp(linear[None, None], 128)[0, 0]
    figure = signals.frequency_axes(linear, warped, seconds=1.0)
    ax = figure.axes[1]
    ticks = {text.get_text(): place for text, place in zip(ax.get_yticklabels(), ax.get_yticks(), strict=True)}
    assert ticks["1,000"] == pytest.approx(float(warped.mean(1).argmax()), abs=1.0)


def test_spectrograms_share_one_scale():
    figure = signals.spectrograms({"loud": torch.full((8, 4), 10.0), "soft": torch.ones(8, 4)}, seconds=1.0)
    loud, soft = (ax.images[0].get_array() for ax in figure.axes[:2])
    assert loud.max() == 0 and soft.max() == pytest.approx(-20)


def test_masks_mark_what_lies_above_one_and_fade_where_the_mixture_is_soft():
    mask = torch.tensor([[0.5, 3.0], [0.5, 3.0]])
    mixture = torch.tensor([[1.0, 1.0], [1e-4, 1e-4]])
    figure = signals.masks({"true": mask}, mixture, seconds=1.0)
    image = figure.axes[0].images[0]
    assert image.get_alpha().tolist() == [[1, 1], [0, 0]]
    assert to_hex(image.to_rgba(np.array([3.0]))[0]) == signals.ORANGE.lower()
    pixels(figure)


def test_curves_differ_in_line_style_as_well():
    figure = signals.curves([0, 1, 2], {"a": [0, 1, 0], "b": [1, 0, 1]}, "loudness")
    first, second = figure.axes[0].lines
    assert first.get_linestyle() != second.get_linestyle()
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["a", "b"]


def test_maps_show_every_channel_even_a_flat_one():
    figure = signals.maps(torch.cat([torch.randn(9, 8, 4), torch.zeros(1, 8, 4)]), columns=4)
    assert sum(bool(ax.images) for ax in figure.axes) == 10
    pixels(figure)


def test_schedule_counts_clips_and_exemplars():
    labels = list("abcdef")
    tasks = make_schedule([label for label in labels for _ in range(5)], split_classes(labels, 3), exemplars=2)
    ax = signals.schedule(tasks, labels).axes[0]
    rows = [[text.get_text() for text in ax.texts if int(text.get_position()[1]) == row] for row in range(3)]
    assert rows == [["5"] * 2, ["2"] * 2 + ["5"] * 2, ["2"] * 4 + ["5"] * 2]


def test_heat_lies_over_the_middles_of_its_windows():
    heat = {"both": torch.rand(3, 2, 5), "one": torch.rand(3, 2, 5) / 2}
    figure = signals.heat_over_frames(heat, torch.zeros(3, 40, 120, 3, dtype=torch.uint8), (20, 30))
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
