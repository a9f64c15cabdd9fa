"""Learning without Forgetting (Li and Hoiem 2017): on the new data, go on answering the old questions as before."""

from dataclasses import dataclass

import torch

from contav_lib.batches import Batch
from contav_lib.methods.method import Method, register_method
from contav_lib.methods.teacher import Lesson, Teacher, distil_masks
from contav_lib.separators import Separation, Separator
from contav_lib.tasks import Task


@register_method("lwf")
@dataclass
class LwF(Method):
    """Mask distillation on all data at hand.

    A classifier's old outputs can be compared on any image. A separator's old outputs are its masks for old classes, so each
    mixture of new clips gets one more question: what here would belong to an old class, with the picture of the first
    source? The new model's mask should be the old model's. Old classes take turns. With memory, the masks of remembered
    sources are distilled beside these, each with its own class and picture.

    A separator that goes by the picture alone, whatever the class, answers the question as it answers for the first source: for
    it this is plain distillation on the new data.

    Args:
        distillation: weight of eq. 11 over all these masks (`lambda_o` of Li and Hoiem, eq. 1 there, who take 1 for logits).
            0.3 is ContAV-Sep's weight for the same distance between masks; on `lab`, 1 is 1 dB worse, 3 is 2 dB worse
            (`contav_lib.search`).

    References:
        Li and Hoiem, Learning without Forgetting, TPAMI 2017, section 3.
    """

    distillation: float = 0.3

    def __post_init__(self):
        self.refuse_negative("distillation")
        self.teacher: Teacher | None = None

    def begin_task(self, task: Task, separator: Separator) -> None:
        self.teacher = Teacher(separator) if task.index > 0 else None

    @property
    def asks(self) -> bool:
        """Whether old classes' masks are wanted."""
        return self.teacher is not None and self.distillation > 0

    def prepare(self, batch: Batch) -> Batch:
        # By the clips' numbers: as good as drawn at random, with no random state to keep.
        return batch.ask(batch.videos.sum(1) % self.teacher.separator.num_classes) if self.asks else batch

    def losses(self, batch: Batch, separation: Separation) -> dict[str, torch.Tensor]:
        if not self.asks:
            return {}
        return self.distil(batch, separation, self.teacher(batch))

    def distil(self, batch: Batch, separation: Separation, lesson: Lesson) -> dict[str, torch.Tensor]:
        """The terms that compare a separation with what the old model said."""
        return {"distillation": self.distillation * distil_masks(batch, separation, lesson)}
