"""Things found by name, with errors that help: registries of classes in files of their own, names of settings."""

import importlib
import os
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from contav_lib.utils.paths import expanded

T = TypeVar("T")
Class = TypeVar("Class", bound=type)


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """Return half a sentence with the known names, the nearest first."""
    known = list(known)
    near = get_close_matches(wrong, known, n=3, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(repr(name) for name in near)}?"
    return f"known are: {', '.join(known)}."


def find_by_name(known: Mapping[str, T], name: str, kind: str) -> T:
    """Return `known[name]`; an unknown name is a ValueError that gives the nearest ones."""
    if not isinstance(name, str) or name not in known:
        raise ValueError(f"There is no {kind} called {name!r}; {did_you_mean(str(name), known)}")
    return known[name]


def import_all(package: str) -> None:
    """Import every module of a package, so that what they register is known."""
    for folder in importlib.import_module(package).__path__:
        for name in sorted(os.listdir(folder)):  # looked at each time, for a file may be added while a notebook runs
            if name.endswith(".py") and name != "__init__.py":
                importlib.import_module(f"{package}.{name.removesuffix('.py')}")


class Registry(dict[str, Any]):
    """Classes by name; a new file in the package that registers a class is all it takes to add one.

    Args:
        kind: what the classes are, for error messages: "method", "separator", ...
        package: the package of their files; imported when a name is looked up.
    """

    def __init__(self, kind: str, package: str):
        super().__init__()
        self.kind, self.package = kind, package

    def register(self, name: str) -> Callable[[Class], Class]:
        """Class decorator: make a class known under `name`, which becomes its attribute `name`.

        A class method `on_registered`, if there is one, is called then.

        Raises:
            ValueError: another class has this name. (The same class may be defined again, as notebooks do.)
        """

        def add(cls: Any) -> Any:
            other = self.get(name, cls)
            if (other.__module__, other.__qualname__) != (cls.__module__, cls.__qualname__):
                raise ValueError(
                    f"{name!r} is taken: it is the {self.kind} {other.__qualname__} of {other.__module__}. Choose another name."
                )
            cls.name = name
            if hasattr(cls, "on_registered"):
                cls.on_registered()
            self[name] = cls
            return cls

        return add

    def find(self, name: str) -> Any:
        """Return the class registered as `name`.

        Raises:
            ValueError: there is none; the message gives the nearest names.
        """
        import_all(self.package)
        return find_by_name(self, name, self.kind)


ENCODERS = Registry("encoder", "contav_lib.encoders")
DATASETS = Registry("dataset", "contav_lib.datasets")
SEPARATORS = Registry("separator", "contav_lib.separators")
METHODS = Registry("method", "contav_lib.methods")


def open_dataset(data: str, clips_per_class: tuple[int, int, int] = (36, 6, 8)) -> Any:
    """The `Dataset` that `data` means: a registered name ("mini"), "name:place", or the path of a folder of videos.

    Raises:
        ValueError: there is no name at all, no data set or folder of this name (the nearest are given), or it is the root of
            the whole disk.
    """
    name, _, place = data.partition(":")
    import_all(DATASETS.package)
    if name in DATASETS:
        return DATASETS[name](place, clips_per_class)
    folder = expanded("data", data)
    if data.strip() and folder.name == data and not folder.is_dir():
        names = [name for name in DATASETS if name != "folder"]
        raise ValueError(
            f"data={data!r}: there is no data set and no such folder of this name; {did_you_mean(data, names)}"
        )
    if data and folder.resolve() == Path(folder.anchor or "/").resolve():
        raise ValueError(
            f"data={data!r}: this is the whole disk. Give 'mini' or a folder of videos, <class>/<name>.mp4."
        )
    return DATASETS["folder"](data, clips_per_class)
