"""Families of paired differences: what a study asks, row by row, and corrects together for many comparisons."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from contav_lib.experiments.result import Result
from contav_lib.experiments.tables import paired_differences, with_verdicts


class Family(NamedTuple):
    """Comparisons of one kind.

    Attributes:
        against: what the rows are held against, in words.
        pairs: the name of each row with that of its reference.
    """

    against: str
    pairs: Mapping[str, str]


def against_row(results: Mapping[str, Sequence[Result]], reference: str) -> Family:
    """All other rows against one."""
    return Family(reference, {name: reference for name in results if name != reference})


def family_differences(results: Mapping[str, Sequence[Result]], family: Family, score: str = "sdr") -> pd.DataFrame:
    """`tables.paired_differences` of every pair of a family, with Holm's correction over all of them, in dB.

    Args:
        results: by name, one a seed; pairs need not share their test mixtures with other pairs.
        score: a key of `Result.summary()`.

    Raises:
        ValueError: a pair has no seed in common, or was tested on different mixtures.
    """
    rows = [
        paired_differences({name: results[name], reference: results[reference]}, reference, score)
        for name, reference in family.pairs.items()
    ]
    return with_verdicts(pd.concat(rows))
