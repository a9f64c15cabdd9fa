"""Frozen separator, new queries: from the second task on only the query of each new class is trained."""

from dataclasses import dataclass

import torch
from torch import nn

from contav_lib.continual.tasks import Task
from contav_lib.methods.method import Batches, Method, Variant, register_method
from contav_lib.mixtures.batch import Batch
from contav_lib.separators import Separator, old_rows


@register_method("freeze")
@dataclass
class Freeze(Method):
    """iQuery's recipe for new instruments: insert queries, freeze all else.

    The first task trains everything. From then on only the rows that `Separator.grow` adds are trained, by the separation
    loss on the new clips; all other weights and the batch norms' statistics stay as they are. Old masks still change a
    little, for in iQuery all queries listen to one another.

    It needs a separator with a query for each class: what grows in Co-Separation is a classifier that the masks do not depend
    on, and in Sound of Pixels nothing.

    References:
        Chen et al., iQuery: Instruments as Queries for Audio-Visual Sound Separation, CVPR 2023 (queries for new instruments).
    """

    title, colour = "frozen, new queries", "#17BECF"
    variants = (Variant(place=40),)
    needs_queries = True

    def __post_init__(self):
        self.shapes: dict[str, torch.Size] = {}  # before the separator grows
        self.grown: list[tuple[nn.Parameter, torch.Tensor]] = []  # weights that have grown, and their old rows
        self.norms: list[nn.Module] = []

    def begin_task(self, task: Task, separator: Separator) -> None:
        self.shapes = {name: parameter.shape for name, parameter in separator.named_parameters()}

    def after_growing(self, task: Task, separator: Separator) -> None:
        if task.index == 0:
            return
        separator.requires_grad_(False)
        norms = nn.BatchNorm2d | nn.SyncBatchNorm  # the second where several GPUs learn together
        self.norms = [module for module in separator.modules() if isinstance(module, norms)]
        for name, parameter in separator.named_parameters():
            if parameter.shape != self.shapes[name]:
                parameter.requires_grad_(True)
                self.grown.append((parameter, old_rows(parameter.detach(), self.shapes[name]).clone()))

    def on_batch(self, batch: Batch) -> Batch:
        for norm in self.norms:  # whoever puts the separator in train mode means these, too
            norm.eval()
        return batch

    @torch.no_grad()
    def after_step(self, separator: Separator, remembered: Batches) -> None:
        # A tensor is trained as a whole: its old rows are put back. (Their gradient does count where gradients are clipped.)
        for parameter, old in self.grown:
            old_rows(parameter, old.shape).copy_(old)

    def end_task(self, task: Task, separator: Separator, batches: Batches, remembered: Batches) -> None:
        separator.requires_grad_(True)
        self.grown, self.norms = [], []
