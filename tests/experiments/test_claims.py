"""Verdicts on the paper's claims, from constructed results."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from contav_lib.evaluation.mixture_scores import MixtureScores
from contav_lib.experiments.claims import CONTRADICTED, HOLDS, UNDECIDED, corrected, in_words, judge, verdicts

CLIPS = np.array([["a", "b"], ["c", "d"], ["e", "f"]])
PAPER = {"LwF": 3.45, "LwF + memory": 6.76, "ContAV-Sep": 7.33}


def runs(*sdr):
    """Results of one row: an SDR a seed, the same in every mixture."""
    return [
        SimpleNamespace(
            config={"seed": seed},
            summary=lambda value=value: {"sdr": value},
            mixture_scores=lambda value=value: MixtureScores(CLIPS, CLIPS, {"sdr": np.full((3, 2), value)}),
        )
        for seed, value in enumerate(sdr)
    ]


def judged(lwf, memory, contav):
    results = {"LwF": runs(*lwf), "LwF + memory": runs(*memory), "ContAV-Sep": runs(*contav)}
    return judge({"iquery": results}, {"iquery": PAPER})


LOW, MIDDLE, HIGH = [1.0, 1.1, 0.9, 1.0], [5.0, 5.2, 5.1, 4.9], [9.0, 9.2, 8.9, 9.1]


@pytest.mark.parametrize(
    ("results", "best", "memory"),
    [
        ((LOW, MIDDLE, HIGH), HOLDS, HOLDS),
        ((LOW, HIGH, MIDDLE), CONTRADICTED, HOLDS),  # LwF + memory is decided to be better
        ((MIDDLE, LOW, HIGH), HOLDS, CONTRADICTED),
        ((LOW, [1.0, 9.0, 2.0, 8.0], [9.0, 1.0, 8.0, 2.5]), UNDECIDED, UNDECIDED),
        ((LOW, MIDDLE, []), UNDECIDED, HOLDS),  # a row that is not there
        ((LOW[:1], MIDDLE[:1], HIGH[:1]), UNDECIDED, UNDECIDED),  # one seed decides nothing
    ],
)
def test_a_claim_holds_is_contradicted_or_cannot_be_told(results, best, memory):
    pairs = judged(*results)
    assert pairs[["row", "against"]].to_numpy().tolist() == [
        ["LwF", "ContAV-Sep"],
        ["LwF + memory", "ContAV-Sep"],
        ["LwF + memory", "LwF"],
    ]
    found = verdicts(pairs)["verdict"]
    assert found["ContAV-Sep is the best method", "iquery"] == best
    assert found["A memory helps", "iquery"] == memory
    assert [best in line for line in in_words(pairs)][0] and memory in in_words(pairs)[1]


def test_the_direction_is_the_papers_own():
    terms = {"distillation only": runs(*MIDDLE), "distillation + instance": runs(*LOW)}
    pairs = judge({"iquery": terms}, {"iquery": {"distillation only": 6.32, "distillation + instance": 6.01}})
    assert pairs["paper"].tolist() == pytest.approx([-0.31]) and pairs["verdict"].tolist() == [HOLDS]


def test_a_corrected_interval_leaves_0_out_just_where_holm_decides():
    p = [0.001, 0.0125, 0.013, 0.2, 0.9, float("nan")]
    half = 1.0
    table = pd.DataFrame({"difference": 1.0, "low": 0.0, "high": 2.0, "p": p, "seeds": 4})
    # The difference that has such a p, with 3 degrees of freedom and a 95 % interval of +- 1.
    from scipy import stats

    table["difference"] = stats.t.isf(np.array(p) / 2, 3) / stats.t.ppf(0.975, 3) * half
    table["low"], table["high"] = table["difference"] - half, table["difference"] + half
    found = corrected(table)
    decided = found["p_holm"] < 0.05
    assert decided.tolist() == [True, False, False, False, False, False]
    assert ((found["low_corrected"] > 0) == decided).all()
    widths = (found["high_corrected"] - found["low_corrected"]).to_numpy()[:5]
    assert (np.diff(widths) < 0).all() and widths[-1] == pytest.approx(2 * half)


def test_nothing_that_a_claim_compares_gives_no_verdict():
    pairs = judge({"iquery": {"LwF": runs(*LOW)}}, {"iquery": {"LwF": 3.45}})
    assert pairs.empty and verdicts(pairs).empty and in_words(pairs) == []
