"""Figures on a page: without a background of their own, in the page's light or dark, and described for who can't see them."""

import base64
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, QuadMesh
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text

DPI = 96
# Pages of JupyterLab, Notebook 7 and Voila say which theme they have; the site's follow the reader's or the system's choice.
STYLE = """<style>
[data-jp-theme-light="false"] .contav-figure img.contav-on-dark, body[data-theme="dark"] .contav-figure img.contav-on-dark
{ display: inline !important; }
[data-jp-theme-light="false"] .contav-figure img.contav-on-light, body[data-theme="dark"] .contav-figure img.contav-on-light
{ display: none !important; }
@media (prefers-color-scheme: dark) {
  body[data-theme="auto"] .contav-figure img.contav-on-dark { display: inline !important; }
  body[data-theme="auto"] .contav-figure img.contav-on-light { display: none !important; }
}
</style>"""

Change = tuple[Any, Any, Callable[[Any], Any]]  # a colour before, the colour after, and what sets it

_drawn_by: WeakKeyDictionary[Figure, str] = WeakKeyDictionary()  # first sentence of the docstring of what drew it


def remember(figure: Figure, draw: Callable[..., Any]) -> None:
    """Note down what drew a figure, for its description."""
    _drawn_by[figure] = (draw.__doc__ or "").strip().partition("\n")[0]


def describe(figure: Figure) -> str:
    """Describe a figure in words: what drew it, its panels and axes, and where each named line begins and ends."""
    parts = [_drawn_by.get(figure, "A figure."), *(_describe(ax) for ax in figure.axes if ax.get_visible())]
    return " ".join(dict.fromkeys(part for part in parts if part))


def as_html(figure: Figure) -> str:
    """Return a figure as a piece of a page: a picture for light pages, one for dark pages, and a description."""
    white = [ax.patch for ax in figure.axes if to_rgba(ax.patch.get_facecolor()) == (1, 1, 1, 1)]
    with _changed([(patch.get_facecolor(), "none", patch.set_facecolor) for patch in white]):
        light = _png(figure)
        with _changed(_for_dark(figure)):
            dark = _png(figure)
    text = escape(describe(figure), quote=True)
    pictures = "".join(
        f'<img class="contav-on-{page}" alt="{text}" src="data:image/png;base64,{picture}" style="{shown}max-width: 100%">'
        for page, picture, shown in (("light", light, ""), ("dark", dark, "display: none; "))
    )
    return f'<div class="contav-figure">{STYLE}{pictures}</div>'


@dataclass(frozen=True)
class Picture:
    """A picture in a file (JPEG or PNG), with a description for who can't see it.

    Attributes:
        path: of the file. description: what it shows. width: in pixels.
    """

    path: Path
    description: str
    width: int

    def _repr_html_(self) -> str:
        kind = "png" if self.path.suffix == ".png" else "jpeg"
        data = base64.b64encode(self.path.read_bytes()).decode()
        return f'<img alt="{escape(self.description, quote=True)}" width="{self.width}" src="data:image/{kind};base64,{data}">'


def show_on_pages() -> None:
    """Let this kernel, if it is one, show figures `as_html`."""
    try:
        from IPython.core.getipython import get_ipython
    except ModuleNotFoundError:
        return
    if (shell := get_ipython()) and (formatter := shell.display_formatter):
        plt.draw_if_interactive()  # loads the kernel's backend; loaded later, it would undo what follows
        formatter.formatters["text/html"].for_type(Figure, as_html)
        formatter.formatters["image/png"].for_type(Figure, lambda figure: None)  # once is enough


def _describe(ax: Axes) -> str:
    title = ax.get_title() or ax.get_title("left")
    axes = [f"{which}: {label}" for which, label in (("across", ax.get_xlabel()), ("up", ax.get_ylabel())) if label]
    lines = [
        f"{line.get_label()} from {values[0]:.3g} to {values[-1]:.3g}"
        for line in ax.get_lines()
        if not str(line.get_label()).startswith("_") and len(values := np.atleast_1d(line.get_ydata())) > 1
        and np.isfinite(np.asarray(values, dtype=float)[[0, -1]]).all()
    ]  # fmt: skip
    told = "; ".join([*axes, *lines])
    return f"{title} ({told})." if title and told else f"{title or told}." if title or told else ""


def _png(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, facecolor="none", edgecolor="none", bbox_inches="tight")
    return base64.b64encode(buffer.getvalue()).decode()


@contextmanager
def _changed(changes: list[Change]) -> Iterator[None]:
    """Context manager: colours are others inside."""
    for _, after, change in changes:
        change(after)
    try:
        yield
    finally:
        for before, _, change in changes:
            change(before)


def _for_dark(figure: Figure) -> list[Change]:
    """Changes by which what is near black or near white, and lies on no picture, gets the other's lightness."""
    artists = figure.findobj(lambda each: isinstance(each, Text | Line2D | Patch | LineCollection))
    # All are asked before the first is changed: a mark has its line's colour.
    colours = [(get(), change) for artist in artists for get, change in _colours_of(artist)]
    return [(before, after, change) for before, change in colours if (after := _other(before)) is not None]


def _colours_of(artist: Artist) -> list[tuple[Callable[[], Any], Callable[[Any], Any]]]:
    if isinstance(artist, Text) and artist.get_bbox_patch() is None:
        inside = isinstance(artist.axes, Axes) and artist in artist.axes.texts and _is_picture(artist.axes)
        return [] if inside else [(artist.get_color, artist.set_color)]  # in a picture its ground stays as it is
    if isinstance(artist, Line2D):
        marks = [
            (artist.get_markeredgecolor, artist.set_markeredgecolor),
            (artist.get_markerfacecolor, artist.set_markerfacecolor),
        ]
        return [(artist.get_color, artist.set_color), *marks]
    if isinstance(artist, Patch | LineCollection):
        return [(artist.get_edgecolor, artist.set_edgecolor), (artist.get_facecolor, artist.set_facecolor)]
    return []


def _is_picture(ax: Axes) -> bool:
    return bool(ax.images) or any(isinstance(each, QuadMesh) for each in ax.collections)


def _other(colour: Any) -> Any:
    """Near black becomes near white and the other way round; other colours stay: None."""
    try:
        red, green, blue, alpha = to_rgba(colour)
    except (ValueError, TypeError):
        return None  # several colours, or none
    if max(red, green, blue) - min(red, green, blue) > 0.1 or alpha == 0:
        return None
    lightness = (red + green + blue) / 3
    return (1 - lightness,) * 3 + (alpha,) if not 0.3 < lightness < 0.7 else None
