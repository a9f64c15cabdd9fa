"""Idioms of the instruments: small patterns in beats, from which `score.compose` makes music.

Every idiom is a function `(style, rng) -> list[Event]`. An event is `(beat, length, pitch, loudness)`: onset and length
in beats, a MIDI pitch, and a loudness around 1 that scales the clip's own dynamics.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Event = tuple[float, float, int, float]
Idiom = Callable[["Style", np.random.Generator], list[Event]]

BAR = 4.0
LENGTHS = np.array([4.0, 3.0, 2.0, 1.5, 1.0, 0.75, 0.5, 1 / 3, 0.25])  # what a rhythm is made of, in beats
SCALES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "harmonic minor": (0, 2, 3, 5, 7, 8, 11),
    "blues": (0, 3, 5, 6, 7, 10),
    "pentatonic": (0, 2, 4, 7, 9),
    "minor pentatonic": (0, 3, 5, 7, 10),
}


@dataclass(frozen=True)
class Style:
    """Choices of one clip, so that no two clips of an instrument are alike."""

    beats: float  # length of the clip
    tonic: int  # pitch class of the key, 0..11
    scale: tuple[int, ...]  # semitones above the tonic
    low: int  # the register of this clip, MIDI pitches
    high: int
    pace: float  # typical note length in beats
    rest: float  # probability that a note is left out
    pause: float  # typical silence between phrases, in beats
    leap: float  # typical melodic step, in scale steps
    tremolo: float  # strokes a beat where notes are repeated fast

    def ladder(self, low: int | None = None, high: int | None = None) -> list[int]:
        """All pitches of the key from `low` to `high` (the clip's register unless given)."""
        low, high = self.low if low is None else low, self.high if high is None else high
        return [p for p in range(low, high + 1) if (p - self.tonic) % 12 in self.scale]


def rhythm(style: Style, rng: np.random.Generator, beats: float = BAR) -> list[float]:
    """Note lengths that fill `beats`, mostly near the style's pace."""
    lengths, left = [], beats
    while left > 0.2:
        possible = LENGTHS[left + 0.01 >= LENGTHS]
        weights = np.exp(-np.abs(np.log2(possible / style.pace)) * 1.6)
        lengths.append(float(rng.choice(possible, p=weights / weights.sum())))
        left -= lengths[-1]
    return lengths


def tune(style: Style, rng: np.random.Generator, low: int | None = None, high: int | None = None) -> list[Event]:
    """A melody of phrases: a rhythmic motif walks over the scale, comes back changed, and breathes."""
    ladder = style.ladder(low, high)
    place, motif, events = int(rng.integers(len(ladder))), rhythm(style, rng), []
    beat = float(rng.uniform(0.0, 1.5))
    while beat < style.beats:
        loudness, swell = rng.uniform(0.7, 1.15), rng.uniform(-0.25, 0.25)
        for _ in range(rng.integers(1, 3)):
            for length in motif:
                place += int(np.rint(rng.normal(0.0, style.leap)))
                if not 0 <= place < len(ladder):  # turn round at the ends of the register
                    place = int(np.clip(-place if place < 0 else 2 * len(ladder) - 2 - place, 0, len(ladder) - 1))
                if length >= 2.0 or rng.random() > style.rest:  # a long note left out would be a hole
                    accent = 1.1 if beat % 1.0 < 0.1 else 0.95
                    events.append((beat, length, ladder[place], loudness * accent))
                loudness = float(np.clip(loudness + swell * length / BAR, 0.5, 1.3))
                beat += length
        if rng.random() < 0.6:
            motif = rhythm(style, rng)
        beat += float(rng.choice([0.0, 0.5, 1.0, 1.5])) * style.pause
    return events


def double_stops(style: Style, rng: np.random.Generator) -> list[Event]:
    """A melody on two strings (or with two mallets) at once."""
    gap = int(rng.choice([-4, -7, -5, 12 if style.high - style.low > 14 else -3]))
    share = rng.uniform(0.4, 1.0)
    events = tune(style, rng)
    second = [(b, n, p + gap, v * 0.85) for b, n, p, v in events if rng.random() < share]
    return events + [e for e in second if style.low <= e[2] <= style.high]


def tremolo(style: Style, rng: np.random.Generator) -> list[Event]:
    """A melody whose longer notes are struck again and again."""
    events = []
    for beat, length, pitch, loudness in tune(style, rng):
        count = max(1, int(length * style.tremolo)) if length >= 0.7 else 1
        events += [
            (beat + length * i / count, length / count, pitch, loudness * rng.uniform(0.75, 1.0)) for i in range(count)
        ]
    return events


def ornamented(style: Style, rng: np.random.Generator) -> list[Event]:
    """A melody with short grace notes and turns before the main notes."""
    events, grace, share = [], 0.11, rng.uniform(0.3, 0.8)
    for beat, length, pitch, loudness in tune(style, rng):
        if length >= 0.5 and rng.random() < share:
            above = int(np.clip(pitch + rng.choice([-2, 2, 3, 5]), style.low, style.high))
            events += [
                (beat, grace, above, loudness * 0.8),
                (beat + grace, length - grace, pitch, loudness),
            ]
        else:
            events.append((beat, length, pitch, loudness))
    return events


def drone(style: Style, rng: np.random.Generator) -> list[Event]:
    """A bagpipe: long low notes of the tonic under an ornamented chanter that seldom rests."""
    low = style.low + (style.tonic - style.low) % 12
    fifth = rng.random() < 0.4
    events, beat = ornamented(style, rng), float(rng.uniform(0.0, 1.0))
    events = [e for e in events if e[2] > low + 7]
    while beat < style.beats:
        length = float(rng.choice([BAR, 2 * BAR, 4 * BAR]))
        events.append((beat, length, low, 0.8))
        if fifth:
            events.append((beat, length, low + 7, 0.65))
        beat += length + float(rng.choice([0.0, 0.5, 1.0])) * style.pause
    return events


def progression(style: Style, rng: np.random.Generator, bars: float = 1.0) -> list[tuple[float, int]]:
    """A chord a bar, as (beat, degree of the scale), in a short circle that repeats."""
    circle = [0, *rng.choice([1, 2, 3, 3, 4, 4, 5], size=3)]
    starts = np.arange(0.0, style.beats, BAR * bars)
    return [(float(beat), int(circle[i % len(circle)])) for i, beat in enumerate(starts)]


def chord(style: Style, degree: int, low: int, size: int) -> list[int]:
    """`size` pitches of the chord on `degree`, from `low` upwards."""
    tones = {(style.tonic + style.scale[(degree + k) % len(style.scale)]) % 12 for k in (0, 2, 4)}
    return [p for p in range(low, low + 12 * size) if p % 12 in tones][:size]


def strum(style: Style, rng: np.random.Generator) -> list[Event]:
    """Strummed chords: a pattern of down and up strokes, the strings a moment apart."""
    size = min(int(rng.integers(3, 7)), (style.high - style.low) // 4)
    step = float(rng.choice([0.5, 0.5, 1.0, 0.25] if style.pace < 1 else [1.0, 2.0, 0.5]))
    pattern = rng.random(int(2 * BAR / step)) > style.rest + 0.15
    pattern[0] = True
    offset, low, spread, events = rng.uniform(0, 1.0), style.low + int(rng.integers(0, 5)), rng.uniform(0.02, 0.08), []
    for start, degree in progression(style, rng):
        voicing = chord(style, degree, low, size)
        if rng.random() < 0.1 * style.pause:  # now and then a bar of silence
            continue
        for i in range(int(BAR / step)):
            if pattern[(i + int(start / step)) % len(pattern)]:
                strings = voicing[:: -1 if i % 2 else 1]
                accent = rng.uniform(0.7, 0.9) if i % 2 else rng.uniform(0.85, 1.15)
                events += [
                    (offset + start + i * step + k * spread, step * 1.5, p, accent) for k, p in enumerate(strings)
                ]
    return events


def picking(style: Style, rng: np.random.Generator) -> list[Event]:
    """Broken chords: one string after another in a pattern, as fingers pick them."""
    size = min(int(rng.integers(4, 7)), (style.high - style.low) // 3)
    step = float(rng.choice([0.25, 1 / 3, 0.5] if style.pace < 1 else [0.5, 1.0]))
    order = rng.integers(0, size, size=int(rng.choice([3, 4, 6, 8])))
    offset, low, events = rng.uniform(0, 1.0), style.low + int(rng.integers(0, 6)), []
    for start, degree in progression(style, rng):
        voicing = chord(style, degree, low, size)
        silent = rng.random() < 0.12 * style.pause
        for i in range(int(BAR / step)):
            if rng.random() > style.rest and not silent:
                string = 0 if i == 0 else order[i % len(order)] % len(voicing)
                events.append((offset + start + i * step, step * 3, voicing[string], rng.uniform(0.75, 1.1)))
    return events


def accompanied(style: Style, rng: np.random.Generator) -> list[Event]:
    """Two hands: a melody above, and below it held chords, broken chords or bass and chord in turn."""
    middle = style.low + int((style.high - style.low) * rng.uniform(0.35, 0.55))
    events, kind, size = tune(style, rng, middle, style.high), rng.integers(3), int(rng.integers(2, 5))
    offset = events[0][0] % 1.0 if events else 0.0
    for start, degree in progression(style, rng):
        voicing = [p for p in chord(style, degree, style.low, size + 1) if p < middle] or [style.low]
        beat = offset + start
        if kind == 0:
            events += [(beat, BAR, p, 0.75) for p in voicing]
        elif kind == 1:
            step = 0.5 if style.pace < 1 else 1.0
            events += [(beat + i * step, step, voicing[i % len(voicing)], 0.75) for i in range(int(BAR / step))]
        else:
            events += [(beat + i, 0.9, voicing[0], 0.85) for i in (0, 2)]
            events += [(beat + i, 0.5, p, 0.7) for i in (1, 3) for p in voicing[1:]]
    return events


def held_chords(style: Style, rng: np.random.Generator) -> list[Event]:
    """Full chords in the rhythm of a melody."""
    size, low = int(rng.integers(3, 5)), style.low + int(rng.integers(0, 8))
    chords, events = progression(style, rng), []
    for beat, length, _, loudness in tune(style, rng):
        degree = chords[min(int(beat / BAR), len(chords) - 1)][1]
        events += [(beat, length, p, loudness) for p in chord(style, degree, low, size) if p <= style.high]
    return events


def glissandi(style: Style, rng: np.random.Generator) -> list[Event]:
    """A zither: a sparse melody, some notes in octaves, and sweeps over many strings."""
    ladder, events, share = style.ladder(), [], rng.uniform(0.15, 0.45)
    for beat, length, pitch, loudness in tune(style, rng):
        if length >= 1.0 and rng.random() < share:
            top, count = ladder.index(pitch), int(rng.integers(6, 12))
            run = ladder[max(0, top - count) : top + 1] if rng.random() < 0.5 else ladder[top : top + count][::-1]
            step = min(length, 1.5) / len(run)
            events += [(beat + i * step, step * 3, p, loudness * (0.6 + 0.4 * i / len(run))) for i, p in enumerate(run)]
        else:
            events.append((beat, length * 1.5, pitch, loudness))
            if pitch - 12 >= style.low and rng.random() < 0.3:
                events.append((beat, length * 1.5, pitch - 12, loudness * 0.8))
    return events


def riff(style: Style, rng: np.random.Generator) -> list[Event]:
    """A bass line: one or two bars that repeat, moved to each chord's root."""
    lengths = rhythm(style, rng, BAR * int(rng.integers(1, 3)))
    steps = rng.choice([0, 0, 0, 7, 12, 10, 5, -2], size=len(lengths))
    played = rng.random(len(lengths)) > style.rest
    played[0] = True
    root_low = style.low + int(rng.integers(0, max(1, style.high - style.low - 14)))
    offset, events = rng.uniform(0, 1.0), []
    for start, degree in progression(style, rng, bars=sum(lengths) / BAR):
        beat, root = offset + start, chord(style, degree, root_low, 1)[0]
        for length, step, sounds in zip(lengths, steps, played, strict=True):
            if sounds and rng.random() > 0.05 * style.pause:
                pitch = int(np.clip(root + step, style.low, style.high))
                events.append((beat, length, pitch, rng.uniform(0.8, 1.15)))
            beat += length
    return events


KICKS, SNARES, CYMBALS, TOMS, CRASH = (35, 36), (38, 40, 37), (42, 46, 51, 44, 53), (50, 48, 47, 45, 43, 41), 49


def groove(style: Style, rng: np.random.Generator) -> list[Event]:
    """A drum kit: kick, snare and a cymbal in a pattern that repeats, with fills and crashes."""
    kick, snare, cymbal = int(rng.choice(KICKS)), int(rng.choice(SNARES)), int(rng.choice(CYMBALS))
    step = float(rng.choice([0.25, 1 / 3, 0.5], p=[0.5, 0.2, 0.3]))
    count = round(BAR / step)
    beats = np.arange(count) * step
    on_beat = np.abs(beats - np.rint(beats)) < 0.01
    ride = rng.random(count) < (1.0 if step > 0.4 else rng.choice([0.4, 0.6, 1.0])) - style.rest
    kicks = rng.random(count) < np.where(on_beat, 0.45, rng.uniform(0.03, 0.25))
    snares = rng.random(count) < np.where(on_beat, 0.1, rng.uniform(0.0, 0.15))
    kicks[0] = True
    backbeat = (BAR / 2,) if rng.random() < 0.3 else (1.0, 3.0)
    snares |= np.isin(np.rint(beats * 12), np.array(backbeat) * 12)
    offset, events = float(rng.uniform(0, 1.5)), []
    for bar in np.arange(0.0, style.beats, BAR):
        fill = BAR - float(rng.choice([1.0, 2.0, BAR])) if rng.random() < 0.3 else BAR
        if rng.random() < 0.12 * style.pause:
            continue
        if rng.random() < 0.25:
            events.append((offset + bar, 1.0, CRASH, 1.0))
        for i, beat in enumerate(beats):
            at = offset + bar + float(beat)
            if beat >= fill:  # a fill runs down the toms
                drum = int(rng.choice([*TOMS, snare])) if rng.random() < 0.3 else TOMS[int(6 * beat / BAR) % 6]
                events.append((at, step, drum, rng.uniform(0.8, 1.2)))
                continue
            hits = ((ride[i], cymbal, 0.75), (kicks[i], kick, 1.0), (snares[i], snare, 0.95))
            events += [(at, step, drum, loudness * rng.uniform(0.8, 1.1)) for hit, drum, loudness in hits if hit]
    return events
