"""Checkers of lab 4: CrossSDC from its rows to its two terms, its lowest value and that of chance, and a paired interval."""

import numpy as np
import torch
from scipy import stats
from torch.nn.functional import normalize

from contav_lib.evaluation.intervals import interval
from contav_lib.losses import cross_modal_similarity, cross_task_rows
from contav_lib.teaching.behaviour import coded

_MODALITIES = "audio", "object", "motion", "a fourth"


def cross_task_features(new: torch.Tensor, old: torch.Tensor, is_old: torch.Tensor) -> torch.Tensor:
    """Rows `[B * N + K, D]`: the new model's `[B, N, D]`, then the old model's of the K sources where `is_old [B, N]`."""
    return torch.cat([new.flatten(0, 1), old[is_old]])


def _remembered(random, mixtures, sources):
    """Bool `[B, N]`; of a single mixture none."""
    return (torch.rand(mixtures, sources, generator=random) < 0.4) & (mixtures > 1)


def _features(random, mixtures, sources, width):
    new = torch.randn(mixtures, sources, width, generator=random, requires_grad=True)
    old = torch.randn(mixtures, sources, width, generator=random)
    return dict(new=new, old=old, is_old=_remembered(random, mixtures, sources))


coded(
    "lab 4: rows of both models",
    reference=cross_task_features,
    cases=lambda random: (_features(random, *size) for size in ((4, 2, 3), (3, 3, 3), (1, 2, 5), (6, 2, 2))),
    many=lambda random: _features(random, 4000, 2, 4),
    mistakes={
        "all of the old model's rows are there. It knows nothing of new classes: choose the remembered sources.": (
            lambda n, o, k: torch.cat([n.flatten(0, 1), o.flatten(0, 1)])
        ),
        "these are the new classes' rows of the old model; it knows the others.": (
            lambda n, o, k: torch.cat([n.flatten(0, 1), o[~k]])
        ),
        "the new model's features come twice: what did the old one say of the remembered sources?": (
            lambda n, o, k: torch.cat([n.flatten(0, 1), n[k]])
        ),
        "the old rows come first; they should follow the new ones.": lambda n, o, k: torch.cat([o[k], n.flatten(0, 1)]),
        "remembered sources enter twice: here their new rows are left out.": lambda n, o, k: torch.cat([n[~k], o[k]]),
        "the old model's rows are put in place of the new ones; they should be added below.": (
            lambda n, o, k: torch.where(k[..., None], o, n).flatten(0, 1)
        ),
    },
    right="every source once in new eyes, every remembered one once more in old eyes.",
    otherwise="for 3 mixtures of 2 sources, of which 2 are remembered: which 8 rows are there, in which order?",
)


def positive_mask(numbers: torch.Tensor, is_old: torch.Tensor) -> torch.Tensor:
    """Bool `[R, R]`, true for rows of one number; `numbers [B, N]` are of videos or classes, rows as `cross_task_features`."""
    return _pairs(numbers, numbers[is_old])


def _pairs(numbers, again):
    of_rows = torch.cat([numbers.flatten(), again])
    return of_rows[:, None] == of_rows[None, :]


def _apart(same):
    return same & ~torch.eye(len(same), dtype=torch.bool, device=same.device)


def _numbers(random, mixtures, sources):
    numbers = torch.randint(0, mixtures + 1, (mixtures, sources), generator=random)
    return dict(numbers=numbers, is_old=_remembered(random, mixtures, sources))


coded(
    "lab 4: positives",
    reference=positive_mask,
    cases=lambda random: (_numbers(random, *size) for size in ((5, 2), (3, 3), (1, 2), (6, 2))),
    many=lambda random: _numbers(random, 200, 2),
    mistakes={
        "a row is a positive of itself, too: its sound should match its own picture.": (
            lambda n, k: _apart(positive_mask(n, k))
        ),
        "remembered sources have a second row, which is missing here.": lambda n, k: _pairs(n, n[:0, 0]),
        "all sources have a second row here; only the remembered ones should.": lambda n, k: _pairs(n, n.flatten()),
        "these are the second rows of the new sources.": lambda n, k: _pairs(n, n[~k]),
        "true and false are exchanged.": lambda n, k: ~positive_mask(n, k),
        "only the diagonal: rows of the same number are positives, too.": (
            lambda n, k: torch.eye(n.numel() + int(k.sum()), dtype=torch.bool, device=n.device)
        ),
        "the second rows come first; they should follow, as the features do.": (
            lambda n, k: (x := torch.cat([n[k], n.flatten()]))[:, None] == x[None, :]
        ),
    },
    right="the numbers of all rows, compared with one another; with videos eq. 7, with classes eq. 9.",
    otherwise="write the number of each row in a line, the second rows at its end. Which pairs have the same number?",
)


def cross_modal_loss(features: torch.Tensor, positives: torch.Tensor, temperature: float = 0.05) -> torch.Tensor:
    """Contrastive loss of `[M, R, D]` over all pairs of modalities, both ways; `positives` bool `[R, R]` (eq. 8, 10)."""
    names = _MODALITIES[: len(features)]
    pairs = [(a, b) for place, a in enumerate(names) for b in names[place + 1 :]]
    return cross_modal_similarity(dict(zip(names, features, strict=True)), positives, pairs, temperature)


def _all_pairs(features, positives, temperature, pick=None, unit=True, shares=None):
    unit_rows = normalize(features, dim=2) if unit else features
    logits = torch.einsum("ard,bsd->abrs", unit_rows, unit_rows) / temperature
    of_pairs = (shares or _mean_at)(logits, positives)  # [M, M, R]
    others = ~torch.eye(len(features), dtype=torch.bool, device=features.device)
    return of_pairs[others if pick is None else pick(others)].mean()


def _mean_at(logits, positives):
    return -(logits.log_softmax(-1) * positives).sum(-1) / positives.sum(1)


def _modal(random, modalities, rows, width, temperature):
    numbers = torch.randint(0, max(rows // 2, 1), (rows,), generator=random)
    features = 2 * torch.randn(modalities, rows, width, generator=random)
    return dict(
        features=features.requires_grad_(),
        positives=numbers[:, None] == numbers[None, :],
        temperature=temperature,
    )


coded(
    "lab 4: cross-modal loss",
    reference=cross_modal_loss,
    cases=lambda random: (_modal(random, *size) for size in ((3, 7, 4, 0.1), (2, 5, 3, 0.5), (3, 6, 6, 0.05))),
    many=lambda random: _modal(random, 3, 120, 4, 0.05),
    mistakes={
        "each modality is compared with itself, too. A row is always most like itself, so nothing is learned there.": (
            lambda f, p, t: _all_pairs(f, p, t, lambda others: torch.ones_like(others))
        ),
        "each pair goes one way only. The softmax over the other side's rows is missing.": (
            lambda f, p, t: _all_pairs(f, p, t, lambda others: others.triu())
        ),
        "these are products of features as they are. A cosine does not know how long they are.": (
            lambda f, p, t: _all_pairs(f, p, t, unit=False)
        ),
        "the features have length 1 over the wrong axis: which axis holds the D values of a row?": (
            lambda f, p, t: _all_pairs(normalize(f, dim=1), p, t, unit=False)
        ),
        "the temperature is not used.": lambda f, p, t: cross_modal_loss(f, p, 1),
        "it multiplies by the temperature: which makes differences larger, a small or a large one?": (
            lambda f, p, t: cross_modal_loss(f, p, 1 / t)
        ),
        "each anchor's positives are summed: divide by how many it has.": (
            lambda f, p, t: _all_pairs(f, p, t, shares=lambda x, p: -(x.log_softmax(-1) * p).sum(-1))
        ),
        "you divide an anchor's sum by R; eq. 7 divides by the number of its positives.": (
            lambda f, p, t: _all_pairs(f, p, t, shares=lambda x, p: -(x.log_softmax(-1) * p).mean(-1))
        ),
        "the logarithm of a mean is not the mean of logarithms: the logarithm comes first.": (
            lambda f, p, t: _all_pairs(f, p, t, shares=lambda x, p: -((x.softmax(-1) * p).sum(-1) / p.sum(1)).log())
        ),
        "the sign is wrong: a loss is small when the positives are likely.": lambda f, p, t: -cross_modal_loss(f, p, t),
        "that is a sum over the pairs, where eq. 8 takes the mean.": (
            lambda f, p, t: cross_modal_loss(f, p, t) * (len(f) * (len(f) - 1))
        ),
        "that is a sum over pairs and rows, where eq. 7 and 8 take means.": (
            lambda f, p, t: cross_modal_loss(f, p, t) * (len(f) * (len(f) - 1) * len(p))
        ),
        "all positive pairs count alike. Average over each row's positives first, then over the rows.": (
            lambda f, p, t: _all_pairs(f, p, t, shares=lambda x, p: -x.log_softmax(-1)[..., p])
        ),
    },
    right="all cosines of all pairs at once, a log-softmax over the candidates, and minus its mean at the positives.",
    otherwise="take two modalities and one anchor first: R cosines over the temperature, their log-softmax, a mean.",
)


def lowest_and_chance_loss(positives: torch.Tensor) -> torch.Tensor:
    """Two losses `[2]` of positives bool `[R, R]`: a lower bound for all features, and that of indifference."""
    return _both(positives.sum(1).float().log().mean(), positives)


def _both(lowest, positives, indifferent=None):
    indifferent = torch.tensor(float(len(positives))).log() if indifferent is None else indifferent
    return torch.stack([torch.as_tensor(lowest).float().to("cpu"), indifferent.float().to("cpu")]).to(positives.device)


def _counts(positives):
    return positives.sum(1).float()


coded(
    "lab 4: lowest and indifferent loss",
    reference=lowest_and_chance_loss,
    cases=lambda random: (dict(positives=_modal(random, 1, rows, 2, 1.0)["positives"]) for rows in (6, 9, 4, 12)),
    mistakes={
        "0 can't be reached where an anchor has several positives: they share the softmax, and each gets a part of 1.": (
            lambda p: _both(0.0, p)
        ),
        "the logarithm of the mean number is not the mean of the logarithms: take it anchor by anchor.": (
            lambda p: _both(_counts(p).mean().log(), p)
        ),
        "the order is turned round: first the lowest, then that of indifference.": lambda p: lowest_and_chance_loss(
            p
        ).flip(0),
        "an anchor's own row is a candidate, too: there are R of them.": (
            lambda p: _both(_counts(p).log().mean(), p, torch.tensor(len(p) - 1.0).log())
        ),
        "these are logarithms to base 2; the loss has natural ones.": lambda p: lowest_and_chance_loss(p) / np.log(2),
        "the signs are wrong: a share below 1 has a negative logarithm, and the loss is minus that.": (
            lambda p: -lowest_and_chance_loss(p)
        ),
    },
    right="an anchor's positives can get 1/|P| each at best, and all rows alike get 1/R: no loss is below the first.",
    otherwise="an anchor has 2 positives among 8 candidates. Which shares would be best? Which has a model that knows nothing?",
)


def crosssdc_terms(
    new: torch.Tensor,
    old: torch.Tensor,
    is_old: torch.Tensor,
    classes: torch.Tensor,
    videos: torch.Tensor,
    temperature: float = 0.05,
) -> torch.Tensor:
    """Instance- and class-aware loss `[2]` (eq. 8, 10) of features `[M, B, N, D]`, the old model's where `is_old [B, N]`."""
    names = _MODALITIES[: len(new)]
    places = is_old.flatten().nonzero().squeeze(1).to(new.device)
    old_rows = {name: value.flatten(0, 1)[places] for name, value in zip(names, old, strict=True)}
    features = dict(zip(names, new, strict=True))
    rows, same_video, same_class = cross_task_rows(features, classes, videos, places, old_rows)
    stacked = torch.stack([rows[name] for name in names])
    return torch.stack([cross_modal_loss(stacked, same, temperature) for same in (same_video, same_class)])


def _batch(random, mixtures, sources, width):
    new = torch.randn(3, mixtures, sources, width, generator=random, requires_grad=True)
    videos = torch.randperm(mixtures * sources, generator=random).reshape(mixtures, sources)
    return dict(
        new=new,
        old=torch.randn(3, mixtures, sources, width, generator=random),
        is_old=_remembered(random, mixtures, sources),
        classes=videos // 3,
        videos=videos // 2,
        temperature=0.2,
    )


coded(
    "lab 4: two terms",
    reference=crosssdc_terms,
    cases=lambda random: (_batch(random, *size) for size in ((5, 2, 4), (4, 3, 3), (1, 4, 5))),
    mistakes={
        "the order is turned round: first same video, then same class.": lambda *given: crosssdc_terms(*given).flip(0),
        "both terms have the same positives: one is of videos, the other of classes.": (
            lambda n, o, k, c, v, t: crosssdc_terms(n, o, k, v, v, t)
        ),
        "both terms have the positives of classes; the first one is of videos.": (
            lambda n, o, k, c, v, t: crosssdc_terms(n, o, k, c, c, t)
        ),
        "the old model's rows are missing: without them, nothing ties the new model to the old one.": (
            lambda n, o, k, c, v, t: crosssdc_terms(n, o, k & False, c, v, t)
        ),
        "the temperature that is given is not passed on.": lambda n, o, k, c, v, t: crosssdc_terms(n, o, k, c, v, 0.05),
        "the old rows are the new model's once more.": lambda n, o, k, c, v, t: crosssdc_terms(n, n, k, c, v, t),
    },
    right="the same rows and the same loss, twice, with two notions of who is alike.",
    otherwise="rows for each modality, stacked to [M, R, D]; positives by videos and by classes; the loss of each.",
)


def paired_interval(mine: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Lower and upper end `[2]` of the 95 % interval of the mean difference of two methods, a number a seed `[S]` of each."""
    found = interval(mine - other)
    return np.array([found.mean - found.half, found.mean + found.half])


def _around(difference, half):
    return difference.mean() + half * np.array([-1, 1])


def _t(count, level=0.975, missing=1):
    return stats.t.ppf(level, count - missing)


def _error(values, ddof=1):
    return values.std(ddof=ddof) / np.sqrt(len(values))


def _seeds(random):
    for count in (3, 5, 4, 8):
        mine, luck = (torch.randn(count, generator=random).double().numpy() for _ in "ab")
        yield dict(mine=5 + mine, other=4.5 + mine + 0.4 * luck)


coded(
    "lab 4: paired interval",
    reference=paired_interval,
    cases=_seeds,
    mistakes={
        "the seeds are not paired: take the difference of each seed first. What both share then falls out.": (
            lambda a, b: _around(a - b, _t(len(a)) * np.hypot(_error(a), _error(b)))
        ),
        "1.96 is for many seeds. For few, Student's t with S - 1 degrees of freedom is wider: how much, for 3?": (
            lambda a, b: _around(a - b, 1.96 * _error(a - b))
        ),
        "the standard deviation divides by S; its estimate from a few seeds divides by S - 1.": (
            lambda a, b: _around(a - b, _t(len(a)) * _error(a - b, ddof=0))
        ),
        "the degrees of freedom are one too many: the mean has used one up.": (
            lambda a, b: _around(a - b, _t(len(a), missing=0) * _error(a - b))
        ),
        "that is the spread of single seeds. The mean of S of them is surer, by the root of S.": (
            lambda a, b: _around(a - b, _t(len(a)) * (a - b).std(ddof=1))
        ),
        "5 % are left out on one side; the interval leaves 2.5 % out on either.": (
            lambda a, b: _around(a - b, _t(len(a), level=0.95) * _error(a - b))
        ),
        "it is the other minus yours.": lambda a, b: paired_interval(b, a),
        "the upper end comes first.": lambda a, b: paired_interval(a, b)[::-1],
    },
    right="difference seed by seed, its mean, and Student's t times its standard error to either side.",
    otherwise="differences 0.1, 0.3 and 0.5 have the mean 0.3 and the standard error 0.115; t is 4.30, so 0.3 ± 0.5.",
)
