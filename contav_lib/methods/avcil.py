"""AV-CIL (Pian et al. 2023): contrastive losses on the new model, and what the old model paid attention to."""

from dataclasses import dataclass

import torch

from contav_lib.continual.tasks import Task
from contav_lib.methods.contrast import Contrastive
from contav_lib.methods.method import Batches, register_method
from contav_lib.methods.teacher import distil_masks
from contav_lib.mixtures.clip_store import Batch
from contav_lib.separators import Separator, SeparatorOutput


@register_method("avcil")
@dataclass
class AVCIL(Contrastive):
    """Audio-visual similarity by instance and by class, attention distillation, and mask distillation.

    AV-CIL was made for classification. As ContAV-Sep's authors did, its logit distillation becomes mask distillation
    (eq. 11). Its two similarity terms are those of ContAV-Sep, but between features of the current model only. Its visual
    attention distillation compares, for remembered sources, where the wanted query of old and new model looked (motion)
    and listened (audio tokens, in the last layer); a separator without attention has no such term. All act from the second task
    on, as its authors have it. They compare sound with picture in one direction; here it is each pair of modalities, both ways.

    The class term is weighted as in AV-CIL's published code, whose weights these are: an anchor's sum over its positives is
    divided by the number of all rows. (AV-CIL's eq. 7 and ContAV-Sep's eq. 10 divide by the number of positives, which makes
    the same weight count several times as much.)

    Args:
        distillation, instance_weight, class_weight, attention: weights of the terms; 0 leaves a term out. Those of the
            similarity terms are
            AV-CIL's own, that of distillation is ContAV-Sep's.
        temperature: of the similarity terms.

    References:
        Pian et al., Audio-Visual Class-Incremental Learning, ICCV 2023, section 3.
    """

    class_mean_over_rows = True

    class_weight: float = 1.0
    attention: float = 0.1

    def __post_init__(self):
        super().__post_init__()
        self.refuse_negative("attention")

    def begin_task(self, task: Task, separator: Separator) -> None:
        separator.keep_attention = self.attention > 0 and task.index > 0  # the old model, a copy, will keep it, too
        super().begin_task(task, separator)

    def end_task(self, task: Task, separator: Separator, batches: Batches, remembered: Batches) -> None:
        separator.keep_attention = False

    def losses(self, batch: Batch, separation: SeparatorOutput) -> dict[str, torch.Tensor]:
        if not self.teacher:
            return {}
        terms = self.contrast(batch, separation)
        lesson = self.teacher(batch) if self.distillation or self.attention else None
        if lesson and self.distillation:
            terms["distillation"] = self.distillation * distil_masks(batch, separation, lesson)
        if lesson and lesson.attention and self.attention:
            maps = [value.flatten(0, 1)[lesson.index] for value in separation.attention]
            apart = [attention_distance(new, old) for new, old in zip(maps, lesson.attention, strict=True)]
            terms["attention"] = self.attention * torch.stack(apart).mean()
        return terms


def attention_distance(new: torch.Tensor, old: torch.Tensor) -> torch.Tensor:
    """Kullback-Leibler divergence of new attention maps from old ones, mean over sources and heads.

    Args:
        new, old: probabilities `[K, heads, L]`.
    """
    tiny = torch.finfo(torch.float32).tiny
    new, old = new.float().clamp(min=tiny), old.float().clamp(min=tiny)
    return (old * (old.log() - new.log())).sum(-1).mean()
