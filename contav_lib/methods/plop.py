"""PLOP (Douillard et al. 2021): keep what the maps inside the network look like, strip by strip, and trust old answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import gcd

import torch
from torch.linalg import vector_norm
from torch.nn.functional import normalize

from contav_lib.methods.lwf import NEW_PICTURE, LwF
from contav_lib.methods.method import Variant, register_method
from contav_lib.methods.teacher import Teacher, TeacherOutput, distil_masks
from contav_lib.mixtures.batch import Batch
from contav_lib.separators import SeparatorOutput

SCALES = (4, 2, 1)  # PLOP's: quarters of the map along each axis, halves, and the whole; each divides the one before


@register_method("plop")
@dataclass
class PLOP(LwF):
    """Local POD on everything inside the separator, and pseudo-targets for old classes.

    Carried over: *Local POD* (eq. 5 to 7 there) between the maps and token lists inside old and new model, on all mixtures;
    what comes out at the end (mask features, masks) is not pooled. *Pseudo-targets*: what the old model calls with confidence
    an old class counts as a target. Here, of the masks that `LwF` distils, only pixels where the old mask is nearly 0 or
    nearly 1 are distilled.

    Not carried over: the background class and the factor that weakens the main loss where pseudo-labels are rare, for a
    mixture has no background, and its true masks are known for every pixel. PLOP's threshold of confidence is the median
    entropy of each class; a mask has no classes to compare, so here it is one number. Nor are maps squared before they are
    pooled, or POD weighted by the share of new classes, as in PLOP's published code.

    Args:
        pod: weight of Local POD (0.01 in PLOP, there for sums over larger maps; here distances are means, at most 4 each).
        distillation, old_queries: weight of the pseudo-targets, and which masks they are, as for `LwF`.
        confidence: a pixel counts where `|2 x old mask - 1|` is this or more, in 0 .. 1. At 0.5 one source has three times
            the other's share, or more.

    References:
        Douillard et al., PLOP: Learning without Forgetting for Continual Semantic Segmentation, CVPR 2021, section 3.
    """

    title, colour = "PLOP", "#7570B3"
    variants = (
        Variant(
            0, dict(old_queries="plain"), place=4,
            paper={"iquery": (3.82, 10.06, 10.22), "coseparation": (3.24, 9.17, 9.59)},
        ),
        Variant(
            1, dict(old_queries="plain"), place=8,
            paper={"iquery": (7.03, 13.30, 11.90), "coseparation": (3.88, 9.92, 9.99)},
        ),
        Variant(0, dict(old_queries="new_picture"), NEW_PICTURE, place=33),
        Variant(1, dict(old_queries="new_picture"), NEW_PICTURE, place=34),
    )  # fmt: skip
    tries = tuple(
        dict(old_queries=old_queries, pod=pod, distillation=weight)
        for old_queries, pod, weight in (
            ("plain", 1.0, 1.0), ("plain", 0.1, 1.0), ("plain", 0.1, 0.3), ("new_picture", 0.1, 0.3),
        )
    )  # fmt: skip

    pod: float = 1.0
    confidence: float = 0.5

    def __post_init__(self):
        super().__post_init__()
        self.require_range("pod", least=0)
        self.require_range("confidence", least=0, most=1)

    @property
    def asked(self) -> Teacher | None:
        return self.teacher if self.distillation > 0 or self.pod > 0 else None

    def distil(self, batch: Batch, separation: SeparatorOutput, old: TeacherOutput) -> dict[str, torch.Tensor]:
        terms = {}
        if self.pod:
            terms["pod"] = self.pod * pod_distance(separation.intermediate, old.intermediate)
        if self.distillation:
            sure = (2 * old.masks.float() - 1).abs() >= self.confidence
            terms["pseudo"] = self.distillation * distil_masks(batch, separation, old, sure)
        return terms


def pod_distance(new: Sequence[torch.Tensor], old: Sequence[torch.Tensor]) -> torch.Tensor:
    """Mean over layers and mixtures of the squared distance between Local POD embeddings, each scaled to unit length.

    `new` and `old` are maps `[B, C, H, W]` and token lists `[B, L, D]`, in the same order; gradients reach `new` only.
    """
    likeness = []
    for one, other in zip(new, old, strict=True):
        embedding, target = local_pod(one), normalize(local_pod(other.detach()), dim=1)
        likeness.append((embedding * target).sum(1) / vector_norm(embedding, dim=1).clamp(min=1e-12))
    return 2 - 2 * torch.stack(likeness).mean()  # of unit vectors, |a - b|^2 = 2 - 2 a.b


def local_pod(map: torch.Tensor, scales: tuple[int, ...] = SCALES) -> torch.Tensor:
    """Local POD embedding, one vector a mixture, `[B, ...]`.

    At scale s the map is cut into s x s cells; in each, every row is averaged along the width and every column along the
    height. A side that s does not divide is cut into fewer. A token list `[B, L, D]` counts as a map of one row.
    """
    # Channels last: so the maps lie in memory, and a token list is a map of one row.
    map = (map.unsqueeze(1) if map.ndim == 3 else map.permute(0, 2, 3, 1)).float()
    height, width = map.shape[1:3]
    # The long map is summed once along each axis, into the strips of the finest cells; coarser cells are made of these.
    cells = map.unflatten(2, (gcd(max(scales), width), -1)).unflatten(1, (gcd(max(scales), height), -1))
    rows, columns = cells.sum(4).flatten(1, 2), cells.sum(2).flatten(2)  # [B, H, cells, C], [B, cells, W * C]
    across, down = (mean_of_cells(side, scales, map.device) for side in (width, height))
    return torch.cat([(across @ rows).flatten(1), (down @ columns).flatten(1)], 1)


@cache
def mean_of_cells(side: int, scales: tuple[int, ...], device: torch.device) -> torch.Tensor:
    """Matrix `[cells of all scales, finest cells]` that makes means over cells from the sums over a side's finest cells."""
    finest = gcd(max(scales), side)
    counts = [gcd(scale, side) for scale in scales]
    whole = [torch.eye(count).repeat_interleave(finest // count, 1) * count / side for count in counts]
    return torch.cat(whole).to(device)
