"""The frozen old model that many methods listen to."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from contav_lib.losses import mask_distillation
from contav_lib.mixtures.batch import Batch
from contav_lib.separators import Separator, SeparatorOutput, forward_batch
from contav_lib.utils.devices import send
from contav_lib.utils.shapes import repr_with_shapes


@dataclass
class TeacherOutput:
    """Teacher outputs for the K old-class sources of a batch."""

    places: torch.Tensor  # [K], where these sources are among the B * N
    masks: torch.Tensor  # [K, F, T]
    features: dict[str, torch.Tensor]  # [K, D] by name
    attention: list[torch.Tensor]  # [K, heads, L] each
    intermediate: Sequence[torch.Tensor]  # [R, ...] each, of the R mixtures that hold such a source

    def __repr__(self) -> str:
        return repr_with_shapes(self)


class Teacher:
    """Frozen copy of the old model, asked about the sources of old classes in a batch.

    Args:
        separator: copied; the copy is in eval mode with gradients off.
        batch_statistics: leave the copy's batch norms in train mode, as the authors' code does by an oversight.
    """

    def __init__(self, separator: Separator, batch_statistics: bool = False):
        self.separator = copy.deepcopy(separator).requires_grad_(False).train(batch_statistics)
        self.batch_statistics = batch_statistics

    @torch.no_grad()
    def __call__(self, batch: Batch) -> TeacherOutput | None:
        """Ask the old model once, about mixtures with a source of an old class (all with `batch_statistics`); None without."""
        places, wanted = batch.memory_index(), batch.is_old_class.any(1)
        if not len(places):
            return None
        asked = batch if self.batch_statistics or wanted.all() else batch[wanted.nonzero().squeeze(1)]
        # The old model has no query for new classes; what it says of those sources is not looked at.
        classes = asked.classes.where(send(asked.is_old_class, asked.classes.device), 0)
        old = forward_batch(self.separator, replace(asked, classes=classes))
        rows = asked.memory_index()
        return TeacherOutput(
            places=places,
            masks=old.masks.flatten(0, 1)[rows],
            features={name: value.flatten(0, 1)[rows] for name, value in old.features.items()},
            attention=[value.flatten(0, 1)[rows] for value in old.attention],
            intermediate=old.intermediate,
        )


def distil_masks(
    batch: Batch, separation: SeparatorOutput, old: TeacherOutput, where: torch.Tensor | float = 1.0
) -> torch.Tensor:
    """`losses.mask_distillation` between a separation and what the old model says (eq. 11), at pixels `where [K, F, T]`."""
    weights = where * batch.weights.squeeze(1)[old.places // batch.classes.shape[1]]
    return mask_distillation(separation.masks.flatten(0, 1)[old.places], old.masks, weights)
