"""Separators: networks that pull the sources of a mixture apart, one file each."""

from contav_lib.separators.separator import (
    Separator,
    SeparatorOutput,
    forward_batch,
    load_separator,
    load_weights,
    old_rows,
    register_separator,
    save_separator,
    separator_class,
)

__all__ = ["Separator", "SeparatorOutput", "forward_batch", "load_separator", "load_weights", "old_rows",
           "register_separator", "save_separator", "separator_class"]  # fmt: skip
