"""The drawn players: their movement must tell when, how strongly, how high and on what is played."""

import math

import numpy as np
import pytest

from contav_lib.minimusic.composition import INSTRUMENTS, Note, Score
from contav_lib.minimusic.drawing import PLAYERS, draw
from contav_lib.minimusic.drawing.contact_sheet import contact_sheet
from contav_lib.minimusic.drawing.motion import moments

pytestmark = pytest.mark.slow

LABELS = sorted(INSTRUMENTS)


def steady(label: str, gap: float = 0.75, duration: float = 6.0) -> Score:
    """Notes up and down two octaves of the instrument with a rest after each; its first and last second are silent."""
    program, low, high = INSTRUMENTS[label].presets[0]
    high = min(high, low + 24)  # no tune leaps further
    starts = np.arange(1.03, duration - 1, gap)
    pitches = [36, 38, 42, 49, 48, 43] if label == "drum" else [*np.linspace(low, high, 4).round(), (low + high) // 2]
    notes = [
        Note(float(start), 0.4, int(pitches[i % len(pitches)]), 60 + 20 * (i % 3)) for i, start in enumerate(starts)
    ]
    return Score(label, program, tuple(notes), duration)


def movement(pictures: np.ndarray) -> np.ndarray:
    """How much each picture differs from the one before (0 for the first)."""
    return np.append(0.0, np.abs(np.diff(pictures.astype(np.int16), axis=0)).mean((1, 2, 3)))


def onsets(score: Score, frames: int, frame_rate: float = 8.0) -> np.ndarray:
    """Loudness of what began since the picture before."""
    envelope = np.zeros(frames)
    for note in score.notes:
        envelope[math.ceil(note.start * frame_rate)] = note.velocity / 127
    return envelope


def test_every_class_has_a_player():
    assert sorted(PLAYERS) == LABELS


@pytest.mark.parametrize("label", LABELS)
def test_shape_and_determinism(label):
    score = steady(label, duration=3.0)
    pictures = draw(score, np.random.default_rng(3))
    assert pictures.shape == (24, 120, 160, 3) and pictures.dtype == np.uint8
    assert pictures.std() > 15
    np.testing.assert_array_equal(pictures, draw(score, np.random.default_rng(3)))


@pytest.mark.parametrize("label", LABELS)
def test_movement_follows_the_onsets(label):
    score = steady(label)
    found, silent = [], []
    for seed in range(8):
        moved = movement(draw(score, np.random.default_rng(seed)))
        begun = onsets(score, len(moved))
        found.append(np.corrcoef(moved[1:], begun[1:])[0, 1])
        # Before the first note and long after the last there is only the camera.
        silent.append(moved[begun > 0].mean() / np.median(moved[1:8]))
    assert np.mean(found) > 0.4, found
    assert np.mean(silent) > 1.15, silent


@pytest.mark.parametrize("label", LABELS)
def test_pitch_is_seen(label):
    """The same rhythm at the other end of the range is another picture: more so than the noise of the sensor."""
    program, low, high = INSTRUMENTS[label].presets[0]
    low, high = (38, 49) if label == "drum" else (low + 1, high - 1)
    one, other = (
        draw(Score(label, program, (Note(0.5, 1.0, pitch, 90),), 2.0), np.random.default_rng(1)).astype(int)[8]
        for pitch in (low, high)
    )
    assert (np.abs(one - other).max(axis=-1) > 40).sum() > 30


def test_clips_of_a_class_differ_and_so_do_classes():
    def mean_picture(label, seed):
        return draw(steady(label, duration=3.0), np.random.default_rng(seed)).mean(axis=0)

    assert np.abs(mean_picture("cello", 1) - mean_picture("cello", 2)).mean() > 8
    # The same seed gives the same room and musician: what differs is the instrument.
    pictures = [mean_picture(label, 1) for label in ("cello", "tuba", "flute", "piano", "drum")]
    for first in range(len(pictures)):
        for second in range(first):
            assert np.abs(pictures[first] - pictures[second]).mean() > 8


def test_other_rates_and_sizes():
    pictures = draw(steady("violin", duration=3.0), np.random.default_rng(0), frame_rate=4.0, size=(80, 60))
    assert pictures.shape == (12, 60, 80, 3)


def test_errors():
    with pytest.raises(ValueError, match="nobody here plays 'kazoo'"):
        draw(Score("kazoo", 0, (), 2.0), np.random.default_rng(0))
    with pytest.raises(ValueError, match="4 : 3"):
        draw(steady("violin", duration=3.0), np.random.default_rng(0), size=(160, 90))


def test_a_clip_without_notes_is_drawn_at_rest():
    pictures = draw(Score("piano", 0, (), 2.0), np.random.default_rng(0))
    assert pictures.shape == (16, 120, 160, 3)


def test_moments():
    score = Score("violin", 40, (Note(0.30, 0.5, 60, 64), Note(0.31, 0.5, 72, 127), Note(1.0, 0.1, 62, 40)), 2.0)
    music = moments(score, 8.0)
    assert len(music) == 16
    assert [len(moment.struck) for moment in music] == [0, 0, 0, 2] + [0] * 4 + [1] + [0] * 7
    # A chord is one beginning; its highest note says where the hand is.
    assert music[3].turn == 1 and music[3].pitch == 72 and music[8].turn == 2 and music[8].pitch == 62
    assert music[3].level == music[3].strike == 1.0 and music[5].strike < 1.0
    assert music[2].level == 0.0 and music[12].level == 0.0
    # The bow turns, and goes further in the loud note.
    assert music[7].stroke > 0 and music[9].stroke < music[8].stroke < music[7].stroke


def test_contact_sheet_shows_all():
    sheet = contact_sheet(seed=1)
    assert sheet.size == (800, 552)
