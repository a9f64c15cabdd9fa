"""Figures of what a separator sees: where a sound comes from."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure


def heat_over_frames(heat: Mapping[str, torch.Tensor], frames: torch.Tensor, window: tuple[int, int]) -> Figure:
    """Where a sound comes from, laid over the pictures: one row a sound, one column a moment, in the same colours.

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
    """Where the first cell begins and the last one ends, so that each has its window's middle in its own middle."""
    half = (length - window) / (places - 1) / 2 if places > 1 else window / 2
    return window / 2 - half, length - window / 2 + half
