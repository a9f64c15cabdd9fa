"""Results as tables: methods with their spread over seeds, and differences that seeds can or can't decide."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from contav_lib.result import Result

SUMMARY = {
    "sdr": "SDR",
    "sir": "SIR",
    "sar": "SAR",
    "sdr_improvement": "SDR improvement",
    "forgetting": "forgetting",
}

# Pian et al. 2024, Tables 1 and 2, MUSIC-21, by separator: SDR, SIR, SAR in dB. Other data, other sizes: for orientation only.
PAPER = {
    "iquery": {
        "fine-tuning": (3.46, 9.30, 10.57),
        "LwF": (3.45, 8.78, 10.66),
        "EWC": (3.67, 9.58, 10.30),
        "PLOP": (3.82, 10.06, 10.22),
        "EWF": (3.98, 9.68, 11.52),
        "LwF + memory": (6.76, 12.77, 12.60),
        "EWC + memory": (6.65, 13.01, 11.73),
        "PLOP + memory": (7.03, 13.30, 11.90),
        "EWF + memory": (5.35, 11.35, 11.81),
        "AV-CIL": (6.86, 13.13, 12.31),
        "distillation only": (6.32, 12.99, 11.82),
        "distillation + instance": (6.01, 11.92, 11.74),
        "distillation + class": (6.86, 13.12, 12.25),
        "ContAV-Sep": (7.33, 13.55, 13.01),
        "upper bound": (10.36, 16.64, 14.68),
    },
    "coseparation": {
        "fine-tuning": (1.93, 8.75, 9.75),
        "LwF": (2.32, 7.84, 10.28),
        "EWC": (2.01, 8.36, 9.61),
        "PLOP": (3.24, 9.17, 9.59),
        "EWF": (2.61, 7.77, 10.85),
        "LwF + memory": (3.85, 9.62, 10.74),
        "EWC + memory": (3.31, 9.55, 9.80),
        "PLOP + memory": (3.88, 9.92, 9.99),
        "EWF + memory": (3.63, 9.07, 10.58),
        "AV-CIL": (3.61, 9.76, 9.68),
        "ContAV-Sep": (4.06, 10.06, 11.07),
        "upper bound": (7.30, 14.34, 11.90),
    },
}


def summaries(results: Mapping[str, Sequence[Result]]) -> pd.DataFrame:
    """`Result.summary()` of every experiment, in dB: one row a method and seed, in the order given."""
    rows = [
        {"method": name, "seed": result.config["seed"], **result.summary()}
        for name, runs in results.items()
        for result in runs
    ]
    return pd.DataFrame(rows)


def results_table(results: Mapping[str, Sequence[Result]], paper: bool = False) -> pd.DataFrame:
    """Final scores by method, in dB, as text: the mean, with +- standard deviation where there are several seeds.

    Args:
        results: experiments by method, one a seed.
        paper: set the paper's numbers beside, where it has the method.
    """
    table = summaries(results)
    rows = {}
    for name in results:
        chosen = table[table["method"] == name]
        rows[name] = {label: _with_spread(chosen[score].to_numpy()) for score, label in SUMMARY.items()}
        if paper:
            separator = results[name][0].config["separator"]
            numbers = PAPER.get(separator, {}).get(name)
            rows[name]["paper, MUSIC-21: SDR / SIR / SAR"] = " / ".join(f"{n:.2f}" for n in numbers) if numbers else ""
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("method")


def paired_differences(results: Mapping[str, Sequence[Result]], against: str, score: str = "sdr") -> pd.DataFrame:
    """Each method minus `against`, seed by seed, in dB, with the 95 % interval of the mean difference (Student's t).

    The same seed means the same first weights and exemplars, and the same batches where both have a memory or neither, so a
    pair shares much of its luck; what is left is measured by how the differences scatter.

    Args:
        results: experiments by method, the same seeds for each.
        against: the method to compare with.
        score: a key of `Result.summary()`.

    Returns:
        one row a method: `difference`, `low`, `high` (NaN with one seed), `seeds`, and `verdict`: "higher" or "lower"
        when the interval leaves 0 out, else "not decided".

    Raises:
        ValueError: `against` is not among the results.
    """
    if against not in results:
        raise ValueError(f"There are no results of {against!r}; there are {', '.join(results)}.")
    table = summaries(results).pivot(index="seed", columns="method", values=score)
    rows = {}
    for name in results:
        if name != against:
            differences = (table[name] - table[against]).dropna().to_numpy()
            mean, half = differences.mean(), half_interval(differences)
            low, high = mean - half, mean + half
            verdict = "higher" if low > 0 else "lower" if high < 0 else "not decided"
            rows[name] = dict(difference=mean, low=low, high=high, seeds=len(differences), verdict=verdict)
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("method")


def in_words(differences: pd.DataFrame, against: str, what: str) -> str:
    """The rows of `paired_differences` as a Markdown list, one sentence a method.

    Args:
        against: as given to `paired_differences`.
        what: the score's name in the text, such as "final SDR".
    """
    lines = []
    for name, row in differences.iterrows():
        line = f"- **{name}** against {against}, {what}: {row['difference']:+.2f} dB"
        if row["seeds"] < 2:
            line += " with one seed, which decides nothing; run three or more."
        else:
            line += (
                f", 95 % interval {row['low']:+.2f} to {row['high']:+.2f} ({row['seeds']} seeds): **{row['verdict']}**."
            )
        lines.append(line)
    return "\n".join(lines)


def half_interval(values: np.ndarray) -> float:
    """Half the 95 % interval of the values' mean, by Student's t; NaN for fewer than two."""
    if len(values) < 2:
        return float("nan")
    return float(stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))


def _with_spread(values: np.ndarray) -> str:
    return f"{values.mean():.2f}" + (f" ± {values.std(ddof=1):.2f}" if len(values) > 1 else "")
