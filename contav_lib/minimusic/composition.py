"""Notes of a MiniMUSIC clip: for one instrument, composed by chance within the instrument's idiom."""

from collections import defaultdict
from dataclasses import dataclass, replace

import numpy as np

from contav_lib.minimusic.idioms import (
    SCALES,
    Event,
    Idiom,
    Style,
    accompanied,
    double_stops,
    drone,
    glissandi,
    groove,
    held_chords,
    ornamented,
    picking,
    riff,
    strum,
    tremolo,
    tune,
)  # fmt: skip


@dataclass(frozen=True)
class Note:
    """One note; `pitch` is a MIDI pitch (60 is middle C), for the drum kit a General-MIDI percussion key."""

    start: float  # seconds
    duration: float  # seconds
    pitch: int
    velocity: int  # loudness, 1..127


@dataclass(frozen=True)
class Score:
    """The notes of one clip, sorted by start; all of them end within `duration` seconds."""

    label: str
    program: int  # General-MIDI program, 0-based; for the drum kit the number of the kit
    notes: tuple[Note, ...]
    duration: float  # seconds


Preset = tuple[int, int, int]  # General-MIDI program, lowest and highest pitch


@dataclass(frozen=True)
class Instrument:
    """Style of a class of instruments, from which every clip draws its own choice.

    `presets` are the sounds and ranges it comes with, a likely one more than once. `pace` is the range of the typical note
    length in beats, `tempo` beats a minute, `legato` the part of a note's length that sounds (above 1: it rings on).
    """

    presets: tuple[Preset, ...]
    idioms: tuple[Idiom, ...]
    span: tuple[int, int] = (12, 24)  # width of one clip's register in semitones
    pace: tuple[float, float] = (0.3, 1.6)
    tempo: tuple[float, float] = (60.0, 150.0)
    legato: tuple[float, float] = (0.5, 1.0)
    scales: tuple[str, ...] = tuple(SCALES)

    @property
    def compass(self) -> tuple[int, int]:
        """Lowest and highest pitch of all presets."""
        return min(low for _, low, _ in self.presets), max(high for _, _, high in self.presets)


_CHINESE = ("pentatonic", "pentatonic", "minor pentatonic")
_BAGPIPE = ("mixolydian", "major", "dorian")
_SONG = (tune, tune, ornamented)
_BOWED = (*_SONG, double_stops)
_VIOLINS = ((40, 55, 96),) * 3
_PLUCKED = 0.8, 1.6  # legato: the strings ring on

# In the order in which the authors' tasks of four classes learn them. General MIDI has no erhu, guzheng or pipa: their
# nearest relatives (fiddle, koto, shamisen) play their music in their range; a ukulele is a nylon guitar played high. The sound
# font's accordions are out of tune three semitones above these ranges, and its alto saxophone has no key 64 (`specimen` moves
# the keys by up to three).
INSTRUMENTS: dict[str, Instrument] = {
    "accordion": Instrument(((21, 41, 66), (23, 43, 76)), (accompanied, held_chords, tune), (20, 34)),
    "bagpipe": Instrument(((109, 46, 81),), (drone,), (26, 30), (0.25, 1.0), (70, 140), (0.9, 1.0), _BAGPIPE),
    "bassoon": Instrument(((70, 34, 72),), _SONG, pace=(0.35, 1.6)),
    "clarinet": Instrument(((71, 50, 91),), _SONG, pace=(0.25, 1.6)),
    "drum": Instrument(tuple((kit, 35, 59) for kit in (0, 8, 16, 32, 40)), (groove,), tempo=(65, 160)),
    "flute": Instrument(((73, 60, 96), (73, 60, 96), (72, 74, 98)), _SONG, pace=(0.22, 1.5)),
    "piano": Instrument(((0, 28, 96), (1, 28, 96), (3, 36, 90)), (accompanied, accompanied, held_chords), (28, 50)),
    "saxophone": Instrument(((64, 56, 87), (65, 68, 80), (66, 44, 75), (67, 37, 68)), _SONG, pace=(0.25, 1.6)),
    "tuba": Instrument(((58, 28, 60),), (tune, tune, riff), (14, 20), (0.5, 2.0), (55, 130)),
    "violin": Instrument((*_VIOLINS, (45, 55, 88)), (*_BOWED, tremolo), pace=(0.22, 2.0)),
    "xylophone": Instrument(
        ((13, 62, 93), (12, 53, 89)), (tune, tremolo, double_stops), pace=(0.22, 1.0), legato=(0.5, 1.2)
    ),
    "acoustic_guitar": Instrument(
        ((24, 40, 79), (25, 40, 79)), (strum, picking, accompanied), (24, 36), legato=_PLUCKED
    ),
    "banjo": Instrument(((105, 50, 86),), (picking, picking, strum, tune), (18, 28), (0.22, 0.7), (90, 170)),
    "cello": Instrument(((42, 36, 76),), _BOWED, pace=(0.3, 2.6), tempo=(50, 130)),
    "electric_bass": Instrument(tuple((bass, 28, 58) for bass in range(33, 38)), (riff, riff, tune), (14, 26)),
    "erhu": Instrument(((110, 62, 90),), (ornamented, tune), (12, 22), (0.3, 2.0), scales=_CHINESE),
    "guzheng": Instrument(
        ((107, 43, 88),), (glissandi, glissandi, picking), (24, 40), (0.3, 1.8), scales=_CHINESE, legato=_PLUCKED
    ),
    "pipa": Instrument(((106, 45, 86),), (tremolo, tremolo, double_stops), (14, 28), (0.3, 1.8), scales=_CHINESE),
    "trumpet": Instrument(((56, 54, 86), (56, 54, 86), (59, 54, 84)), _SONG, pace=(0.25, 1.6)),
    "ukulele": Instrument(((24, 60, 84),), (strum, strum, picking), (18, 24), legato=_PLUCKED),
}


def compose(label: str, rng: np.random.Generator, duration: float = 12.0, preset: Preset | None = None) -> Score:
    """Compose the music for one clip.

    Args:
        label: one of the 20 classes in `INSTRUMENTS`.
        rng: every choice comes from here; the same state gives the same score.
        duration: length of the clip in seconds.
        preset: one of the class's presets; by chance unless given.

    Raises:
        ValueError: for an unknown label, or a duration under 2 seconds.
    """
    if label not in INSTRUMENTS:
        raise ValueError(f"MiniMUSIC has no instrument {label!r}; it has {', '.join(INSTRUMENTS)}")
    instrument = INSTRUMENTS[label]
    return improvise(label, replace(instrument, presets=(preset,)) if preset else instrument, rng, duration)


def improvise(label: str, instrument: Instrument, rng: np.random.Generator, duration: float) -> Score:
    """Compose for an instrument that need not be one of the 20; `compose` says the rest."""
    if duration < 2.0:
        raise ValueError(f"a clip needs at least 2 seconds for a phrase, not {duration}")
    while True:  # a clip in which next to nothing happens is thrown away
        score = _attempt(label, instrument, rng, duration)
        if len({note.start for note in score.notes}) > duration / 2:
            return score


def _attempt(label: str, instrument: Instrument, rng: np.random.Generator, duration: float) -> Score:
    program, lowest, highest = instrument.presets[rng.integers(len(instrument.presets))]
    width = min(int(rng.integers(instrument.span[0], instrument.span[1] + 1)), highest - lowest)
    low = int(rng.integers(lowest, highest - width + 1))
    beat_seconds = 60.0 / rng.uniform(*instrument.tempo)
    style = Style(
        beats=duration / beat_seconds,
        tonic=int(rng.integers(12)),
        scale=SCALES[str(rng.choice(instrument.scales))],
        low=low,
        high=low + width,
        pace=float(np.exp(rng.uniform(*np.log(instrument.pace)))),
        rest=float(rng.uniform(0.0, 0.12)),
        pause=float(rng.uniform(0.1, 0.7)),
        leap=float(rng.uniform(0.8, 2.6)),
        tremolo=float(rng.uniform(7.0, 13.0) * beat_seconds),
    )
    events = instrument.idioms[rng.integers(len(instrument.idioms))](style, rng)
    events = [event for event in events if lowest <= event[2] <= highest and event[0] < style.beats]
    return Score(label, program, _notes(events, instrument, beat_seconds, duration, rng), duration)


def _notes(
    events: list[Event], instrument: Instrument, beat: float, duration: float, rng: np.random.Generator
) -> tuple[Note, ...]:
    """Events in beats become notes in seconds, played by a person: not quite in time, each clip with its dynamics."""
    loud, contrast = rng.uniform(50, 110), rng.uniform(0.4, 1.4)
    legato, late = rng.uniform(*instrument.legato), rng.uniform(0.0, 0.012)
    by_pitch: dict[int, list[tuple[float, float, int]]] = defaultdict(list)
    for start, length, pitch, loudness in sorted(events):
        onset = float(np.clip(start * beat + rng.normal(0.0, late), 0.0, duration))
        velocity = int(np.clip(loud * loudness**contrast + rng.normal(0.0, 3.0), 20, 127))
        by_pitch[pitch].append((onset, length * beat * legato, velocity))
    notes = []
    for pitch, played in by_pitch.items():
        played.sort()
        ends = [onset for onset, _, _ in played[1:]] + [duration]
        for (onset, length, velocity), end in zip(played, ends, strict=True):
            sounding = min(max(length, 0.06), end - onset)  # a key is free again before it is struck again
            if sounding >= 0.03:
                notes.append(Note(round(onset, 4), round(sounding, 4), pitch, velocity))
    return tuple(sorted(notes, key=lambda note: (note.start, note.pitch)))
