"""Checkers of notebook 02: the numbers behind a mask, faults of an estimate, two of a kind; mask head and masked attention."""

import torch

from contav_lib.config import Config
from contav_lib.separators.layers.attention import attention_map
from contav_lib.teaching.behaviour import coded
from contav_lib.teaching.check import NotYet, exercise, require_number


@exercise("numbers a source needs")
def check_count(answer: object, config: Config) -> str:
    """Check how many numbers describe the mask of one source."""
    count, right = require_number(answer), config.separator_settings["mask_dim"]
    if count == right:
        return f"{right} weights, one per mask feature; the {config.bins} x {config.frames} pixels come from the U-Net."
    if count == config.bins * config.frames:
        raise NotYet("that is the number of pixels of a mask. The U-Net has made maps of that size already.")
    if count == config.separator_settings["hidden"]:
        raise NotYet("that is the width of f_a, before the small network (eq. 5) turns it into mask weights.")
    raise NotYet("look at the shape of `weights` above: its last axis belongs to one source.")


@exercise("name the fault")
def check_fault(answer: object) -> str:
    """Check the fault of an estimate with a high SIR and a low SAR."""
    fault = str(answer).strip().lower().removesuffix("s")
    if fault in ("artefact", "artifact", "noise", "distortion"):
        return "hardly any of the other source is left (SIR), yet much was added that belongs to neither (SAR)."
    if fault in ("leak", "interference", "leakage"):
        raise NotYet("a leak is the other source showing through: that lowers SIR, and SIR is high here.")
    if fault in ("filter", "filtered", "equaliser", "equalizer"):
        raise NotYet("a short filter is forgiven by BSS-Eval version 3: all three numbers would stay high.")
    raise NotYet('answer with one of "leak", "artefact", "filter".')


@exercise("two of a kind, no picture")
def check_distance(answer: object) -> str:
    """Check the distance between the masks of two violins when there is no picture."""
    distance = require_number(answer)
    if distance == 0:
        return "same mixture, same query, same (empty) picture: the same input twice gives the same mask twice."
    if distance < 0:
        raise NotYet("a largest distance can't be negative.")
    raise NotYet("list what the separator is given for each of the two sources. Is there any difference left?")


def mask_head(weights: torch.Tensor, maps: torch.Tensor) -> torch.Tensor:
    """Masks `[B, N, F, T]` of weights `[B, N, C]` and mask features `[B, C, F, T]` (eq. 6)."""
    return _sums(weights, maps).sigmoid()


def _sums(weights, maps):
    return torch.einsum("bnc,bcft->bnft", weights, maps)


def _maps(random, mixtures, sources, channels, bins, frames):
    weights = torch.randn(mixtures, sources, channels, generator=random, requires_grad=True)
    return dict(
        weights=weights, maps=torch.randn(mixtures, channels, bins, frames, generator=random, requires_grad=True)
    )


coded(
    "mask head",
    reference=mask_head,
    cases=lambda random: (_maps(random, *sizes) for sizes in ((2, 3, 5, 8, 4), (1, 1, 4, 4, 2), (3, 3, 3, 3, 3))),
    many=lambda random: _maps(random, 4000, 2, 4, 4, 2),
    mistakes={
        "these are sums, from far below 0 to far above 1: what makes a mask of them?": _sums,
        "the sources share each pixel here. Eq. 6 asks each source for itself.": lambda w, m: _sums(w, m).softmax(1),
        "the sum comes first, then the sigmoid.": lambda w, m: _sums(w, m.sigmoid()),
        "a mean is not a sum: the number of features should not matter.": (
            lambda w, m: (_sums(w, m) / w.shape[2]).sigmoid()
        ),
        "the sign is wrong: a large sum should open the mask.": lambda w, m: (-_sums(w, m)).sigmoid(),
        "cutting off at 0 and 1 is not the sigmoid.": lambda w, m: _sums(w, m).clamp(0, 1),
        "eq. 6 takes the weights as they are; they need not sum to 1.": lambda w, m: mask_head(w.softmax(2), m),
    },
    right="one weighted sum of the mask features a source, through a sigmoid; a handful of numbers makes a whole mask.",
    otherwise="take one mixture, one source, one pixel: which numbers are multiplied there, and what is summed over?",
)


def attend(query: torch.Tensor, tokens: torch.Tensor, padded: torch.Tensor) -> torch.Tensor:
    """What each query `[R, D]` hears of its tokens `[R, S, D]`, those left out that are `padded`, bool `[R, S]`: `[R, D]`."""
    return _heard(attention_map(query[:, None], tokens, ~padded[:, None])[:, 0], tokens)


def _heard(attention, tokens):
    return (attention[:, :, None] * tokens).sum(1)


def _scores(query, tokens):
    return (query[:, None] * tokens).sum(2) / query.shape[1] ** 0.5


def _tokens(random, rows, steps, width):
    query = torch.randn(rows, width, generator=random, requires_grad=True)
    tokens = torch.randn(rows, steps, width, generator=random, requires_grad=True)
    return dict(query=query, tokens=tokens, padded=torch.arange(steps) > torch.arange(rows)[:, None] % (steps - 1))


coded(
    "masked attention",
    reference=attend,
    cases=lambda random: (_tokens(random, *sizes) for sizes in ((4, 6, 3), (1, 5, 8), (5, 5, 5))),
    many=lambda random: _tokens(random, 4000, 4, 4),
    mistakes={
        "the shares sum to 1 already, so the weighted tokens are summed; their mean is too small by the number of steps.": (
            lambda q, t, p: attend(q, t, p) / t.shape[1]
        ),
        "it listens to the padding alone: True means that there is nothing.": lambda q, t, p: attend(q, t, ~p),
        "padded steps are still heard: `padded` is not used.": lambda q, t, p: _heard(_scores(q, t).softmax(1), t),
        "the padding is taken away after the softmax, so what is left does not sum to 1.": (
            lambda q, t, p: _heard(_scores(q, t).softmax(1) * ~p, t)
        ),
        "a score of 0 is not silence: the exponential of 0 is 1. Which score has the exponential 0?": (
            lambda q, t, p: _heard(_scores(q, t).masked_fill(p, 0).softmax(1), t)
        ),
        "the padding mask is added to the scores as a number, which favours the padding (as the published code does).": (
            lambda q, t, p: _heard((_scores(q, t) + p).softmax(1), t)
        ),
        "the products are not scaled: with many values per token the softmax would see one token only.": (
            lambda q, t, p: attend(q * q.shape[1] ** 0.5, t, p)
        ),
        "scaled, but by the width itself, not by its root.": lambda q, t, p: attend(q / q.shape[1] ** 0.5, t, p),
        "the softmax runs over the wrong axis: the shares of a query's own tokens should sum to 1.": (
            lambda q, t, p: _heard(_scores(q, t).masked_fill(p, float("-inf")).softmax(0), t)
        ),
    },
    right="scaled products, minus infinity at the padding, a softmax over the steps, and the mean of the tokens with it.",
    otherwise="for one row: S products, S shares that sum to 1, one weighted sum of S tokens. Print each and its shape.",
)
