"""One clock for what is heard and seen: seconds since the file's first sound or picture."""

from itertools import pairwise
from pathlib import Path
from typing import Literal

from contav_lib.media.opening import opened, remark

_BACK = 1.0  # seconds back that are a jump; less is a coder's disorder
_AHEAD = 10.0  # seconds ahead that are a jump, unless the file's other stream fills them


class Clock:
    """The time of one stream's frames.

    Time stamps may jump: in recordings that were paused or joined, or by a wall clock. Where they do, the stream goes on as
    if they did not. A jump leads back, or far ahead over a time in which the file's other stream (sound for pictures,
    pictures for sound) has nothing, either. A hole that the other stream fills is no jump: there is silence, or a picture
    stands still.

    Args:
        path, container: the file, open.
        kind: of the stream.
    """

    def __init__(self, path: str | Path, container, kind: Literal["audio", "video"]):
        self._path = path
        self._kind = kind
        self._other = "video" if kind == "audio" else "audio"
        self._shift = -(container.start_time or 0) / 1e6

    def time(self, stamp: float | None, expected: float) -> float:
        """The time of a frame, in seconds from 0, by its stamp and the time at which it was expected."""
        if stamp is None:
            return expected
        time = stamp + self._shift
        ahead = time > expected + _AHEAD and not self._is_filled(expected - self._shift, stamp)
        if ahead or time < expected - _BACK:
            jump = f"from {expected:.1f} to {time:.1f} s"
            remark(self._path, f"the time stamps of its {self._kind} jump {jump}; the jump is left out.")
            self._shift += expected - time
            return expected
        return max(time, 0.0)

    def _is_filled(self, start: float, end: float) -> bool:
        """Return whether the other stream goes on between two time stamps."""
        with opened(self._path) as container:
            others = [stream for stream in container.streams if stream.type == self._other]
            packets = container.demux(others[0]) if others else ()
            stamps = [float(packet.pts * packet.time_base) for packet in packets if packet.pts is not None]
        filled = [start, *sorted(stamp for stamp in stamps if start < stamp < end), end]
        return all(after - before <= _AHEAD for before, after in pairwise(filled))
