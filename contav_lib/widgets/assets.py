"""The browser's side of the widgets: the files in `static/`, joined, because a widget is sent as one text."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ipywidgets

_STATIC = Path(__file__).parent / "static"


def read(*names: str) -> str:
    """Return these files of `static/` as one text, in this order."""
    return "\n".join((_STATIC / name).read_text(encoding="utf-8") for name in names)


def answer_pings(widget: ipywidgets.Widget) -> None:
    """Answer a widget's page that asks whether its kernel is alive; see `watchKernel` in `dom.js`."""

    def answer(_widget: ipywidgets.Widget, message: object, _buffers: list) -> None:
        if isinstance(message, dict) and message.get("ping"):
            widget.send({"pong": True})

    widget.on_msg(answer)


def with_fallback(bundle: tuple[dict, dict] | None, fallback: Mapping[str, Any]) -> tuple[dict, dict]:
    """Add to a widget's mime bundle, from `_repr_mimebundle_`, what is shown where no widget can live, by mime type."""
    assert bundle is not None  # only a widget without a view has none
    data, metadata = bundle
    return {**data, **fallback}, metadata
