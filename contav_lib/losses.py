"""Separation loss, mask distillation and CrossSDC (paper, eq. 7 to 12).

All are plain functions on tensors, in float32. B mixtures, N sources, K memory sources, R rows of features, D values each.
"""

from collections.abc import Iterable, Mapping
from functools import reduce

import torch
from torch.nn import functional

Pair = tuple[str, str]


def separation_loss(masks: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Weighted L1 between predicted and true ratio masks `[B, N, F, T]`, averaged over all (eq. 12).

    `weights` are the mixtures' `audio.loss_weights`, `[B, 1, F, T]`.
    """
    return (weights * (masks.float() - targets).abs()).mean()


def mask_distillation(masks: torch.Tensor, old_masks: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Weighted L1 between the new and the old model's masks of memory sources, `[K, F, T]` (eq. 11).

    `weights` are those of the mixture each one stands in, `[K, F, T]`.
    """
    return (weights * (masks.float() - old_masks.float()).abs()).mean()


def total(terms: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Sum of loss terms by name, one or more, each a scalar: what training minimises (eq. 13)."""
    return reduce(torch.add, terms.values())


def contrastive_loss(
    anchors: torch.Tensor,
    candidates: torch.Tensor,
    positives: torch.Tensor,
    temperature: float,
    mean_over_rows: bool = False,
) -> torch.Tensor:
    """Contrastive loss in one direction: each anchor should be most like its positives (eq. 7 and 9).

    For anchor i: minus the mean, over its positives j, of the log-softmax over all candidates k of
    `cos(anchor_i, candidate_k) / temperature`. Averaged over the anchors.

    Args:
        anchors, candidates: `[R, D]`, L2-normalised.
        positives: bool `[R, R]`; every row holds at least one True (a clip is its own positive).
        mean_over_rows: divide an anchor's sum over its positives by R instead of by their number, as AV-CIL's published
            code does: an anchor counts the more, the more positives it has.
    """
    log_softmax = (anchors @ candidates.T / temperature).log_softmax(1)
    count = positives.shape[1] if mean_over_rows else positives.sum(1)
    return -((log_softmax * positives).sum(1) / count).mean()


def cross_modal_similarity(
    features: Mapping[str, torch.Tensor],
    positives: torch.Tensor,
    pairs: Iterable[Pair],
    temperature: float = 0.05,
    mean_over_rows: bool = False,
) -> torch.Tensor:
    """`contrastive_loss` in both directions, averaged over the modality pairs (eq. 8 and 10).

    Args:
        features: one `[R, D]` a modality; all the same R and D; they are L2-normalised here.
        positives: bool `[R, R]`, symmetric.
        pairs: such as `(("audio", "object"), ("audio", "motion"))`.

    Raises:
        ValueError: no pair, or a pair with a modality that has no features.
    """
    pairs = list(pairs)
    missing = {name for pair in pairs for name in pair} - features.keys()
    if not pairs or missing:
        raise ValueError(f"CrossSDC compares pairs of {sorted(features)}; it was given {pairs}.")
    unit = {name: functional.normalize(rows.float(), dim=1) for name, rows in features.items()}
    losses = [
        (
            contrastive_loss(unit[a], unit[b], positives, temperature, mean_over_rows)
            + contrastive_loss(unit[b], unit[a], positives.T, temperature, mean_over_rows)
        )
        / 2
        for a, b in pairs
    ]
    return torch.stack(losses).mean()


def cross_task_rows(
    features: Mapping[str, torch.Tensor],
    classes: torch.Tensor,
    videos: torch.Tensor,
    memory: torch.Tensor | None = None,
    old_features: Mapping[str, torch.Tensor] | None = None,
) -> tuple[dict[str, torch.Tensor], torch.Tensor, torch.Tensor]:
    """Rows for CrossSDC: every source with the new model's features, and memory sources once more with the old model's.

    Args:
        features: new model's, `[B, N, D]` a modality.
        classes, videos: `[B, N]`; two sources are the same video when their video numbers are equal.
        memory: index `[K]` of the memory sources among the `B * N`; None when there is no old model.
        old_features: the old model's features of those, `[K, D]` a modality.

    Returns:
        features `[R, D]` a modality, and the two matrices of positives, bool `[R, R]`: same video for the instance-aware
        term (eq. 7), same class for the class-aware one (eq. 9).
    """
    rows = {name: value.flatten(0, 1) for name, value in features.items()}
    label, video = classes.flatten(), videos.flatten()
    if memory is not None and old_features is not None:
        rows = {name: torch.cat([value, old_features[name].to(value.dtype)]) for name, value in rows.items()}
        label, video = (torch.cat([numbers, numbers[memory]]) for numbers in (label, video))
    return rows, video[:, None] == video[None, :], label[:, None] == label[None, :]
