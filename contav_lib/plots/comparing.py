"""Figures that compare many methods: differences with their intervals, stability against plasticity, memory sizes."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from contav_lib.evaluation.metrics import TITLES
from contav_lib.experiments.result import Result
from contav_lib.plots.learning import Results, line_with_band, name_lines, panels, row_styles
from contav_lib.plots.signals import BLUE, ORANGE


def forest(differences: pd.DataFrame, what: str = "difference in SDR, dB") -> Figure:
    """Paired differences as a forest plot: a dot at the mean, a line over the 95 % interval, dotted zero.

    Args:
        differences: of `tables.paired_differences`: a row a method, with `difference`, `low`, `high` in dB and `verdict`;
            a dot is filled where the verdict, which is corrected for many comparisons, is decided.
        what: label of the axis.
    """
    figure, ax = plt.subplots(figsize=(6.6, 0.34 * len(differences) + 1.0), layout="constrained")
    for place, (_, row) in enumerate(differences.iterrows()):
        decided = row["verdict"] != "not decided"
        ax.hlines(place, row["low"], row["high"], color=BLUE, linewidth=2)
        ax.plot(row["difference"], place, "o", color=BLUE, markerfacecolor=BLUE if decided else "white", zorder=3)
    ax.axvline(0, color="#7F7F7F", linewidth=1, linestyle=":")
    ax.set_yticks(range(len(differences)), differences.index)
    ax.set_ylim(len(differences) - 0.5, -0.5)
    ax.grid(axis="x", alpha=0.3)
    ax.set_xlabel(what)
    return figure


def stability_plasticity(results: Results, score: str = "sdr") -> Figure:
    """Plot how well old tasks are kept (dots) and new ones were learned (triangles), a row a method, best kept first.

    Small marks are seeds, large ones their mean. Old: mean of the task matrix's last row without its last entry. New: mean of
    the diagonal without its first entry, for there most methods have nothing to add yet. Experiments have two tasks or more.
    """
    matrices = {name: np.stack([run.matrix(score) for run in runs]) for name, runs in results.items()}
    new = {name: each.diagonal(axis1=1, axis2=2)[:, 1:].mean(1) for name, each in matrices.items()}
    old = {name: each[:, -1, :-1].mean(1) for name, each in matrices.items()}
    ranked = sorted(results, key=lambda name: -old[name].mean())
    figure, ax = plt.subplots(figsize=(7.4, 0.28 * len(results) + 1.1), layout="constrained")
    for place, name in enumerate(ranked):
        ax.hlines(place, *sorted((old[name].mean(), new[name].mean())), color="#BBBBBB", linewidth=2, zorder=1)
    sides = (
        ("old tasks, at the end (stability)", old, BLUE, "o"),
        ("new tasks, when learned (plasticity)", new, ORANGE, "^"),
    )
    for label, values, colour, marker in sides:
        of_seeds = [(value, place) for place, name in enumerate(ranked) for value in values[name]]
        across, up = zip(*of_seeds, strict=True)
        ax.scatter(across, up, s=10, color=colour, alpha=0.5, marker=marker, linewidth=0)
        means = [values[name].mean() for name in ranked]
        ax.scatter(means, range(len(ranked)), s=52, color=colour, marker=marker, label=label, zorder=3)
    ax.set_yticks(range(len(ranked)), ranked)
    ax.set(ylim=(len(ranked) - 0.4, -0.6), xlabel=f"{TITLES[score]}, dB")
    ax.grid(axis="x", alpha=0.3)
    figure.legend(frameon=False, loc="outside upper right", ncols=2)
    return figure


def against_memory(
    results: Mapping[str, Mapping[int, Sequence[Result]]], scores: Sequence[str] = ("sdr", "sir", "sar")
) -> Figure:
    """Final scores over all classes against the number of exemplars a class (the paper's Figure 4, its Table 3).

    Args:
        results: by method, then by exemplars a class: experiments, one a seed.
        scores: one panel each.
    """
    figure, axes = panels(list(results), len(scores))
    drawn = row_styles({name: next(iter(by_size.values())) for name, by_size in results.items()})
    sizes = sorted({size for by_size in results.values() for size in by_size})
    for ax, score in zip(axes, scores, strict=True):
        for name, by_size in results.items():
            at = sorted(by_size)
            values = [np.array([run.summary()[score] for run in by_size[size]]) for size in at]
            line_with_band(ax, list(map(sizes.index, at)), values, drawn[name], name)
        ax.set_xticks(range(len(sizes)), list(map(str, sizes)))
        ax.set(xlabel="exemplars a class", ylabel=f"{TITLES[score]} over all classes, dB")
        ax.grid(alpha=0.3)
    name_lines(figure, axes)
    return figure
