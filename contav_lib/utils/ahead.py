"""Work on threads ahead of who uses it, in order and never far ahead, so that memory holds only a few results."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


def in_order(
    make: Callable[[Item], Made], items: Iterable[Item], workers: int = 1, begin: Callable[[], object] | None = None
) -> Generator[tuple[Item, "Future[Made]"], None, None]:
    """Yield each item with the job that makes something of it, while the next ones are at work.

    Args:
        make: is called on a thread.
        items: taken from the caller's thread, when there is room for the next.
        workers: threads; 4 jobs each wait or are at work, at most. A single one has one job only.
        begin: called on each thread first.
    """
    ahead = 1 if workers == 1 else 4 * workers
    pool = ThreadPoolExecutor(workers, initializer=begin)
    waiting: deque[tuple[Item, Future[Made]]] = deque()
    try:
        for item in items:
            waiting.append((item, pool.submit(make, item)))
            if len(waiting) > ahead:
                yield waiting.popleft()
        while waiting:
            yield waiting.popleft()
    finally:
        pool.shutdown(cancel_futures=True)
