"""Results as tables: methods with their spread over seeds, and differences that seeds can or can't decide."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from contav_lib.evaluation.intervals import SIGNIFICANCE, Interval, clip_weights, holm, interval, resampled_means
from contav_lib.evaluation.metrics import SCORES, TITLES
from contav_lib.evaluation.mixture_scores import MixtureScores
from contav_lib.evaluation.task_matrix import backward_transfer, forgetting
from contav_lib.experiments.result import Result
from contav_lib.experiments.rows import paper_scores

Name = TypeVar("Name", bound=Hashable)  # what a method is called in a table

MATRIX_MEASURES = {"forgetting": forgetting, "backward_transfer": backward_transfer}

SUMMARY = {name: TITLES[name] for name in ("sdr", "sir", "sar", "sdr_improvement")}
SUMMARY |= {name: name.replace("_", " ") for name in MATRIX_MEASURES}

_DIFFERENCE = ["difference", "low", "high", "p", "seeds"]
PAPER = "paper, MUSIC-21: SDR / SIR / SAR"  # other data, other sizes: for orientation only


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
    rows: dict[str, dict[str, Any]] = {}
    for name, runs in results.items():
        rows[name] = {"paper": paper_text(paper_scores(runs[0].config))} if paper else {}
        for score in SUMMARY:
            rows[name] |= _mean_and_std(score, pd.Series([run.summary()[score] for run in runs]))
    return as_text(pd.DataFrame.from_dict(rows, orient="index"), paper)


def as_text(numbers: pd.DataFrame, paper: bool = False) -> pd.DataFrame:
    """The table of `results_table`, from numbers: one row a method, columns `<score>_mean` and `<score>_std` in dB.

    A score that a row lacks is left empty.

    Args:
        paper: as for `results_table`; needs a column `paper`, the text of `paper_text`.
    """
    rows = {}
    for name, row in numbers.iterrows():
        rows[name] = {
            label: with_spread(row.get(f"{score}_mean"), row.get(f"{score}_std")) for score, label in SUMMARY.items()
        }
        if paper:
            rows[name][PAPER] = "" if pd.isna(row["paper"]) else row["paper"]
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("method")


def paper_text(scores: Sequence[float]) -> str:
    """The paper's scores of a row (`rows.paper_scores`) as "SDR / SIR / SAR" in dB; "" where it has no such row."""
    return " / ".join(f"{score:.2f}" for score in scores)


@dataclass(frozen=True)
class Measured:
    """One measure of one method, or the difference of two methods.

    Attributes:
        values: in dB, by seed.
        resampled: the same in each of R draws of the test clips, a row a draw and a column a seed.
    """

    values: pd.Series
    resampled: pd.DataFrame

    def __sub__(self, other: "Measured") -> "Measured":
        """The difference in the seeds that both have."""
        values = (self.values - other.values).dropna()
        return Measured(values, (self.resampled - other.resampled)[values.index])

    def interval(self) -> Interval:
        """The mean over seeds with its 95 % interval, over seeds and test clips."""
        return interval(self.values.to_numpy(), self.resampled.to_numpy())

    def difference(self) -> dict[str, float]:
        """Row of a difference for `with_verdicts`: `difference`, `low`, `high`, `p`, `seeds`."""
        found = self.interval()
        low, high = found.mean - found.half, found.mean + found.half
        return dict(difference=found.mean, low=low, high=high, p=found.p, seeds=len(self.values))


def measure(results: Mapping[Name, Sequence[Result]], score: str) -> dict[Name, Measured]:
    """One key of `Result.summary()` of every method; all share the draws of the test clips.

    Raises:
        ValueError: the results were tested on different mixtures.
    """
    measured: dict[Name, Measured] = {}
    if not results:
        return measured
    if score in SCORES:
        mixtures = {name: [run.mixture_scores() for run in runs] for name, runs in results.items()}
        resampled = _resampled(results, mixtures, score)
    else:
        resampled = _of_resampled_matrices(results, score)
    for name, runs in results.items():
        seeds = [run.config["seed"] for run in runs]
        values = pd.Series([run.summary()[score] for run in runs], seeds, dtype=float)
        measured[name] = Measured(values, pd.DataFrame(resampled[name], columns=seeds))
    return measured


def _of_resampled_matrices(results: Mapping[Name, Sequence[Result]], score: str) -> dict[Name, np.ndarray]:
    """Forgetting or backward transfer in each draw of the clips, by method: `[R, S]` of S seeds."""
    columns = []
    for task in range(max(len(run.tasks) for runs in results.values() for run in runs)):
        mixtures = {name: [run.task_mixture_scores(task) for run in runs] for name, runs in results.items()}
        columns.append(_resampled(results, mixtures, "sdr", task))
    return {name: MATRIX_MEASURES[score](np.stack([each[name] for each in columns], axis=-1)) for name in results}


def _resampled(
    results: Mapping[Name, Sequence[Result]],
    mixtures: Mapping[Name, Sequence[MixtureScores]],
    score: str,
    draws: int = 0,
) -> dict[Name, np.ndarray]:
    """A score's mean over mixtures in each draw of their clips, by method: `[R, S]`, or `[R, S, T]` after each task.

    Seeds may have mixtures of their own; results of one seed share theirs.
    """
    clips: dict[int, tuple[Name, np.ndarray]] = {}
    for name, runs in results.items():
        for run, mixed in zip(runs, mixtures[name], strict=True):
            other, same = clips.setdefault(run.config["seed"], (name, mixed.clips))
            if not np.array_equal(same, mixed.clips):
                raise ValueError(
                    f"{name!r} and {other!r} were tested on different mixtures. Compare results with the same data, "
                    "classes, tasks, num_sources and test_mixtures."
                )
    weights = clip_weights(np.stack([mixed for _, mixed in clips.values()]), seed=draws)
    of_seed = dict(zip(clips, np.moveaxis(weights, 1, 0), strict=True))
    resampled = {}
    for name, runs in results.items():
        means = [
            resampled_means(mixed.of(score), of_seed[run.config["seed"]])
            for run, mixed in zip(runs, mixtures[name], strict=True)
        ]
        resampled[name] = np.stack(means, axis=1)
    return resampled


def paired_differences(results: Mapping[str, Sequence[Result]], against: str, score: str = "sdr") -> pd.DataFrame:
    """Each method minus `against`, seed by seed, in dB, with the 95 % interval of the mean difference and a verdict.

    The same seed means the same first weights and exemplars, and the same batches where both have a memory or neither, and
    the test mixtures are always the same: a pair shares much of its luck. What is left is measured over seeds and test clips
    (`contav_lib.evaluation.intervals`).

    Args:
        results: experiments by method, the same seeds for each.
        against: the method to compare with.
        score: a key of `Result.summary()`.

    Returns:
        one row a method: `difference`; `low` and `high`, its own 95 % interval, not corrected for other comparisons; `p`, of
        no difference; `p_holm`, the same corrected for all methods in this call (Holm 1979); `seeds`; `verdict`: "higher" or
        "lower" when `p_holm` is below 0.05, else "not decided". With one seed, interval and p are NaN.

    Raises:
        ValueError: `against` is not among the results, shares no seed with a method, or was tested on other mixtures.
    """
    if against not in results:
        raise ValueError(f"There are no results of {against!r}; there are {', '.join(results)}.")
    return _differences(measure(results, score), against)


def _differences(measured: Mapping[Name, Measured], against: Name) -> pd.DataFrame:
    apart = {name: each - measured[against] for name, each in measured.items() if name != against}
    for name, each in apart.items():
        if each.values.empty:
            raise ValueError(f"{name!r} and {against!r} have no seed in common: run both with the same seeds.")
    # An index that is a row of a comparison stays one object a cell.
    index = pd.Index(list(apart), dtype=object, name="method", tupleize_cols=False)
    return with_verdicts(pd.DataFrame([each.difference() for each in apart.values()], index, _DIFFERENCE))


def with_verdicts(differences: pd.DataFrame) -> pd.DataFrame:
    """Correct the p-values of a family of comparisons by Holm, and decide: what `paired_differences` returns.

    Args:
        differences: one row a comparison: `difference`, `low`, `high`, `p`, `seeds`.
    """
    corrected = holm(differences["p"])
    direction = np.where(differences["difference"] > 0, "higher", "lower")
    verdict = np.where(corrected < SIGNIFICANCE, direction, "not decided")
    columns = {name: differences[name] for name in _DIFFERENCE[:-1]}
    return pd.DataFrame({**columns, "p_holm": corrected, "seeds": differences["seeds"], "verdict": verdict})


def measures_table(results: Mapping[Name, Sequence[Result]], references: Mapping[Name, str]) -> pd.DataFrame:
    """All measures as numbers, in dB, one row a method, and their differences to some of the methods.

    Args:
        results: experiments by method, one a seed.
        references: methods to compare with, each with its name in the columns; those without results are left out.

    Returns:
        for each key of `Result.summary()`: `<key>_mean`, `<key>_std` over seeds (NaN with one), `<key>_ci95` (half the 95 %
        interval); then for each reference `<key>_vs_<name>_mean`, `..._std`, `..._ci95`, `..._p` and `..._p_holm`, as in
        `paired_differences`.
    """
    index = pd.Index(list(results), dtype=object, name="method", tupleize_cols=False)
    plain: dict[str, pd.Series] = {}
    against: dict[str, pd.Series] = {}
    for key in SUMMARY:
        measured = measure(results, key)
        plain |= _columns(key, measured)
        for reference, title in references.items():
            if reference in results:
                apart = {name: measured[name] - measured[reference] for name in results if name != reference}
                against |= _columns(f"{key}_vs_{title}", apart)
                differences = _differences(measured, reference)
                against |= {f"{key}_vs_{title}_{column}": differences[column] for column in ("p", "p_holm")}
    return pd.DataFrame({**plain, **against}, index)


def _columns(title: str, measured: Mapping[Name, Measured]) -> dict[str, pd.Series]:
    index = pd.Index(list(measured), dtype=object, tupleize_cols=False)
    rows = [{**_mean_and_std(title, each.values), f"{title}_ci95": each.interval().half} for each in measured.values()]
    return dict(pd.DataFrame(rows, index).items())


def _mean_and_std(title: str, values: pd.Series) -> dict[str, float]:
    """Over seeds; a run that was not measured is no run less: NaN."""
    return {f"{title}_mean": values.mean(skipna=False), f"{title}_std": values.std(ddof=1, skipna=False)}


def as_sentences(differences: pd.DataFrame, against: str, what: str) -> str:
    """The rows of `paired_differences` as a Markdown list, one sentence a method.

    Args:
        against: as given to `paired_differences`.
        what: the score's name in the text, such as "final SDR".
    """
    lines = []
    family = differences["p"].count()
    comparisons = "1 comparison" if family == 1 else f"{family} comparisons"
    for name, row in differences.iterrows():
        line = f"- **{name}** against {against}, {what}: {row['difference']:+.2f} dB"
        if row["seeds"] < 2:
            line += " with one seed, which decides nothing; run three or more."
        else:
            p = "< 0.001" if row["p_holm"] < 0.001 else f"= {row['p_holm']:.3f}"
            line += (
                f", its own 95 % interval {row['low']:+.2f} to {row['high']:+.2f} ({row['seeds']} seeds), "
                f"p {p} after Holm's correction over {comparisons}: **{row['verdict']}**."
            )
        lines.append(line)
    return "\n".join(lines)


def ci95_halfwidth(values: np.ndarray) -> float:
    """Half the 95 % interval of the values' mean, by Student's t; NaN for fewer than two."""
    return interval(values).half


def with_spread(mean: float | None, deviation: float | None) -> str:
    """A number with what may be to either side of it, "1.23 ± 0.45"; either may be unknown."""
    return "" if pd.isna(mean) else f"{mean:.2f}" + ("" if pd.isna(deviation) else f" ± {deviation:.2f}")
