"""The contract of a continual-learning method, and the registry."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from contav_lib.continual.tasks import Task
from contav_lib.mixtures.clip_store import Batch
from contav_lib.separators import Separator, SeparatorOutput
from contav_lib.utils.registry import METHODS, did_you_mean

Batches = Callable[[int], Batch]  # gives the batch of a number, always the same


@dataclass
class Method:
    """Base class of all methods, and by itself no help against forgetting: only the separator's own losses are minimised.

    A method is a dataclass: its fields are its settings, and each of them can be given to `Config.profile(...)` by name.
    Give it a file of its own in `contav_lib/methods/`, decorate it with `@register_method("name")`, and it is known.
    It never looks inside the separator.

    Class attributes:
        name: the registered name.
        exemplars: exemplars a class that the schedule keeps for it, unless `Config.exemplars` says otherwise.
        needs_memory: it makes no sense with 0 exemplars.
        needs_queries: it makes no sense with a separator that has no row of weights for each class (`class_queries`).
        joint: train on the clips of all classes seen so far (the upper bound).
        fresh_start: begin every task with new weights, drawn from the seed, instead of the last task's.
    """

    name: ClassVar[str]
    exemplars: ClassVar[int] = 0
    needs_memory: ClassVar[bool] = False
    needs_queries: ClassVar[bool] = False
    joint: ClassVar[bool] = False
    fresh_start: ClassVar[bool] = False

    def begin_task(self, task: Task, separator: Separator) -> None:
        """Called before the separator grows for a task: it is still the old model."""

    def after_growing(self, task: Task, separator: Separator) -> None:
        """Called when the separator has grown for a task, before its first step: to freeze weights, or to add some.

        When a stopped task goes on, the state of its last step is loaded after this.
        """

    def on_batch(self, batch: Batch) -> Batch:
        """Called before the forward pass: may change the batch, or add questions to it (see `Batch.with_query`)."""
        return batch

    def losses(self, batch: Batch, separation: SeparatorOutput) -> dict[str, torch.Tensor]:
        """Loss terms of a batch by name, weighted, beside the separator's own: the trainer minimises the sum of all."""
        return {}

    def after_step(self, separator: Separator, remembered: Batches) -> None:
        """Called after every optimizer step; `remembered` as for `end_task`."""

    def end_task(self, task: Task, separator: Separator, batches: Batches, remembered: Batches) -> None:
        """Called after a task, with the chosen weights in place.

        `batches(i)` gives the task's i-th batch; `remembered(i)` one of mixtures of the exemplars only that are kept when the
        task has ended (`task.kept`, at least as many as a mixture has sources).
        """

    def state_dict(self) -> dict[str, torch.Tensor]:
        """What must be kept from task to task and can't be had from the separator at `begin_task`."""
        return {}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        """Take over what `state_dict` gave."""

    def refuse_negative(self, *names: str) -> None:
        """Raise a ValueError for a weight of a loss term, named among the settings, that is below 0."""
        for name in names:
            if getattr(self, name) < 0:
                raise ValueError(f"{name}={getattr(self, name)}: the weight of a loss term can't be negative.")

    def require_one_of(self, name: str, known: Sequence[str]) -> None:
        """Raise a ValueError, with the nearest of the known values, for a setting that is none of them."""
        if getattr(self, name) not in known:
            raise ValueError(f"{name}={getattr(self, name)!r}: {did_you_mean(getattr(self, name), known)}")


def register_method(name: str) -> Callable[[type[Method]], type[Method]]:
    """Class decorator: make a method known to `Config` under `name`."""
    return METHODS.register(name)


def method_class(name: str) -> type[Method]:
    """The method registered as `name`; an unknown name is a ValueError that gives the nearest."""
    return METHODS.find(name)
