"""Figures of sounds and pictures: film strips, spectrograms, masks, feature maps, heat over pictures, the schedule of tasks.

Every function makes one figure and returns it. Spectrograms and masks are drawn with low frequencies at the bottom.
"""

from collections.abc import Mapping, Sequence
from math import ceil, log
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from contav_lib.audio import SAMPLE_RATE, stft
from contav_lib.continual.tasks import Task

# Readable with any kind of colour vision: Okabe and Ito's colours, and maps whose lightness rises evenly.
BLUE, ORANGE, GREEN, PINK = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
LINE_COLOURS = (BLUE, ORANGE, GREEN, PINK)
NOTHING = "#E4E4E4"  # grey, where nothing was measured or given
LINE_STYLES = ("-", "--", "-.", ":")
LOUDNESS, SHARE = "magma", "cividis"
QUIETEST = -70.0  # dB below the loudest pixel; what is softer is drawn black
FADED, CLEAR = -60.0, -30.0  # dB below the loudest pixel: masks are drawn white there, and in full colours from there
_MARKS = (100, 200, 500, 1000, 2000, 5000)  # Hz, on log-frequency axes


def film_strip(frames: torch.Tensor, frame_rate: float, count: int = 8) -> Figure:
    """Pictures of a video side by side, evenly spread over it, each with its time.

    Args:
        frames: `[n, height, width, 3]`, uint8.
        frame_rate: frames a second.
        count: pictures to show, at most.
    """
    chosen = np.unique(np.linspace(0, len(frames) - 1, count).round().astype(int))
    figure, axes = plt.subplots(1, len(chosen), figsize=(1.5 * len(chosen), 1.45), layout="constrained", squeeze=False)
    for ax, number in zip(axes[0], chosen, strict=True):
        ax.imshow(np.asarray(frames[number]))
        ax.set_title(f"{number / frame_rate:.1f} s", fontsize=9)
        ax.axis("off")
    return figure


def players(
    frames: torch.Tensor, boxes: torch.Tensor, names: Sequence[str], frame_rate: float, count: int = 4
) -> Figure:
    """Pictures of a video, evenly spread over it, with the boxes of the players in them.

    Args:
        frames: `[n, height, width, 3]`, uint8, `frame_rate` a second.
        boxes: left, top, right and bottom in shares of width and height, `[players, m, 4]`, spread evenly over the same
            time, as `SeparationResult.boxes`. names: of the players.
        count: pictures to show, at most.
    """
    figure = film_strip(frames, frame_rate, count)
    figure.set_size_inches(3.2 * len(figure.axes), 2.7)
    height, width = frames.shape[1:3]
    for ax, place in zip(
        figure.axes, np.linspace(0, boxes.shape[1] - 1, len(figure.axes)).round().astype(int), strict=True
    ):
        for number, name in enumerate(names):
            left, top, right, bottom = (
                boxes[number, place].double() * torch.tensor([width, height, width, height])
            ).tolist()
            colour = LINE_COLOURS[number % len(LINE_COLOURS)]
            ax.add_patch(Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor=colour, linewidth=2))
            ax.text(
                max(left, 0) + 3, max(top, 0) + 3, name, color="white", backgroundcolor=colour, fontsize=8, va="top"
            )
        ax.set(xlim=(0, width), ylim=(height, 0))
    return figure


def heat_over_frames(heat: Mapping[str, torch.Tensor], frames: torch.Tensor, window: tuple[int, int]) -> Figure:
    """Plot where a sound comes from, over the pictures: one row a sound, one column a moment, in the same colours.

    Args:
        heat: by row title, `[n, rows, columns]` in 0 .. 1, as `SoundOfPixels.where` gives it.
        frames: the pictures `[n, height, width, 3]`, uint8.
        window: height and width in pixels of the windows that the heat was made from: a value stands at its window's
            middle, and no window has its middle nearer to a border than half of its size.
    """
    count, height, width, _ = frames.shape
    size = (2.6 * count * width / height / 2, 1.5 * len(heat))
    figure, axes = plt.subplots(len(heat), count, figsize=size, layout="constrained", squeeze=False)
    top = max(float(values.max()) for values in heat.values())
    rows, columns = next(iter(heat.values())).shape[1:]
    (left, right), (upper, lower) = _edges(width, window[1], columns), _edges(height, window[0], rows)
    extent = (left, right, lower, upper)
    for row, (title, values) in zip(axes, heat.items(), strict=True):
        for ax, frame, value in zip(row, frames, values, strict=True):
            grey = frame.float().mean(-1).numpy()
            ax.imshow(grey, cmap="gray", vmin=-60, vmax=315)  # pale, so that the colours stand out
            style = dict(cmap="inferno", vmin=0, vmax=top, alpha=0.55, interpolation="bilinear")
            image = ax.imshow(value.detach().cpu().numpy(), extent=extent, aspect="auto", **style)
            ax.set(xlim=(0, width), ylim=(height, 0), xticks=[], yticks=[])
        row[0].set_ylabel(title)
    figure.colorbar(image, ax=axes, label="share of the sound's energy", shrink=0.8)
    return figure


def _edges(length: int, window: int, places: int) -> tuple[float, float]:
    """Places where the first cell begins and the last one ends, so that each has its window's middle in its own middle."""
    half = (length - window) / (places - 1) / 2 if places > 1 else window / 2
    return window / 2 - half, length - window / 2 + half


def sound(waveform: torch.Tensor, rate: int = SAMPLE_RATE) -> Figure:
    """A waveform and, under it on the same time axis, its spectrogram in dB (Hann window 1,022, hop 256).

    Args:
        waveform: `[samples]`, in [-1, 1]; `rate` of them a second.
    """
    seconds = len(waveform) / rate
    figure, (above, below) = plt.subplots(2, 1, figsize=(9, 4), layout="constrained", sharex=True, height_ratios=(1, 2))
    above.plot(np.arange(len(waveform)) / rate, waveform.cpu().numpy(), color=BLUE, linewidth=0.4)
    above.set(ylabel="amplitude", xlim=(0, seconds))
    image = _linear_image(below, stft(waveform).abs(), (0, seconds, 0, rate / 2000))
    below.set(xlabel="time, s", ylabel="frequency, kHz")
    figure.colorbar(image, ax=below, label="dB", pad=0.01)
    return figure


def frequency_axes(linear: torch.Tensor, warped: torch.Tensor, seconds: float, rate: int = SAMPLE_RATE) -> Figure:
    """The same spectrogram on the linear and on the log-frequency axis.

    Args:
        linear: magnitude `[K, T]`. warped: the same after `audio.warp`, `[F, T]`.
        seconds: their duration. rate: samples a second.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.6), layout="constrained")
    _linear_image(left, linear, (0, seconds, 0, rate / 2))
    left.set_yticks(_MARKS[2:], [f"{mark:,}" for mark in _MARKS[2:]])
    left.set(title=f"linear axis, {linear.shape[0]} bins", xlabel="time, s", ylabel="frequency, Hz")
    image = _log_image(right, decibel(warped), seconds, LOUDNESS, QUIETEST, 0, rate)
    right.set(title=f"log-frequency axis, {warped.shape[0]} bins", xlabel="time, s")
    figure.colorbar(image, ax=right, label="dB")
    return figure


def spectrograms(magnitudes: Mapping[str, torch.Tensor], seconds: float, rate: int = SAMPLE_RATE) -> Figure:
    """Log-frequency magnitudes side by side, in dB below the loudest pixel of all.

    Args:
        magnitudes: by title, `[F, T]` each.
        seconds: their duration. rate: samples a second.
    """
    loudest = max(float(magnitude.max()) for magnitude in magnitudes.values())
    images = {title: decibel(magnitude, loudest) for title, magnitude in magnitudes.items()}
    return _row(images, seconds, rate, "dB", LOUDNESS, QUIETEST, 0)


def masks(values: Mapping[str, torch.Tensor], mixture: torch.Tensor, seconds: float, rate: int = SAMPLE_RATE) -> Figure:
    """Masks side by side, all from 0 to 1; what lies above 1 (true ratio masks do, in places) is drawn orange.

    Where the mixture is soft a mask matters little, to the ear as to the loss; there it fades into white.

    Args:
        values: by title, `[F, T]` each.
        mixture: magnitude of the mixture, `[F, T]`.
        seconds: their duration. rate: samples a second.
    """
    above = any(float(mask.max()) > 1 for mask in values.values())
    colours = plt.get_cmap(SHARE).with_extremes(over=ORANGE)
    images = {title: mask.detach().cpu().numpy() for title, mask in values.items()}
    figure = _row(images, seconds, rate, "share of the mixture", colours, 0, 1, extend="max" if above else "neither")
    fading = np.clip((decibel(mixture) - FADED) / (CLEAR - FADED), 0, 1)
    for image in (image for ax in figure.axes for image in ax.images):
        image.set_alpha(fading)
    return figure


def curves(times: Sequence[float], values: Mapping[str, Sequence[float]], ylabel: str = "") -> Figure:
    """Curves over time, told apart by colour and by line style.

    Args:
        times: seconds, `[n]`.
        values: by label, `[n]` each.
        ylabel: what they measure.
    """
    figure, ax = plt.subplots(figsize=(9, 2.6), layout="constrained")
    for place, (label, curve) in enumerate(values.items()):
        ax.plot(times, curve, LINE_STYLES[place % 4], color=LINE_COLOURS[place % 4], label=label)
    ax.set(xlabel="time, s", ylabel=ylabel, xlim=(times[0], times[-1]))
    ax.grid(alpha=0.3)
    ax.legend(frameon=False, ncols=len(values), loc="lower left", bbox_to_anchor=(0, 1))
    return figure


def maps(channels: torch.Tensor, columns: int = 8) -> Figure:
    """A network's feature maps as small pictures, each in its own greys.

    Args:
        channels: `[C, F, T]`.
        columns: pictures a row.
    """
    columns = min(columns, len(channels))
    rows = ceil(len(channels) / columns)
    size = (1.25 * columns, 1.4 * rows)
    figure, axes = plt.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False)
    for ax in axes.flat:
        ax.axis("off")
    for number, (ax, channel) in enumerate(zip(axes.flat, channels.detach().cpu().numpy(), strict=False)):
        low, high = np.percentile(channel, (1, 99))
        ax.imshow(channel, origin="lower", aspect="auto", cmap="gray", vmin=low, vmax=max(high, low + 1e-9))
        ax.set_title(f"{number}", fontsize=8, pad=2)
    return figure


def schedule(tasks: Sequence[Task], labels: Sequence[str]) -> Figure:
    """Plot what each task is trained on: all clips of the new classes, exemplars of the old ones, none of the rest.

    Args:
        tasks: from `make_schedule`.
        labels: all classes, in the order of learning.
    """
    table = np.full((len(tasks), len(labels)), np.nan)
    for row, task in zip(table, tasks, strict=True):
        row[list(task.seen)] = 0
        row[list(task.classes)] = 1
    figure, ax = plt.subplots(figsize=(0.48 * len(labels) + 0.8, 0.42 * len(tasks) + 1.7), layout="constrained")
    colours = (NOTHING, "#E69F00", BLUE)
    ax.set_facecolor(NOTHING)
    ax.pcolormesh(table, cmap=ListedColormap(colours[1:]), vmin=-0.5, vmax=1.5, edgecolors="white", linewidth=2)
    for task in tasks:
        old = len(task.seen) - len(task.classes)
        for number in task.seen:
            new = number in task.classes
            count = len(task.clips) // len(task.classes) if new else len(task.memory) // old
            ink = "white" if new else "black"
            ax.text(number + 0.5, task.index + 0.5, f"{count}", ha="center", va="center", color=ink)
    ax.set_xticks(np.arange(len(labels)) + 0.5, [label.replace("_", " ") for label in labels], rotation=50, ha="right")
    ax.set_yticks(np.arange(len(tasks)) + 0.5, [f"task {task.index + 1}" for task in tasks])
    ax.invert_yaxis()
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    names = ("not met yet", "in memory: exemplars", "new: training clips")
    handles = [Patch(color=colour, label=name) for colour, name in zip(colours, names, strict=True)]
    ax.legend(handles=handles[::-1], frameon=False, ncols=3, loc="lower left", bbox_to_anchor=(0, 1))
    return figure


def decibel(magnitude: torch.Tensor, loudest: float | None = None) -> np.ndarray:
    """Magnitudes in dB below `loudest` (their own largest value by default), not below -70."""
    values = magnitude.detach().cpu().numpy()
    loudest = loudest or max(float(values.max()), 1e-10)
    return 20 * np.log10(np.maximum(values / loudest, 10 ** (QUIETEST / 20)))


def _row(
    images: Mapping[str, np.ndarray], seconds: float, rate: int, label: str, cmap, low: float, high: float, **bar: Any
) -> Figure:
    size = (2.9 * len(images) + 1.2, 3)
    figure, axes = plt.subplots(1, len(images), figsize=size, layout="constrained", squeeze=False, sharey=True)
    for ax, (title, values) in zip(axes[0], images.items(), strict=True):
        image = _log_image(ax, values, seconds, cmap, low, high, rate)
        ax.set(title=title, xlabel="time, s")
        ax.label_outer()
    axes[0, 0].set_ylabel("frequency, Hz")
    figure.colorbar(image, ax=axes, label=label, pad=0.01, **bar)
    return figure


def _linear_image(ax: Axes, magnitude: torch.Tensor, extent: tuple[float, float, float, float]):
    image = decibel(magnitude)
    return ax.imshow(image, origin="lower", aspect="auto", cmap=LOUDNESS, vmin=QUIETEST, vmax=0, extent=extent)


def _log_image(ax: Axes, values: np.ndarray, seconds: float, cmap, low: float, high: float, rate: int):
    """An image on the log-frequency axis of `audio.warp`, whose ticks are in Hz."""
    extent = (0, seconds, -0.5, len(values) - 0.5)
    image = ax.imshow(
        values, origin="lower", aspect="auto", cmap=cmap, vmin=low, vmax=high, extent=extent, interpolation="nearest"
    )
    places = [(len(values) - 1) * log(1 + 20 * mark / (rate / 2)) / log(21) for mark in _MARKS]
    ax.set_yticks(places, [f"{mark:,}" for mark in _MARKS])
    return image
