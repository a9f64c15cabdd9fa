"""Tables of results, and what seeds decide."""

from types import SimpleNamespace

import numpy as np
import pytest

from contav_lib import Config
from contav_lib.evaluation.metrics import SCORES
from contav_lib.evaluation.mixture_scores import MixtureScores
from contav_lib.experiments import tables
from contav_lib.experiments.plans import DISTILLATION

CLIPS = np.array([["a", "b"], ["c", "d"], ["e", "f"], ["a", "f"]])


def result(seed, sdr, separator="iquery", spread=0.0, clips=CLIPS, method="contav", **settings):
    """A result of two tasks whose mixtures all score the same, or differ by `spread` from one to the next.

    The first task has 9 dB when it is learned, and loses `sdr`.
    """
    numbers = dict(sdr=sdr, sir=sdr + 6, sar=sdr + 7, sdr_improvement=sdr - 0.2, forgetting=sdr, backward_transfer=-sdr)
    apart = spread * np.array([-1, 1, -1, 1])
    mixtures = {name: np.add.outer(apart, np.full(2, numbers.get(name, 0))) for name in SCORES}
    old, new = np.full((2, 4, 2), 9.0), np.full((2, 4, 2), np.nan)
    old[1], new[1] = np.add.outer(apart, [9 - sdr, 9 - sdr]), 5.0
    return SimpleNamespace(
        config=Config.profile("lab", seed=seed, separator=separator, method=method, **settings).to_json(),
        tasks=[["flute"], ["drum"]],
        summary=lambda: numbers,
        mixture_scores=lambda: MixtureScores(clips, clips, mixtures),
        task_mixture_scores=lambda task: MixtureScores(clips, clips, {"sdr": (old, new)[task]}),
    )


def results(**by_method):
    return {name: [result(seed, sdr) for seed, sdr in enumerate(values)] for name, values in by_method.items()}


def test_one_seed_has_no_spread():
    assert tables.results_table(results(replay=[5.0])).loc["replay", "SDR"] == "5.00"


def test_several_seeds_have_mean_and_standard_deviation():
    assert tables.results_table(results(replay=[4.0, 5.0, 6.0])).loc["replay", "SDR"] == "5.00 ± 1.00"


@pytest.mark.parametrize(
    ("paper", "settings"),
    [
        ("7.33 / 13.55 / 13.01", dict()),
        ("4.06 / 10.06 / 11.07", dict(separator="coseparation")),
        ("", dict(separator="soundofpixels")),  # the paper has no such rows
        ("", dict(method="replay")),
        ("8.16 / 14.16 / 13.21", dict(exemplars=4)),
        ("", dict(exemplars=5)),
        ("", dict(temperature=0.2)),
        ("6.32 / 12.99 / 11.82", DISTILLATION),
        ("6.01 / 11.92 / 11.74", dict(class_weight=0.0)),
        ("3.45 / 8.78 / 10.66", dict(method="lwf", old_queries="plain")),
        ("6.76 / 12.77 / 12.60", dict(method="lwf", old_queries="plain", exemplars=1)),
        ("", dict(method="lwf", exemplars=1)),  # on `lab` it asks with a new picture
        ("5.35 / 11.35 / 11.81", dict(method="ewf", exemplars=1)),
    ],
)
def test_papers_numbers_stand_beside_results_of_the_same_settings(paper, settings):
    table = tables.results_table({"whatever it is called": [result(0, 5.0, **settings)]}, paper=True)
    assert table.iloc[0, -1] == paper


def test_pairs_are_compared_seed_by_seed():
    # The seeds differ by 5 dB, the methods by 0.5 dB every time: pairs see it, plain spreads would not.
    table = tables.paired_differences(results(replay=[0.0, 5.0, 10.0], contav=[0.5, 5.4, 10.6]), against="replay")
    row = table.loc["contav"]
    assert row["difference"] == pytest.approx(0.5)
    # Student's t for 2 degrees of freedom is 4.303; the differences scatter by 0.1.
    assert (row["low"], row["high"]) == pytest.approx(
        (0.5 - 4.303 * 0.1 / 3**0.5, 0.5 + 4.303 * 0.1 / 3**0.5), abs=1e-3
    )
    assert row["verdict"] == "higher"


def test_a_scattered_difference_is_not_decided():
    table = tables.paired_differences(results(replay=[0.0, 5.0, 10.0], contav=[2.0, 4.5, 10.5]), against="replay")
    assert table.loc["contav", "verdict"] == "not decided"


def test_one_seed_decides_nothing():
    table = tables.paired_differences(results(replay=[0.0], contav=[9.0]), against="replay")
    assert table.loc["contav", "verdict"] == "not decided" and np.isnan(table.loc["contav", "low"])
    assert "decides nothing" in tables.as_sentences(table, "replay", "final SDR")


def test_in_words_gives_numbers_and_verdict():
    table = tables.paired_differences(results(replay=[1.0, 2.0, 3.0], contav=[0.0, 1.1, 1.9]), against="replay")
    sentence = tables.as_sentences(table, "replay", "forgetting")
    assert (
        "-1.00 dB" in sentence
        and "(3 seeds), p = 0.003 after Holm's correction over 1 comparison: **lower**" in sentence
    )
    table = tables.paired_differences(results(replay=[1.0, 2.0], contav=[0.0, 1.0], der=[1.0, 3.0]), against="replay")
    assert (
        "p < 0.001 after Holm's correction over 2 comparisons"
        in tables.as_sentences(table, "replay", "final SDR").splitlines()[0]
    )


@pytest.mark.parametrize(("score", "sign"), [("sdr", 1), ("forgetting", 1), ("backward_transfer", -1)])
def test_test_clips_widen_the_interval(score, sign):
    even = {"replay": [result(0, 0.0), result(1, 1.0)], "contav": [result(0, 2.0), result(1, 3.2)]}
    uneven = {**even, "contav": [result(0, 2.0, spread=3.0), result(1, 3.2, spread=3.0)]}
    widths = []
    for measured in (even, uneven):
        row = tables.paired_differences(measured, "replay", score).loc["contav"]
        assert row["difference"] == pytest.approx(sign * 2.1)
        widths.append(row["high"] - row["low"])
    assert widths[0] == pytest.approx(2 * 12.706 * 0.1, abs=1e-3)
    assert widths[0] < 0.5 * widths[1]


def test_seeds_may_have_mixtures_of_their_own():
    own = [result(0, 0.0, spread=1.0), result(1, 1.0, spread=1.0, clips=CLIPS[::-1])]
    one = [result(0, 0.0, spread=1.0), result(1, 1.0, spread=1.0)]
    for score in ("sdr", "forgetting"):
        # Mixture 0 of the one seed is mixture 3 of the other: what a clip makes easy here, it makes hard there.
        apart, together = (tables.measure({"a": runs}, score)["a"].interval() for runs in (own, one))
        assert apart.mean == together.mean and apart.half < together.half


def test_what_the_draws_give_lies_about_what_was_measured():
    measured = tables.measure({"a": [result(0, 2.0, spread=1.0)]}, "forgetting")["a"]
    drawn = measured.resampled[0].dropna()
    assert measured.values[0] == 2 and drawn.mean() == pytest.approx(2, abs=0.1) and 0.2 < drawn.std() < 1


def test_what_is_the_same_in_all_mixtures_cancels_in_a_difference():
    both = {name: [result(seed, seed + shift, spread=3.0) for seed in range(2)] for name, shift in (("a", 0), ("b", 1))}
    row = tables.paired_differences(both, "a").loc["b"]
    assert row["difference"] == pytest.approx(1) and row["high"] - row["low"] < 1e-6


def test_verdicts_are_corrected_for_the_number_of_methods():
    found = results(replay=[0.0, 0.0, 0.0], a=[1.0, 1.4, 1.9], b=[1.0, 1.4, 1.8], c=[0.0, 2.0, -2.0])
    alone = tables.paired_differences({name: found[name] for name in ("replay", "a")}, "replay").loc["a"]
    family = tables.paired_differences(found, "replay")
    assert alone["verdict"] == "higher" and alone["p"] == alone["p_holm"] < 0.05
    among = family.loc["a"]
    assert (among["low"], among["high"], among["p"]) == (alone["low"], alone["high"], alone["p"]) and among["low"] > 0
    smallest = family.loc["b", "p"]
    assert (
        smallest < among["p"] < 1.5 * smallest
    )  # so twice a's is less than three times b's, which is the least it can be
    assert among["p_holm"] == family.loc["b", "p_holm"] == pytest.approx(3 * smallest)
    assert among["verdict"] == "not decided"


def test_results_that_cannot_be_paired_are_refused():
    other = {"replay": [result(0, 1.0)], "contav": [result(0, 1.0, clips=CLIPS[::-1])]}
    with pytest.raises(ValueError, match="'contav' and 'replay' were tested on different mixtures"):
        tables.paired_differences(other, "replay")
    with pytest.raises(ValueError, match="'contav' and 'replay' have no seed in common"):
        tables.paired_differences({"replay": [result(0, 1.0)], "contav": [result(1, 1.0)]}, "replay")


def test_pairs_are_made_by_seed_not_by_place():
    mixed = {"replay": [result(0, 1.0), result(1, 2.0), result(2, 9.0)], "contav": [result(1, 2.5), result(0, 1.5)]}
    row = tables.paired_differences(mixed, "replay").loc["contav"]
    assert row["difference"] == pytest.approx(0.5) and row["seeds"] == 2


def test_all_measures_with_their_differences_as_numbers():
    found = results(replay=[0.0, 1.0], contav=[2.0, 3.5])
    table = tables.measures_table(found, {"replay": "memory", "joint": "joint"})
    assert table.index.tolist() == ["replay", "contav"]
    assert table.loc["contav", "sir_mean"] == 8.75 and table.loc["replay", "sdr_std"] == pytest.approx(0.5**0.5)
    pair = tables.paired_differences(found, "replay", "sar").loc["contav"]
    assert table.loc["contav", "sar_vs_memory_mean"] == pair["difference"]
    assert table.loc["contav", "sar_vs_memory_ci95"] == pytest.approx(pair["high"] - pair["difference"])
    assert table.loc["contav", "sar_vs_memory_p_holm"] == pair["p_holm"]
    assert table.filter(like="_vs_").loc["replay"].isna().all() and not table.filter(like="joint").size


def test_comparing_with_what_is_not_there_names_what_is():
    with pytest.raises(ValueError, match="contav"):
        tables.paired_differences(results(contav=[1.0]), against="replay")
