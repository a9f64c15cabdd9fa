"""A limit to the time that experiments take: when it is over they stop at a checkpoint, and go on when they are run again."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

_END = "CONTAV_END"  # in seconds since 1970; processes that are started meanwhile inherit it


class Stopped(BaseException):
    """The experiment was told to stop, as by Ctrl-C; it is kept as far as it came."""


@contextmanager
def time_limit(minutes: float | None) -> Iterator[None]:
    """Context manager: experiments in it raise `Stopped` when so many minutes are over; None is no limit.

    They look at the clock when they write a record, and between learning and measuring: however short the time, each call
    comes a record or a measurement further.

    Raises:
        ValueError: `minutes` is not above 0.
    """
    if minutes is None:
        yield
        return
    if not minutes > 0:
        raise ValueError(f"minutes={minutes} must be above 0; 9.5 is usual where a call may take ten.")
    os.environ[_END] = str(time.time() + 60 * minutes)
    try:
        yield
    finally:
        del os.environ[_END]


def time_is_over() -> bool:
    """Return whether the time of the `time_limit` around is over; False without one."""
    return time.time() >= float(os.environ.get(_END, "inf"))
