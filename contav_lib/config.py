"""All settings of an experiment, by topic. The profiles, named sets of settings, stand in `profiles/`, one page each."""

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, asdict, dataclass, field, fields
from functools import cache
from importlib.resources import files
from math import isfinite
from typing import TYPE_CHECKING, Any, get_type_hints

from contav_lib.utils.devices import name_device
from contav_lib.utils.registry import ENCODERS, METHODS, SEPARATORS, did_you_mean, open_dataset

if TYPE_CHECKING:
    from contav_lib.continual.tasks import Task

RESULTS_VERSION = 3  # part of every result's name; changes when the same settings no longer give the same numbers
PROFILES = ("smoke", "lab", "gpu", "paper")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Base of the settings of one topic: each looks after its own values."""

    def __post_init__(self):
        kinds = get_type_hints(type(self))
        for entry in fields(self):
            require_kind(entry.name, getattr(self, entry.name), kinds[entry.name])
        for topic in reversed(type(self).__mro__):
            if "check" in vars(topic):
                vars(topic)["check"](self)

    def check(self) -> None:
        """Raise a ValueError for a value of this topic that makes no sense."""

    def require(self, name: str, fine: bool, what: str) -> None:
        """Raise a ValueError that names the setting and its value, unless it is fine."""
        if not fine:
            raise ValueError(f"{name}={getattr(self, name)!r}: {name} {what}.")

    def require_at_least(self, least: int, *names: str) -> None:
        """Raise a ValueError for the first of some settings that is below 1, or below 0."""
        for name in names:
            self.require(name, getattr(self, name) >= least, "must be 1 or more" if least else "can't be negative")

    def require_one_of(self, name: str, *known: str) -> None:
        """Raise a ValueError for a text that is none of those known."""
        listed = ", ".join(map(repr, known[:-1])) + f" or {known[-1]!r}"
        self.require(name, getattr(self, name) in known, f"is {listed}")


@dataclass(frozen=True, kw_only=True)
class DataSettings(Settings):
    """What there is to learn, in which order, and what of it is remembered.

    Attributes:
        data: name of a data set: "mini" for the embedded one, or a folder of videos laid out `<class>/<name>.mp4`.
        data_digest: what the folder held when the settings were made (`Dataset.digest`); `Config.profile` fills it in.
        clips_per_class: training, validation and test clips a class to generate; for "mini" only.
        encoder: name of the picture encoder.
        classes: classes in the order of learning; empty: the order of the paper, or of the folder.
        tasks: how many tasks the classes are split into.
        shuffle_classes: learn the classes in an order drawn by the seed.
        exemplars: clips remembered a class; on no page, as each method asks for its own number.
        exemplar_choice: "random", "herding", "diverse" or "audiovisual", see `choose_exemplars`.
    """

    data: str
    data_digest: str = ""
    clips_per_class: tuple[int, int, int]
    encoder: str
    classes: tuple[str, ...]
    tasks: int
    shuffle_classes: bool
    exemplars: int
    exemplar_choice: str

    def check(self) -> None:
        ENCODERS.find(self.encoder)
        self.require_at_least(1, "tasks")
        self.require_at_least(0, "exemplars")
        fine = len(self.clips_per_class) == 3 and min(self.clips_per_class) >= 1
        self.require("clips_per_class", fine, "is three numbers, each 1 or more: training, validation, test")
        if self.exemplar_choice not in EXEMPLAR_CHOICES:
            raise ValueError(
                f"There is no exemplar choice called {self.exemplar_choice!r}; "
                f"{did_you_mean(self.exemplar_choice, EXEMPLAR_CHOICES)}"
            )
        if self.classes:
            check_classes(self.classes, self.tasks)


@dataclass(frozen=True, kw_only=True)
class MixtureSettings(Settings):
    """How clips are mixed, heard and seen.

    Attributes:
        num_sources: N, sources in a mixture: 2, 3 or 4.
        gain: training sources are scaled by 1 - gain to 1 + gain.
        memory_share: chance that a training source comes from the memory; None: it follows from the repeats (`Sampler`).
        same_class_share: chance that a training mixture is of one class only.
        clip_repeats, exemplar_repeats: how often an epoch holds each clip of the task, and each clip of the memory.
        motion: "aligned" or "whole", see `ClipStore`.
        visual_noise: how bad the pictures are, see `with_visual_noise`; 0 leaves them as they are.
        window, hop: of the STFT, in samples. frames, bins: of the log-frequency spectrogram.
        align_corners: see `audio.warp`.
    """

    num_sources: int
    gain: float
    memory_share: float | None = None
    same_class_share: float
    clip_repeats: int
    exemplar_repeats: int
    motion: str
    visual_noise: float
    window: int
    hop: int
    frames: int
    bins: int
    align_corners: bool

    def check(self) -> None:
        self.require_at_least(1, "frames", "bins", "window", "hop", "clip_repeats", "exemplar_repeats")
        self.require("hop", self.hop < self.window, f"must be below window={self.window}: windows overlap")
        self.require("num_sources", self.num_sources in (2, 3, 4), "is 2, 3 or 4: a mixture has so many sources")
        self.require(
            "memory_share", self.memory_share is None or 0 <= self.memory_share < 1, "must be 0 or more and below 1"
        )
        self.require("same_class_share", 0 <= self.same_class_share <= 1, "must be 0 .. 1")
        self.require("gain", 0 <= self.gain < 1, "must be 0 or more and below 1")
        self.require_at_least(0, "visual_noise")
        self.require_one_of("motion", "aligned", "whole")


@dataclass(frozen=True, kw_only=True)
class TrainingSettings(Settings):
    """How weights are learned.

    Attributes:
        batch_size: mixtures a step.
        steps: training steps a task; joint training takes as many again for every earlier task, as epochs would.
        epochs: passes over a task's clips; used when steps is None.
        schedule: "paper" or "cosine", see `Optimizers`.
        learning_rate, later_learning_rate: where a task begins with new weights, and where it does not.
        weight_decay, warmup_steps: see `Optimizers`.
        clip_gradient: largest gradient norm, 0 = never clipped.
        joint_from_scratch: joint training begins every task with new weights.
        record_every, checkpoint_every: steps between history records, between checkpoints.
        device: "auto", "cpu", "cuda", "cuda:1", ...
    """

    batch_size: int
    steps: int | None = None
    epochs: int
    schedule: str
    learning_rate: float
    later_learning_rate: float
    weight_decay: float
    warmup_steps: int
    clip_gradient: float
    joint_from_scratch: bool
    record_every: int
    checkpoint_every: int
    device: str

    def check(self) -> None:
        self.require_at_least(1, "batch_size", "epochs", "record_every", "checkpoint_every")
        self.require("steps", self.steps is None or self.steps >= 1, "must be 1 or more, or None to count epochs")
        for name in ("learning_rate", "later_learning_rate"):
            self.require(name, getattr(self, name) > 0, "must be above 0")
        self.require_at_least(0, "weight_decay", "warmup_steps", "clip_gradient")
        self.require_one_of("schedule", "paper", "cosine")


@dataclass(frozen=True, kw_only=True)
class EvaluationSettings(Settings):
    """How what was learned is judged.

    Attributes:
        validations: how often a task's weights are validated.
        select_on: which of them are kept: "seen", the best on validation mixtures of all classes seen so far, as the authors
            do; "new", on those of the task's own classes, for which no old clip is needed; "last", the last ones.
        validation_mixtures: fixed validation mixtures.
        test_mixtures: fixed test mixtures a task, and again so many a seen task that mix across all seen tasks.
    """

    validations: int
    select_on: str
    validation_mixtures: int
    test_mixtures: int

    def check(self) -> None:
        self.require_at_least(1, "validations", "validation_mixtures", "test_mixtures")
        self.require_one_of("select_on", "seen", "new", "last")


@dataclass(frozen=True, kw_only=True)
class Config(EvaluationSettings, TrainingSettings, MixtureSettings, DataSettings):
    """Settings of one experiment: those of all topics, and these. Make one with `Config.profile(name, **overrides)`.

    Attributes:
        name_of_profile: the profile it came from.
        seed: fixes initial weights, batches and memory. Test mixtures never depend on it.
        method, method_settings: a method's name; its own settings, all of them, by name.
        separator, separator_settings: likewise for the separator.
    """

    name_of_profile: str
    seed: int = 0
    method: str = "contav"
    method_settings: Mapping[str, Any] = field(default_factory=dict)
    separator: str = "iquery"
    separator_settings: Mapping[str, Any] = field(default_factory=dict)

    def check(self) -> None:
        self.require("seed", 0 <= self.seed < 2**32, f"must be 0 .. {2**32 - 1}")
        method = METHODS.find(self.method)
        for name in ("exemplars", "memory_share"):
            if method.needs_memory and getattr(self, name) == 0:
                raise ValueError(f"{name}=0: method {self.method!r} makes no sense without a memory; give it more.")

    @classmethod
    def profile(cls, name: str, **overrides: Any) -> "Config":
        """The profile `name` ("smoke", "lab", "gpu" or "paper") with single settings changed.

        Settings of the chosen method and separator are given by their own names, beside those of `Config`.

        Raises:
            ValueError: an unknown profile, setting, method or separator (the nearest names are given), or a value that
                makes no sense.
        """
        page = read_page(name)
        method = METHODS.find(overrides.get("method", cls.method))
        separator = SEPARATORS.find(overrides.get("separator", cls.separator))
        known = {entry.name for entry in fields(cls)}
        known -= {"name_of_profile", "method_settings", "separator_settings", "data_digest"}
        of_method, of_separator = settings_of(method), settings_of(separator)
        everything = known | of_method.keys() | of_separator.keys()
        for setting in overrides:
            if setting not in everything:
                raise ValueError(f"There is no setting called {setting!r}; {did_you_mean(setting, sorted(everything))}")
        parts = [
            {**own, **page[kind].get(part.name, {}), **{key: overrides[key] for key in overrides.keys() & own.keys()}}
            for kind, part, own in (("method", method, of_method), ("separator", separator, of_separator))
        ]
        for own, values in zip((of_method, of_separator), parts, strict=True):
            for key, value in values.items():
                require_kind(key, value, type(own[key]))
        method(**parts[0])  # it checks its own values
        if method.needs_queries and not separator.class_queries:
            raise ValueError(
                f"method={method.name!r} trains new queries only, but separator {separator.name!r} has no query for each "
                "class. Take separator='iquery', or method='adapters'."
            )
        check_separator(separator, parts[1])
        settings = page["data"] | page["mixtures"] | page["training"] | page["evaluation"]
        settings |= {setting: overrides[setting] for setting in overrides.keys() & known}
        if settings.get("exemplars") is None or method.joint:  # joint training keeps all clips, and so no exemplars
            settings["exemplars"] = method.exemplars
        require_kind("data", settings["data"], str)
        dataset = open_dataset(settings["data"])
        settings |= {"data": dataset.spelling, "data_digest": dataset.digest()}
        return cls(
            name_of_profile=name, method_settings=parts[0], separator_settings=parts[1], **_with_tuples(settings)
        )

    @classmethod
    def from_json(cls, settings: Mapping[str, Any]) -> "Config":
        """The config behind `Result.config`: what `to_json` gave, without what it adds for the name's sake."""
        missing = [entry.name for entry in fields(cls) if entry.name not in settings]
        if missing:
            raise ValueError(
                f"These settings are of another version of the kit: they lack {', '.join(missing)}. Run it again."
            )
        return cls(**_with_tuples({entry.name: settings[entry.name] for entry in fields(cls)}))

    def steps_in_task(self, task: "Task") -> int:
        """Training steps of a task. An epoch has whole batches only, as in the authors' code, but one at least."""
        if self.steps:
            return self.steps * task.num_tasks_in_data
        clips = self.clip_repeats * len(task.clips) + self.exemplar_repeats * len(task.memory)
        return self.epochs * max(clips // self.batch_size, 1)

    def starts_fresh(self, task: "Task") -> bool:
        """Whether a task begins with new weights: the first one does, others where the method or `joint_from_scratch` asks."""
        method = METHODS.find(self.method)
        return task.index == 0 or method.fresh_start or (method.joint and self.joint_from_scratch)

    def to_json(self) -> dict[str, Any]:
        """All settings that decide the result, as JSON-able values; the device by its kind, for it decides the last digits."""
        return {**asdict(self), "device": name_device(self.device).type, "results_version": RESULTS_VERSION}

    @property
    def name(self) -> str:
        """Name of the result's folder: profile, method, seed and a hash of all settings."""
        text = json.dumps(self.to_json(), sort_keys=True)
        return f"{self.name_of_profile}-{self.method}-seed{self.seed}-{hashlib.sha256(text.encode()).hexdigest()[:10]}"


EXEMPLAR_CHOICES = ("random", "herding", "diverse", "audiovisual")  # those of `continual.exemplars`


def check_classes(classes: Sequence[str], num_tasks: int) -> None:
    """Make sure that classes can be split into tasks.

    Raises:
        ValueError: a class stands there twice, or there are fewer classes than tasks.
    """
    twice = sorted({label for label in classes if list(classes).count(label) > 1})
    if twice:
        raise ValueError(
            f"Tasks have disjoint classes (eq. 3), but {', '.join(twice)} stands more than once in {list(classes)}."
        )
    if not 1 <= num_tasks <= len(classes):
        raise ValueError(
            f"{len(classes)} classes can't be split into {num_tasks} tasks: each needs at least one. "
            f"Set tasks to 1 .. {len(classes)}, or take more classes."
        )


@cache
def read_page(name: str) -> Mapping[str, Any]:
    """The page of a profile, `profiles/<name>.toml`.

    Its tables are `data`, `mixtures`, `training`, `evaluation`, and `method` and `separator`, each with a table a name.

    Raises:
        ValueError: there is no such profile.
    """
    if name not in PROFILES:
        raise ValueError(f"There is no profile called {name!r}; {did_you_mean(name, PROFILES)}")
    return tomllib.loads(files("contav_lib").joinpath("profiles", f"{name}.toml").read_text(encoding="utf-8"))


def settings_of(part: Any) -> dict[str, Any]:
    """Default values of the settings of a method, which is a dataclass, or of a separator, which has a `config_class`."""
    return {entry.name: _default(entry) for entry in fields(getattr(part, "config_class", part))}


def check_separator(separator: Any, settings: Mapping[str, Any]) -> None:
    """Let a separator's config dataclass check its values."""
    try:
        separator.config_class(**settings)
    except ValueError as error:
        raise ValueError(f"{settings} makes no {separator.name}: {error}") from error


def require_kind(name: str, value: Any, kind: Any) -> None:
    """Raise a ValueError for a value that is not of the kind of its field; whole numbers do for numbers.

    JSON must give the value back unchanged.
    """
    what, fine = {
        int: ("a whole number", _is(int, value)),
        int | None: ("a whole number", value is None or _is(int, value)),
        float: ("a number", _is_number(value)),
        float | None: ("a number", value is None or _is_number(value)),
        str: ("text in quotes", isinstance(value, str)),
        bool: ("True or False", isinstance(value, bool)),
        tuple[int, int, int]: ("a list of three whole numbers", _is_tuple(int, value)),
        tuple[str, ...]: ("a list, even of one, of names in quotes", _is_tuple(str, value)),
    }.get(kind, ("", True))
    if not fine:
        raise ValueError(f"{name}={value!r}: {name} is {what}.")


def _is(kind: type, value: Any) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)  # bool is a subclass of int; reject it


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and isfinite(value)


def _is_tuple(kind: type, value: Any) -> bool:
    return isinstance(value, tuple) and all(_is(kind, entry) for entry in value)


def _default(entry: Field) -> Any:
    return entry.default if entry.default_factory is MISSING else entry.default_factory()


def _with_tuples(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()}
