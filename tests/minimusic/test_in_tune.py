"""Is what sounds what was written? Every preset over its whole range, every drum, and the player's hand beside the sound."""

from itertools import pairwise

import librosa
import numpy as np
import pytest
from scipy.signal import decimate

from contav_lib.minimusic.composition import INSTRUMENTS, Note, Score
from contav_lib.minimusic.synth import OVERSAMPLING, RATE, play

pytestmark = pytest.mark.slow

PRESETS = sorted({(label, preset) for label, instrument in INSTRUMENTS.items() for preset in instrument.presets})
MELODIC = [(label, preset) for label, preset in PRESETS if label != "drum"]
KITS = [program for label, (program, *_) in PRESETS if label == "drum"]
KICK, SNARE, CLOSED_HAT, RIDE, CRASH = 36, 38, 42, 51, 49
TOMS = (50, 48, 47, 45, 43, 41)  # from high to low


def sound_of(label: str, program: int, pitch: int, shift: float = 0.0) -> np.ndarray:
    """One note of a second, at twice `RATE`."""
    score = Score(label, program, (Note(0.0, 1.0, pitch, 90),), 1.2)
    return decimate(play(score, shift, 0.0, OVERSAMPLING * RATE), OVERSAMPLING // 2, ftype="fir")


def cents_off(sound: np.ndarray, pitch: int) -> float:
    """How far a note's fundamental lies from its pitch: the median of YIN over the note, sought from a twelfth below to a
    twelfth above, so that a wrong octave is found, too."""
    wanted = librosa.midi_to_hz(pitch)
    lowest, rate = max(20.0, wanted / 3), 2 * RATE
    window = 2 ** int(np.ceil(np.log2(2.2 * rate / lowest)))
    steady = sound[int(0.08 * rate) : int(0.7 * rate)]
    heard = librosa.yin(steady, fmin=lowest, fmax=3 * wanted, sr=rate, frame_length=window)
    return float(1200 * np.log2(np.median(heard) / wanted))


@pytest.fixture(scope="module")
def deviations():
    """Cents off by (label, program, pitch), for every note that a clip may hold."""
    return {
        (label, program, pitch): cents_off(sound_of(label, program, pitch), pitch)
        for label, (program, lowest, highest) in MELODIC
        for pitch in range(lowest, highest + 1)
    }


def test_99_of_100_notes_are_within_30_cents(deviations):
    wrong = {note: round(cents) for note, cents in deviations.items() if abs(cents) > 30}
    assert len(deviations) > 1200
    assert len(wrong) <= 0.01 * len(deviations), wrong


def test_no_note_is_a_semitone_off(deviations):
    assert max(map(abs, deviations.values())) < 50


@pytest.mark.parametrize(("label", "preset"), MELODIC)
def test_a_shifted_specimen_keeps_the_pitch(label, preset):
    program, lowest, highest = preset
    for shift in (-3, 3):
        for pitch in (lowest + 3, (lowest + highest) // 2, highest - 3):
            assert abs(cents_off(sound_of(label, program, pitch, shift), pitch)) < 40, (shift, pitch)


def test_99_of_100_notes_of_shifted_specimens_are_within_40_cents():
    rng = np.random.default_rng(0)
    wrong = {}
    for label, (program, lowest, highest) in (MELODIC[number] for number in rng.integers(len(MELODIC), size=200)):
        shift = int(rng.choice([-3, -2, -1, 1, 2, 3]))
        pitch = int(rng.integers(lowest, highest + 1))
        if abs(cents := cents_off(sound_of(label, program, pitch, shift), pitch)) > 40:
            wrong[label, program, pitch, shift] = round(cents)
    assert len(wrong) <= 2, wrong


def spectrum(program: int, key: int) -> tuple[np.ndarray, np.ndarray]:
    """Power of the first 0.4 s of a drum, and its frequencies in Hz."""
    sound = sound_of("drum", program, key)[: int(0.8 * RATE)]
    return np.abs(np.fft.rfft(sound)) ** 2, np.fft.rfftfreq(len(sound), 0.5 / RATE)


def share(program: int, key: int, low: float, high: float) -> float:
    """Part of a drum's energy between two frequencies in Hz."""
    power, hertz = spectrum(program, key)
    return float(power[(hertz >= low) & (hertz < high)].sum() / power.sum())


@pytest.mark.parametrize("program", KITS)
def test_each_drum_is_the_voice_that_general_midi_names(program):
    assert share(program, KICK, 0, 250) > 0.6
    for cymbal in (CLOSED_HAT, RIDE, CRASH):
        assert share(program, cymbal, 2000, 22_050) > 0.5, cymbal
    assert share(program, SNARE, 250, 22_050) > 2 * share(program, KICK, 250, 22_050)
    centres = []
    for tom in TOMS:
        power, hertz = spectrum(program, tom)
        low = hertz < 500
        centres.append(float(hertz[low][power[low].argmax()]))
        assert share(program, tom, 0, 500) > 0.6, tom
    assert all(higher > 0.95 * lower for higher, lower in pairwise(centres)), centres
    assert centres[0] > 1.2 * centres[-1], centres
