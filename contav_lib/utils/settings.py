"""Rules of what a setting may be: one vocabulary for the settings of experiments, of methods and of separators."""

import ast
import json
from collections.abc import Collection, Mapping
from dataclasses import MISSING, fields
from math import isfinite
from pathlib import PurePath
from typing import Any

import numpy as np

from contav_lib.utils.registry import did_you_mean


class Checked:
    """Base of a dataclass of settings: its `__post_init__` says by these functions what their values must be."""

    def require(self, name: str, fine: bool, what: str) -> None:
        """Raise a ValueError that names the setting and its value, unless it is fine."""
        if not fine:
            raise ValueError(f"{name}={getattr(self, name)!r}: {name} {what}.")

    def require_range(
        self,
        *names: str,
        least: float | None = None,
        above: float | None = None,
        most: float | None = None,
        below: float | None = None,
        why: str = "",
    ) -> None:
        """Raise a ValueError for the first of some settings that is out of the range given by its ends.

        Args:
            names: settings that are numbers.
            least, most: ends that belong to the range. above, below: ends that do not.
            why: what is wrong beyond the range, for the message.
        """
        ends = {"{} or more": least, "above {}": above, "{} or less": most, "below {}": below}
        what = "must be " + " and ".join(text.format(end) for text, end in ends.items() if end is not None)
        if None not in (least, most):
            what = f"must be {least} .. {most}"
        elif (least, above, below) == (0, None, None):
            what = "can't be negative"
        for name in names:
            value = getattr(self, name)
            fine = (least is None or value >= least) and (above is None or value > above)
            fine = fine and (most is None or value <= most) and (below is None or value < below)
            self.require(name, fine, what + (f": {why}" if why else ""))

    def require_one_of(self, name: str, known: Collection[str]) -> None:
        """Raise a ValueError, with the nearest of the known texts, for a setting that is none of them."""
        value = getattr(self, name)
        if value not in known:
            raise ValueError(f"{name}={value!r}: {did_you_mean(str(value), known)}")


def of_kind(name: str, value: Any, kind: Any) -> Any:
    """Return the value of a setting as plain Python, which JSON gives back unchanged.

    Lists become tuples, NumPy's numbers Python's, paths texts; whole numbers do for numbers.

    Args:
        name: of the setting.
        value: as it was given.
        kind: the type of its field.

    Raises:
        ValueError: the value is of another kind.
    """
    plain = _plain(value)
    what, fine = {
        int: ("a whole number", _is(int, plain)),
        int | None: ("a whole number", plain is None or _is(int, plain)),
        float: ("a number", _is_number(plain)),
        float | None: ("a number", plain is None or _is_number(plain)),
        str: ("text in quotes", isinstance(plain, str)),
        bool: ("True or False", isinstance(plain, bool)),
        tuple[int, int, int]: ("a list of three whole numbers", _is_tuple(int, plain)),
        tuple[int, ...]: ("a list, even of one, of whole numbers", _is_tuple(int, plain)),
        tuple[str, ...]: ("a list, even of one, of names in quotes", _is_tuple(str, plain)),
    }.get(kind, ("", True))
    if not fine:
        raise ValueError(f"{name}={value!r}: {name} is {what}.")
    return plain


def settings_of(part: Any) -> dict[str, Any]:
    """Default values of the settings of a method, which is a dataclass, or of a separator, which has a `config_class`."""
    return {
        entry.name: entry.default if entry.default_factory is MISSING else entry.default_factory()
        for entry in fields(getattr(part, "config_class", part))
    }


def settings_for(part: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings given to a method or a separator, in plain Python, after it has looked at all of them.

    Raises:
        ValueError: one that it does not have (the nearest are given), or a value that makes no sense.
    """
    own = settings_of(part)
    if not isinstance(given, Mapping):
        raise ValueError(f"The settings of {part.name!r} are {given!r}; give a dictionary of values by name.")
    for name in given:
        if name not in own:
            raise ValueError(f"{part.name!r} has no setting called {name!r}; {did_you_mean(str(name), own)}")
    plain = {name: of_kind(name, value, type(own[name])) for name, value in given.items()}
    getattr(part, "config_class", part)(**plain)
    return plain


def literal(text: str, otherwise: Any) -> Any:
    """Read a text as JSON or as a Python literal (numbers, lists, true, None, ...); `otherwise` where it is neither."""
    for read in (json.loads, ast.literal_eval):
        try:
            return read(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            pass
    return otherwise


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, PurePath):
        return str(value)
    return tuple(map(_plain, value)) if isinstance(value, list | tuple) else value


def _is(kind: type, value: Any) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)  # bool is a subclass of int; reject it


def _is_number(value: Any) -> bool:
    return _is(int, value) or (isinstance(value, float) and isfinite(value))


def _is_tuple(kind: type, value: Any) -> bool:
    return isinstance(value, tuple) and all(_is(kind, entry) for entry in value)
