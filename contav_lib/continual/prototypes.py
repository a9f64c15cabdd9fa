"""Prototypes: one vector a class, kept with the model; a video is of the class whose vector it is most like.

The vectors lie where the frozen picture encoder puts what it sees. Those of a task are made when the task ends, from its
training videos, and never change again. What can go wrong later is crowding: more classes stand near an old one.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch.nn.functional import normalize

from contav_lib.utils.storage import StorageError, file_errors, load_tensors, without_prefix

UNKNOWN = -1
PASSING = 0.95  # share of a class's own training videos that are recognised as no stranger
TEMPERATURE = 0.07  # of the confidence: 0.94 on average on MiniMUSIC's validation videos, of which 0.97 are right


class Recognition(NamedTuple):
    """Classes recognised in videos, each array of the shape of the question.

    Attributes:
        classes: class numbers; `UNKNOWN` (-1) for a video that is less like its nearest class than nearly all of that
            class's own training videos.
        confidence: how clearly the nearest class stands out among those learned, 0 .. 1 (softmax of the similarities):
            which class, given that it is one of them. Whether it is one of them at all is what `UNKNOWN` is for.
        nearest: the nearest class, also of an unknown video.
    """

    classes: torch.Tensor
    confidence: torch.Tensor
    nearest: torch.Tensor


@dataclass(frozen=True)
class Prototypes:
    """Looks of the classes learned so far.

    Attributes:
        vectors: `[C, D]`, of unit length: the mean look of a class's training videos.
        thresholds: `[C]`, cosine similarities. 95 % of the class's own training videos pass, each held against the mean of
            the others; for a class with a single video it is 0.
    """

    vectors: torch.Tensor
    thresholds: torch.Tensor

    @classmethod
    def learn(cls, looks: torch.Tensor, classes: torch.Tensor) -> "Prototypes":
        """Prototypes of the classes 0 .. C - 1, from a row a training video, `[V, D]`, and their classes `[V]`, each there."""
        looks = normalize(looks.float(), dim=1)
        count = int(classes.max()) + 1
        sums = looks.new_zeros(count, looks.shape[1]).index_add(0, classes, looks)
        of_the_others = normalize(sums[classes] - looks, dim=1)
        similarity = (of_the_others * looks).sum(1)
        thresholds = [similarity[classes == number].quantile(1 - PASSING) for number in range(count)]
        return cls(normalize(sums, dim=1), torch.stack(thresholds))

    def extended(self, more: "Prototypes") -> "Prototypes":
        """These classes, then those of `more`; nothing of either changes."""
        return Prototypes(torch.cat([self.vectors, more.vectors]), torch.cat([self.thresholds, more.thresholds]))

    def recognise(self, looks: torch.Tensor) -> Recognition:
        """The class of each video, or that it is unknown.

        Args:
            looks: `[..., D]`; see `ClipStore.object_embeddings`. Their lengths don't matter.

        Raises:
            ValueError: they are of another width, or not finite.
        """
        width = self.vectors.shape[1]
        if not looks.ndim or looks.shape[-1] != width:
            raise ValueError(
                f"What is to be recognised is {list(looks.shape)}, but the prototypes are {list(self.vectors.shape)}: "
                f"[..., {width}] is needed, from the encoder that the model was trained with."
            )
        if not looks.isfinite().all():
            raise ValueError("What is to be recognised holds values that are infinite or not a number.")
        similarity = normalize(looks.float(), dim=-1) @ self.vectors.T
        best, nearest = similarity.max(-1)
        confidence = (similarity / TEMPERATURE).softmax(-1).amax(-1)
        return Recognition(nearest.where(best >= self.thresholds[nearest], UNKNOWN), confidence, nearest)

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return what a checkpoint keeps; `load_prototypes` reads it."""
        return {"vectors": self.vectors, "thresholds": self.thresholds}


def load_prototypes(path: Path, device: torch.device | str = "cpu") -> Prototypes:
    """The prototypes kept in a separator's checkpoint.

    Raises:
        StorageError: the file is missing or damaged, or it has none.
    """
    kept = without_prefix("prototypes.", load_tensors(path)[0])
    if not kept:
        raise StorageError(
            f"{path} is from an earlier version, which kept no class prototypes. Run the experiment again with fresh=True."
        )
    with file_errors(path):
        prototypes = Prototypes(**{name: tensor.to(device) for name, tensor in kept.items()})
        (classes, _), (thresholds,) = prototypes.vectors.shape, prototypes.thresholds.shape
        if classes != thresholds:
            raise ValueError(f"{classes} class prototypes with {thresholds} thresholds")
    return prototypes
