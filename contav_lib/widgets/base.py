"""Common parts of all widgets: the files in `static/`, results or their folders, a base class that trusts no page."""

import io
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from reprlib import repr as shortened
from typing import TYPE_CHECKING, Any

import anywidget
import numpy as np
from PIL import Image
from traitlets import TraitError

from contav_lib.experiments.result import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_STATIC = Path(__file__).parent / "static"
_LOG = logging.getLogger(__name__)


def read(*names: str) -> str:
    """Return these files of `static/` as one text, in this order, because a widget is sent as one text."""
    return "\n".join((_STATIC / name).read_text(encoding="utf-8") for name in names)


def as_result(given: Any, wanted: str) -> Result:
    """Return a result as it is, or that in the folder whose path was given.

    Args:
        given: a result, or a path.
        wanted: what a message says of the place where it was given, such as "BlindTest.from_results wants two results".

    Raises:
        ValueError: something else, or a folder that holds no result.
    """
    if isinstance(given, str | Path):
        try:
            return Result(Path(given))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{wanted}; the folder {str(given)!r} is not a Result's: {error}") from None
    if not isinstance(given, Result):
        what = type(given).__name__
        raise ValueError(
            f"{wanted} or paths of folders; a {what} is not a Result. Of several seeds, give one: runs[0]."
        )
    return given


class PageWidget(anywidget.AnyWidget):
    """Base of the widgets: what a page sends that makes no sense is logged and ignored.

    A page may set the traits named in `from_page` and no others, and send the messages that `_hear` takes.
    """

    from_page: frozenset[str] = frozenset()

    def __init__(self, **state: Any):
        super().__init__(**state)
        self.on_msg(self._receive)

    def set_state(self, sync_data: Any) -> None:
        """Take what a page has set; ipywidgets calls it."""
        known = (
            {name: sync_data[name] for name in self.from_page & set(sync_data)} if isinstance(sync_data, dict) else {}
        )
        if known != sync_data:
            self._ignore(sync_data, "it may not set this")
        try:
            super().set_state(known)
        except TraitError as error:
            self._ignore(known, error)
            self.send_state(list(known))  # so that the page shows again what is true here

    def _receive(self, _widget: Any, message: Any, buffers: Any) -> None:
        """Answer a page that asks whether its kernel is alive (`watchKernel` in `dom.js`), and hear its other messages."""
        try:
            if not isinstance(message, dict):
                raise ValueError("a message is a dict")
            if message.get("ping"):
                self.send({"pong": True})
            else:
                self._hear(message, buffers)
        except ValueError as error:
            self._ignore(message, error)

    def _hear(self, message: dict[str, Any], buffers: Sequence[memoryview]) -> None:
        """Take a message of the page, and the bytes that came with it; a ValueError says that it makes no sense."""
        raise ValueError("nothing is expected")

    def _ignore(self, message: Any, why: object) -> None:
        _LOG.warning("%s ignored what its page sent: %s (%s)", type(self).__name__, shortened(message), why)

    def _fallback(self) -> dict[str, Any]:
        """Return what is shown where no widget can live, such as a notebook on the web, by mime type."""
        return {}

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict, dict]:
        bundle = super()._repr_mimebundle_(**kwargs)
        assert bundle is not None  # only a widget without a view has none
        return {**bundle[0], **self._fallback()}, bundle[1]


def jpeg(picture: np.ndarray) -> bytes:
    """Pack a picture, uint8 `[height, width, 3]`, for a page."""
    Image.fromarray(picture).save(file := io.BytesIO(), "JPEG")
    return file.getvalue()


def drawn(draw: Callable[[], "Figure"]) -> str:
    """Draw a figure without showing it: a piece of a page, see `plots.pages.as_html`."""
    import matplotlib.pyplot as plt

    from contav_lib.plots.pages import as_html

    plt.draw_if_interactive()  # loads a notebook's backend, which has figures shown; ioff must find it so, to leave it so
    with plt.ioff():
        figure = draw()
    page = as_html(figure)
    plt.close(figure)
    return page
