"""The browser's side of the widgets: the files in `static/`, joined, because a widget is sent as one text."""

from pathlib import Path

import ipywidgets

_STATIC = Path(__file__).parent / "static"


def read(*names: str) -> str:
    """Return these files of `static/` as one text, in this order."""
    return "\n".join((_STATIC / name).read_text(encoding="utf-8") for name in names)


def answer_pings(widget: ipywidgets.Widget) -> None:
    """Let a widget's page find out whether its kernel is alive; see `watchKernel` in `dom.js`."""

    def answer(_widget: ipywidgets.Widget, message: object, _buffers: list) -> None:
        if isinstance(message, dict) and message.get("ping"):
            widget.send({"pong": True})

    widget.on_msg(answer)
