"""Confidence intervals over seeds and test mixtures, and Holm's correction for many comparisons.

A mean score is uncertain for two reasons: other seeds would have trained other networks, and other clips would have made
other test mixtures. The variance of the mean is the sum of two parts:

- between seeds: `s^2 / n`, with s^2 the unbiased variance of the n seeds' means. (Drawing seeds with replacement gives
  `(n - 1) / n` of it; here it is worked out without drawing.)
- between clips: the variance of the mean over all seeds when test clips are drawn with replacement. Mixtures share
  clips, so a mixture counts as often as the product of how often its clips are drawn: the pigeonhole bootstrap (Owen 2007,
  Annals of Applied Statistics 1(2)). All seeds are tested on the same mixtures, so a draw of clips serves them all.

From few seeds the percentiles of a bootstrap are too narrow, so only its variance is used, with a quantile of Student's t with
n - 1 degrees of freedom. That is on the safe side: the clips' part is known better than n - 1 degrees of freedom say
(Satterthwaite 1946 would give more of them, but few seeds can agree by luck, and his test then decides too often just where
Holm's correction looks). The pigeonhole bootstrap is on the safe side, too: it overstates what is peculiar to single mixtures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from scipy import stats

REPLICATES = 2000
SIGNIFICANCE = 0.05


@dataclass(frozen=True)
class Interval:
    """The mean of a score or of a difference, in dB: `half` to either side is its 95 % interval, `p` is that of mean 0.

    `half` and `p` are NaN with one seed.
    """

    mean: float
    half: float
    p: float


def clip_weights(clips: np.ndarray, replicates: int = REPLICATES, seed: int = 0) -> np.ndarray:
    """Number of times that each mixture counts when the test clips are drawn with replacement.

    Args:
        clips: ids of the clips in M mixtures of N sources, `[M, N]`; or several such lists, `[..., M, N]`, which share the
            draws.
        replicates: R, how often all clips are drawn.
        seed: of the draws; the same seed and clips give the same weights.

    Returns:
        `[R, ..., M]`, whole numbers as floats.
    """
    names, places = np.unique(clips, return_inverse=True)
    size = (replicates, len(names))
    drawn = np.random.default_rng(seed).integers(len(names), size=size)
    rows = len(names) * np.arange(replicates)[:, None]
    counts = np.bincount((rows + drawn).ravel(), minlength=replicates * len(names)).reshape(size).astype(float)
    return reduce(np.multiply, (counts[:, column] for column in np.moveaxis(places.reshape(np.shape(clips)), -1, 0)))


def resampled_means(scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted means over mixtures: scores `[..., M]` and weights `[R, M]` -> `[R, ...]`.

    A mixture without a score (NaN) is left out; a mean over nothing is NaN.
    """
    measured = ~np.isnan(scores)
    total = np.einsum("rm,...m->r...", weights, np.where(measured, scores, 0.0), optimize=True)
    count = np.einsum("rm,...m->r...", weights, measured.astype(float), optimize=True)
    return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)


def interval(values: Sequence[float] | np.ndarray, resampled: np.ndarray | None = None) -> Interval:
    """The mean over seeds with its 95 % interval, and the p-value of a mean of 0.

    Args:
        values: one number a seed, `[S]`.
        resampled: the same in R draws of test clips, `[R, S]` (`resampled_means`, or a difference of two); None or no row
            for a measure that is one number a seed: Student's t over seeds alone.

    Raises:
        ValueError: no value.
    """
    values = np.asarray(values, dtype=float)
    count = len(values)
    if not count:
        raise ValueError("An interval needs the values of at least one seed.")
    mean = float(values.mean())
    if count < 2:
        return Interval(mean, float("nan"), float("nan"))
    variance = values.var(ddof=1) / count
    if resampled is not None and len(resampled):
        means = resampled.mean(1)
        variance += means[~np.isnan(means)].var()
    error = float(np.sqrt(variance))
    if error == 0:
        return Interval(mean, 0.0, float(mean == 0))
    half = stats.t.ppf(1 - SIGNIFICANCE / 2, count - 1) * error
    return Interval(mean, float(half), float(2 * stats.t.sf(abs(mean) / error, count - 1)))


def holm(p: Sequence[float] | np.ndarray) -> np.ndarray:
    """P-values adjusted for a family of comparisons (Holm 1979).

    The chance of any false verdict stays below 5 %, as far as each p-value holds what it promises.

    Args:
        p: p-values `[K]`; NaN is no comparison, and stays.
    """
    p = np.asarray(p, dtype=float)
    order = np.argsort(p)[: np.count_nonzero(~np.isnan(p))]  # the smallest first; NaN is sorted to the end
    adjusted = p.copy()
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)), 1)
    return adjusted
