"""Memory: how much this machine has, what asks for more than that, told before it is taken, and what is freed."""

import ctypes
import os
from contextlib import suppress
from math import prod

import torch
from torch.overrides import TorchFunctionMode

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # of glibc's `mallopt`
_MAKERS = (torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn)


class MemoryLimit(TorchFunctionMode):
    """Context manager: layers and tensors of more than so many bytes in all are refused before they are made.

    Args:
        most: bytes; every value is counted as a float32.
        message: of the ValueError that is raised when they are passed.
    """

    def __init__(self, most: int, message: str):
        super().__init__()
        self.left, self.message = most, message

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func in _MAKERS:
            shape = args if args and isinstance(args[0], int) else args[0] if args else kwargs.get("size", ())
            self.left -= 4 * prod(shape)
            if self.left < 0:
                raise ValueError(self.message)
        return func(*args, **kwargs)


def memory_of(device: torch.device) -> int | None:
    """Bytes of memory that a device has in all; None where the system does not tell."""
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # Windows has no sysconf
        return None


def in_gigabytes(count: float) -> str:
    """`3.2 GB`: a number of bytes for a reader."""
    return f"{count / 1e9:,.1f} GB"


def reuse_freed_memory() -> None:
    """Let this process keep the memory that it frees for what it takes next; glibc only, others as ever.

    A step takes what the last one freed. Had it gone back to the system, every page would be filled with zeros anew: an eighth
    of the time of a training step, on `lab` as at the paper's sizes (5.9 yardsticks in place of 6.7, `bench_train.py`).
    """
    with suppress(AttributeError, OSError, TypeError):  # another C library, or none that can be asked
        libc = ctypes.CDLL(None)
        libc.mallopt(_TRIM_THRESHOLD, 2**31 - 1)
        libc.mallopt(_MMAP_MAX, 0)
