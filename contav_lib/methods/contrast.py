"""The two contrastive terms that ContAV-Sep and AV-CIL share."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from contav_lib.continual.tasks import Task
from contav_lib.losses import cross_modal_similarity, cross_task_rows
from contav_lib.methods.method import Method
from contav_lib.methods.teacher import Teacher, TeacherOutput
from contav_lib.mixtures.clip_store import Batch
from contav_lib.separators import Separator, SeparatorOutput


@dataclass
class Contrastive(Method):
    """Base of methods that compare features across modalities, by instance and by class, and ask an old model.

    Args:
        distillation, instance_weight, class_weight: weights of the terms; 0 leaves a term out.
        temperature: of the contrastive terms.

    Class attributes:
        class_mean_over_rows: how the class-aware term counts positives, see `losses.contrastive_loss`.
    """

    exemplars = 1
    needs_memory = True
    class_mean_over_rows: ClassVar[bool] = False

    distillation: float = 0.3
    instance_weight: float = 0.1
    class_weight: float = 0.3
    temperature: float = 0.05

    def __post_init__(self):
        self.refuse_negative("distillation", "instance_weight", "class_weight")
        if not self.temperature > 0:
            raise ValueError(f"temperature={self.temperature}: it must be above 0.")
        self.teacher: Teacher | None = None
        self.pairs = ()

    def begin_task(self, task: Task, separator: Separator) -> None:
        self.pairs = separator.modality_pairs
        self.teacher = self.make_teacher(separator) if task.index > 0 else None

    def make_teacher(self, separator: Separator) -> Teacher:
        """The old model."""
        return Teacher(separator)

    def contrast(
        self, batch: Batch, separation: SeparatorOutput, lesson: TeacherOutput | None = None
    ) -> dict[str, torch.Tensor]:
        """Eq. 8 and eq. 10, weighted; with what the old model said of memory sources beside them where `lesson` is given."""
        if not (self.instance_weight or self.class_weight):
            return {}
        memory, old_features = (lesson.index, lesson.features) if lesson else (None, None)
        rows, same_video, same_class = cross_task_rows(
            separation.features, batch.classes, batch.videos, memory, old_features
        )
        wanted = {
            "instance_aware": (self.instance_weight, same_video, False),
            "class_aware": (self.class_weight, same_class, self.class_mean_over_rows),
        }
        return {
            name: weight * cross_modal_similarity(rows, positives, self.pairs, self.temperature, mean_over_rows)
            for name, (weight, positives, mean_over_rows) in wanted.items()
            if weight
        }
