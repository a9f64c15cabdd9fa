"""From notes to movement: what the hands, the bow and the breath do at the time of each picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from contav_lib.minimusic.composition import INSTRUMENTS, Note, Score


@dataclass(frozen=True)
class Moment:
    """The music at the time of one picture, as the drawn player needs it."""

    notes: tuple[Note, ...]
    """Notes that sound now or sounded since the last picture."""
    struck: tuple[Note, ...]
    """Notes that began since the last picture."""
    level: float
    """Loudness of what sounds, 0 (rest) to 1."""
    strike: float
    """Jumps to the loudness when a note begins, then dies away: 0 to 1."""
    pitch: int
    """Pitch of the highest of the notes that began last (MIDI)."""
    height: float
    """That pitch within the range of the instrument, 0 (lowest) to 1: where the hand is along a neck."""
    turn: int
    """In how many pictures notes have begun so far; its parity says up or down stroke, left or right hand."""
    stroke: float
    """Where the bow (or a strumming hand) is, -1 to 1: it turns at each beginning and moves further in loud notes."""

    @property
    def side(self) -> int:
        """1 and -1 in turn, from one beginning to the next."""
        return 1 if self.turn % 2 else -1


def moments(score: Score, frame_rate: float, compass: tuple[int, int] | None = None) -> list[Moment]:
    """One moment for each picture: picture k shows the music at k / frame_rate seconds.

    `compass` is the lowest and highest MIDI pitch of the instrument; by default that of the score's class.

    Notes that begin together (within 30 ms) count as one beginning; so do the many of a tremolo between two pictures,
    for an even number of turns would look like none.
    """
    notes = sorted(score.notes, key=lambda note: note.start)
    lowest, highest = compass or INSTRUMENTS[score.label].compass
    result, begun, turn = [], 0, 0
    strike, stroke, target, pace, last_start = 0.0, 0.0, 0.0, 1.0, -math.inf
    pitch = notes[0].pitch if notes else 60
    for frame in range(round(score.duration * frame_rate)):
        now, before = frame / frame_rate, (frame - 1) / frame_rate
        first = begun
        while begun < len(notes) and notes[begun].start <= now:
            begun += 1
        struck = tuple(notes[first:begun])
        sounding = tuple(note for note in notes[:begun] if note.start + note.duration > before)
        strike *= math.exp(-1 / (frame_rate * 0.5))
        if struck:
            latest = struck[-1].start
            turn += latest - last_start > 0.03
            pitch = max(note.pitch for note in struck if note.start > latest - 0.03)
            last_start = latest
            strike = max(strike, _loudest(struck))
            target = (1 if turn % 2 else -1) * (0.35 + 0.65 * _loudest(struck))
            # A long note takes the bow slowly, but even then the turn itself is quick.
            pace = 0.35 * max(note.duration for note in struck)
            stroke += 0.5 * (target - stroke)
        if sounding:
            stroke += (target - stroke) * (1 - math.exp(-1 / (frame_rate * max(pace, 0.08))))
        height = min(max((pitch - lowest) / (highest - lowest), 0.0), 1.0)
        result.append(Moment(sounding, struck, _loudest(sounding), strike, pitch, height, turn, stroke))
    return result


def _loudest(notes: Sequence[Note]) -> float:
    return max((note.velocity for note in notes), default=0) / 127
