"""From a score to the sound a phone in the room would have recorded."""

import math
from collections import defaultdict
from functools import cache
from importlib.resources import files
from tempfile import NamedTemporaryFile

import numpy as np
import symusic

from contav_lib.corpus.score import Score

SOUND_FONT = files("pretty_midi") / "TimGM6mb.sf2"
GUARD = 8  # points of its wave that follow after the end that a sample's header gives, in this sound font
# A sample's header (SoundFont 2.04, section 7.10); places are counted in points from the start of the first sample.
SAMPLE_HEADER = np.dtype(
    [("name", "S20"), ("start", "<u4"), ("end", "<u4"), ("loop_start", "<u4"), ("loop_end", "<u4"), ("rest", "S10")]
)
RATE = 22_050
# The synthesizer plays at twice the rate wanted: near 22,050 Hz and below, it never comes back from some high notes.
OVERSAMPLING = 2
VELOCITY_STEP = 6  # notes of nearly the same velocity are played together

# The body of every class resonates at its own place, more strongly than in life, so that a small network learns to tell
# sounds apart in minutes; it also bends General MIDI's nearest relatives (fiddle, koto, shamisen, nylon guitar) towards
# erhu, guzheng, pipa and ukulele. (Centre in Hz, gain in dB.)
BODY = {
    "accordion": ((900, 12),),
    "bagpipe": ((3000, 14), (500, -8)),
    "bassoon": ((420, 10),),
    "clarinet": ((1700, 13), (400, -6)),
    "flute": ((2300, 12), (600, -4)),
    "piano": ((500, 10),),
    "saxophone": ((1200, 13),),
    "violin": ((3600, 16), (700, -8)),
    "xylophone": ((2600, 14),),
    "acoustic_guitar": ((450, 10), (2500, -8)),
    "banjo": ((3800, 16), (500, -8)),
    "cello": ((1000, 12),),
    "erhu": ((1300, 16), (3500, -8), (400, -10)),
    "guzheng": ((330, 12), (1500, -10)),
    "pipa": ((3800, 18), (700, -10)),
    "trumpet": ((2200, 15), (600, -6)),
    "ukulele": ((750, 14), (2500, -10)),
}
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


def render(score: Score, rng: np.random.Generator, rate: int = RATE) -> np.ndarray:
    """The sound of a score, played on one specimen of the instrument, in one room, by one microphone.

    The synthesizer has been seen to hang for ever, so call this where it can be stopped, as `mini.make_mini` does.

    Args:
        score: what is played.
        rng: chooses instrument, room, equaliser, noise and gain.
        rate: samples a second.

    Returns:
        float32 `[duration * rate]` within [-1, 1], with an RMS of about -20 dB give or take a few.

    Raises:
        ValueError: if the score is silent.
    """
    length = round(score.duration * rate)
    depth = VIBRATO.get(score.label, 0.0) * rng.uniform(0.0, 1.0)
    padded = -(-(length + rate // 2) // 16_384) * 16_384  # room for the echo, and a fast Fourier transform
    dry = np.fft.rfft(_play(score, rng, rate), OVERSAMPLING * padded)[: padded // 2 + 1]
    frequency = np.maximum(np.fft.rfftfreq(padded, 1 / rate), 20.0).astype(np.float32)
    octave = np.log2(frequency / 1000.0)
    recorded = dry * np.fft.rfft(_room(rng, rate), padded) * _equaliser(octave, BODY.get(score.label, ()), rng)
    sound = _vibrato(np.fft.irfft(recorded, padded)[:length], depth, rng, rate)
    level = float(np.sqrt(np.mean(sound**2)))
    if level < 1e-6:
        raise ValueError(f"the score for {score.label} makes no sound ({len(score.notes)} notes)")
    sound += level * 10 ** (rng.uniform(-60, -45) / 20) * _noise(length, rng)
    sound *= 10 ** (rng.normal(-20.0, 2.5) / 20) / level
    return sound * np.float32(min(1.0, 0.97 / np.abs(sound).max()))


def _play(score: Score, rng: np.random.Generator, rate: int) -> np.ndarray:
    """The bare notes, `[duration * rate * OVERSAMPLING]`.

    A tape trick makes every clip's instrument a slightly larger or smaller one: play the notes some semitones too low
    and too slowly, at a sampling rate that puts both right again. The timbre moves, the music stays.
    """
    is_drum = score.label == "drum"
    semitones = rng.uniform(-1.0, 1.0) if is_drum else int(rng.integers(-1, 2)) + rng.normal(0.0, 0.08)
    tape = round(OVERSAMPLING * rate / 2 ** (semitones / 12))
    stretch, lower = OVERSAMPLING * rate / tape, 0 if is_drum else round(semitones)
    synthesizer = _synthesizer(tape)
    ring = RING.get(score.label, 0.0)
    sound = np.zeros(round(score.duration * rate * OVERSAMPLING), np.float32)
    layers: dict[int, list[symusic.core.NoteSecond]] = defaultdict(list)
    for note in score.notes:
        duration = min(note.duration + ring, score.duration - note.start) * stretch
        placed = symusic.Note(note.start * stretch, duration, note.pitch - lower, note.velocity, ttype="second")
        layers[note.velocity // VELOCITY_STEP].append(placed)
    for step, notes in layers.items():  # the synthesizer plays every note equally loud: the dynamics are ours
        music = symusic.Score(ttype="second")
        track = symusic.Track(score.label, score.program, is_drum, ttype="second")
        track.notes.extend(notes)
        music.tracks.append(track)
        layer = np.asarray(synthesizer.render(music, stereo=False), np.float32)[0, : len(sound)]
        sound[: len(layer)] += layer * np.float32(((step + 0.5) * VELOCITY_STEP / 127) ** 2)
    return sound


def _synthesizer(rate: int) -> symusic.Synthesizer:
    with NamedTemporaryFile(suffix=".sf2") as file:  # stays mapped into memory when its name is gone
        file.write(whole_sound_font())
        file.flush()
        return symusic.Synthesizer(file.name, sample_rate=rate)


@cache
def whole_sound_font() -> bytes:
    """The sound font, with every sample's end moved to where its wave ends.

    Its headers leave out the last `GUARD` points, and some loops come up to the end they give. The synthesizer rounds a
    sample's length down twice and its loop's end once, so such a loop may run past what is loaded. It then plays whatever
    lies in memory there, another click each time.
    """
    font = bytearray(SOUND_FONT.read_bytes())
    table = font.index(b"shdr") + 8  # a chunk is its name, its size in four bytes, and its content
    size = int.from_bytes(font[table - 4 : table], "little")
    headers = np.frombuffer(font, SAMPLE_HEADER, size // SAMPLE_HEADER.itemsize, table)
    headers["end"][:-1] += GUARD  # the last header says only that there are no more
    return bytes(font)


def _vibrato(sound: np.ndarray, depth: float, rng: np.random.Generator, rate: int) -> np.ndarray:
    """The pitch swings by the part `depth` a few times a second: time runs a little ahead and behind."""
    swings = rng.uniform(4.5, 6.5)
    if depth < 1e-3:
        return sound
    time = np.arange(len(sound), dtype=np.float64)
    sway = depth * rate / (2 * math.pi * swings) * np.sin(time * (2 * math.pi * swings / rate))
    return np.interp(time + sway, time, sound).astype(np.float32)


def _equaliser(octave: np.ndarray, body: tuple[tuple[float, float], ...], rng: np.random.Generator) -> np.ndarray:
    """Gain at each frequency (given in octaves from 1 kHz): a tilt, a few peaks, and where the microphone ends."""
    decibels = rng.uniform(-0.5, 0.5) * np.clip(octave, -3.0, 3.0)
    peaks = [(math.log2(hertz / 1000), gain, 0.6) for hertz, gain in body]
    peaks += [(rng.uniform(-2.5, 2.5), rng.normal(0.0, 1.0), rng.uniform(0.3, 1.0)) for _ in range(3)]
    for centre, gain, width in peaks:
        decibels += gain * np.exp(-0.5 * ((octave - centre) / width) ** 2)
    lowest, highest = rng.uniform(-5.0, -3.2), rng.uniform(1.8, 3.4)
    decibels -= 12.0 * (np.maximum(lowest - octave, 0.0) + np.maximum(octave - highest, 0.0))
    return (10 ** (decibels / 20)).astype(np.float32)


def _room(rng: np.random.Generator, rate: int) -> np.ndarray:
    """A short impulse response: the direct sound, then noise that dies away."""
    decay, delay = rng.uniform(0.12, 0.45), rng.uniform(0.004, 0.02)
    time = np.arange(rate // 2) / rate
    echo = rng.standard_normal(len(time)) * 10 ** (-3.0 * time / decay) * (time > delay)
    echo *= 10 ** (-rng.uniform(8.0, 18.0) / 20) / np.sqrt(np.sum(echo**2))
    echo[0] = 1.0
    return echo.astype(np.float32)


def _noise(length: int, rng: np.random.Generator) -> np.ndarray:
    """Hiss with an RMS of 1, from white to rather dull."""
    hiss = rng.standard_normal(length, np.float32)
    dullness = np.float32(rng.uniform(0.0, 0.9))
    hiss[1:] += dullness * hiss[:-1]
    return hiss / np.sqrt(1 + dullness**2)
