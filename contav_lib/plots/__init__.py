"""Figures for the notebooks."""

from contav_lib.utils.extras import extras

with extras():
    import matplotlib  # noqa: F401
    import seaborn  # noqa: F401

from contav_lib.plots.comparing import against_memory, forest, stability_plasticity
from contav_lib.plots.learning import (
    course_of_task,
    filling_up,
    mask_change,
    positives,
    scores_after_tasks,
    seeds_side_by_side,
    similarity,
    task_matrices,
    task_matrix,
)
from contav_lib.plots.looking import heat_over_frames, share_matrices
from contav_lib.plots.signals import curves, film_strip, frequency_axes, maps, masks, schedule, sound, spectrograms

__all__ = [
    "against_memory",
    "course_of_task",
    "curves",
    "film_strip",
    "filling_up",
    "forest",
    "frequency_axes",
    "heat_over_frames",
    "maps",
    "mask_change",
    "masks",
    "positives",
    "scores_after_tasks",
    "schedule",
    "seeds_side_by_side",
    "share_matrices",
    "similarity",
    "sound",
    "spectrograms",
    "stability_plasticity",
    "task_matrices",
    "task_matrix",
]
