"""Endpoints Weight Fusion (Xiao et al. 2023): after a task, meet half-way between the old weights and the new ones."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

import torch

from contav_lib.continual.tasks import Task
from contav_lib.methods.lwf import NEW_PICTURE, LwF
from contav_lib.methods.method import Batches, Variant, register_method
from contav_lib.separators import Separator, old_rows


@register_method("ewf")
@dataclass
class EWF(LwF):
    """Distillation during the task, so that the two endpoints stay near each other, and weight fusion after it.

    Args:
        distillation, old_queries: as for `LwF`. Less is needed, for the fusion holds on to the old weights, too.

    References:
        Xiao et al., Endpoints Weight Fusion for Class Incremental Semantic Segmentation, CVPR 2023: the fusion and its
        factor, the square root of new classes / all classes.
    """

    title, colour = "EWF", "#A6761D"
    variants = (
        Variant(0, place=5, paper={"iquery": (3.98, 9.68, 11.52), "coseparation": (2.61, 7.77, 10.85)}),
        Variant(1, place=9, paper={"iquery": (5.35, 11.35, 11.81), "coseparation": (3.63, 9.07, 10.58)}),
        Variant(0, dict(old_queries="new_picture", distillation=0.3), NEW_PICTURE, place=35),
    )
    tries = tuple(
        dict(old_queries=old_queries, distillation=weight)
        for old_queries, weight in (("plain", 1.0), ("plain", 0.3), ("plain", 0.1), ("new_picture", 0.3))
    )

    def begin_task(self, task: Task, separator: Separator) -> None:
        super().begin_task(task, separator)
        self.endpoint = self.teacher.separator.state_dict() if self.teacher else {}  # before anything grows

    def end_task(self, task: Task, separator: Separator, batches: Batches, remembered: Batches) -> None:
        super().end_task(task, separator, batches, remembered)
        if self.endpoint:
            share = balance(len(task.seen) - len(task.classes), len(task.classes))
            separator.load_state_dict(fuse(self.endpoint, separator.state_dict(), share))


def balance(old_classes: int, new_classes: int) -> float:
    """The new weights' share: the square root of new classes / all classes."""
    return sqrt(new_classes / (old_classes + new_classes))


def fuse(old: Mapping[str, torch.Tensor], new: Mapping[str, torch.Tensor], share: float) -> dict[str, torch.Tensor]:
    """`share x new + (1 - share) x old` of two state dicts, weight by weight; the running statistics of batch norms, too.

    What has no old endpoint, rows that growing added, and counters (integers) stay as the new ones.
    """
    fused = {name: value.clone() for name, value in new.items()}
    for name, before in old.items():
        if before.is_floating_point():
            old_rows(fused[name], before.shape).lerp_(before, 1 - share)
    return fused
