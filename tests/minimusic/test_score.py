import numpy as np
import pytest

from contav_lib.minimusic.composition import INSTRUMENTS, compose

pytestmark = pytest.mark.slow


def scores(label, count=24):
    return [compose(label, np.random.default_rng([count, clip])) for clip in range(count)]


def sounding(score):
    """Whether anything sounds, every 10 ms."""
    steps = np.zeros(round(score.duration * 100), bool)
    for note in score.notes:
        steps[int(note.start * 100) : int((note.start + note.duration) * 100) + 1] = True
    return steps


def test_there_are_the_twenty_classes_of_music_21():
    assert len(INSTRUMENTS) == 20
    assert list(INSTRUMENTS)[:4] == ["accordion", "bagpipe", "bassoon", "clarinet"]


def test_same_chances_same_score_and_other_chances_another():
    first, again, other = (compose("violin", np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first == again
    assert first.notes != other.notes


@pytest.mark.parametrize("label", INSTRUMENTS)
def test_notes_are_playable(label):
    ranges = {program: (low, high) for program, low, high in INSTRUMENTS[label].presets}
    for score in scores(label):
        low, high = ranges[score.program]
        starts = [note.start for note in score.notes]
        assert score.label == label
        assert starts == sorted(starts)
        assert len(set(starts)) > 6
        for note in score.notes:
            assert low <= note.pitch <= high
            assert 1 <= note.velocity <= 127
            assert note.start >= 0
            assert note.duration > 0.02
            assert note.start + note.duration <= score.duration + 1e-3


@pytest.mark.parametrize("label", INSTRUMENTS)
def test_a_key_is_free_before_it_is_struck_again(label):
    for score in scores(label, 6):
        for pitch in {note.pitch for note in score.notes}:
            played = [note for note in score.notes if note.pitch == pitch]
            for note, following in zip(played, played[1:], strict=False):
                assert note.start + note.duration <= following.start + 1e-3


@pytest.mark.parametrize("label", INSTRUMENTS)
def test_clips_of_a_class_differ(label):
    clips = scores(label)
    pitches = [np.median([note.pitch for note in clip.notes]) for clip in clips]
    counts = [len(clip.notes) for clip in clips]
    loudness = [np.mean([note.velocity for note in clip.notes]) for clip in clips]
    assert np.ptp(pitches) >= 7  # registers
    assert max(counts) >= 3 * min(counts)  # tempo and density
    assert np.ptp(loudness) >= 30  # dynamics
    assert len({clip.notes for clip in clips}) == len(clips)


def test_music_has_rests():
    quiet = {label: np.mean([1 - sounding(score).mean() for score in scores(label, 12)]) for label in INSTRUMENTS}
    assert 0.1 < np.mean(list(quiet.values())) < 0.5
    assert quiet["bagpipe"] < 0.15 < quiet["flute"]  # drones go on, lungs do not


@pytest.mark.parametrize("label", INSTRUMENTS)
def test_a_preset_can_be_asked_for(label):
    for preset in INSTRUMENTS[label].presets:
        score = compose(label, np.random.default_rng(0), 4.0, preset)
        program, low, high = preset
        assert score.program == program
        assert all(low <= note.pitch <= high for note in score.notes)


def test_errors_say_what_to_do():
    with pytest.raises(ValueError, match=r"no instrument 'violine'.*accordion"):
        compose("violine", np.random.default_rng(0))
    with pytest.raises(ValueError, match="at least 2 seconds"):
        compose("violin", np.random.default_rng(0), duration=0.5)
