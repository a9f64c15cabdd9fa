"""Separators: networks that pull the sources of a mixture apart, one file each."""

from contav_lib.separators.separator import (
    Separator,
    SeparatorOutput,
    load_separator,
    load_weights,
    old_rows,
    register_separator,
    save_separator,
    separate,
    separator_class,
)

__all__ = ["Separator", "SeparatorOutput", "load_separator", "load_weights", "old_rows", "register_separator",
           "save_separator", "separate", "separator_class"]  # fmt: skip
