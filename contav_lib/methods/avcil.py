"""AV-CIL (Pian et al. 2023): contrastive losses on the new model, and what the old model paid attention to."""

from dataclasses import dataclass

import torch

from contav_lib.continual.tasks import Task
from contav_lib.losses import cross_modal_similarity, cross_task_rows
from contav_lib.methods.method import Batches, Method, Variant, register_method
from contav_lib.methods.teacher import Teacher, distil_masks
from contav_lib.mixtures.batch import Batch
from contav_lib.separators import Separator, SeparatorOutput


@register_method("avcil")
@dataclass
class AVCIL(Method):
    """Audio-visual similarity by instance and by class, attention distillation, and mask distillation.

    AV-CIL was made for classification. As ContAV-Sep's authors did, its logit distillation becomes mask distillation
    (eq. 11). Its two similarity terms are those of ContAV-Sep (eq. 8 and 10), but between features of the current model only,
    and for each pair of modalities both ways, where AV-CIL compares sound with picture one way. Its visual attention
    distillation compares, for remembered sources, where the wanted query of old and new model looked (motion) and listened
    (audio tokens, in the last layer); a separator without attention has no such term. All act from the second task on.

    The class term is weighted as in AV-CIL's published code, whose weights these are: an anchor's sum over its positives is
    divided by the number of all rows, not by the number of positives as in AV-CIL's eq. 7 and ContAV-Sep's eq. 10.

    Args:
        distillation, instance_weight, class_weight, attention: weights of the terms; 0 leaves a term out. Those of the
            similarity terms are AV-CIL's own, that of distillation is ContAV-Sep's, that of attention the kit's choice (1 in
            the published code, over a spatial and a temporal term).
        temperature: of the similarity terms.

    References:
        Pian et al., Audio-Visual Class-Incremental Learning, ICCV 2023, section 3.
    """

    title, colour = "AV-CIL", "#56B4E9"
    variants = (Variant(1, place=10, paper={"iquery": (6.86, 13.13, 12.31), "coseparation": (3.61, 9.76, 9.68)}),)
    tries = tuple(
        dict(distillation=distillation, instance_weight=instance_weight, class_weight=class_weight, attention=0.1)
        for instance_weight, class_weight in ((0.1, 1.0), (0.03, 0.3))
        for distillation in (0.3, 1.0)
    )
    exemplars = 1
    needs_memory = True

    distillation: float = 0.3
    instance_weight: float = 0.1
    class_weight: float = 1.0
    temperature: float = 0.05
    attention: float = 0.1

    def __post_init__(self):
        self.require_range("distillation", "instance_weight", "class_weight", "attention", least=0)
        self.require_range("temperature", above=0)
        self.teacher: Teacher | None = None

    def begin_task(self, task: Task, separator: Separator) -> None:
        separator.keep_attention = self.attention > 0 and task.index > 0  # the old model, a copy, will keep it, too
        self.pairs = separator.modality_pairs
        self.teacher = Teacher(separator) if task.index > 0 else None

    def end_task(self, task: Task, separator: Separator, batches: Batches, remembered: Batches) -> None:
        separator.keep_attention = False

    def losses(self, batch: Batch, separation: SeparatorOutput) -> dict[str, torch.Tensor]:
        if not self.teacher:
            return {}
        terms = {}
        rows, same_video, same_class = cross_task_rows(separation.features, batch.classes, batch.videos)
        if self.instance_weight:
            alike = cross_modal_similarity(rows, same_video, self.pairs, self.temperature)
            terms["instance_aware"] = self.instance_weight * alike
        if self.class_weight:
            alike = cross_modal_similarity(rows, same_class, self.pairs, self.temperature, mean_over_rows=True)
            terms["class_aware"] = self.class_weight * alike
        old = self.teacher(batch) if self.distillation or self.attention else None
        if old and self.distillation:
            terms["distillation"] = self.distillation * distil_masks(batch, separation, old)
        if old and old.attention and self.attention:
            maps = [value.flatten(0, 1)[old.places] for value in separation.attention]
            apart = [attention_distance(new, before) for new, before in zip(maps, old.attention, strict=True)]
            terms["attention"] = self.attention * torch.stack(apart).mean()
        return terms


def attention_distance(new: torch.Tensor, old: torch.Tensor) -> torch.Tensor:
    """Kullback-Leibler divergence of new attention maps `[K, heads, L]` from old ones, mean over sources and heads."""
    tiny = torch.finfo(torch.float32).tiny
    new, old = new.float().clamp(min=tiny), old.float().clamp(min=tiny)
    return (old * (old.log() - new.log())).sum(-1).mean()
