"""Dark experience replay (Buzzega et al. 2020): remember the old model's masks instead of the old model."""

from dataclasses import dataclass

import torch

from contav_lib.batches import Batch
from contav_lib.devices import mixed_precision
from contav_lib.losses import mask_distillation
from contav_lib.methods.method import Batches, Method, register_method
from contav_lib.separators import Separation, Separator
from contav_lib.tasks import Task


@register_method("der")
@dataclass
class DER(Method):
    """Replay of stored mixtures of exemplars, with their true masks and with the masks the model gave at the time.

    When a task ends, mixtures of its exemplars (with one another and with older ones) are stored with the masks that the model
    gives them. In later tasks every batch gets some of them beside it: the separator's own losses train on their true masks
    (DER++'s second term), and `distillation` on the stored ones. No old model is asked, so none need be kept. The exemplars
    themselves are replayed as in `replay`.

    Args:
        distillation: weight of the L1 distance between new and stored masks (alpha of DER++); 1 puts it level with the
            distance from the true masks; with 3 the search of settings loses 1 dB on `lab`. DER++ draws two sets of stored
            samples for its two terms; here one serves both, and with 0 nothing stored is replayed.
        stored: mixtures stored after each task; 40 are eight for each of five classes.
        replayed: stored mixtures added to a batch; three beside `lab`'s twelve are a fifth, about the memory's share.

    References:
        Buzzega et al., Dark Experience for General Continual Learning, NeurIPS 2020, eq. 6.
    """

    exemplars = 1
    needs_memory = True

    distillation: float = 1.0
    stored: int = 40
    replayed: int = 3

    def __post_init__(self):
        self.refuse_negative("distillation")
        for name in ("stored", "replayed"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)}: it must be 1 or more.")
        self.mixtures: Batch | None = None
        self.masks = torch.empty(0)
        self.step = 0

    def prepare(self, batch: Batch) -> Batch:
        if not (self.mixtures and self.distillation):
            return batch
        generator = torch.Generator().manual_seed(self.step)
        self.chosen = torch.randint(len(self.masks), (self.replayed,), generator=generator)
        return batch.cat(self.mixtures[self.chosen])

    def losses(self, batch: Batch, separation: Separation) -> dict[str, torch.Tensor]:
        if not (self.mixtures and self.distillation):
            return {}
        new = separation.masks[-self.replayed :].flatten(0, 1)
        weights = batch.weights[-self.replayed :].expand(-1, batch.num_sources, -1, -1).flatten(0, 1)
        old = self.masks[self.chosen.to(self.masks.device)].flatten(0, 1)
        return {"distillation": self.distillation * mask_distillation(new, old, weights)}

    def after_step(self, separator: Separator) -> None:
        self.step += 1

    @torch.no_grad()
    def end_task(self, task: Task, separator: Separator, batches: Batches, remembered: Batches) -> None:
        if len(task.kept) < batches(0).num_sources:  # too few to mix: nothing is stored yet
            return
        separator.eval()
        new, number, count = torch.tensor(task.classes), 0, 0
        while count < self.stored:
            batch = remembered(number)
            # Only those with an exemplar of this task: the older ones' masks were stored when they were better known.
            fresh = torch.isin(batch.classes.cpu(), new).any(1).nonzero().squeeze(1)
            number += 1
            if not len(fresh):
                continue
            batch = batch[fresh[: self.stored - count]]
            with mixed_precision(batch.mixture.device):
                masks = separator(batch.mixture, batch.visual, batch.classes).masks.float()
            self.masks = torch.cat([self.masks.to(masks), masks]) if self.mixtures else masks
            self.mixtures = self.mixtures.cat(batch) if self.mixtures else batch
            count += len(masks)

    def state_dict(self) -> dict[str, torch.Tensor]:
        state = {"step": torch.tensor(self.step)}
        return state if self.mixtures is None else {**state, "masks": self.masks, **self.mixtures.tensors()}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        state = dict(state)
        self.step = int(state.pop("step"))
        if state:
            self.masks = state.pop("masks")
            self.mixtures = Batch.from_tensors(state)
