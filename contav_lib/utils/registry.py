"""Things found by name, with errors that help: registries of classes in files of their own, names of settings."""

import hashlib
import importlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
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


def encoder_parts(encoder: str) -> dict[str, tuple[Any, str]]:
    """Classes that do an encoder's jobs, `crop`, `objects` and `motion`, each with the place that it is told; as written.

    The name is that of one encoder, "tiny", or of parts that share the jobs: "clip+videomae", "owlv2+clip+videomae". Behind a
    colon stands a place, where a part must be told where its weights lie: "clip:<folder>+videomae". Of several parts that can
    do a job, the first one crops and looks at objects, and the last one at motion.

    Raises:
        ValueError: an unknown name (the nearest are given), a job that no part does, or a part without a job.
    """
    parts = [(ENCODERS.find(name), place) for name, _, place in (part.partition(":") for part in encoder.split("+"))]
    jobs: dict[str, tuple[Any, str]] = {}
    for job, order in (("crop", parts), ("objects", parts), ("motion", parts[::-1])):
        able = [part for part in order if hasattr(part[0], job)]
        if able:
            jobs[job] = able[0]
        elif job != "crop":
            raise ValueError(
                f"encoder={encoder!r}: nothing in it looks at {job}. Join what looks at objects and what looks at motion "
                "by a plus, such as 'clip+videomae'."
            )
    if idle := [part[0].name for part in parts if part not in jobs.values()]:
        raise ValueError(
            f"encoder={encoder!r}: {', '.join(idle)} would have nothing to do. The first part that can crops and looks at "
            "objects, the last one looks at motion."
        )
    return dict(sorted(jobs.items(), key=lambda entry: parts.index(entry[1])))


def encoder_widths(encoder: str) -> dict[str, int]:
    """Number of values that the features have, as far as the classes of an encoder's parts say: `object_dim`, `motion_dim`."""
    parts = encoder_parts(encoder)
    named = {"object_dim": parts["objects"][0], "motion_dim": parts["motion"][0]}
    return {name: getattr(part, name) for name, part in named.items() if hasattr(part, name)}


def encoder_at_hand(encoders: Sequence[str]) -> str:
    """The first of some encoders whose weights lie on this machine; the last one where none do: making it says what to get."""
    for encoder in encoders:
        parts = encoder_parts(encoder).values()
        if all(part.at_hand(place) for part, place in parts if hasattr(part, "at_hand")):
            return encoder
    return encoders[-1]


def encoder_with_versions(encoder: str) -> str:
    """An encoder's name with its parts' versions, fit for a file's name: "clip-1+videomae-1"; places as a short hash.

    "tiny" stays "tiny": its version counts in `RESULTS_VERSION`.
    """
    if encoder == "tiny":
        return encoder
    return "+".join(
        f"{part.name}-{part.version}" + (f"-{hashlib.sha256(place.encode()).hexdigest()[:6]}" if place else "")
        for part, place in dict.fromkeys(encoder_parts(encoder).values())
    )


CLIPS_PER_CLASS = (36, 6, 8)  # training, validation and test clips that are generated, where nothing else is asked for


def open_dataset(data: str, clips_per_class: tuple[int, int, int] = CLIPS_PER_CLASS) -> Any:
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
