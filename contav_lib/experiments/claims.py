"""The paper's claims, each a set of pairs of rows, and what results say of them.

The direction of a pair is the sign of the paper's own difference. One correction (Holm) covers all pairs of a report, so that
the chance of any false verdict in it stays below 5 %.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from contav_lib.evaluation.intervals import SIGNIFICANCE
from contav_lib.experiments.result import Result
from contav_lib.experiments.rows import all_rows
from contav_lib.experiments.studies.questions import TABLE_2
from contav_lib.experiments.studies.study import Family
from contav_lib.experiments.tables import measure, with_verdicts

TABLE_1 = all_rows()[:12]  # the paper's stand first
UPPER_BOUND = TABLE_1[-1].name
HOLDS, CONTRADICTED, UNDECIDED = "holds here", "does not hold here", "cannot be told"

_RIVALS = {row.name for row in TABLE_1[:-1]}
CLAIMS = {
    "ContAV-Sep is the best method": Family("ContAV-Sep", lambda name: "ContAV-Sep" if name in _RIVALS else name),
    "A memory helps": Family("the same without one", lambda name: name.removesuffix(" + memory")),
    "CrossSDC adds to distillation": Family(
        "distillation only", lambda name: "distillation only" if name in TABLE_2 else name
    ),
    "More memory helps": Family("one exemplar a class", lambda name: name.partition(" + ")[0] if "exemplars" in name else name),
    "Keeping all clips is better still": Family("ContAV-Sep", lambda name: "ContAV-Sep" if name == UPPER_BOUND else name),
}  # fmt: skip


def judge(
    results: Mapping[str, Mapping[str, Sequence[Result]]], paper: Mapping[str, Mapping[str, float]]
) -> pd.DataFrame:
    """All pairs of all claims, with the differences of their final SDR in dB and a verdict each.

    Args:
        results: by separator, then by row: experiments, one a seed, or none.
        paper: by separator, then by row: the paper's SDR in dB, for each of its rows that was asked for.

    Returns:
        one row a pair: `claim`, `separator`, `row`, `against`; `paper`, the paper's difference; `difference`, with its own 95 %
        interval `low` to `high`, `p` and `p_holm`; the interval of `corrected`, `low_corrected` to `high_corrected`; `seeds`
        that both rows have; `verdict`: `HOLDS`, `CONTRADICTED` or `UNDECIDED`. Without a seed in common there are no numbers
        but the paper's.
    """
    pairs = []
    for separator, scores in paper.items():
        measured = measure({name: runs for name, runs in results[separator].items() if runs}, "sdr")
        for claim, family in CLAIMS.items():
            for row, other in family.pairs(scores).items():
                pair = dict(claim=claim, separator=separator, row=row, against=other, paper=scores[row] - scores[other])
                if {row, other} <= measured.keys() and len((apart := measured[row] - measured[other]).values):
                    pair |= apart.difference()
                pairs.append(pair)
    columns = ["claim", "separator", "row", "against", "paper", "difference", "low", "high", "p", "seeds"]
    table = pd.DataFrame(pairs, columns=columns).fillna({"seeds": 0})
    table = table.astype(dict.fromkeys(columns[4:], float))
    return table.join(corrected(table)).assign(verdict=_verdicts(table))


def _verdicts(pairs: pd.DataFrame) -> np.ndarray:
    found = with_verdicts(pairs)["verdict"]
    as_in_the_paper = np.where(pairs["paper"] > 0, "higher", "lower")
    decided = np.where(found == as_in_the_paper, HOLDS, CONTRADICTED)
    return np.where(found == "not decided", UNDECIDED, decided)


def corrected(differences: pd.DataFrame) -> pd.DataFrame:
    """Intervals at the level at which Holm's procedure judges each pair: they leave 0 out just where it decides.

    Args:
        differences: as `tables.with_verdicts` takes them.

    Returns:
        `p_holm`, `low_corrected`, `high_corrected`.
    """
    p, p_holm = differences["p"], with_verdicts(differences)["p_holm"]
    # Holm holds the smallest of m p-values against 0.05 / m, the next one against 0.05 / (m - 1), and so on.
    times = np.maximum(p.rank(ascending=False, method="max"), (p_holm / p).fillna(1))
    free = differences["seeds"] - 1
    wider = stats.t.ppf(1 - SIGNIFICANCE / 2 / times, free) / stats.t.ppf(1 - SIGNIFICANCE / 2, free)
    half = (differences["high"] - differences["low"]) / 2 * wider
    middle = differences["difference"]
    return pd.DataFrame({"p_holm": p_holm, "low_corrected": middle - half, "high_corrected": middle + half})


def verdicts(pairs: pd.DataFrame) -> pd.DataFrame:
    """One row a claim and separator: it holds where all its pairs do, and does not where one is decided the other way.

    Args:
        pairs: of `judge`.

    Returns:
        indexed by `claim` and `separator`: `verdict`, and `pairs`, how many there are; of these `hold`, `contradict`,
        `undecided` (`missing`: for want of results), and `agree`, whose mean difference has the paper's sign.
    """
    rows = []
    for (claim, separator), group in pairs.groupby(["claim", "separator"], sort=False):
        hold, contradict, undecided = ((group["verdict"] == name).sum() for name in (HOLDS, CONTRADICTED, UNDECIDED))
        verdict = CONTRADICTED if contradict else UNDECIDED if undecided else HOLDS
        missing, agree = (group["seeds"] == 0).sum(), (group["paper"] * group["difference"] > 0).sum()
        rows.append((claim, separator, verdict, len(group), hold, contradict, undecided, missing, agree))
    columns = ["claim", "separator", "verdict", "pairs", "hold", "contradict", "undecided", "missing", "agree"]
    return pd.DataFrame(rows, columns=columns).set_index(["claim", "separator"])


def in_words(pairs: pd.DataFrame) -> list[str]:
    """Each claim of `verdicts` in words, in Markdown."""
    sentences = []
    for (claim, separator), of in verdicts(pairs).iterrows():
        sentence = f"**{claim}** ({separator}): **{of['verdict']}**"
        if of["missing"] == of["pairs"]:
            sentences.append(f"{sentence}: there are no results yet.")
            continue
        decided = (
            f"decided as in the paper {of['hold']}, the other way {of['contradict']}, not decided {of['undecided']}"
        )
        agree = f"the paper's sign in {of['agree']} of {of['pairs'] - of['missing']}"
        sentences.append(
            f"{sentence}. Comparisons: {of['pairs']}; {decided} ({of['missing']} of them for want of results). The mean "
            f"difference has {agree}."
        )
    return sentences
