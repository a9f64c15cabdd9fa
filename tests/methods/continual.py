"""What the tests of methods share: a small separator, a second task with memory, a method in the middle of it."""

from contav_lib.continual.tasks import Task
from contav_lib.methods import method_class
from contav_lib.mixtures.sampler import Sampler
from contav_lib.separators.iquery import IQuery, IQueryConfig


def make_separator(num_classes: int = 2) -> IQuery:
    sizes = dict(width=4, mask_dim=8, levels=4, hidden=16, heads=2, feed_forward=24, decoder_layers=2)
    return IQuery(num_classes, IQueryConfig(**sizes))


def second_task(store, memory=(0, 4)) -> Task:
    """Classes 2 and 3 are new; one clip each of classes 0 and 1 is remembered."""
    return Task(1, (2, 3), (0, 1, 2, 3), tuple(range(6, 12)), memory)


def first_task() -> Task:
    """Classes 0 and 1; one clip each is kept."""
    return Task(0, (0, 1), (0, 1), tuple(range(6)), (), kept=(0, 4))


def old_batch(store, size: int = 12):
    """Mixtures of old classes only."""
    return Sampler(store, (), (0, 1, 4, 5), 2, 1.0, 0.0, 0.0, seed=0).batch(0, size)


def batch_of(store, task: Task, share: float = 0.4, size: int = 12):
    return Sampler(store, task.clips, task.memory, 2, share, 0.0, 0.0, seed=0).batch(0, size)


def learning(name: str, task: Task, grow: bool = True, **settings):
    """A method in the middle of a task, and the separator that has grown for it (which alone moves old masks a little)."""
    separator, chosen = make_separator(), method_class(name)(**settings)
    chosen.begin_task(task, separator)
    if grow:
        separator.grow(len(task.seen))
        chosen.after_growing(task, separator)
    return chosen, separator


def losses(chosen, separator, batch):
    """The method's terms, as the trainer asks for them."""
    batch = chosen.on_batch(batch)
    return chosen.losses(batch, separator(batch.mixture, batch.visual, batch.classes))
