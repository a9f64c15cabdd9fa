"""All settings of an experiment, and the profiles: named sets of settings for a laptop, a GPU, the paper, a test."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from math import isfinite
from typing import Any

import torch

from contav_lib.continual.exemplars import CHOICES
from contav_lib.continual.tasks import Task, split_classes
from contav_lib.datasets.load import MUSIC_ORDER, digest, whole_path
from contav_lib.methods.method import method_class
from contav_lib.mixtures.batch import SpectrogramSize
from contav_lib.separators.separator import separator_class
from contav_lib.utils.devices import name_device
from contav_lib.utils.registry import did_you_mean, find_by_name

RESULTS_VERSION = 3  # part of every result's name; changes when the same settings no longer give the same numbers


@dataclass(frozen=True)
class Config:
    """Settings of one experiment. Make one with `Config.profile(name, **overrides)`.

    Attributes:
        name_of_profile: the profile it came from.
        seed: fixes initial weights, batches and memory. Test mixtures never depend on it.
        method, method_settings: a method's name; its own settings, all of them, by name.
        separator, separator_settings: likewise for the separator.

        data: "mini" for the embedded data set, or a folder of videos laid out `<class>/<name>.mp4`.
        clips_per_class: training, validation and test clips a class to generate; for "mini" only.
        classes: classes in the order of learning; empty: the order of the paper, or of the folder.
        tasks: how many tasks the classes are split into.
        shuffle_classes: learn the classes in an order drawn by the seed.
        exemplars: clips remembered a class; None becomes what the method asks for.
        exemplar_choice: "random", "herding", "diverse" or "audiovisual", see `choose_exemplars`.
        memory_share: chance that a training source comes from the memory; None: it follows from the repeats (`Sampler`).
        same_class_share: chance that a training mixture is of one class only.
        num_sources: N, sources in a mixture: 2, 3 or 4.
        gain: training sources are scaled by 1 - gain to 1 + gain.
        motion: "aligned" or "whole", see `ClipStore`.
        visual_noise: how bad the pictures are, see `with_visual_noise`; 0 leaves them as they are.
        window, hop, frames, bins, align_corners: see `SpectrogramSize`.

        batch_size: mixtures a step.
        epochs: passes over a task's clips; used when steps is None.
        clip_repeats, exemplar_repeats: how often an epoch holds each clip of the task, and each clip of the memory.
        steps: training steps a task; joint training takes as many again for every earlier task, as epochs would.
        schedule: "paper" or "cosine", see `Optimizers`; learning_rate where a task begins with new weights, else
            later_learning_rate; weight_decay, warmup_steps; clip_gradient: largest gradient norm, 0 = never clipped.
        joint_from_scratch: joint training begins every task with new weights.
        validations: how often a task's weights are validated.
        select_on: which of them are kept: "seen", the best on validation mixtures of all classes seen so far, as the authors
            do; "new", on those of the task's own classes, for which no old clip is needed; "last", the last ones.
        record_every, checkpoint_every: steps between history records, between checkpoints.
        test_mixtures: fixed test mixtures a task, and again so many a seen task that mix across all seen tasks.
        validation_mixtures: fixed validation mixtures.
        device: "auto", "cpu", "cuda", "cuda:1", ...
    """

    name_of_profile: str = "paper"
    seed: int = 0
    method: str = "contav"
    method_settings: Mapping[str, Any] = field(default_factory=dict)
    separator: str = "iquery"
    separator_settings: Mapping[str, Any] = field(default_factory=dict)

    data: str = "mini"
    clips_per_class: tuple[int, int, int] = (36, 6, 8)
    classes: tuple[str, ...] = ()
    tasks: int = 4
    shuffle_classes: bool = False
    exemplars: int | None = None
    exemplar_choice: str = "random"
    memory_share: float | None = None
    same_class_share: float = 0.0
    num_sources: int = 2
    gain: float = 0.5
    motion: str = "whole"
    visual_noise: float = 0.0
    window: int = 1022
    hop: int = 256
    frames: int = 256
    bins: int = 256
    align_corners: bool = True

    batch_size: int = 32
    epochs: int = 100
    clip_repeats: int = 1
    exemplar_repeats: int = 20
    steps: int | None = None
    schedule: str = "paper"
    learning_rate: float = 1e-4
    later_learning_rate: float = 1e-4
    weight_decay: float = 1e-4
    warmup_steps: int = 0
    clip_gradient: float = 0.0
    joint_from_scratch: bool = False
    validations: int = 20
    select_on: str = "seen"
    record_every: int = 10
    checkpoint_every: int = 200
    test_mixtures: int = 100
    validation_mixtures: int = 64
    device: str = "auto"

    @classmethod
    def profile(cls, name: str, **overrides: Any) -> "Config":
        """The profile `name` ("smoke", "lab", "gpu" or "paper") with single settings changed.

        Settings of the chosen method and separator are given by their own names, beside those of `Config`.

        Raises:
            ValueError: an unknown profile, setting, method or separator (the nearest names are given), or a value that
                makes no sense.
        """
        if name not in PROFILES:
            raise ValueError(f"There is no profile called {name!r}; {did_you_mean(name, PROFILES)}")
        base = dict(PROFILES[name])
        known = {entry.name for entry in fields(cls)} - {"name_of_profile", "method_settings", "separator_settings"}
        method = method_class(overrides.get("method", cls.method))
        separator = separator_class(overrides.get("separator", cls.separator))
        of_method = {entry.name for entry in fields(method)}
        of_separator = {entry.name for entry in fields(separator.config_class)}
        everything = known | of_method | of_separator
        for setting in overrides:
            if setting not in everything:
                raise ValueError(f"There is no setting called {setting!r}; {did_you_mean(setting, sorted(everything))}")
        small_scale = name not in ("paper", "gpu")
        given = {setting: overrides[setting] for setting in overrides.keys() & of_method}
        for entry in fields(method):
            if entry.name in given:
                _require_type(entry.name, given[entry.name], type(entry.default))
        method_settings = asdict(method(**{**(method.lab if small_scale else {}), **given}))
        given = {setting: overrides[setting] for setting in overrides.keys() & of_separator}
        separator_settings = {**(separator.lab if small_scale else {}), **given}
        base |= {setting: overrides[setting] for setting in overrides.keys() & known}
        try:
            with torch.device("meta"):  # shapes without numbers: a fast way to find out whether the sizes fit
                separator(1, separator.config_class(**separator_settings))
        except (ArithmeticError, RuntimeError, TypeError, ValueError) as error:
            raise ValueError(f"{separator_settings} makes no {separator.name}: {error}") from error
        return cls(name_of_profile=name, method_settings=method_settings, separator_settings=separator_settings, **base)

    @classmethod
    def from_json(cls, settings: Mapping[str, Any]) -> "Config":
        """The config behind `Result.config`: what `to_json` gave, without what it adds for the name's sake."""
        missing = [entry.name for entry in fields(cls) if entry.name not in settings]
        if missing:
            raise ValueError(
                f"These settings are of another version of the kit: they lack {', '.join(missing)}. Run it again."
            )
        return cls(**{entry.name: settings[entry.name] for entry in fields(cls)})

    def __post_init__(self):
        for name, kind, what in (("classes", str, "names in quotes"), ("clips_per_class", int, "whole numbers")):
            given = getattr(self, name)
            fine = isinstance(given, list | tuple) and all(_is(kind, value) for value in given)
            self._require(name, fine, f"is a list, even of one, of {what}")
            object.__setattr__(self, name, tuple(given))
        self._require_types()
        object.__setattr__(self, "data", whole_path(self.data))
        for name in ("tasks", "batch_size", "frames", "bins", "window", "hop", "epochs", "clip_repeats", "exemplar_repeats",
                     "validations", "record_every", "checkpoint_every", "test_mixtures", "validation_mixtures"):  # fmt: skip
            self._require(name, getattr(self, name) >= 1, "must be 1 or more")
        self._require("hop", self.hop < self.window, f"must be below window={self.window}: windows overlap")
        self._require("num_sources", self.num_sources in (2, 3, 4), "is 2, 3 or 4: a mixture has so many sources")
        self._require("steps", self.steps is None or self.steps >= 1, "must be 1 or more, or None to count epochs")
        method = method_class(self.method)
        if self.exemplars is None or method.joint:  # joint training keeps all clips, and so no exemplars
            object.__setattr__(self, "exemplars", method.exemplars)
        self._require("exemplars", self.exemplars >= 0, "can't be negative")
        self._require(
            "memory_share", self.memory_share is None or 0 <= self.memory_share < 1, "must be 0 or more and below 1"
        )
        self._require("same_class_share", 0 <= self.same_class_share <= 1, "must be 0 .. 1")
        self._require("gain", 0 <= self.gain < 1, "must be 0 or more and below 1")
        for name in ("learning_rate", "later_learning_rate"):
            self._require(name, getattr(self, name) > 0, "must be above 0")
        for name in ("weight_decay", "warmup_steps", "clip_gradient", "visual_noise"):
            self._require(name, getattr(self, name) >= 0, "can't be negative")
        self._require("seed", 0 <= self.seed < 2**32, f"must be 0 .. {2**32 - 1}")
        fine = len(self.clips_per_class) == 3 and min(self.clips_per_class) >= 1
        self._require("clips_per_class", fine, "is three numbers, each 1 or more: training, validation, test")
        find_by_name(CHOICES, self.exemplar_choice, "exemplar choice")
        for name in ("exemplars", "memory_share"):
            if method.needs_memory and getattr(self, name) == 0:
                raise ValueError(f"{name}=0: method {self.method!r} makes no sense without a memory; give it more.")
        self._require("schedule", self.schedule in ("paper", "cosine"), "is 'paper' or 'cosine'")
        self._require("select_on", self.select_on in ("seen", "new", "last"), "is 'seen', 'new' or 'last'")
        self._require("motion", self.motion in ("aligned", "whole"), "is 'aligned' or 'whole'")
        if self.classes:
            split_classes(self.classes, self.tasks)

    def _require_types(self) -> None:
        """Whole numbers, numbers, or text, as the defaults have them; JSON must give them back unchanged."""
        for entry in fields(self):
            value, kind = getattr(self, entry.name), type(entry.default)
            if entry.name in ("steps", "exemplars") and value is not None:
                kind = int
            _require_type(entry.name, value, kind)

    def _require(self, name: str, fine: bool, what: str) -> None:
        if not fine:
            raise ValueError(f"{name}={getattr(self, name)!r}: {name} {what}.")

    @property
    def spectrogram(self) -> SpectrogramSize:
        return SpectrogramSize(self.window, self.hop, self.frames, self.bins, self.align_corners)

    def steps_in_task(self, task: Task) -> int:
        """Training steps of a task. An epoch has whole batches only, as in the authors' code, but one at least."""
        if self.steps:
            return self.steps * task.num_tasks_in_data
        clips = self.clip_repeats * len(task.clips) + self.exemplar_repeats * len(task.memory)
        return self.epochs * max(clips // self.batch_size, 1)

    def starts_fresh(self, task: Task) -> bool:
        """Whether a task begins with new weights: the first one does, others where the method or `joint_from_scratch` asks."""
        method = method_class(self.method)
        return task.index == 0 or method.fresh_start or (method.joint and self.joint_from_scratch)

    def make_method(self):
        """The method, with its settings."""
        return method_class(self.method)(**self.method_settings)

    def make_separator(self, num_classes: int):
        """A fresh separator; its initial weights depend on nothing but torch's seed."""
        separator = separator_class(self.separator)
        return separator(num_classes, separator.config_class(**self.separator_settings))

    def to_json(self) -> dict[str, Any]:
        """All settings that decide the result, as JSON-able values; the device by its kind, for it decides the last digits."""
        settings = {**asdict(self), "device": name_device(self.device).type, "results_version": RESULTS_VERSION}
        return settings if self.data == "mini" else {**settings, "data_digest": digest(self.data)}

    @property
    def name(self) -> str:
        """Name of the result's folder: profile, method, seed and a hash of all settings."""
        text = json.dumps(self.to_json(), sort_keys=True)
        return f"{self.name_of_profile}-{self.method}-seed{self.seed}-{hashlib.sha256(text.encode()).hexdigest()[:10]}"


def _require_type(name: str, value: Any, kind: type) -> None:
    """Raise a ValueError for a value that is not of the kind of its default; whole numbers do for numbers."""
    what, fine = {
        int: ("a whole number", _is(int, value)),
        float: ("a number", isinstance(value, int | float) and isfinite(value)),
        str: ("text in quotes", isinstance(value, str)),
        bool: ("True or False", isinstance(value, bool)),
    }.get(kind, ("", True))
    if not fine:
        raise ValueError(f"{name}={value!r}: {name} is {what}.")


def _is(kind: type, value: Any) -> bool:
    """Whether a value is of a kind; to Python, True is a whole number, too: not here."""
    return isinstance(value, kind) and not isinstance(value, bool)


_SMALL = dict(
    memory_share=0.25,
    motion="aligned",
    window=1024,  # a power of two: four times as fast as 1,022
    hop=512,
    frames=32,
    bins=128,
    batch_size=12,
    schedule="cosine",
    learning_rate=2e-3,
    later_learning_rate=1.5e-3,
    warmup_steps=80,
    clip_gradient=5.0,
)
_PAPER = dict(batch_size=32, schedule="paper", learning_rate=1e-4, later_learning_rate=1e-4)

PROFILES: dict[str, dict[str, Any]] = {
    # Every line of code in seconds; its numbers mean nothing.
    "smoke": {**_SMALL, "clips_per_class": (3, 2, 2), "steps": 4, "batch_size": 4, "validations": 2, "record_every": 2,
              "checkpoint_every": 2, "test_mixtures": 4, "validation_mixtures": 4, "warmup_steps": 1},
    # The default: shows the real effects in minutes on two CPU cores.
    "lab": {**_SMALL, "steps": 400, "checkpoint_every": 50, "validations": 5, "test_mixtures": 40,
            "validation_mixtures": 40},
    # The paper's network and spectrogram on the embedded data set.
    "gpu": {**_PAPER, "motion": "aligned", "same_class_share": 0.25, "steps": 800},
    # The paper's setting (see paper_setting.md); give it data=<folder of MUSIC-21 videos>.
    "paper": {**_PAPER, "classes": tuple(MUSIC_ORDER), "epochs": 100, "clip_repeats": 40, "exemplar_repeats": 800,
              "joint_from_scratch": True, "validations": 100, "validation_mixtures": 100},
}  # fmt: skip
