"""Tensors in one line of text: their shapes, never their contents."""

from collections.abc import Mapping
from typing import Any

import torch


def shape_of(value: Any) -> str:
    """A tensor's shape as it is written in this kit, `[2, 1, 128, 32]`; of a mapping or a list, the shapes of all in it."""
    if isinstance(value, torch.Tensor):
        return str(list(value.shape))
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {shape_of(part)}" for name, part in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "(" + ", ".join(map(shape_of, value)) + ")"
    return repr(value)


def repr_with_shapes(owner: object) -> str:
    """`Batch(mixture=[2, 1, 128, 32], ...)`: an object's attributes with their shapes, without those that are None or empty."""
    there = {
        name: value
        for name, value in vars(owner).items()
        if value is not None and (isinstance(value, torch.Tensor) or value not in ({}, [], ()))
    }
    return f"{type(owner).__name__}({', '.join(f'{name}={shape_of(value)}' for name, value in there.items())})"
