"""The class-incremental schedule: which classes each task brings, which clips stand for the old ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

from contav_lib.config import check_classes
from contav_lib.continual.exemplars import choose_exemplars


@dataclass(frozen=True)
class Task:
    """One task.

    Attributes:
        index: 0 for the first task.
        classes: numbers of the classes it brings; a class's number is its place in the order of learning.
        seen: numbers of all classes up to and including this task.
        clips: training clips (places in the list given to `make_schedule`) of the classes to train on.
        memory: training clips kept as exemplars of old classes.
        kept: training clips kept when the task has ended: the memory, and exemplars of its own classes.
        num_tasks_in_data: how many tasks' clips there are to train on: 1, but all tasks so far for joint training.
    """

    index: int
    classes: tuple[int, ...]
    seen: tuple[int, ...]
    clips: tuple[int, ...]
    memory: tuple[int, ...]
    num_tasks_in_data: int = 1
    kept: tuple[int, ...] = ()


def split_classes(classes: Sequence[str], num_tasks: int) -> list[list[str]]:
    """Split classes, in their order, into tasks of equal size (the first ones take one more where it doesn't divide)."""
    check_classes(classes, num_tasks)
    return [part.tolist() for part in np.array_split(np.array(classes, dtype=object), num_tasks)]


def clips_needed(
    tasks: Sequence[Sequence[str]], num_sources: int, validate_on_new: bool = False
) -> dict[str, dict[str, int]]:
    """The fewest clips with which mixtures of different clips can be made, by split and class.

    Training and test mixtures are of a task's own classes, validation mixtures of all classes seen by then, or with
    `validate_on_new` of a task's own, too. `tasks` are labels by task.
    """
    needed: dict[str, dict[str, int]] = {"train": {}, "validation": {}, "test": {}}
    for task in tasks:
        for split, classes in needed.items():
            mixed = len(task) + (len(classes) if split == "validation" and not validate_on_new else 0)
            classes |= dict.fromkeys(task, ceil(num_sources / mixed))
    return needed


def make_schedule(
    labels: Sequence[str],
    tasks: Sequence[Sequence[str]],
    exemplars: int,
    joint: bool = False,
    seed: int = 0,
    choice: str = "random",
    features: np.ndarray | None = None,
    sound_values: int = 0,
) -> list[Task]:
    """The tasks, with their training clips and their memory.

    Exemplars of a class are chosen when its task ends and kept for good. They depend on the seed and the class's place only,
    so the same seed remembers the same clips whatever the method.

    Args:
        labels: label of each training clip.
        tasks: labels by task, in the order of learning.
        exemplars: how many clips to keep of each old class.
        joint: train every task on the clips of all classes seen so far; no memory then.
        seed: of a random choice.
        choice, features, sound_values: see `choose_exemplars`; features `[clips, D]` of all training clips, not needed for
            "random".

    Raises:
        ValueError: a class has no training clip, or fewer than the exemplars asked for.
    """
    order = [label for task in tasks for label in task]
    clips_of: dict[str, list[int]] = {label: [] for label in order}
    for place, label in enumerate(labels):
        if label in clips_of:
            clips_of[label].append(place)
    for label, clips in clips_of.items():
        if not clips:
            raise ValueError(
                f"There is no training clip of {label!r}. There are clips of: {', '.join(sorted(set(labels)))}."
            )
        if not 0 <= exemplars <= len(clips):
            raise ValueError(
                f"{exemplars} exemplars a class were asked for, but {label!r} has {len(clips)} training clips. "
                f"Set exemplars to 0 .. {len(clips)}, or add training clips of this class."
            )
    features = np.zeros((len(labels), 1)) if features is None else features
    memory: list[int] = []
    schedule, old = [], 0
    for index, task in enumerate(tasks):
        seen = old + len(task)
        kept = list(memory)
        for number, label in enumerate(task, start=old):
            if not joint:
                random = np.random.default_rng([seed, number])
                chosen = choose_exemplars(choice, exemplars, features[clips_of[label]], random, sound_values)
                kept += [clips_of[label][row] for row in chosen]
        schedule.append(
            Task(
                index=index,
                classes=tuple(range(old, seen)),
                seen=tuple(range(seen)),
                clips=tuple(clip for label in order[0 if joint else old : seen] for clip in clips_of[label]),
                memory=tuple(memory),
                num_tasks_in_data=index + 1 if joint else 1,
                kept=tuple(kept),
            )
        )
        memory, old = kept, seen
    return schedule
