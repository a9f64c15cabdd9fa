"""Figures for the notebooks."""

# ruff: noqa: F401

from inspect import isfunction

from contav_lib.utils.extras import extras

with extras():
    import matplotlib
    import seaborn

from contav_lib.plots.comparing import against_memory, forest, stability_plasticity
from contav_lib.plots.diagrams import Diagram, diagram
from contav_lib.plots.learning import (
    course_of_task,
    filling_up,
    mask_change,
    positives,
    scores_after_tasks,
    seeds_side_by_side,
    share_matrices,
    similarity,
    task_matrices,
)
from contav_lib.plots.pages import Picture, show_on_pages
from contav_lib.plots.signals import (
    curves,
    film_strip,
    frequency_axes,
    heat_over_frames,
    maps,
    masks,
    players,
    schedule,
    sound,
    spectrograms,
)
from contav_lib.plots.text import as_written

for _name, _draw in list(globals().items()):
    if isfunction(_draw) and _draw.__module__ in (
        f"{__name__}.{room}" for room in ("comparing", "learning", "signals")
    ):
        globals()[_name] = as_written(_draw)
show_on_pages()
