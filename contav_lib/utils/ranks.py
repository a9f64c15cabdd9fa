"""What the processes of one experiment tell one another: rows, sums, a yes or no. With one process, nothing is said.

Each process runs the same program and knows the same draw; only rows of mixtures are shared out. `rank` and `world_size`
are torch's words: which of the processes this is, from 0, and how many there are.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import distributed


class LostProcess(ConnectionError):
    """Another process of this experiment has ended before its work was done."""


def world_size() -> int:
    """Number of processes that run this experiment; 1 outside `training.distributed.group`."""
    return distributed.get_world_size() if _together() else 1


def rank() -> int:
    """Number of this process, from 0; the first one writes, and speaks to the user."""
    return distributed.get_rank() if _together() else 0


def _together() -> bool:
    return distributed.is_available() and distributed.is_initialized()


def own_rows() -> slice:
    """Rows of any number that are this process's: every `world_size`-th."""
    return slice(rank(), None, world_size())


def gather_rows(own: torch.Tensor, count: int) -> torch.Tensor:
    """All `count` rows, from the `own_rows` of each process; gradients find their way back.

    Every process must then compute the same loss of them, and the gradients of weights be averaged (`average`).
    """
    return _GatherRows.apply(own, count) if world_size() > 1 else own


class _GatherRows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, own: torch.Tensor, count: int) -> torch.Tensor:
        padded = own.new_zeros(-(-count // world_size()), *own.shape[1:])
        padded[: len(own)] = own
        parts = [torch.empty_like(padded) for _ in range(world_size())]
        with _lost_process():
            distributed.all_gather(parts, padded)
        return torch.stack(parts, 1).flatten(0, 1)[:count]

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        # The loss is the same in each process, so its gradient is here already; `average` divides by their number.
        return world_size() * gradient[own_rows()], None


class GatheredRows(Sequence[torch.Tensor]):
    """A list of tensors, each gathered when it is asked for: what only few look at need not travel for all."""

    def __init__(self, own: Sequence[torch.Tensor], count: int):
        self.own, self.rows = own, count

    def __len__(self) -> int:
        return len(self.own)

    def __getitem__(self, place):
        return gather_rows(self.own[place], self.rows)


@torch.no_grad()
def average(tensors: Iterable[torch.Tensor]) -> None:
    """Put the mean over all processes in the place of each tensor: one exchange for all of them."""
    if world_size() == 1:
        return
    tensors = list(tensors)
    flat = torch.cat([tensor.flatten() for tensor in tensors])
    with _lost_process():
        distributed.all_reduce(flat)
    flat /= world_size()
    for tensor, mean in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
        tensor.copy_(mean.view_as(tensor))


def add_up(tensor: torch.Tensor) -> torch.Tensor:
    """Sum over all processes, in the tensor's own place."""
    if world_size() > 1:
        with _lost_process():
            distributed.all_reduce(tensor)
    return tensor


def agreed(answer: bool = True) -> bool:
    """The first process's answer, in all processes; the others wait for it."""
    if world_size() > 1:
        told = torch.tensor(answer)
        with _lost_process():
            distributed.broadcast(told, 0)
        return bool(told)
    return answer


@contextmanager
def first_process_first() -> Iterator[None]:
    """Context manager: the others begin when the first process has ended; they find the files that it made."""
    if rank() > 0:
        agreed()
    yield
    if rank() == 0:
        agreed()


@contextmanager
def _lost_process() -> Iterator[None]:
    """Context manager: a broken connection is told in words."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        raise LostProcess(
            f"Process {rank()} of {world_size()} stops, for another one has ended; its own message says why. "
            "What was done is kept: run the same again to go on."
        ) from error
