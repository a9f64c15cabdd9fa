"""Separators: networks that pull the sources of a mixture apart."""

from contav_lib.separators.coseparation import CoSeparation, CoSeparationConfig
from contav_lib.separators.iquery import IQuery, IQueryConfig
from contav_lib.separators.separator import (
    Separator,
    SeparatorOutput,
    load_separator,
    load_weights,
    old_rows,
    register_separator,
    save_separator,
    separator_class,
)
from contav_lib.separators.soundofpixels import SoundOfPixels, SoundOfPixelsConfig

__all__ = [
    "CoSeparation",
    "CoSeparationConfig",
    "IQuery",
    "IQueryConfig",
    "Separator",
    "SeparatorOutput",
    "SoundOfPixels",
    "SoundOfPixelsConfig",
    "load_separator",
    "load_weights",
    "old_rows",
    "register_separator",
    "save_separator",
    "separator_class",
]
