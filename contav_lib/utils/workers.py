"""Worker processes that end when their parent does, and leave Ctrl-C to it.

This module imports nothing heavy: a new process watches its parent from here before it loads the rest.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.queues import Queue
from typing import Any

from tqdm import tqdm

_to_parent: Queue  # in a worker


class Workers(ProcessPoolExecutor):
    """A pool of new processes; each ends with this one, however that is killed.

    Used in a `with` block. An error that leaves the block lets the jobs at work go on to their end, and no other begins;
    Ctrl-C ends all of them at once. Their files are whole at any moment.

    Args:
        count: how many processes, at most.
    """

    def __init__(self, count: int):
        # "spawn", for a forked child of a process that has used torch's threads can hang.
        context = multiprocessing.get_context("spawn")
        self._from_workers: Queue = context.Queue()
        self._started: list = []
        super().__init__(count, context, initializer=_begin, initargs=(self._from_workers,))

    def submit(self, *call, **arguments) -> Future:
        before = multiprocessing.active_children()
        with _later_interrupts():  # or a process could be started and never known
            job = super().submit(*call, **arguments)
            self._started += set(multiprocessing.active_children()) - set(before)
        return job

    def reports(self) -> Iterator[Any]:
        """Return what jobs have said by `report` since the last call."""
        while not self._from_workers.empty():
            yield self._from_workers.get()

    def __exit__(self, kind, error, traceback) -> None:
        try:
            if kind is None or issubclass(kind, Exception):
                self.shutdown(cancel_futures=kind is not None)
        finally:
            for process in self._started:  # none is left but after Ctrl-C
                process.terminate()
            self.shutdown(cancel_futures=True)


def report(value: Any) -> None:
    """Tell the parent of this worker something: `Workers.reports` has it there."""
    _to_parent.put(value)


def _begin(to_parent: Queue) -> None:
    global _to_parent
    _to_parent = to_parent
    parent = multiprocessing.parent_process()
    assert parent is not None  # this runs in processes that another has started

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    lock_bars_here()


def lock_bars_here() -> None:
    """Let progress bars lock among this process's threads only: tqdm's semaphore would be left behind where it is ended."""
    tqdm.set_lock(threading.RLock())


@contextmanager
def _later_interrupts() -> Iterator[None]:
    """Context manager: Ctrl-C and SIGTERM are heard at its end; processes started meanwhile never hear Ctrl-C."""
    heard: list[int] = []
    before = {}
    if threading.current_thread() is threading.main_thread():
        # Noted down, for a mask would not do: any other thread may take a signal that was sent to the process.
        for number in (signal.SIGTERM, signal.SIGINT):
            before[number] = signal.signal(number, lambda number, frame: heard.append(number))
    masks = hasattr(signal, "pthread_sigmask")  # Windows: processes hear Ctrl-C until `_begin`
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT]) if masks else set()  # which is inherited
    try:
        yield
    finally:
        if masks:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for number, handler in before.items():
            signal.signal(number, handler)
        for signum in heard[:1]:
            signal.raise_signal(signum)


@contextmanager
def sigterm_as_interrupt() -> Iterator[None]:
    """Context manager: SIGTERM raises KeyboardInterrupt, as Ctrl-C does; in the main thread only, where signals are heard."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
