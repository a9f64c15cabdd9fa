"""Tables of results, and what seeds decide."""

from types import SimpleNamespace

import numpy as np
import pytest

from contav_lib import tables


def result(seed: int, sdr: float, separator: str = "iquery"):
    numbers = dict(sdr=sdr, sir=sdr + 6, sar=sdr + 7, sdr_improvement=sdr - 0.2, forgetting=1.0, backward_transfer=-1.0)
    return SimpleNamespace(config={"seed": seed, "separator": separator}, summary=lambda: numbers)


def results(**by_method):
    return {name: [result(seed, sdr) for seed, sdr in enumerate(values)] for name, values in by_method.items()}


def test_one_seed_has_no_spread():
    assert tables.results_table(results(replay=[5.0])).loc["replay", "SDR"] == "5.00"


def test_several_seeds_have_mean_and_standard_deviation():
    assert tables.results_table(results(replay=[4.0, 5.0, 6.0])).loc["replay", "SDR"] == "5.00 ± 1.00"


def test_papers_numbers_stand_beside_where_it_has_the_method():
    table = tables.results_table({"ContAV-Sep": [result(0, 5.0)], "replay": [result(0, 4.0)]}, paper=True)
    assert table.iloc[:, -1].tolist() == ["7.33 / 13.55 / 13.01", ""]
    table = tables.results_table({"ContAV-Sep": [result(0, 5.0, "coseparation")]}, paper=True)
    assert table.iloc[0, -1] == "4.06 / 10.06 / 11.07"
    table = tables.results_table({"ContAV-Sep": [result(0, 5.0, "soundofpixels")]}, paper=True)
    assert table.iloc[0, -1] == ""  # the paper has no such row


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
    assert "decides nothing" in tables.in_words(table, "replay", "final SDR")


def test_in_words_gives_numbers_and_verdict():
    table = tables.paired_differences(results(replay=[1.0, 2.0, 3.0], contav=[0.0, 1.1, 1.9]), against="replay")
    sentence = tables.in_words(table, "replay", "forgetting")
    assert "-1.00 dB" in sentence and "(3 seeds): **lower**" in sentence


def test_comparing_with_what_is_not_there_names_what_is():
    with pytest.raises(ValueError, match="contav"):
        tables.paired_differences(results(contav=[1.0]), against="replay")
