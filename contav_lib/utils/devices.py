"""The device to compute on, and its precision."""

import torch


def pick_device(name: str = "auto") -> torch.device:
    """Return the device called `name`; "auto" takes the GPU where there is one.

    Raises:
        ValueError: there is no such device here.
    """
    device = name_device(name)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device={name!r}: this torch sees no CUDA GPU. Use device='auto' or 'cpu'.")
    return device


def name_device(name: str = "auto") -> torch.device:
    """Return the device as `pick_device` does, but it need not be here: results of a GPU can be read without one.

    Raises:
        ValueError: torch knows no such device.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        return torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"device={name!r} is not a device torch knows: {error}") from error


def mixed_precision(device: torch.device) -> torch.autocast:
    """Context of bfloat16 where it is fast (CUDA), of float32 elsewhere.

    bfloat16 has float32's range, so no loss scaling is needed.
    """
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda")
