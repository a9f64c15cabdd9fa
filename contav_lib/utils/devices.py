"""The device to compute on, its precision, and the processor's threads."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from contav_lib.utils.registry import did_you_mean


def pick_device(name: str = "auto") -> torch.device:
    """Return the device called `name`; "auto" takes the GPU, of NVIDIA or Apple, where there is one.

    Raises:
        ValueError: there is no such device here.
    """
    device = name_device(name)
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ValueError(f"device={name!r}: this torch sees no GPU of Apple's. Use device='auto' or 'cpu'.")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device={name!r}: this torch sees no CUDA GPU. Use device='auto' or 'cpu'.")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(f"device={name!r}: CUDA GPUs are numbered 0 .. {torch.cuda.device_count() - 1} here.")
    return device


def name_device(name: str = "auto") -> torch.device:
    """Return the device as `pick_device` does, but it need not be here: results of a GPU can be read without one.

    Raises:
        ValueError: the kit computes on no such device.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if not re.fullmatch(r"cpu|mps|cuda(:\d{1,3})?", name):
        raise ValueError(
            f"device={name!r}: {did_you_mean(name, ('auto', 'cpu', 'cuda', 'mps'))} Of several GPUs, 'cuda:1' is the second."
        )
    return torch.device(name)


@contextmanager
def cpu_threads(count: int) -> Iterator[None]:
    """Context manager, or decorator: let torch use so many threads of the processor; 0 leaves it as it is.

    A sum that is split among more threads rounds otherwise, so their number decides the last digits.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def send(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """The tensor on a device; a GPU is not waited for: it takes the values from pinned memory when it comes to them."""
    pinned = device.type == "cuda" and tensor.device.type == "cpu"
    return (tensor.pin_memory() if pinned else tensor).to(device, non_blocking=True)


def mixed_precision(device: torch.device) -> torch.autocast:
    """Context of bfloat16 where it is fast (CUDA), of float32 elsewhere.

    bfloat16 has float32's range, so no loss scaling is needed.
    """
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda")


def doubled(values: torch.Tensor) -> torch.Tensor:
    """The values in double precision; on the processor where they lie on Apple's GPU, which has none."""
    return (values.cpu() if values.device.type == "mps" else values).double()
