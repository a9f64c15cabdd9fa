"""Learning without Forgetting (Li and Hoiem 2017): on the new data, go on answering as the old model did."""

from dataclasses import dataclass, replace
from typing import ClassVar

import torch

from contav_lib.continual.tasks import Task
from contav_lib.methods.method import Batches, Method, Variant, register_method
from contav_lib.methods.teacher import Teacher, TeacherOutput, distil_masks
from contav_lib.mixtures.batch import Batch
from contav_lib.separators import Separator, SeparatorOutput

BATCHES = 20  # of a task, from which the mean looks of its classes are taken
NEW_PICTURE = "asks with a new picture"  # in the titles of rows


@register_method("lwf")
@dataclass
class LwF(Method):
    """Mask distillation on the data at hand: new clips, and remembered ones where there is a memory.

    A classifier's old outputs can be compared on any image: that is Li and Hoiem's method. A separator's outputs are masks for
    a class and a picture, so it must be said what the old model is asked. In the last two ways, the masks of remembered
    sources are distilled beside the questions, each with its own class and picture; new sources are not.

    Args:
        distillation: weight of eq. 11 over all these masks (`lambda_o` of Li and Hoiem, eq. 1 there, who take 1 for logits).
            0.3 is ContAV-Sep's weight for the same distance between masks.
        old_queries: "plain", the batch as it is: the old model, grown for the new classes, answers for the batch's own
            sources, which without a memory are all of new classes; its masks for these come from untrained rows.
            "new_picture", nearer to Li and Hoiem: each mixture gets one more question, what here would belong to an old
            class, with the picture of the first source. Old classes take turns. (A separator that goes by the picture alone
            answers as it does for the first source.)
            "prototype" asks the same with what the old class looked like on average: its mean object feature and its mean
            motion, two vectors a class that are kept when its task ends.

    References:
        Li and Hoiem, Learning without Forgetting, TPAMI 2017, section 3.
    """

    title, colour = "LwF", "#E69F00"
    variants: ClassVar[tuple[Variant, ...]] = (
        Variant(
            0, dict(old_queries="plain"), place=2,
            paper={"iquery": (3.45, 8.78, 10.66), "coseparation": (2.32, 7.84, 10.28)},
        ),
        Variant(
            1, dict(old_queries="plain"), place=6,
            paper={"iquery": (6.76, 12.77, 12.60), "coseparation": (3.85, 9.62, 10.74)},
        ),
        Variant(0, dict(old_queries="prototype"), "asks with a prototype", place=30),
        Variant(0, dict(old_queries="new_picture"), NEW_PICTURE, place=31),
        Variant(1, dict(old_queries="new_picture"), NEW_PICTURE, place=32),
    )  # fmt: skip
    tries = tuple(
        dict(old_queries=old_queries, distillation=weight)
        for old_queries, weight in (("plain", 1.0), ("plain", 0.3), ("plain", 3.0), ("new_picture", 0.3))
    )

    distillation: float = 0.3
    old_queries: str = "plain"

    def __post_init__(self):
        self.require_range("distillation", least=0)
        self.require_one_of("old_queries", ("plain", "new_picture", "prototype"))
        self.teacher: Teacher | None = None
        self.looks: dict[str, torch.Tensor] = {}  # of the old classes: object [C, Do], motion [C, Dm]

    def begin_task(self, task: Task, separator: Separator) -> None:
        self.teacher = Teacher(separator) if task.index > 0 else None

    def after_growing(self, task: Task, separator: Separator) -> None:
        if self.teacher and self.old_queries == "plain":
            self.teacher = Teacher(separator)  # which answers for new classes, too

    @property
    def asked(self) -> Teacher | None:
        """The old model, where it is asked at all."""
        return self.teacher if self.distillation > 0 else None

    def on_batch(self, batch: Batch) -> Batch:
        teacher = self.asked
        if teacher is None:
            return batch
        if self.old_queries == "plain":
            return replace(batch, is_old_class=torch.ones_like(batch.is_old_class))  # the old model answers for all
        # By the clips' numbers: as good as drawn at random, with no random state to keep.
        classes = batch.videos.sum(1) % teacher.separator.num_classes
        seen = self.remembered_looks(classes, batch) if self.old_queries == "prototype" else None
        return batch.with_query(classes, seen)

    def remembered_looks(self, classes: torch.Tensor, batch: Batch) -> dict[str, torch.Tensor]:
        """Visual features of one source a mixture: what its class `[B]` looked like; the motion is the same at every step."""
        padding = batch.visual["motion_mask"][:, :1]
        motion = self.looks["motion"][classes][:, None, :, None]
        return {
            "object": self.looks["object"][classes].unsqueeze(1),
            "motion": motion.expand(-1, -1, -1, padding.shape[2]),
            "motion_mask": torch.zeros_like(padding),
        }

    def losses(self, batch: Batch, separation: SeparatorOutput) -> dict[str, torch.Tensor]:
        teacher = self.asked
        if teacher is None:
            return {}
        old = teacher(batch)
        assert old is not None  # `on_batch` has given every mixture something to ask about
        return self.distil(batch, separation, old)

    def distil(self, batch: Batch, separation: SeparatorOutput, old: TeacherOutput) -> dict[str, torch.Tensor]:
        """Terms that compare a separation with what the old model said."""
        return {"distillation": self.distillation * distil_masks(batch, separation, old)}

    def end_task(self, task: Task, separator: Separator, batches: Batches, remembered: Batches) -> None:
        if self.old_queries == "prototype":
            new = mean_looks([batches(number) for number in range(BATCHES)], task.classes)
            self.looks = {
                name: torch.cat([self.looks[name], rows]) if self.looks else rows for name, rows in new.items()
            }

    def state_dict(self) -> dict[str, torch.Tensor]:
        return dict(self.looks)

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        self.looks = dict(state)


def mean_looks(batches: list[Batch], classes: tuple[int, ...]) -> dict[str, torch.Tensor]:
    """Mean visual features of the sources of C classes, whose numbers follow one another, in these batches.

    Returns:
        `object [C, Do]`, and `motion [C, Dm]`, the mean over time as well; zeros for a class that does not occur.
    """
    place = torch.cat([batch.classes.flatten() for batch in batches]) - classes[0]
    of_class = torch.stack([place == number for number in range(len(classes))]).float()  # [C, sources]
    share = of_class / of_class.sum(1, keepdim=True).clamp(min=1)
    present = [(~batch.visual["motion_mask"]).float().unsqueeze(2) for batch in batches]
    motion = [
        (batch.visual["motion"] * there).sum(3) / there.sum(3).clamp(min=1)
        for batch, there in zip(batches, present, strict=True)
    ]
    objects = [batch.visual["object"] for batch in batches]
    return {
        name: share @ torch.cat([rows.flatten(0, 1) for rows in values])
        for name, values in (("object", objects), ("motion", motion))
    }
