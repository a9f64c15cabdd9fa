"""The contract of a continual-learning method, and the registry."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch

from contav_lib.continual.tasks import Task
from contav_lib.mixtures.batch import Batch
from contav_lib.separators import Separator, SeparatorOutput
from contav_lib.utils.registry import METHODS, import_all
from contav_lib.utils.settings import Checked

Batches = Callable[[int], Batch]  # gives the batch of a number, always the same

LAST = 100  # place of a row that asks for none
OTHER_COLOURS = ("#332288", "#DDCC77", "#882255", "#117733")  # Paul Tol's, for who brings none


@dataclass(frozen=True)
class Variant:
    """A form in which a method is compared: a row of tables and figures.

    Attributes:
        exemplars: clips a class that it may keep.
        settings: those that differ from the profile's, by name.
        note: what follows the method's title and memory: "asks with a new picture".
        title, colour: of a control that goes by a name of its own; "" for those of the method.
        place: among the rows of a comparison: 1 to 12 are those of the paper's Table 1. None for the row of a study only.
        paper: Pian et al. 2024, Tables 1 and 2, MUSIC-21, by separator: SDR, SIR, SAR in dB, for orientation only.
        tries: settings to search among, on top of `settings`, for a control that is searched as methods are.
    """

    exemplars: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    title: str = ""
    colour: str = ""
    place: int | None = LAST
    paper: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)
    tries: tuple[Mapping[str, Any], ...] = ()


@dataclass
class Method(Checked):
    """Base class of continual-learning methods; on its own it is fine-tuning.

    A method is a dataclass: its fields are its settings, and each of them can be given to `Config.profile(...)` by name.
    It never looks inside the separator.

    Class attributes:
        name: the registered name.
        title, colour: in tables and figures; by default the name, and one of `OTHER_COLOURS`.
        variants: its rows in a comparison; by default one, with its own exemplars.
        tries: settings to search among, four by custom: the paper's values first (where it gives some for a loss like ours),
            then what is nearer to them. None for a method with nothing to choose.
        exemplars: exemplars a class that the schedule keeps for it, unless `Config.exemplars` says otherwise.
        needs_memory: it makes no sense with 0 exemplars.
        needs_queries: it makes no sense with a separator that has no row of weights for each class (`class_queries`).
        joint: train on the clips of all classes seen so far (the upper bound).
        fresh_start: begin every task with new weights, drawn from the seed, instead of the last task's.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    colour: ClassVar[str]
    variants: ClassVar[tuple[Variant, ...]]
    tries: ClassVar[tuple[Mapping[str, Any], ...]]
    exemplars: ClassVar[int] = 0
    needs_memory: ClassVar[bool] = False
    needs_queries: ClassVar[bool] = False
    joint: ClassVar[bool] = False
    fresh_start: ClassVar[bool] = False

    @classmethod
    def on_registered(cls) -> None:
        """Fill in what the class does not say of itself in tables and figures; none of it is inherited."""
        colour = OTHER_COLOURS[len(METHODS) % len(OTHER_COLOURS)]
        defaults = dict(title=cls.name, colour=colour, variants=(Variant(cls.exemplars),), tries=())
        for attribute, value in defaults.items():
            if attribute not in vars(cls):
                setattr(cls, attribute, value)

    def begin_task(self, task: Task, separator: Separator) -> None:
        """Prepare for a task; called before the separator grows: it is still the old model."""

    def after_growing(self, task: Task, separator: Separator) -> None:
        """Freeze weights, or add some; called when the separator has grown for a task, before its first step.

        When a stopped task goes on, the state of its last step is loaded after this.
        """

    def on_batch(self, batch: Batch) -> Batch:
        """Change the batch, or add questions to it (`Batch.with_query`); called before the forward pass."""
        return batch

    def losses(self, batch: Batch, separation: SeparatorOutput) -> dict[str, torch.Tensor]:
        """Loss terms of a batch by name, weighted, beside the separator's own: the trainer minimises the sum of all."""
        return {}

    def after_step(self, separator: Separator, remembered: Batches) -> None:
        """Act on the weights; called after every optimizer step, `remembered` as for `end_task`."""

    def end_task(self, task: Task, separator: Separator, batches: Batches, remembered: Batches) -> None:
        """Keep what later tasks need; called after a task, with the chosen weights in place.

        `batches(i)` gives the task's i-th batch; `remembered(i)` one of mixtures of the exemplars only that are kept when the
        task has ended (`task.kept`, at least as many as a mixture has sources).
        """

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Tensors that must be kept from task to task and can't be had from the separator at `begin_task`."""
        return {}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        """Take over what `state_dict` gave."""


def register_method(name: str) -> Callable[[type[Method]], type[Method]]:
    """Class decorator: make a method known under `name`."""
    return METHODS.register(name)


def method_class(name: str) -> type[Method]:
    """The method registered as `name`; an unknown name is a ValueError that gives the nearest."""
    return METHODS.find(name)


def all_methods() -> list[type[Method]]:
    """Every method that is known, by name: those of the kit, and those registered elsewhere."""
    import_all(METHODS.package)
    return [METHODS[name] for name in sorted(METHODS)]
