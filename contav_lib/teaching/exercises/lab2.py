"""Checkers of lab 2, a separator that sees: attention, queries of sources, masks that share, pictures of others."""

import torch
from torch.nn.functional import scaled_dot_product_attention

from contav_lib.teaching.behaviour import coded
from contav_lib.teaching.check import NotYet, exercise, require_number


@exercise("lab 2: two questions alike")
def check_alike(answer: object) -> str:
    """Check the gain in dB, over doing nothing, where both sources of a mixture are asked for in the same words."""
    gain = require_number(answer)
    if gain == 0:
        return "the same question gets the same mask twice, and one mask that helps the one source hurts the other."
    if gain < 0:
        raise NotYet(
            "a clever separator would rather give back the mixture as it is: how much worse than that is that?"
        )
    raise NotYet("it gets the same mixture and the same question twice. Which of the two sounds could it mean?")


def multi_head_attention(queries: torch.Tensor, tokens: torch.Tensor, heads: int) -> torch.Tensor:
    """Attention in `heads` heads, without learned projections: queries `[R, Q, D]`, tokens `[R, S, D]` -> `[R, Q, D]`."""
    queries, keys = (x.unflatten(2, (heads, -1)).transpose(1, 2) for x in (queries, tokens))
    return scaled_dot_product_attention(queries, keys, keys).transpose(1, 2).flatten(2)  # the keys are the values, too


def _attention(queries, tokens, heads, width=None, over=3, turns=False):
    size = queries.shape[2] // heads
    pieces = (x.unflatten(2, (size, heads)).mT if turns else x.unflatten(2, (heads, size)) for x in (queries, tokens))
    queries, keys = (piece.transpose(1, 2) for piece in pieces)  # [R, H, ., D / H]
    weights = (queries @ keys.mT / (width or size) ** 0.5).softmax(over)
    answers = (weights @ keys).transpose(1, 2)
    return (answers.mT if turns else answers).flatten(2)


def _cut_across(queries, tokens, heads):
    """Attention where the whole row is cut into heads at once, so that a piece has values of several queries."""
    pieces, keys = (x.reshape(len(x), heads, x.shape[1], -1) for x in (queries, tokens))
    return scaled_dot_product_attention(pieces, keys, keys).reshape(queries.shape)


def _queries_and_tokens(random, rows, queries, tokens, width, heads):
    return dict(
        queries=torch.randn(rows, queries, width, generator=random, requires_grad=True),
        tokens=torch.randn(rows, tokens, width, generator=random, requires_grad=True),
        heads=heads,
    )


coded(
    "lab 2: multi-head attention",
    reference=multi_head_attention,
    cases=lambda random: (
        _queries_and_tokens(random, *sizes) for sizes in ((2, 3, 5, 8, 2), (3, 2, 4, 12, 4), (1, 6, 6, 6, 1))
    ),
    many=lambda random: _queries_and_tokens(random, 400, 2, 4, 8, 2),
    mistakes={
        "one head only: each head should have scores of its own, from its own piece of the values.": (
            lambda q, t, h: _attention(q, t, 1)
        ),
        "scaled by the root of D: a head sees D / H values, and their number counts.": (
            lambda q, t, h: _attention(q, t, h, width=q.shape[2])
        ),
        "the scores are not scaled.": lambda q, t, h: _attention(q, t, h, width=1),
        "scaled, but by the width of a head, not by its root.": (
            lambda q, t, h: _attention(q, t, h, width=(q.shape[2] // h) ** 2)
        ),
        "the softmax runs over the queries: the shares of all tokens should sum to 1 for each query.": (
            lambda q, t, h: _attention(q, t, h, over=2)
        ),
        "the softmax runs over the heads: the shares of all tokens should sum to 1 for each query.": (
            lambda q, t, h: _attention(q, t, h, over=1)
        ),
        "each head takes every H-th value. The first head has the first D / H values, one beside the other.": (
            lambda q, t, h: _attention(q, t, h, turns=True)
        ),
        "cut straight to [R, H, Q, D / H], a piece mixes several queries: cut the last axis alone, then move the heads.": (
            _cut_across
        ),
        "the pieces are joined in a wrong order: each query's own H pieces must stand side by side before that.": (
            lambda q, t, h: _attention(q, t, h).unflatten(2, (h, -1)).transpose(1, 2).reshape(q.shape)
        ),
    },
    right="each head asks with its piece, hears with its piece, and the pieces stand side by side again.",
    otherwise="one row, one query, one head: S scores, S shares that sum to 1, a mean of S pieces. Print each. "
    "With two heads: which values does the first see?",
)


def source_queries(class_queries: torch.Tensor, object_features: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """Queries `[B, N, D]` of rms 1: the class's row of `class_queries [K + 1, D]` (-1: the last), plus the object feature."""
    return _of_size_one(class_queries[classes] + object_features)


def _of_size_one(x, axis=-1):
    return x / (x.square().mean(axis, keepdim=True) + 1e-6).sqrt()


def _sources(random, mixtures, sources, classes, width):
    told = torch.randint(0, classes, (mixtures, sources), generator=random)
    return dict(
        class_queries=torch.randn(classes + 1, width, generator=random, requires_grad=True),
        object_features=torch.randn(mixtures, sources, width, generator=random, requires_grad=True),
        classes=told.where(torch.arange(mixtures)[:, None] % 3 > 0, -1),
    )


coded(
    "lab 2: source queries",
    reference=source_queries,
    cases=lambda random: (_sources(random, *sizes) for sizes in ((6, 2, 4, 5), (4, 3, 2, 8), (5, 5, 5, 5))),
    many=lambda random: _sources(random, 4000, 2, 5, 8),
    mistakes={
        "the picture is not used: add the object feature.": lambda q, x, k: _of_size_one(q[k]),
        "the class is not used.": lambda q, x, k: _of_size_one(x),
        "a source without a class gets the row of class 0. The last row stands for 'not told'.": (
            lambda q, x, k: _of_size_one(q[k.clamp(min=0)] + x)
        ),
        "where no class is told, only the object feature is left. The last row of `class_queries` belongs there.": (
            lambda q, x, k: _of_size_one(q[k] * (k >= 0)[..., None] + x)
        ),
        "the right sum; now divide by its root mean square.": lambda q, x, k: q[k] + x,
        "the length is 1, but the mean of the squares should be.": (
            lambda q, x, k: torch.nn.functional.normalize(q[k] + x, dim=-1)
        ),
        "only the class's row is scaled: first the sum, then the scale.": lambda q, x, k: _of_size_one(q[k]) + x,
        "divided by the mean square, without the root.": (
            lambda q, x, k: (s := q[k] + x) / (s.square().mean(-1, keepdim=True) + 1e-6)
        ),
        "the mean is taken over the sources: each query is scaled for itself, along D.": (
            lambda q, x, k: _of_size_one(q[k] + x, 1)
        ),
        "one mean for all: each query is scaled for itself, along D.": lambda q, x, k: _of_size_one(
            q[k] + x, (0, 1, 2)
        ),
        "the mean is squared: take the squares first, then their mean.": (
            lambda q, x, k: (s := q[k] + x) / (s.mean(-1, keepdim=True).square() + 1e-6).sqrt()
        ),
        "the object feature is multiplied where it should be added.": lambda q, x, k: _of_size_one(q[k] * x),
    },
    right="what is told and what is seen, in one vector whose size says nothing.",
    otherwise="one source: one row of `class_queries`, one object feature, their sum, and the sum over its root mean square.",
)


def softmax_masks(weights: torch.Tensor, maps: torch.Tensor) -> torch.Tensor:
    """Masks `[B, N, F, T]` that share each pixel with a rest: `exp(z_n) / (1 + sum exp(z_m))`, z the weighted sums of maps."""
    sums = _sums(weights, maps)
    return torch.cat([sums, torch.zeros_like(sums[:, :1])], 1).softmax(1)[:, :-1]


def _sums(weights, maps):
    return torch.einsum("bnc,bcft->bnft", weights, maps)


def _as_written(sums):
    return sums.exp() / (1 + sums.exp().sum(1, keepdim=True))


def _maps(random, mixtures, sources, channels, bins, frames, size=1.0):
    weights = size * torch.randn(mixtures, sources, channels, generator=random)
    return dict(
        weights=weights.requires_grad_(),
        maps=torch.randn(mixtures, channels, bins, frames, generator=random, requires_grad=True),
    )


def _maps_of_all_sizes(random):
    for sizes in ((2, 3, 5, 8, 4), (1, 1, 4, 4, 2), (3, 3, 3, 3, 3)):
        yield _maps(random, *sizes)
    yield _maps(random, 2, 2, 4, 4, 3, 100.0)  # exponentials beyond all numbers


coded(
    "lab 2: masks that share",
    reference=softmax_masks,
    cases=_maps_of_all_sizes,
    many=lambda random: _maps(random, 4000, 2, 4, 4, 2),
    mistakes={
        "these are sums; what makes shares of them?": _sums,
        "each source is asked for itself here (the sigmoid of eq. 6). Nothing stops two masks from claiming the same pixel.": (
            lambda w, m: _sums(w, m).sigmoid()
        ),
        "the masks always sum to 1: where neither source sounds, the rest should have its share. What is the 1 below for?": (
            lambda w, m: _sums(w, m).softmax(1)
        ),
        "right for small sums; the exponential of a large one is infinite, and infinity over infinity is NaN. A softmax "
        "over the sums and one 0 more is the same formula, and safe.": lambda w, m: _as_written(_sums(w, m)),
        "every source brings a rest of its own: there is one 1 below, not N.": (
            lambda w, m: torch.cat([_sums(w, m), torch.zeros_like(_sums(w, m))], 1).softmax(1)[:, : w.shape[1]]
        ),
        "the sum of the rest is 1 here; its exponential should be 1.": (
            lambda w, m: torch.cat([s := _sums(w, m), torch.ones_like(s[:, :1])], 1).softmax(1)[:, :-1]
        ),
        "the largest sum is taken away from every source, but not from the rest, whose sum is 0.": (
            lambda w, m: _as_written((s := _sums(w, m)) - s.amax(1, keepdim=True))
        ),
        "the sign is wrong: a large sum should open the mask.": lambda w, m: softmax_masks(-w, m),
        "the weights are taken as they are; they need not sum to 1.": lambda w, m: softmax_masks(w.softmax(2), m),
        "a mean is not a sum: the number of maps should not matter.": lambda w, m: softmax_masks(w / w.shape[2], m),
        "the shares run along the frequencies: at each pixel the sources share.": (
            lambda w, m: torch.cat([s := _sums(w, m), torch.zeros_like(s[:, :, :1])], 2).softmax(2)[:, :, :-1]
        ),
    },
    right="a weighted sum a source, and one share for each and for nobody. With one source it is the sigmoid of eq. 6.",
    otherwise="one pixel, two sums z = 0 and 0: the masks are 1/3 and 1/3, and 1/3 is left to nobody. And for z = 2 and 0?",
)


def mismatched_features(features: torch.Tensor, classes: torch.Tensor, same: bool) -> torch.Tensor:
    """For each row of `features [R, ...]` those of the next row, round in a circle, of the same class or of another one."""
    return features[_nearest(classes, same)]


def _nearest(classes, same, step=1, least=1, first=False, circle=True):
    rows = torch.arange(len(classes), device=classes.device)
    after = step * (rows[None, :] - rows[:, None])  # how many rows j comes after i
    after = after % len(rows) if circle else after
    fits = ((classes[None, :] == classes[:, None]) == same) & (after >= least)
    return (rows.expand_as(after) if first else after).masked_fill(~fits, len(rows)).argmin(1)


def _clips(random):
    for rows, classes, same in ((8, 3, True), (8, 3, False), (11, 4, False), (12, 4, True)):
        labels = (torch.arange(rows) % classes)[torch.randperm(rows, generator=random)]
        yield dict(features=torch.randn(rows, 3, generator=random), classes=labels, same=same)
    yield dict(features=torch.randn(6, 2, 4, generator=random), classes=torch.tensor([0, 0, 0, 1, 1, 2]), same=False)
    yield dict(features=torch.randn(6, 2, 4, generator=random), classes=torch.tensor([0, 0, 0, 1, 1, 0]), same=True)


coded(
    "lab 2: pictures of others",
    reference=mismatched_features,
    cases=_clips,
    many=lambda random: dict(features=torch.randn(600, 4, generator=random), classes=torch.arange(600) % 60, same=True),
    mistakes={
        "each row gets its neighbour, whatever its class.": lambda x, k, s: x.roll(-1, 0),
        "each row gets its neighbour on the other side, whatever its class.": lambda x, k, s: x.roll(1, 0),
        "nothing is changed: a row's own picture must not come back.": lambda x, k, s: x,
        "where the class should be the same, each row gets its own picture: it is as alike as can be, but no other's.": (
            lambda x, k, s: x[_nearest(k, s, least=0)]
        ),
        "same and other are exchanged.": lambda x, k, s: mismatched_features(x, k, not s),
        "`same` is not used: always another class.": lambda x, k, s: mismatched_features(x, k, False),
        "`same` is not used: always the same class.": lambda x, k, s: mismatched_features(x, k, True),
        "that is the nearest row before; the next one after is asked for, and after the last comes the first.": (
            lambda x, k, s: x[_nearest(k, s, step=-1)]
        ),
        "that is the first row that fits, counted from the top; the next one after the row itself is asked for.": (
            lambda x, k, s: x[_nearest(k, s, first=True)]
        ),
        "rows near the end find nobody after them: after the last row comes the first, so count with % R.": (
            lambda x, k, s: x[_nearest(k, s, circle=False)]
        ),
    },
    right="the nearest row that fits, and never its own. Now a picture can be wrong in one thing at a time.",
    otherwise="write the R x R table of how many rows j comes after i, (j - i) % R. Which of its places fit? Which is least?",
)
