"""Figures about learning in tasks: task matrices, scores over tasks, similarity matrices, masks that changed."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle
from math import ceil
from textwrap import fill, wrap
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from contav_lib.evaluation.metrics import TITLES
from contav_lib.experiments.result import Result
from contav_lib.experiments.rows import variant_of
from contav_lib.methods import method_class
from contav_lib.methods.method import OTHER_COLOURS
from contav_lib.plots.signals import BLUE, LINE_COLOURS, NOTHING

Results = Mapping[str, Sequence[Result]]  # experiments by method, one a seed
_MARKERS = "osD^vPX"  # filled, then hollow
_DIVERGING = "PuOr_r"  # purple below the middle, orange above
_A_ROW = 5  # matrices side by side that can still be read
_LONG, _LONG_TITLE = 40, 24  # letters of a name in a line beside a figure, or above a matrix
_FEW = 5  # lines that a legend names; more are named where they end
_LINE = 0.17  # inches from one such name to the next
_MANY = 8  # more classes at an axis need small letters and thin lines


class RowStyle(NamedTuple):
    """Style of a row of results.

    Attributes:
        colour: of its method, or of the control that it is.
        memory: it has a memory that its method does not have by itself: its lines are dashed.
        marker: of its dots, which tells rows apart without colours.
        hollow: they are not filled.
    """

    colour: str
    memory: bool
    marker: str = "o"
    hollow: bool = False


def task_matrices(matrices: Mapping[str, np.ndarray], name: str = "SDR") -> Figure:
    """Task matrices as heat maps side by side, in rows of five at most, 0 dB in the middle of the same colours.

    Args:
        matrices: by title, R `[T, T]` in dB; NaN where not measured, left grey.
        name: of the score, for the colour bar.
    """
    limit = max(float(np.nanmax(np.abs(matrix))) for matrix in matrices.values())
    rows = ceil(len(matrices) / _A_ROW)
    columns = ceil(len(matrices) / rows)
    size = 3.1 if rows == 1 else 2.4
    titles = [fill(title, _LONG_TITLE) for title in matrices]
    shape = (size * columns, (size + 0.2 * max(title.count("\n") for title in titles)) * rows)
    figure, axes = plt.subplots(rows, columns, figsize=shape, layout="constrained", squeeze=False)
    for place, (ax, title, matrix) in enumerate(zip(axes.flat, titles, matrices.values(), strict=False)):
        _by_task(ax, matrix, "{:.1f}", cmap=_DIVERGING, vmin=-limit, vmax=limit)
        first, last = place % columns == 0, place + columns >= len(matrices)  # of its row, of its column
        ax.tick_params(labelleft=first, labelbottom=last)
        ax.set_title(title, fontsize="large" if rows == 1 else "medium")
        ax.set(xlabel="tested on task" if last else "", ylabel="after learning task" if first else "")
    for ax in axes.flat[len(matrices) :]:
        ax.set_axis_off()
    figure.colorbar(axes[0, 0].images[0], ax=axes, label=f"{name} in dB", shrink=0.85)
    return figure


def share_matrices(matrices: Mapping[str, np.ndarray]) -> Figure:
    """Tables of shares by task learned (rows) and task asked about (columns), in percent; grey where there is nothing.

    Args:
        matrices: by title, `[T, T]` in 0 .. 1, NaN where not measured.
    """
    figure, axes = plt.subplots(1, len(matrices), figsize=(3 * len(matrices), 3), layout="constrained", squeeze=False)
    for ax, (title, matrix) in zip(axes[0], matrices.items(), strict=True):
        _by_task(ax, 100 * matrix, "{:.0f}", cmap="Blues", vmin=0, vmax=100)
        ax.set(title=title, xlabel="test clips of task", ylabel="after learning task")
        ax.label_outer()
    return figure


def _by_task(ax: Axes, matrix: np.ndarray, text: str, **colours) -> None:
    """A matrix `[T, T]` in colours, its values written into the cells; NaN is grey."""
    ax.set_facecolor(NOTHING)
    ax.imshow(matrix, **colours)
    for row, column in np.argwhere(np.isfinite(matrix)):
        value = matrix[row, column]
        ink = "white" if abs(value) > 0.6 * colours["vmax"] else "black"
        ax.text(column, row, text.format(value), ha="center", va="center", color=ink)
    ticks = np.arange(len(matrix))
    ax.set_xticks(ticks, ticks + 1)
    ax.set_yticks(ticks, ticks + 1)


def filling_up(matrix: np.ndarray, name: str = "SDR") -> Figure:
    """The task matrix as it stood after each task: a row more each time."""
    rows = np.arange(len(matrix))[:, None]
    return task_matrices({f"after task {row + 1}": np.where(rows <= row, matrix, np.nan) for row in rows.flat}, name)


def scores_after_tasks(results: Results, scores: Sequence[str] = ("sdr", "sir", "sar")) -> Figure:
    """Scores on mixtures across all classes seen so far, after each task (the paper's Figure 3), a panel a score."""
    figure, axes = panels(list(results), len(scores))
    for ax, score in zip(axes, scores, strict=True):
        columns = {name: np.stack([run.over_all_seen(score) for run in runs]) for name, runs in results.items()}
        _lines(ax, columns, row_styles(results))
        ax.set(xlabel="tasks learned", ylabel=f"{TITLES[score]} over all seen classes, dB")
    name_lines(figure, axes)
    return figure


def course_of_task(results: Results, task: int = 0, score: str = "sdr") -> Figure:
    """Scores of a task's own test mixtures after it and each later task: a column, from 0, of the task matrix."""
    figure, axes = panels(list(results), 1)
    columns = {name: np.stack([run.matrix(score)[:, task] for run in runs]) for name, runs in results.items()}
    _lines(axes[0], columns, row_styles(results))
    axes[0].axhline(0, color="#7F7F7F", linewidth=1, linestyle=":")
    axes[0].set(xlabel="tasks learned", ylabel=f"{TITLES[score]} on task {task + 1}, dB")
    name_lines(figure, axes)
    return figure


def seeds_side_by_side(results: Results, scores: Sequence[str] = ("sdr", "forgetting")) -> Figure:
    """One dot a seed, a bar at the mean; the same seed of two methods is joined by a thin line.

    Args:
        results: the same seeds for each method.
        scores: keys of `Result.summary()`, a panel each.
    """
    figure, axes = plt.subplots(1, len(scores), figsize=(4.6 * len(scores), 3.4), layout="constrained", squeeze=False)
    places, drawn = np.arange(len(results)), row_styles(results)
    for ax, score in zip(axes[0], scores, strict=True):
        values = np.array([[run.summary()[score] for run in runs] for runs in results.values()])
        ax.plot(places, values, color="#BBBBBB", linewidth=0.8, zorder=1)
        for place, name, row in zip(places, results, values, strict=True):
            colour = drawn[name].colour
            ax.scatter(np.full(len(row), place), row, color=colour, s=26, zorder=3)
            ax.hlines(row.mean(), place - 0.28, place + 0.28, color=colour, linewidth=2.5, zorder=2)
        if len(results) > _FEW:
            ax.set_xticks(places, results, rotation=50, ha="right")
        else:
            ax.set_xticks(places, [name.replace(" ", "\n", 1) for name in results])
        ax.set(xlim=(-0.5, len(places) - 0.5), ylabel=f"{TITLES.get(score, score)}, dB")
        ax.grid(axis="y", alpha=0.3)
    return figure


def similarity(models: Mapping[str, Mapping[str, np.ndarray]], classes: Sequence[int], labels: Sequence[str]) -> Figure:
    """Cosine similarities of every source with every source: one row a model, one column a modality pair.

    Args:
        models: by model and pair, `[R, R]` in -1 .. 1; NaN, where a model does not know a class yet, is left grey.
        classes: class number of each of the R sources, sorted; lines are drawn between classes.
        labels: by class number.
    """
    pairs = list(next(iter(models.values())))
    numbers, first = np.unique(np.asarray(classes), return_index=True)
    middles = (first + np.append(first[1:], len(classes))) / 2
    many = len(numbers) > _MANY
    side = min(2.4, 7.0 / len(models))  # inches of a panel: all rows fit on a screen
    size = (side * len(pairs) + 3.4, side * len(models) + 0.9)
    figure, axes = plt.subplots(len(models), len(pairs), figsize=size, layout="constrained", squeeze=False)
    drawn = [matrices[pair] for matrices in models.values() for pair in pairs]
    for ax, matrix in zip(axes.flat, drawn, strict=True):
        ax.pcolormesh(matrix, vmin=-1, vmax=1, cmap=_DIVERGING, rasterized=True)
        ax.set(facecolor=NOTHING, aspect="equal", ylim=(len(classes), 0))
        ax.hlines(first[1:], 0, len(classes), color="black", linewidth=0.2 if many else 0.6)
        ax.vlines(first[1:], 0, len(classes), color="black", linewidth=0.2 if many else 0.6)
        names = [labels[number] for number in numbers]
        ax.set_xticks(middles, names, rotation=90 if many else 45, ha="center" if many else "right")
        ax.set_yticks(middles, names, rotation=0)
        ax.tick_params(length=0, labelsize=6 if many else None)
        ax.label_outer()
    for ax, model in zip(axes[:, 0], models, strict=True):
        ax.set_ylabel(model.replace(", ", ",\n"), fontweight="bold")
    for ax, pair in zip(axes[0], pairs, strict=True):
        ax.set_title(pair)
    figure.colorbar(axes[0, 0].collections[0], ax=axes, label="cosine similarity", shrink=0.5)
    return figure


def positives(matrices: Mapping[str, np.ndarray], labels: Sequence[str]) -> Figure:
    """Plot which rows count as positives for which: one panel a rule, a filled square for a positive.

    Args:
        matrices: by title, bool `[R, R]`.
        labels: of the R rows.
    """
    size = (4.6 * len(matrices), 4.2)
    figure, axes = plt.subplots(1, len(matrices), figsize=size, layout="constrained", squeeze=False)
    for ax, (title, matrix) in zip(axes[0], matrices.items(), strict=True):
        ax.imshow(np.where(matrix, 1, np.nan), cmap=ListedColormap([BLUE]))
        ax.set_xticks(np.arange(len(labels)) - 0.5, minor=True)
        ax.set_yticks(np.arange(len(labels)) - 0.5, minor=True)
        ax.grid(which="minor", color="#BBBBBB", linewidth=0.6)
        ax.tick_params(which="both", length=0)
        ax.set_xticks(range(len(labels)), labels, rotation=60, ha="right")
        ax.set_yticks(range(len(labels)), labels)
        ax.label_outer()
        ax.set_title(title)
    return figure


def mask_change(before: np.ndarray, after: np.ndarray, titles: tuple[str, str] = ("before", "after")) -> Figure:
    """A mask before, after, and the difference.

    No change is the middle of the difference's colours, and they span 0.1 at least, so that a tiny change looks tiny.

    Args:
        before, after: masks `[F, T]` in 0 .. 1, low frequencies first.
    """
    change = after - before
    limit = max(float(np.abs(change).max()), 0.1)
    figure, axes = plt.subplots(1, 3, figsize=(10.5, 3.2), layout="constrained", sharey=True)
    for ax, mask, title in zip(axes, (before, after), titles, strict=False):
        image = ax.imshow(mask, origin="lower", aspect="auto", cmap="cividis", vmin=0, vmax=1)
        ax.set_title(title)
    figure.colorbar(image, ax=axes[1], label="mask")
    image = axes[2].imshow(change, origin="lower", aspect="auto", cmap=_DIVERGING, vmin=-limit, vmax=limit)
    axes[2].set_title(f"{titles[1]} minus {titles[0]}")
    figure.colorbar(image, ax=axes[2], label="change")
    axes[0].set_ylabel("log-frequency bin")
    for ax in axes:
        ax.set_xlabel("frame")
    return figure


def panels(names: Sequence[str], count: int) -> tuple[Figure, list[Axes]]:
    """Panels for lines of these names: side by side, or, where many names need room, one below the other."""
    height = _LINE * sum(len(wrap(name, _LONG)) for name in names) + 1
    many = len(names) > _FEW
    rows, columns = (count, 1) if many else (1, count)
    size = (7.6, rows * max(3.0, height)) if many else (6.4 if count == 1 else 3.6 * count, max(3.3, height))
    figure, axes = plt.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False)
    return figure, list(axes.flat)


def name_lines(figure: Figure, axes: Sequence[Axes]) -> None:
    """Name the lines of `panels`: a few in one legend, many at the right of each panel, where they end."""
    if len(_named(axes[0])) <= _FEW:
        axes[-1].legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1.05))
        return
    for ax in axes:
        _name_at_the_end(ax, figure.get_figheight() / len(axes) - 0.7)


def _named(ax: Axes) -> list[Line2D]:
    return [line for line in ax.get_lines() if not str(line.get_label()).startswith("_")]


def _name_at_the_end(ax: Axes, inches: float) -> None:
    """Write each line's name beside its end, as near as the other names let it, with a thin line between both.

    Args:
        inches: height of the axes, about.
    """
    lines = sorted(_named(ax), key=lambda line: np.asarray(line.get_ydata())[-1])
    ends = np.array([line.get_xydata() for line in lines])[:, -1]  # [lines, 2]
    low, high = ax.get_ylim()
    wanted = (ends[:, 1] - low) / (high - low)
    heights = np.array([str(line.get_label()).count("\n") + 1 for line in lines]) * _LINE / inches
    steps = np.cumsum(heights) - heights / 2
    # Pushed up from below, and down from above: in both, and so in their middle, neighbours are far enough apart.
    up = np.maximum.accumulate(wanted - steps)
    down = np.minimum.accumulate((wanted - steps)[::-1])[::-1]
    for line, end, place in zip(lines, ends, (up + down) / 2 + steps, strict=True):
        thin = dict(arrowstyle="-", color=line.get_color(), linestyle=line.get_linestyle(), lw=0.8, relpos=(0, 0.5))
        how = dict(textcoords="axes fraction", va="center", fontsize=8, annotation_clip=False)
        ax.annotate(str(line.get_label()), tuple(end), (1.04, place), arrowprops=thin, **how)  # type: ignore[arg-type]


def _lines(ax: Axes, columns: Mapping[str, np.ndarray], drawn: Mapping[str, RowStyle]) -> None:
    """Mean line and lowest-to-highest band of `[seeds, T]` a method."""
    for name, values in columns.items():
        learned = range(1, values.shape[1] + 1)
        line_with_band(ax, learned, values.T, drawn[name], name)
    ax.set_xticks(learned)
    ax.grid(alpha=0.3)


def line_with_band(ax: Axes, at: Sequence[float], values: Iterable[np.ndarray], row: RowStyle, name: str) -> None:
    """A line over the means at the places `at`, a band over all; `values`: those of the seeds, by place."""
    mean, low, high = zip(*((seeds.mean(), seeds.min(), seeds.max()) for seeds in values), strict=True)
    inside = "white" if row.hollow else row.colour
    (line,) = ax.plot(at, mean, "--" if row.memory else "-", color=row.colour, label=fill(name, _LONG))
    line.set(marker=row.marker, markerfacecolor=inside)
    ax.fill_between(at, low, high, color=row.colour, alpha=0.12, linewidth=0)


def row_styles(results: Results) -> dict[str, RowStyle]:
    """Styles of all rows: a method keeps its colour in every figure; where all would look the same, colours tell rows apart.

    The methods' colours can be told apart with any kind of colour vision as far as so many can be.
    """
    found = {}
    for number, (name, runs) in enumerate(results.items()):
        config = runs[0].config
        method, variant = method_class(config["method"]), variant_of(config)
        colour = (variant.colour if variant else "") or method.colour
        hollow, place = divmod(number, len(_MARKERS))
        found[name] = RowStyle(colour, config["exemplars"] > method.exemplars, _MARKERS[place], bool(hollow % 2))
    if len(found) > 1 and len({(row.colour, row.memory) for row in found.values()}) == 1:
        colours = cycle(LINE_COLOURS + OTHER_COLOURS)
        found = {name: row._replace(colour=next(colours)) for name, row in found.items()}
    return found
