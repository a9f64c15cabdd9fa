from dataclasses import replace

import numpy as np
import pytest

from contav_lib.corpus.score import INSTRUMENTS, Note, Score, compose
from contav_lib.corpus.sound import GUARD, RATE, SAMPLE_HEADER, render, whole_sound_font


def clip(label, number):
    return render(compose(label, np.random.default_rng([number, 0])), np.random.default_rng([number, 1]))


def loudness(sound):
    return 20 * np.log10(np.sqrt(np.mean(sound**2)))


def spectrum(sound):
    """Mean and spread over time of the energy in 24 bands an octave third apart, in dB."""
    blocks = sound[: len(sound) // 2048 * 2048].reshape(-1, 2048) * np.hanning(2048)
    power = np.abs(np.fft.rfft(blocks)) ** 2
    edges = np.unique(np.geomspace(4, 1024, 25).astype(int))
    bands = 10 * np.log10(np.add.reduceat(power, edges[:-1], axis=1) + 1e-6)
    bands = bands[power.sum(1) > 1e-2 * power.sum(1).mean()]
    bands -= bands.mean(1, keepdims=True)
    return np.concatenate([bands.mean(0), bands.std(0)])


@pytest.fixture(scope="module")
def clips():
    return {label: [clip(label, number) for number in range(4)] for label in INSTRUMENTS}


def test_every_class_is_heard_and_nothing_clips(clips):
    for label, sounds in clips.items():
        for sound in sounds:
            assert sound.dtype == np.float32
            assert sound.shape == (12 * RATE,)
            assert np.abs(sound).max() < 0.98
            assert -32 < loudness(sound) < -11, label


def test_classes_sound_different_but_clips_of_a_class_too(clips):
    features = np.array([spectrum(sound) for sounds in clips.values() for sound in sounds])
    features = (features - features.mean(0)) / features.std(0)
    labels = np.repeat(np.arange(20), 4)
    distance = np.linalg.norm(features[:, None] - features[None], axis=-1)
    np.fill_diagonal(distance, np.inf)
    right = np.mean(labels[distance.argmin(1)] == labels)
    assert 0.2 < right < 0.95  # chance is 0.05; one clip is not to stand for its class


def test_low_instruments_sound_low(clips):
    def centre(label):
        power = np.mean([np.abs(np.fft.rfft(sound)) ** 2 for sound in clips[label]], axis=0)
        return np.sum(power * np.fft.rfftfreq(12 * RATE, 1 / RATE)) / power.sum()

    assert max(centre(label) for label in ("tuba", "electric_bass", "cello")) < centre("flute") < centre("banjo")


def test_same_chances_same_sound_and_other_chances_another():
    score = compose("cello", np.random.default_rng(0))
    first, again, other = (render(score, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert np.abs(np.corrcoef(first, other)[0, 1]) < 0.9


def test_every_sample_of_the_sound_font_ends_where_its_wave_does():
    font = whole_sound_font()
    table = font.index(b"shdr") + 8
    size = int.from_bytes(font[table - 4 : table], "little")
    headers = np.frombuffer(font, SAMPLE_HEADER, size // SAMPLE_HEADER.itemsize, table)[:-1]
    points = np.frombuffer(font, "<i2", headers["end"].max() + 46, font.index(b"smpl") + 8)
    assert (headers["loop_end"] + GUARD <= headers["end"]).all()
    for end in headers["end"]:
        assert not points[end : end + 46].any()  # the format wants so many zeros behind every sample


@pytest.mark.parametrize("seed", range(5))
def test_music_keeps_its_pitch_and_its_time_whatever_the_specimen(seed):
    score = Score("clarinet", 71, (Note(4.0, 4.0, 69, 90),), 12.0)
    sound = render(score, np.random.default_rng(seed))
    power = np.abs(np.fft.rfft(sound)) ** 2
    hertz = np.fft.rfftfreq(len(sound), 1 / RATE)
    near = (hertz > 400) & (hertz < 480)
    assert hertz[near][power[near].argmax()] == pytest.approx(440, rel=0.03)
    energy = np.add.reduceat(sound**2, np.arange(0, len(sound), RATE // 20))
    begin, end = np.flatnonzero(energy > 0.1 * energy.max())[[0, -1]] / 20
    assert begin == pytest.approx(4.0, abs=0.15)
    assert end == pytest.approx(8.0, abs=0.3)


def test_rests_hold_the_noise_of_a_microphone():
    sound = render(Score("clarinet", 71, (Note(4.0, 4.0, 69, 90),), 12.0), np.random.default_rng(0))
    assert -62 < loudness(sound[: 3 * RATE]) - loudness(sound) < -43


def test_velocity_is_heard():
    notes = tuple(Note(2.0 + 3.0 * i, 2.0, 69, velocity) for i, velocity in enumerate((40, 80, 120)))
    sound = render(Score("clarinet", 71, notes, 12.0), np.random.default_rng(0))
    soft, medium, loud = (loudness(sound[int((2.5 + 3 * i) * RATE) :][:RATE]) for i in range(3))
    assert 9 < medium - soft < 15
    assert 5 < loud - medium < 9


def test_the_drum_kits_differ():
    score = compose("drum", np.random.default_rng(3))
    standard, brush = (render(replace(score, program=kit), np.random.default_rng(0)) for kit in (0, 40))
    assert np.abs(np.corrcoef(standard, brush)[0, 1]) < 0.99


def test_other_rates():
    sound = render(compose("flute", np.random.default_rng(0), 3.0), np.random.default_rng(0), 44_100)
    assert sound.shape == (3 * 44_100,)


def test_a_silent_score_is_an_error():
    with pytest.raises(ValueError, match="makes no sound"):
        render(Score("flute", 73, (), 12.0), np.random.default_rng(0))
