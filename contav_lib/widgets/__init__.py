"""Widgets for notebooks and the listening room: players of sounds, a blind test, explorers."""

from contav_lib.utils.extras import extras

with extras():
    import anywidget  # noqa: F401
    import ipywidgets  # noqa: F401
