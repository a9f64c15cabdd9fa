"""A family of one reference is what `paired_differences` gives."""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from contav_lib.evaluation.mixture_scores import MixtureScores
from contav_lib.experiments.studies.study import Family, against
from contav_lib.experiments.tables import paired_differences


def runs(*scores):
    mixtures = MixtureScores(np.array([["x", "y"]]), np.array([["x", "y"]]), {"sdr": np.zeros((1, 2))})
    return [
        SimpleNamespace(config={"seed": n}, summary=lambda s=s: {"sdr": s}, mixture_scores=lambda: mixtures)
        for n, s in enumerate(scores)
    ]


RESULTS = {"a": runs(1.0, 2.0, 4.0), "b": runs(2.5, 3.0, 5.0), "c": runs(1.0, 2.5, 3.0)}


def test_one_reference_gives_paired_differences():
    family = against("a")
    assert family.pairs(RESULTS) == {"b": "a", "c": "a"}
    found, wanted = family.differences(RESULTS), paired_differences(RESULTS, "a")
    pd.testing.assert_frame_equal(found, wanted, check_index_type=False)


def test_references_may_differ_by_row_and_holm_counts_all():
    family = Family("another", {"a": "not there", "b": "a", "c": "b"}.get)
    assert family.pairs(RESULTS) == {"b": "a", "c": "b"}
    table = family.differences(RESULTS)
    assert np.allclose(table["difference"], [3.5 / 3, -4 / 3])
    assert table["p_holm"].min() == 2 * table["p"].min()
