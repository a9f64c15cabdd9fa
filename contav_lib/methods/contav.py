"""ContAV-Sep (Pian et al. 2024): replay, mask distillation and CrossSDC."""

from dataclasses import dataclass

import torch

from contav_lib.methods.contrast import Contrastive
from contav_lib.methods.method import register_method
from contav_lib.methods.teacher import Teacher, distil_masks
from contav_lib.mixtures.clip_store import Batch
from contav_lib.separators import Separator, SeparatorOutput


@register_method("contav")
@dataclass
class ContAV(Contrastive):
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

    contrast_when: str = "always"
    teacher_batch_statistics: bool = False

    def __post_init__(self):
        super().__post_init__()
        self.require_one_of("contrast_when", ("always", "first", "later"))

    def make_teacher(self, separator: Separator) -> Teacher:
        return Teacher(separator, self.teacher_batch_statistics)

    @property
    def contrasts(self) -> bool:
        """Whether the task at hand has contrastive terms."""
        task = "later" if self.teacher else "first"
        return self.contrast_when in ("always", task) and (self.instance_weight > 0 or self.class_weight > 0)

    def losses(self, batch: Batch, separation: SeparatorOutput) -> dict[str, torch.Tensor]:
        lesson = self.teacher(batch) if self.teacher and (self.distillation or self.contrasts) else None
        terms = {}
        if lesson and self.distillation:
            terms["distillation"] = self.distillation * distil_masks(batch, separation, lesson)
        if self.contrasts:
            terms |= self.contrast(batch, separation, lesson)
        return terms
