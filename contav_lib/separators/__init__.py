"""Separators: networks that pull the sources of a mixture apart."""

from contav_lib.separators.coseparation import CoSeparation
from contav_lib.separators.iquery import IQuery
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
from contav_lib.separators.soundofpixels import SoundOfPixels

__all__ = [
    "CoSeparation",
    "IQuery",
    "SeparatorOutput",
    "Separator",
    "SoundOfPixels",
    "old_rows",
    "load_separator",
    "load_weights",
    "register_separator",
    "save_separator",
    "separator_class",
]
