"""ContAV-Sep (Pian et al. 2024): replay, mask distillation and CrossSDC."""

from dataclasses import dataclass

import torch

from contav_lib.continual.tasks import Task
from contav_lib.losses import cross_modal_similarity, cross_task_rows
from contav_lib.methods.method import Method, Variant, register_method
from contav_lib.methods.teacher import Teacher, distil_masks
from contav_lib.mixtures.batch import Batch
from contav_lib.separators import Separator, SeparatorOutput

WITHOUT_CROSSSDC = dict(instance_weight=0.0, class_weight=0.0)  # all else the same


@register_method("contav")
@dataclass
class ContAV(Method):
    """Separation loss + distillation x eq. 11 + instance_weight x eq. 8 + class_weight x eq. 10 (eq. 13).

    At the first task, and for a batch without memory sources, there is nothing to distil: the contrastive terms then
    compare the current features only.

    Args:
        distillation, instance_weight, class_weight: weights of the three terms, by default the paper's; 0 leaves a term out.
        temperature: of both contrastive terms.
        contrast_when: "always"; "first" has the contrastive terms in the first task only, "later" from the second task on
            only. The paper's is "always".
        teacher_batch_statistics: see `Teacher`.

    References:
        Pian et al., Continual Audio-Visual Sound Separation, NeurIPS 2024, section 3.3 and 3.4.
    """

    title, colour = "ContAV-Sep", "#009E73"
    variants = (
        # The rows of Table 2, the last of which is the method itself ...
        Variant(
            1, WITHOUT_CROSSSDC, title="distillation only", colour="#CC79A7", place=23,
            paper={"iquery": (6.32, 12.99, 11.82)},
            tries=tuple(dict(distillation=weight) for weight in (0.3, 1.0, 0.1, 3.0)),
        ),
        Variant(
            1, dict(class_weight=0.0), title="distillation + instance", colour="#17BECF", place=None,
            paper={"iquery": (6.01, 11.92, 11.74)},
        ),
        Variant(
            1, dict(instance_weight=0.0), title="distillation + class", colour="#AA4499", place=None,
            paper={"iquery": (6.86, 13.12, 12.25)},
        ),
        Variant(1, place=11, paper={"iquery": (7.33, 13.55, 13.01), "coseparation": (4.06, 10.06, 11.07)}),
        # ... and the rest of Table 3.
        Variant(2, place=None, paper={"iquery": (7.26, 13.10, 12.65)}),
        Variant(3, place=None, paper={"iquery": (7.88, 13.66, 13.43)}),
        Variant(4, place=None, paper={"iquery": (8.16, 14.16, 13.21)}),
        Variant(10, place=None, paper={"iquery": (8.97, 15.16, 13.72)}),
        Variant(20, place=None, paper={"iquery": (9.39, 15.93, 13.69)}),
        Variant(30, place=None, paper={"iquery": (10.09, 16.34, 14.10)}),
    )  # fmt: skip
    tries = tuple(
        dict(distillation=distillation, instance_weight=instance_weight, class_weight=class_weight)
        for instance_weight, class_weight in ((0.1, 0.3), (0.03, 0.1))
        for distillation in (0.3, 1.0)
    )
    exemplars = 1
    needs_memory = True

    distillation: float = 0.3
    instance_weight: float = 0.1
    class_weight: float = 0.3
    temperature: float = 0.05
    contrast_when: str = "always"
    teacher_batch_statistics: bool = False

    def __post_init__(self):
        self.require_range("distillation", "instance_weight", "class_weight", least=0)
        self.require_range("temperature", above=0)
        self.require_one_of("contrast_when", ("always", "first", "later"))
        self.teacher: Teacher | None = None

    def begin_task(self, task: Task, separator: Separator) -> None:
        self.pairs = separator.modality_pairs
        self.teacher = Teacher(separator, self.teacher_batch_statistics) if task.index > 0 else None

    def losses(self, batch: Batch, separation: SeparatorOutput) -> dict[str, torch.Tensor]:
        """Three weighted terms of eq. 13; the one before them is the separator's own loss."""
        contrasts = self.contrast_when in ("always", "later" if self.teacher else "first")
        contrasts = contrasts and (self.instance_weight > 0 or self.class_weight > 0)
        old = self.teacher(batch) if self.teacher and (self.distillation or contrasts) else None
        terms = {}
        if old and self.distillation:  # eq. 11: masks of remembered sources stay as the old model has them
            terms["distillation"] = self.distillation * distil_masks(batch, separation, old)
        if contrasts:
            # Rows: every source's features, and once more those that the old model has of remembered sources.
            of_old = (old.places, old.features) if old else ()
            rows, same_video, same_class = cross_task_rows(separation.features, batch.classes, batch.videos, *of_old)
            if self.instance_weight:  # eq. 8: a video's sound is like its own pictures, in old eyes and in new ones
                alike = cross_modal_similarity(rows, same_video, self.pairs, self.temperature)
                terms["instance_aware"] = self.instance_weight * alike
            if self.class_weight:  # eq. 10: and like the pictures of all videos of its class
                alike = cross_modal_similarity(rows, same_class, self.pairs, self.temperature)
                terms["class_aware"] = self.class_weight * alike
        return terms
