"""Intervals cover the truth as often as they say; weights and Holm's correction by hand."""

import time

import numpy as np
import pytest
from scipy import stats

from contav_lib.evaluation.intervals import clip_weights, holm, interval, resampled_means

CLIPS = np.array([["a", "b"], ["b", "c"], ["a", "d"]])


def test_a_mixture_counts_as_often_as_all_its_clips_together():
    weights = clip_weights(np.array([["a", "a"], ["a", "b"], ["b", "b"]]), replicates=300)
    counts = np.sqrt(weights[:, [0, 2]])  # of a and b
    assert (counts.sum(1) == 2).all() and set(counts[:, 0]) == {0.0, 1.0, 2.0}
    assert (weights[:, 1] == counts.prod(1)).all()


def test_the_same_clips_are_drawn_for_every_method_and_seed():
    assert np.array_equal(clip_weights(CLIPS, 50), clip_weights(CLIPS.copy(), 50))
    assert not np.array_equal(clip_weights(CLIPS, 50), clip_weights(CLIPS, 50, seed=1))


def test_means_are_weighted_and_leave_out_what_has_no_score():
    scores = np.array([[1.0, 2.0, 6.0], [np.nan, 2.0, 4.0]])
    weights = np.array([[1.0, 1.0, 1.0], [2.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    expected = [[3.0, 3.0], [8 / 3, 4.0], [1.0, np.nan]]
    np.testing.assert_allclose(resampled_means(scores, weights), expected)


def test_without_mixtures_it_is_students_t():
    values = [1.0, 2.0, 4.5]
    found = interval(values)
    test = stats.ttest_1samp(values, 0)
    low, high = test.confidence_interval(0.95)
    assert (found.mean - found.half, found.mean + found.half) == pytest.approx((low, high))
    assert found.p == pytest.approx(test.pvalue)


def test_the_variance_of_the_clips_is_added():
    values, resampled = np.array([1.0, 3.0]), np.array([[0.0, 2.0], [2.0, 4.0]])  # means 1 and 3: variance 1
    factor = stats.t.ppf(0.975, 1)  # one degree of freedom: two seeds
    assert interval(values, resampled).half == pytest.approx(factor * np.sqrt(2 / 2 + 1))


def test_one_seed_and_no_difference():
    assert np.isnan(interval([1.0]).half) and np.isnan(interval([1.0]).p)
    assert interval([0.0, 0.0]).p == 1 and interval([1.0, 1.0]).p == 0
    with pytest.raises(ValueError, match="at least one seed"):
        interval([])


def test_holm_by_hand():
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, np.nan]), [0.03, 0.06, 0.06, np.nan])
    np.testing.assert_allclose(holm([0.6, 0.7]), [1.0, 1.0])
    assert holm([]).shape == (0,)


def experiments(seeds: int, of_seed: float, of_clip: float, count: int = 400, mixtures: int = 60, clips: int = 40):
    """Made-up differences of two methods `[seeds, mixtures]`, true mean 0, and the clips that are mixed.

    Seeds, clips and mixtures have effects of their own, with these standard deviations; the rest is chance.
    """
    rng = np.random.default_rng(seeds)
    for _ in range(count):
        mixed = np.argsort(rng.random((mixtures, clips)), axis=1)[:, :2]
        seed, clip, mixture = (rng.standard_normal(n) for n in (seeds, clips, mixtures))
        rest = rng.standard_normal((seeds, mixtures))
        yield of_seed * seed[:, None] + of_clip * clip[mixed].mean(1) + 0.3 * mixture + 0.3 * rest, mixed


@pytest.mark.parametrize("seeds", [3, 6])
def test_the_interval_covers_the_truth_and_naive_percentiles_do_not(seeds):
    rng = np.random.default_rng(0)
    covered, naively = [], []
    for scores, mixed in experiments(seeds, of_seed=1.0, of_clip=0.5):
        resampled = resampled_means(scores, clip_weights(mixed, replicates=300))
        found = interval(scores.mean(1), resampled)
        covered.append(abs(found.mean) < found.half)
        drawn = rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=len(resampled))
        low, high = np.nanpercentile((resampled * drawn).sum(1) / seeds, [2.5, 97.5])
        naively.append(low < 0 < high)
    assert 0.90 < np.mean(covered) < 0.995
    assert np.mean(naively) < 0.90


@pytest.mark.parametrize("seeds", [3, 6])
def test_seeds_alone_promise_too_much_where_clips_differ(seeds):
    with_clips, alone = [], []
    for scores, mixed in experiments(seeds, of_seed=0.2, of_clip=2.0):
        values, resampled = scores.mean(1), resampled_means(scores, clip_weights(mixed, replicates=300))
        with_clips.append(abs(values.mean()) < interval(values, resampled).half)
        alone.append(abs(values.mean()) < interval(values).half)
    assert np.mean(alone) < 0.8 < 0.94 < np.mean(with_clips)


@pytest.mark.parametrize("seeds", [3, 6])
@pytest.mark.parametrize("clips_share", [0.1, 0.5, 1.0, 4.0])
def test_small_p_values_are_as_rare_as_they_say(seeds, clips_share):
    """Where Holm's correction looks, 0.05 / 22, no more false verdicts than promised: however much the clips make of it."""
    rng, level, tries = np.random.default_rng(seeds), 0.05 / 22, 200_000
    values = rng.standard_normal((tries, seeds))
    of_clips = np.sqrt(clips_share / seeds)
    values += of_clips * rng.standard_normal((tries, 1))  # all seeds share the test clips
    error = np.sqrt(values.var(1, ddof=1) / seeds + of_clips**2)
    p = 2 * stats.t.sf(abs(values.mean(1)) / error, seeds - 1)  # `interval`, many times at once
    first = interval(values[0], values[:1].repeat(2, 0) + of_clips * np.array([[-1.0], [1.0]]))
    assert first.p == pytest.approx(p[0])
    assert (p < level).mean() < 1.15 * level


def test_a_comparison_takes_a_moment():
    rng = np.random.default_rng(0)
    mixed = rng.integers(0, 120, (160, 2)).astype(str)
    scores = rng.standard_normal((6, 160))
    start = time.thread_time()
    interval(scores.mean(1), resampled_means(scores, clip_weights(mixed)))
    assert time.thread_time() - start < 0.2
