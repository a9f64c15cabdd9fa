"""The contract of a continual-learning method, the registry, and the frozen old model that many methods listen to."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import ClassVar

import torch

from contav_lib.batches import Batch
from contav_lib.devices import mixed_precision
from contav_lib.losses import separation_loss
from contav_lib.naming import find_by_name, import_all
from contav_lib.separators import Separation, Separator
from contav_lib.tasks import Task

METHODS: dict[str, type["Method"]] = {}


@dataclass
class Method:
    """Base class of all methods, and by itself plain training on the separation loss.

    A method is a dataclass: its fields are its settings, and each of them can be given to `Config.profile(...)` by name.
    Give it a file of its own in `contav_lib/methods/`, decorate it with `@register_method("name")`, and it is known.
    It never looks inside the separator.

    Class attributes:
        name: the registered name.
        exemplars: exemplars a class that the schedule keeps for it, unless `Config.exemplars` says otherwise.
        joint: train on the clips of all classes seen so far (the upper bound).
        lab: settings other than the defaults for the `lab` profile's small scale, chosen on validation clips.
    """

    name: ClassVar[str]
    exemplars: ClassVar[int] = 0
    joint: ClassVar[bool] = False
    lab: ClassVar[dict[str, float]] = {}

    def begin_task(self, task: Task, separator: Separator) -> None:
        """Called before the separator grows for a task: it is still the old model."""

    def losses(self, batch: Batch, separation: Separation) -> dict[str, torch.Tensor]:
        """The loss terms of a batch by name, weighted: the trainer minimises their sum."""
        return {"separation": separation_loss(separation.masks, batch.ratio_masks, batch.weights)}

    def after_step(self, separator: Separator) -> None:
        """Called after every optimizer step."""

    def end_task(self, task: Task, separator: Separator, batches: Callable[[int], Batch]) -> None:
        """Called after a task, with the chosen weights in place; `batches(i)` gives the task's i-th batch."""

    def state_dict(self) -> dict[str, torch.Tensor]:
        """What must be kept from task to task and can't be had from the separator at `begin_task`."""
        return {}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        """Take over what `state_dict` gave."""


class Teacher:
    """The old model, frozen: it says what it would have said of the memory sources in a batch.

    Args:
        separator: copied; the copy is in eval mode with gradients off.
        batch_statistics: leave the copy's batch norms in train mode, as the authors' code does by an oversight.
    """

    def __init__(self, separator: Separator, batch_statistics: bool = False):
        self.separator = copy.deepcopy(separator).requires_grad_(False).train(batch_statistics)
        self.batch_statistics = batch_statistics

    @torch.no_grad()
    def __call__(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor, dict[str, torch.Tensor]] | None:
        """Listen to the mixtures that hold memory sources (to all of them with `batch_statistics`).

        Returns:
            The index `[K]` of the memory sources among the `B * N`, their old masks `[K, F, T]` and old features `[K, D]`
            by name; None when the batch holds no memory source.
        """
        index = batch.memory_index()
        if not len(index):
            return None
        listened = batch if self.batch_statistics else batch.mixtures_with_memory()
        # The old model has no query for new classes; what it says of those sources is not looked at.
        classes = listened.classes.where(listened.is_memory.to(listened.classes.device), 0)
        with mixed_precision(classes.device):
            old = self.separator(listened.mixture, listened.visual, classes)
        rows = listened.memory_index()
        features = {name: value.flatten(0, 1)[rows] for name, value in old.features.items()}
        return index, old.masks.flatten(0, 1)[rows], features


def register_method(name: str):
    """Class decorator: make a method known to `Config` under `name`."""

    def register(cls: type[Method]) -> type[Method]:
        cls.name = name
        METHODS[name] = cls
        return cls

    return register


def method_class(name: str) -> type[Method]:
    """The method registered as `name`; an unknown name is a ValueError that gives the nearest."""
    import_all("contav_lib.methods")
    return find_by_name(METHODS, name, "method")


def method_settings(name: str) -> set[str]:
    """Names of a method's settings."""
    return {field.name for field in fields(method_class(name))}
