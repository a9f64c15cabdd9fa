"""Specimens: one particular instrument of a class, in one room, before one microphone.

What a class has in common is its samples and its music; what tells its specimens apart is drawn here. No class has an
equaliser of its own.
"""

import math
from dataclasses import dataclass

import numpy as np

from contav_lib.minimusic.composition import INSTRUMENTS, Preset

ROOM_SECONDS = 0.5  # length of a room's echo


@dataclass(frozen=True)
class Specimen:
    """One instrument, its room and its microphone: all that two clips of one specimen share, apart from their music.

    Attributes:
        preset: which of the class's presets plays.
        shift: how many semitones its formants lie above those of the samples (a smaller or larger instrument).
        detune: how many semitones it is out of tune.
        tilt: of its spectrum, in dB an octave.
        peaks: resonances of its body: (centre in octaves from 1 kHz, gain in dB, width in octaves).
        lowest, highest: where the microphone's range ends, in octaves from 1 kHz.
        room: seed of the room's echo. decay: seconds in which it dies away by 60 dB. delay: seconds until it begins.
        echo: its level against the direct sound, in dB.
    """

    preset: Preset
    shift: float
    detune: float
    tilt: float
    peaks: tuple[tuple[float, float, float], ...]
    lowest: float
    highest: float
    room: int
    decay: float
    delay: float
    echo: float

    def equaliser(self, frequency: np.ndarray) -> np.ndarray:
        """Gain at each frequency in Hz (above 0), float32: the body, and where the microphone's range ends."""
        octave = np.log2(frequency / 1000.0)
        decibels = self.tilt * np.clip(octave, -3.0, 3.0)
        for centre, gain, width in self.peaks:
            decibels += gain * np.exp(-0.5 * ((octave - centre) / width) ** 2)
        decibels -= 12.0 * (np.maximum(self.lowest - octave, 0.0) + np.maximum(octave - self.highest, 0.0))
        return (10 ** (decibels / 20)).astype(np.float32)

    def impulse_response(self, rate: int) -> np.ndarray:
        """The room, float32 `[ROOM_SECONDS * rate]`: the direct sound, then noise that dies away."""
        time = np.arange(round(ROOM_SECONDS * rate)) / rate
        echo = np.random.default_rng(self.room).standard_normal(len(time)) * 10 ** (-3.0 * time / self.decay)
        echo *= time > self.delay
        echo *= 10 ** (self.echo / 20) / np.sqrt(np.sum(echo**2))
        echo[0] = 1.0
        return echo.astype(np.float32)


def draw_specimen(label: str, rng: np.random.Generator) -> Specimen:
    """Draw a specimen of a class by lot; the same state of `rng` gives the same one.

    Raises:
        KeyError: an unknown label.
    """
    presets = INSTRUMENTS[label].presets
    # Pitched notes can be played on a neighbour's samples by whole semitones only; drums have no neighbours.
    shift = rng.uniform(-3.0, 3.0) if label == "drum" else float(rng.integers(-3, 4))
    return Specimen(
        preset=presets[rng.integers(len(presets))],
        shift=shift,
        detune=0.0 if label == "drum" else rng.normal(0.0, 0.08),
        tilt=rng.uniform(-1.5, 1.5),
        peaks=tuple((rng.uniform(-2.5, 2.5), rng.normal(0.0, 4.0), rng.uniform(0.3, 1.0)) for _ in range(4)),
        lowest=rng.uniform(-5.0, -3.2),
        highest=rng.uniform(1.8, 3.4),
        room=int(rng.integers(2**32)),
        decay=math.exp(rng.uniform(math.log(0.12), math.log(0.6))),
        delay=rng.uniform(0.004, 0.02),
        echo=-rng.uniform(4.0, 16.0),
    )
