"""ContAV-Sep (Pian et al. 2024): replay, mask distillation and CrossSDC."""

from dataclasses import dataclass

import torch

from contav_lib.batches import Batch
from contav_lib.losses import cross_modal_similarity, cross_task_rows
from contav_lib.methods.method import Method, register_method
from contav_lib.methods.teacher import Teacher, distil_masks
from contav_lib.separators import Separation, Separator
from contav_lib.tasks import Task


@register_method("contav")
@dataclass
class ContAV(Method):
    """Separation loss + distillation x eq. 11 + instance x eq. 8 + class x eq. 10 (eq. 13).

    At the first task, and for a batch without memory sources, there is nothing to distil: the contrastive terms then
    compare the current features only.

    Args:
        distillation, instance, class_: weights of the three terms; 0 leaves a term out.
        temperature: of both contrastive terms.
        teacher_batch_statistics: see `Teacher`.

    References:
        Pian et al., Continual Audio-Visual Sound Separation, NeurIPS 2024, section 3.3 and 3.4.
    """

    exemplars = 1

    distillation: float = 0.3
    instance: float = 0.1
    class_: float = 0.3
    temperature: float = 0.05
    teacher_batch_statistics: bool = False

    def __post_init__(self):
        self.refuse_negative("distillation", "instance", "class_")
        if self.temperature <= 0:
            raise ValueError(f"temperature={self.temperature}: it must be above 0.")
        self.teacher: Teacher | None = None
        self.pairs = ()

    def begin_task(self, task: Task, separator: Separator) -> None:
        self.pairs = separator.modality_pairs
        self.teacher = Teacher(separator, self.teacher_batch_statistics) if task.index > 0 else None

    def losses(self, batch: Batch, separation: Separation) -> dict[str, torch.Tensor]:
        terms = {}
        lesson = self.teacher(batch) if self.teacher and (self.distillation or self.instance or self.class_) else None
        if lesson and self.distillation:
            terms["distillation"] = self.distillation * distil_masks(batch, separation, lesson)
        if self.instance or self.class_:
            memory, old_features = (lesson.index, lesson.features) if lesson else (None, None)
            rows, same_video, same_class = cross_task_rows(
                separation.features, batch.classes, batch.videos, memory, old_features
            )
            for name, weight, positives in (
                ("instance", self.instance, same_video),
                ("class_", self.class_, same_class),
            ):
                if weight:
                    similarity = cross_modal_similarity(rows, positives, self.pairs, self.temperature)
                    terms[name] = weight * similarity
        return terms
