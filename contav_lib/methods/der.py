"""DER++ (dark experience replay, Buzzega et al. 2020): remember masks that the model gave earlier, not the old model."""

from dataclasses import dataclass

import torch

from contav_lib.continual.tasks import Task
from contav_lib.losses import mask_distillation
from contav_lib.methods.method import Batches, Method, Variant, register_method
from contav_lib.mixtures.batch import Batch
from contav_lib.separators import Separator, SeparatorOutput, forward_batch
from contav_lib.utils.devices import send

STORED = 40  # mixtures of each task; eight for each of five classes


@register_method("der")
@dataclass
class DER(Method):
    """Replay of stored mixtures of exemplars, with their true masks and with the masks the model gave at the time: DER++.

    While a task is learned, one mixture of exemplars a step is offered to the task's store of `STORED` (an exemplar of the
    task with another of them or an older one), with the masks that the model gives it just then. Reservoir sampling keeps
    each of those offered with the same chance, so what is stored comes from all along the way, as in the paper. The clips are
    the exemplars that `replay` would remember, no others.

    In later tasks, a mixture of a batch whose sources are all remembered ones is replaced by a stored one: a batch has as
    many old sources as in `replay`. The separator's own losses train on true masks as ever (DER++'s second term), and
    `distillation` on the stored ones. No old model is asked. With one exemplar in the memory there is no mixture of two: this
    is `replay` then.

    Args:
        distillation: weight of the L1 distance between new and stored masks (alpha of DER++); with 0 nothing stored is
            replayed. DER++ draws two sets of stored samples for its two terms; here one serves both.

    References:
        Buzzega et al., Dark Experience for General Continual Learning, NeurIPS 2020, eq. 6 and algorithm 2.
        Vitter, Random Sampling with a Reservoir, ACM TOMS 1985.
    """

    title, colour = "DER++", "#66A61E"
    variants = (Variant(1, place=22),)
    tries = tuple(dict(distillation=weight) for weight in (1.0, 0.3, 3.0, 0.1))
    exemplars = 1
    needs_memory = True

    distillation: float = 1.0

    def __post_init__(self):
        self.require_range("distillation", least=0)
        self.mixtures: Batch | None = None  # of all tasks so far, one behind the other
        self.masks = torch.empty(0)
        self.step = 0  # of all tasks
        self.offered = 0  # in this task
        self.chosen = torch.empty(0, dtype=torch.long)  # stored mixtures in the batch at hand, its last ones

    def begin_task(self, task: Task, separator: Separator) -> None:
        self.task, self.offered = task, 0
        self.settled = len(self.masks)  # only what earlier tasks have stored is replayed

    def on_batch(self, batch: Batch) -> Batch:
        self.num_sources = batch.num_sources
        replaced = batch.is_old_class.all(1)
        count = int(replaced.sum()) if self.settled and self.distillation else 0
        self.chosen = torch.randint(max(self.settled, 1), (count,), generator=self._generator())
        if not count:
            return batch
        assert self.mixtures is not None  # `settled` counts them
        return batch[(~replaced).nonzero().squeeze(1)].cat(self.mixtures[self.chosen])

    def losses(self, batch: Batch, separation: SeparatorOutput) -> dict[str, torch.Tensor]:
        count = len(self.chosen)
        if not count:
            return {}
        new = separation.masks[-count:].flatten(0, 1)
        weights = batch.weights[-count:].expand(-1, batch.num_sources, -1, -1).flatten(0, 1)
        old = self.masks[send(self.chosen, self.masks.device)].flatten(0, 1)
        return {"distillation": self.distillation * mask_distillation(new, old, weights)}

    def after_step(self, separator: Separator, remembered: Batches) -> None:
        self.step += 1
        if len(self.task.kept) < self.num_sources or not self.distillation:  # too few to mix
            return
        if (place := self.offered) >= STORED:
            place = int(torch.randint(self.offered + 1, (), generator=self._generator()))
        if place < STORED:
            batch = remembered(self.step)
            fresh = torch.isin(batch.classes.cpu(), torch.tensor(self.task.classes)).any(1).nonzero().squeeze(1)
            if not len(fresh):
                return
            self._store(self.settled + place, batch[fresh[:1]], separator)
        self.offered += 1

    @torch.no_grad()
    def _store(self, place: int, mixture: Batch, separator: Separator) -> None:
        """Put one mixture, and the masks the separator gives it now, at this place of the store, or at its end."""
        separator.eval()  # a batch of one has no statistics
        masks = forward_batch(separator, mixture).masks.float()
        separator.train()
        if self.mixtures is None:
            self.masks, self.mixtures = masks, mixture
        elif place == len(self.masks):
            self.masks = torch.cat([self.masks.to(masks), masks])
            self.mixtures = self.mixtures.cat(mixture)
        else:
            self.masks[place] = masks[0]
            for name, rows in self.mixtures.tensors().items():
                rows[place] = mixture.tensors()[name][0]

    def _generator(self) -> torch.Generator:
        return torch.Generator().manual_seed(self.step)

    def state_dict(self) -> dict[str, torch.Tensor]:
        state = {"step": torch.tensor(self.step), "offered": torch.tensor(self.offered)}
        return state if self.mixtures is None else {**state, "masks": self.masks, **self.mixtures.tensors()}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        state = dict(state)
        self.step, self.offered = int(state.pop("step")), int(state.pop("offered"))
        if state:
            self.masks = state.pop("masks")
            self.mixtures = Batch.from_tensors(state)
