"""Things found by name, with errors that help: registries of separators and methods, names of settings."""

import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TypeVar

T = TypeVar("T")


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """A half-sentence with the known names, the nearest first."""
    known = list(known)
    near = get_close_matches(wrong, known, n=3, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(repr(name) for name in near)}?"
    return f"known are: {', '.join(known)}."


def find_by_name(registry: Mapping[str, T], name: str, kind: str) -> T:
    """`registry[name]`; an unknown name is a ValueError that gives the nearest ones."""
    if name not in registry:
        raise ValueError(f"There is no {kind} called {name!r}; {did_you_mean(name, registry)}")
    return registry[name]


def import_all(package: str) -> None:
    """Import every module of a package, so that what they register is known."""
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
        importlib.import_module(f"{package}.{module.name}")
