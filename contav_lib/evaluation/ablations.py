"""Visual ablations: what a separator scores when it sees the wrong thing, or nothing, or is not told the class."""

from collections.abc import Callable
from dataclasses import replace

import torch

from contav_lib.mixtures.batch import Batch

# Takes a batch and gives one with other visual features, or with other classes to ask for.
VisualAblation = Callable[[Batch], Batch]


def _swap(batch: Batch, *names: str) -> Batch:
    """Give each source the visual features of its neighbour in the mixture: the most confusing ones there are."""
    changed = {name: value.roll(1, dims=1) if name in names else value for name, value in batch.visual.items()}
    return replace(batch, visual=changed)


def _blind(batch: Batch) -> Batch:
    """Set all visual features to zero."""
    hidden = {name: value if name == "motion_mask" else torch.zeros_like(value) for name, value in batch.visual.items()}
    return replace(batch, visual=hidden)


def class_untold(batch: Batch) -> Batch:
    """Ask for class 0 throughout, so that nothing of the true classes is in the answer."""
    return replace(batch, classes=torch.zeros_like(batch.classes))


VISUAL_ABLATIONS: dict[str, VisualAblation | None] = {
    "everything given": None,
    "object swapped": lambda batch: _swap(batch, "object"),
    "motion swapped": lambda batch: _swap(batch, "motion"),
    "object and motion swapped": lambda batch: _swap(batch, "object", "motion"),
    "no picture": _blind,
}
