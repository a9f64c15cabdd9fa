"""Checkers of notebook 04: what the losses compare and cost when nothing is known; contrastive loss, mask distillation."""

import math

import numpy as np
import torch
from torch.nn.functional import normalize

from contav_lib.losses import contrastive_loss, mask_distillation
from contav_lib.teaching.behaviour import coded
from contav_lib.teaching.check import NotYet, exercise, require_number


@exercise("loss of indifference")
def check_indifference(answer: object, rows: int) -> str:
    """Check the contrastive loss of `rows` rows whose similarities are all equal."""
    given, right = require_number(answer), math.log(rows)
    mistakes = {
        0.0: "0 would mean that every anchor is certain of its positives. Here it can't tell them from the rest.",
        1 / rows: "that is the softmax of each candidate; the loss is minus its logarithm.",
        -right: "the size is right; mind the minus sign in front of the sum.",
        math.log2(rows): "that is the logarithm to base 2; the formula has the natural one.",
        math.log(rows - 1): "the anchor's own row among the candidates counts too: the sum over k leaves none out.",
    }
    if math.isclose(given, right, abs_tol=0.006):
        return (
            f"each of {rows} equal candidates gets a share of 1/{rows}, so the loss is ln {rows} = {right:.2f}, whatever "
            "the temperature and however many positives. A model trained with this loss should be below that."
        )
    made = [explanation for value, explanation in mistakes.items() if math.isclose(given, value, abs_tol=0.006)]
    raise NotYet(made[0] if made else "if all similarities are equal, what is the softmax over the candidates?")


@exercise("positives of a memory clip")
def check_positives(answer: object, positives: np.ndarray, row: int) -> str:
    """Check how many positives the given row has under a rule, bool `[R, R]`."""
    given, right = require_number(answer), int(positives[row].sum())
    if given == right:
        return (
            f"{right}: its own row, and the same clip once more with the old model's features. The second is what "
            "carries the old model's knowledge across."
        )
    if given == right - 1:
        raise NotYet("a row counts as a positive of itself too: its sound feature should match its own object feature.")
    if given > right:
        raise NotYet("that is too many: which rows hold the same video?")
    raise NotYet("look for the clip's name among all eight rows.")


def one_direction(
    anchors: torch.Tensor, candidates: torch.Tensor, positives: torch.Tensor, temperature: float = 0.05
) -> torch.Tensor:
    """Contrastive loss from features `[R, D]` to features `[R, D]`, of any lengths; `positives` bool `[R, R]` (eq. 7, 9)."""
    return contrastive_loss(normalize(anchors, dim=1), normalize(candidates, dim=1), positives, temperature)


def _cosines(a, b, t):
    return normalize(a, dim=1) @ normalize(b, dim=1).T / t


def _at_positives(shares, positives):
    return -((shares * positives).sum(1) / positives.sum(1)).mean()


def _rows(random, rows, width, temperature=0.05):
    anchors, candidates = (3 * torch.randn(rows, width, generator=random) for _ in "ab")
    labels = torch.randint(0, max(rows // 2, 1), (rows,), generator=random)
    positives = labels[:, None] == labels[None, :]
    return dict(
        anchors=anchors.requires_grad_(),
        candidates=candidates.requires_grad_(),
        positives=positives,
        temperature=temperature,
    )


coded(
    "one direction of the contrastive loss",
    reference=one_direction,
    cases=lambda random: (_rows(random, *sizes) for sizes in ((8, 5), (5, 3, 0.5), (6, 6, 0.1))),
    many=lambda random: _rows(random, 120, 4),
    mistakes={
        "the temperature is not used.": lambda a, b, p, t: one_direction(a, b, p, 1),
        "it multiplies by the temperature: which makes differences larger, a small or a large one?": (
            lambda a, b, p, t: one_direction(a, b, p, 1 / t)
        ),
        "these are products of features as they are. A cosine does not know how long they are.": (
            lambda a, b, p, t: contrastive_loss(a, b, p, t)
        ),
        "the sign is wrong: a loss is small when the positives are likely.": lambda a, b, p, t: (
            -one_direction(a, b, p, t)
        ),
        "the softmax runs over the anchors, which is the other direction. Each anchor chooses among the candidates.": (
            lambda a, b, p, t: _at_positives(_cosines(a, b, t).log_softmax(0), p)
        ),
        "each anchor's positives are summed: divide by how many it has.": (
            lambda a, b, p, t: -(_cosines(a, b, t).log_softmax(1) * p).sum(1).mean()
        ),
        "you sum over the anchors, where eq. 7 takes the mean.": lambda a, b, p, t: one_direction(a, b, p, t) * len(a),
        "the logarithm of the mean is not the mean of the logarithms: the logarithm comes first.": (
            lambda a, b, p, t: -((_cosines(a, b, t).softmax(1) * p).sum(1) / p.sum(1)).log().mean()
        ),
        "you use the diagonal alone: `positives` says which other rows count.": (
            lambda a, b, p, t: one_direction(a, b, torch.eye(len(a), dtype=torch.bool, device=a.device), t)
        ),
        "the temperature comes too late: divide the cosines by it, before the softmax.": (
            lambda a, b, p, t: _at_positives(_cosines(a, b, 1).log_softmax(1), p) / t
        ),
        "all pairs have the same weight. Each anchor has: the mean of its own positives first, then that of the anchors.": (
            lambda a, b, p, t: -(_cosines(a, b, t).log_softmax(1) * p).sum() / p.sum()
        ),
        "the logarithm of the sum of the positives' shares: in eq. 7 and 9 each positive has a logarithm of its own.": (
            lambda a, b, p, t: -(_cosines(a, b, t).softmax(1) * p).sum(1).log().mean()
        ),
        "there is no logarithm: that is minus the share of the positives.": (
            lambda a, b, p, t: _at_positives(_cosines(a, b, t).softmax(1), p)
        ),
    },
    right="cosines over the temperature, a log-softmax over the candidates, and minus its mean at the positives.",
    otherwise="for one anchor: R cosines, R logarithms of shares, the mean of those at its positives. Print each.",
)


def distil(masks: torch.Tensor, old: torch.Tensor, weights: torch.Tensor, is_memory: torch.Tensor) -> torch.Tensor:
    """Mask distillation (eq. 11): masks `[B, N, F, T]`, weights `[B, 1, F, T]`; memory sources are True in bool `[B, N]`."""
    return mask_distillation(masks[is_memory], old[is_memory], weights.expand_as(masks)[is_memory])


def _masks(random, mixtures, sources, bins, frames):
    masks = torch.rand(mixtures, sources, bins, frames, generator=random, requires_grad=True)
    old, weights = torch.rand_like(masks), torch.rand(mixtures, 1, bins, frames, generator=random)
    is_memory = (torch.arange(mixtures * sources) % 3 == 1).reshape(mixtures, sources)
    return dict(masks=masks, old=old, weights=weights, is_memory=is_memory)


coded(
    "mask distillation",
    reference=distil,
    cases=lambda random: (_masks(random, *sizes) for sizes in ((3, 2, 8, 4), (2, 4, 5, 5), (3, 3, 3, 3))),
    many=lambda random: _masks(random, 4000, 2, 4, 2),
    mistakes={
        "all sources count here. The old model knows nothing of the new classes.": (
            lambda m, o, w, k: (w * (m - o).abs()).mean()
        ),
        "these are the new sources; the old model knows the others.": lambda m, o, w, k: distil(m, o, w, ~k),
        "the weights are not used: loud points of the mixture should count more.": (
            lambda m, o, w, k: (m - o)[k].abs().mean()
        ),
        "the right sum, but it is divided by the pixels of all sources; K counts the memory sources.": (
            lambda m, o, w, k: (w * (m - o).abs() * k[..., None, None]).mean()
        ),
        "squared differences: eq. 11 has absolute ones.": (
            lambda m, o, w, k: (w.expand_as(m)[k] * (m - o)[k].square()).mean()
        ),
        "differences of both signs cancel: how far is it, whichever way?": (
            lambda m, o, w, k: (w.expand_as(m)[k] * (m - o)[k]).mean()
        ),
        "the right sum, but divided by the weights; eq. 11 divides by the number of pixels.": (
            lambda m, o, w, k: (w.expand_as(m)[k] * (m - o)[k].abs()).sum() / w.expand_as(m)[k].sum()
        ),
        "that is a sum; eq. 11 divides by K F T.": lambda m, o, w, k: (w.expand_as(m)[k] * (m - o)[k].abs()).sum(),
    },
    right="the mean weighted distance between the new and the old masks, over the memory sources alone.",
    otherwise="choose the memory sources of all three first, masks, old masks and weights; then eq. 11 is one line.",
)
