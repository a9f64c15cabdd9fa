"""Separators: networks that pull the sources of a mixture apart."""

from contav_lib.separators.iquery import IQuery
from contav_lib.separators.separator import (
    Separation,
    Separator,
    load_separator,
    register_separator,
    save_separator,
    separator_class,
)

__all__ = [
    "IQuery",
    "Separation",
    "Separator",
    "load_separator",
    "register_separator",
    "save_separator",
    "separator_class",
]
