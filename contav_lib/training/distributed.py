"""One experiment on several processes, as a rule on a GPU each: how they begin, and what they share in a training step.

All run the same program and draw the same mixtures. Each makes and separates its rows of a batch; from the rows of all, each
computes the same losses as one process would, for a source is contrasted with all others of the batch wherever they were
separated. Gradients are averaged, so the weights are the same everywhere. The first process writes.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from itertools import tee
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import distributed, multiprocessing, nn

from contav_lib.mixtures.batch import Batch, MixtureSpec
from contav_lib.mixtures.clip_store import ClipStore
from contav_lib.separators import Separator
from contav_lib.utils.ranks import average, gather_rows, own_rows, rank, world_size
from contav_lib.utils.time_limit import Stopped
from contav_lib.utils.workers import lock_bars_here

PATIENCE = timedelta(days=2)  # while the first process prepares a corpus; one that dies is noticed at once


def started() -> int:
    """Number of processes that `torchrun`, or `launch`, has started with this one; 1 for a process on its own."""
    told = {"RANK", "WORLD_SIZE", "MASTER_ADDR"} <= os.environ.keys()
    return int(os.environ["WORLD_SIZE"]) if told else world_size()


@contextmanager
def group() -> Iterator[None]:
    """Context manager: the processes that were started together know of one another; nothing for a process on its own."""
    if started() == world_size():
        yield
    else:
        with _joined():
            yield


def launch(processes: int, work: Callable[..., Any], *arguments: Any) -> None:
    """Call `work(*arguments)` in new processes that form a group, and wait for them; all end when one fails.

    Raises:
        ChildProcessError: one failed or was killed; its message is given.
    """
    with TemporaryDirectory() as folder:
        meeting = Path(folder, "meeting").as_uri()
        context = multiprocessing.start_processes(
            _launched, (meeting, processes, work, arguments), processes, join=False, start_method="spawn"
        )
        try:
            while not context.join():
                pass
        except (multiprocessing.ProcessRaisedException, multiprocessing.ProcessExitedException) as error:
            raise ChildProcessError(
                f"Of {processes} processes (0, 1, ...), {error}\nWhat was done is kept: run the same again to go on."
            ) from error
        finally:
            for process in context.processes:
                process.terminate()


def _launched(number: int, meeting: str, processes: int, work: Callable[..., Any], arguments: tuple) -> None:
    lock_bars_here()
    with suppress(Stopped), _joined(init_method=meeting, rank=number, world_size=processes):
        work(*arguments)


@contextmanager
def _joined(**where: Any) -> Iterator[None]:
    distributed.init_process_group(timeout=PATIENCE, **where)
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", rank())) % torch.cuda.device_count())
    try:
        yield
    finally:
        distributed.destroy_process_group()


def whole_batches(store: ClipStore, specs: Iterable[MixtureSpec]) -> Iterator[Batch]:
    """Make the batch of each specification, each process its rows of it."""
    if world_size() == 1:
        yield from store.each(specs)
        return
    specs, again = tee(specs)
    for spec, batch in zip(specs, store.each(spec[own_rows()] for spec in again), strict=True):
        own = batch.tensors()
        of_all = {name: gather_rows(rows, len(spec)) for name, rows in own.items() if name != "is_old_class"}
        yield Batch.from_tensors({**of_all, "is_old_class": spec.is_old_class})


def synchronise_norms(separator: Separator, device: torch.device) -> None:
    """Let batch norms on GPUs take their statistics over the rows of all processes; torch can't on the CPU."""
    if world_size() > 1 and device.type == "cuda":
        nn.SyncBatchNorm.convert_sync_batchnorm(separator)


def average_step(separator: Separator) -> None:
    """Take the mean over all processes of the gradients and of the batch norms' running statistics."""
    gradients = [weight.grad for weight in separator.parameters() if weight.grad is not None]
    average([*gradients, *(buffer for buffer in separator.buffers() if buffer.is_floating_point())])
