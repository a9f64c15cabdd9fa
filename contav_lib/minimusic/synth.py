"""The synthesizer: from a score to the sound that a microphone in the room would have recorded."""

import math
from collections import defaultdict
from tempfile import NamedTemporaryFile

import numpy as np

from contav_lib.minimusic.composition import Score
from contav_lib.minimusic.sound_font import mended_sound_font
from contav_lib.minimusic.specimen import ROOM_SECONDS, Specimen
from contav_lib.utils.extras import extras

with extras():
    import symusic

RATE = 22_050
# The synthesizer plays at four times the rate wanted. It cuts a loop to whole points, so at lower rates the high notes, whose
# loops are short, go out of tune.
OVERSAMPLING = 4
VELOCITY_STEP = 6  # notes of nearly the same velocity are played together

# How strongly a player shakes the pitch at most, as a part of the frequency (0.01 is 17 cents).
VIBRATO = {"erhu": 0.02, "violin": 0.012, "cello": 0.012, "flute": 0.008, "saxophone": 0.01, "trumpet": 0.006}
# How long a struck or plucked thing sounds on by itself after its note has ended, in seconds.
RING = {
    "drum": 0.7,
    "xylophone": 0.35,
    "piano": 0.1,
    "banjo": 0.2,
    "pipa": 0.15,
    "guzheng": 0.7,
    "acoustic_guitar": 0.25,
    "ukulele": 0.15,
    "electric_bass": 0.05,
}


def render(score: Score, specimen: Specimen, rng: np.random.Generator, rate: int = RATE) -> np.ndarray:
    """Render the sound of a score, played on a specimen of the instrument.

    Args:
        score: what is played.
        specimen: on what, where, and before which microphone.
        rng: chooses the player's vibrato, the level of the recording and its noise.
        rate: samples a second.

    Returns:
        float32 `[duration * rate]` within [-1, 1], with an RMS of about -20 dB give or take a few.

    Raises:
        ValueError: if the score is silent.
    """
    length = round(score.duration * rate)
    padded = -(-(length + round(ROOM_SECONDS * rate)) // 16_384) * 16_384  # a fast Fourier transform
    played = play(score, specimen.shift, specimen.detune, OVERSAMPLING * rate)
    dry = np.fft.rfft(played, OVERSAMPLING * padded)[: padded // 2 + 1]
    frequency = np.maximum(np.fft.rfftfreq(padded, 1 / rate), 20.0)
    recorded = dry * np.fft.rfft(specimen.impulse_response(rate), padded) * specimen.equaliser(frequency)
    depth = VIBRATO.get(score.label, 0.0) * rng.uniform(0.0, 1.0)
    sound = _vibrato(np.fft.irfft(recorded, padded)[:length], depth, rng, rate)
    level = float(np.sqrt(np.mean(sound**2)))
    if level < 1e-6:
        raise ValueError(f"the score for {score.label} makes no sound ({len(score.notes)} notes)")
    sound += level * 10 ** (rng.uniform(-60, -45) / 20) * _noise(length, rng)
    sound *= 10 ** (rng.normal(-20.0, 2.5) / 20) / level
    return sound * np.float32(min(1.0, 0.97 / np.abs(sound).max()))


def play(score: Score, shift: float, detune: float, rate: int) -> np.ndarray:
    """Play the bare notes of a score, float32 `[duration * rate]`.

    A tape trick shifts the formants: play the notes some semitones too low and too slowly, at a sampling rate that puts both
    right again. The timbre moves, the music stays.

    Args:
        score: what is played.
        shift: semitones by which the formants move up, a whole number but for drums.
        detune: semitones by which the pitch moves up.
        rate: samples a second.
    """
    is_drum = score.label == "drum"
    tape = round(rate / 2 ** ((shift + detune) / 12))
    stretch, lower = rate / tape, 0 if is_drum else round(shift)
    synthesizer = _synthesizer(tape)
    ring = RING.get(score.label, 0.0)
    sound = np.zeros(round(score.duration * rate), np.float32)
    layers: dict[int, symusic.core.NoteSecondList] = defaultdict(symusic.core.NoteSecondList)
    for note in score.notes:
        duration = min(note.duration + ring, score.duration - note.start) * stretch
        placed = symusic.core.NoteSecond(note.start * stretch, duration, note.pitch - lower, note.velocity)
        layers[note.velocity // VELOCITY_STEP].append(placed)
    for step, notes in layers.items():  # the synthesizer plays every note equally loud: the dynamics are ours
        music = symusic.core.ScoreSecond(960)  # ticks a quarter: of no meaning where time is in seconds
        track = symusic.core.TrackSecond(score.label, score.program, is_drum)
        track.notes.extend(notes)
        music.tracks.append(track)
        layer = np.asarray(synthesizer.render(music, stereo=False), np.float32)[0, : len(sound)]
        sound[: len(layer)] += layer * np.float32(((step + 0.5) * VELOCITY_STEP / 127) ** 2)
    return sound


def _synthesizer(rate: int) -> symusic.core.Synthesizer:
    with NamedTemporaryFile(suffix=".sf2") as file:  # stays mapped into memory when its name is gone
        file.write(mended_sound_font())
        file.flush()
        return symusic.Synthesizer(file.name, sample_rate=rate)


def _vibrato(sound: np.ndarray, depth: float, rng: np.random.Generator, rate: int) -> np.ndarray:
    """The pitch swings by the part `depth` a few times a second: time runs a little ahead and behind."""
    swings = rng.uniform(4.5, 6.5)
    if depth < 1e-3:
        return sound
    time = np.arange(len(sound), dtype=np.float64)
    sway = depth * rate / (2 * math.pi * swings) * np.sin(time * (2 * math.pi * swings / rate))
    return np.interp(time + sway, time, sound).astype(np.float32)


def _noise(length: int, rng: np.random.Generator) -> np.ndarray:
    """Hiss with an RMS of 1, from white to rather dull."""
    hiss = rng.standard_normal(length, np.float32)
    dullness = np.float32(rng.uniform(0.0, 0.9))
    hiss[1:] += dullness * hiss[:-1]
    return hiss / np.sqrt(1 + dullness**2)
