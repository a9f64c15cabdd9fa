"""Names in figures as users wrote them: `$` begins no formula, and any script is shown for which there is a font."""

import warnings
from collections.abc import Callable
from functools import cache, wraps
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font
from matplotlib.text import Text

from contav_lib.plots.pages import remember, show_on_pages

# Fonts of systems and of their packages that go beyond Latin, Greek, Cyrillic, Arabic and Hebrew.
_FALLBACKS = [
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Source Han Sans SC", "WenQuanYi Zen Hei", "Droid Sans Fallback",
    "Microsoft YaHei", "SimHei", "PingFang SC", "Hiragino Sans GB", "Yu Gothic", "Malgun Gothic", "Arial Unicode MS",
]  # fmt: skip


def as_written(draw: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function that draws show all names as they are; what no font has becomes boxes, with one warning."""

    @wraps(draw)
    def drawn(*args: Any, **options: Any) -> Any:
        families = (*matplotlib.rcParams["font.family"], *_installed())
        with matplotlib.rc_context({"text.parse_math": False, "font.family": families}):
            result = draw(*args, **options)
            interactive = matplotlib.is_interactive()
        # The first figure loads a notebook's backend, which sets this; without it no later figure would be shown.
        matplotlib.interactive(interactive)
        _warn_of_boxes(result.figure, families)  # a figure's is itself
        remember(result.figure, draw)
        show_on_pages()  # a backend that was loaded since then, as by %matplotlib, has undone it
        return result

    return drawn


@cache
def _installed() -> tuple[str, ...]:
    return tuple(name for name in _FALLBACKS if name in fontManager.get_font_names())


@cache
def _characters(families: tuple[str, ...]) -> frozenset[int]:
    return frozenset().union(
        *(get_font(findfont(FontProperties(family=[family]))).get_charmap() for family in families)
    )


def _warn_of_boxes(figure: Figure, families: tuple[str, ...]) -> None:
    written = {character for text in figure.findobj(Text) for character in text.get_text() if ord(character) > 127}
    missing = sorted(character for character in written if ord(character) not in _characters(families))
    if missing:
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # else one for each, whenever it is drawn
        warnings.warn(f"No font here shows {', '.join(missing)}: install one, such as Noto Sans CJK.", stacklevel=3)
