"""All settings of an experiment, by topic. The profiles, named sets of settings, stand in `profiles/`, one page each."""

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, get_type_hints

from contav_lib.utils.devices import name_device
from contav_lib.utils.registry import (
    METHODS,
    SEPARATORS,
    did_you_mean,
    encoder_at_hand,
    encoder_parts,
    encoder_widths,
    encoder_with_versions,
    open_dataset,
)
from contav_lib.utils.settings import Checked, of_kind, settings_for, settings_of

if TYPE_CHECKING:
    from contav_lib.continual.tasks import Task

RESULTS_VERSION = 3  # part of every result's name; changes when the same settings no longer give the same numbers
PROFILES = ("smoke", "lab", "gpu", "paper")
FROM_ENCODER = {"object_dim", "motion_dim"}  # settings of separators on no page: they follow from the encoder


@dataclass(frozen=True, kw_only=True)
class Settings(Checked):
    """Base of the settings of one topic: each looks after its own values."""

    def __post_init__(self):
        for name, kind in _kinds_of(type(self)).items():  # type: ignore[arg-type]  # mypy doubts that classes have hashes
            object.__setattr__(self, name, of_kind(name, getattr(self, name), kind))
        for topic in reversed(type(self).__mro__):
            if "check" in vars(topic):
                vars(topic)["check"](self)

    def check(self) -> None:
        """Raise a ValueError for a value of this topic that makes no sense."""


@dataclass(frozen=True, kw_only=True)
class DataSettings(Settings):
    """Data to learn from, the order of learning, and what of it is remembered.

    Attributes:
        data: name of a data set: "mini" for the embedded one, or a folder of videos laid out `<class>/<name>.mp4`.
        data_digest: what the folder held when the settings were made (`Dataset.digest`); `Config.profile` fills it in.
        on_unusable: "skip" leaves clips of a folder that can't be used out and lists them, "raise" makes them an error.
            It decides no result.
        clips_per_class: training, validation and test clips a class to generate; for "mini" only.
        encoder: name of the picture encoder, or of its parts, see `registry.encoder_parts`. The one in a page's table `data` is
            for MiniMUSIC's drawings; for other videos, the first of its `own_videos` whose weights are at hand.
        classes: classes in the order of learning; empty: the order of the paper, or of the folder.
        tasks: how many tasks the classes are split into.
        shuffle_classes: learn the classes in an order drawn by the seed.
        exemplars: clips remembered a class; on no page, as each method asks for its own number.
        exemplar_choice: "random", "herding", "diverse" or "audiovisual", see `choose_exemplars`.
    """

    data: str
    data_digest: str = ""
    on_unusable: str = "skip"
    clips_per_class: tuple[int, int, int]
    encoder: str
    classes: tuple[str, ...]
    tasks: int
    shuffle_classes: bool
    exemplars: int
    exemplar_choice: str

    def check(self) -> None:
        encoder_parts(self.encoder)
        self.require_one_of("on_unusable", ("skip", "raise"))
        self.require_range("tasks", least=1)
        self.require_range("exemplars", least=0)
        fine = len(self.clips_per_class) == 3 and all(1 <= count <= MOST_CLIPS for count in self.clips_per_class)
        self.require("clips_per_class", fine, f"is three numbers, each 1 .. {MOST_CLIPS}: training, validation, test")
        self.require_one_of("exemplar_choice", EXEMPLAR_CHOICES)
        if self.classes:
            check_classes(self.classes, self.tasks)


@dataclass(frozen=True, kw_only=True)
class MixtureSettings(Settings):
    """Ways in which clips are mixed, heard and seen.

    Attributes:
        num_sources: N, sources in a mixture: 2, 3 or 4.
        gain: training sources are scaled by 1 - gain to 1 + gain.
        memory_share: chance that a training source comes from the memory; None: it follows from the repeats (`Sampler`).
        same_class_share: chance that a training mixture is of one class only.
        same_video: let a training mixture hold two crops of one video, where chance brings them together, as the authors do.
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
    same_video: bool = False
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
        self.require_range("frames", "bins", "window", "hop", "clip_repeats", "exemplar_repeats", least=1)
        self.require("hop", self.hop < self.window, f"must be below window={self.window}: windows overlap")
        self.require_range("num_sources", least=2, most=4, why="a mixture has so many sources")
        if self.memory_share is not None:
            self.require_range("memory_share", least=0, below=1)
        self.require_range("same_class_share", least=0, most=1)
        self.require_range("gain", least=0, below=1)
        self.require_range("visual_noise", least=0, most=100, why="at 1 the noise is as strong as the features")
        self.require_one_of("motion", ("aligned", "whole"))


@dataclass(frozen=True, kw_only=True)
class TrainingSettings(Settings):
    """Ways in which weights are learned.

    Attributes:
        batch_size: mixtures a step.
        steps: training steps a task; joint training takes as many again for every earlier task, as epochs would.
        epochs: passes over a task's clips; used when steps is None.
        schedule: "paper", "released" or "cosine", see `Optimizers`.
        learning_rate, later_learning_rate: where a task begins with new weights, and where it does not.
        weight_decay, warmup_steps: see `Optimizers`.
        clip_gradient: largest gradient norm, 0 = never clipped.
        joint_from_scratch: joint training begins every task with new weights.
        record_every, checkpoint_every: steps between history records, between checkpoints.
        device: "auto", "cpu", "cuda", "cuda:1", ... or "mps".
        threads: of the processor; sums are split by them, so another number gives other last digits. 0 leaves their number to
            torch, and so to the machine.
        processes: that run this one experiment together, each on a GPU of its own; `batch_size` is of all of them.
        compile: let `torch.compile` fuse the separator's operations: minutes once, then less time a step. The old model, whose
            batches change in size, is not compiled. On the processor it needs a C++ compiler.
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
    threads: int = 1
    processes: int = 1
    compile: bool = False

    def check(self) -> None:
        self.require_range("batch_size", "epochs", "record_every", "checkpoint_every", least=1)
        if self.steps is not None:
            self.require_range("steps", least=1, why="None counts epochs")
        rates = ("learning_rate", "later_learning_rate")
        self.require_range(
            *rates, above=0, most=10, why="a step moves a weight by about so much; 0.0001 to 0.01 is usual"
        )
        self.require_range("weight_decay", least=0, most=10, why="0.0001 to 0.1 is usual")
        self.require_range("warmup_steps", "clip_gradient", least=0)
        self.require_range("threads", least=0, most=1024)
        self.require_range("processes", least=1, most=self.batch_size, why="a step has a mixture or more for each")
        self.require_one_of("schedule", ("paper", "released", "cosine"))
        name_device(self.device)


@dataclass(frozen=True, kw_only=True)
class EvaluationSettings(Settings):
    """Ways in which what was learned is judged.

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
        self.require_range("validations", least=1)
        counts = ("validation_mixtures", "test_mixtures")
        self.require_range(*counts, least=1, most=10_000, why="clips give no more that differ much")
        self.require_one_of("select_on", ("seen", "new", "last"))


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
        self.require_range("seed", least=0, below=2**32)
        method, separator = METHODS.find(self.method), SEPARATORS.find(self.separator)
        for name, part in (("method_settings", method), ("separator_settings", separator)):
            object.__setattr__(self, name, settings_for(part, getattr(self, name)))
        sides = 2 ** self.separator_settings.get("levels", 0)
        for name in ("frames", "bins"):
            halves = f"must be a multiple of {sides}: levels={self.separator_settings.get('levels')} halve it so often"
            self.require(name, getattr(self, name) % sides == 0, halves)
        for name in ("exemplars", "memory_share"):
            if method.needs_memory and getattr(self, name) == 0:
                raise ValueError(f"{name}=0: method {self.method!r} makes no sense without a memory; give it more.")
        if method.needs_queries and not separator.class_queries:
            raise ValueError(
                f"method={method.name!r} trains new queries only, but separator {separator.name!r} has no query for each "
                "class. Take separator='iquery', or method='adapters'."
            )

    @classmethod
    def profile(cls, name: str, as_released: bool = False, **overrides: Any) -> "Config":
        """The profile `name` ("smoke", "lab", "gpu" or "paper") with single settings changed.

        Settings of the chosen method and separator are given by their own names, beside those of `Config`. With
        `as_released`, those in the table of that name on the page of "paper" are the authors' code's, where it departs from
        the paper; single settings still win.

        Raises:
            ValueError: an unknown profile, setting, method, separator or class (the nearest names are given), or a value
                that makes no sense.
        """
        page = read_page(name)
        method = METHODS.find(overrides.get("method", cls.method))
        separator = SEPARATORS.find(overrides.get("separator", cls.separator))
        known = {entry.name for entry in fields(cls)}
        known -= {"name_of_profile", "method_settings", "separator_settings", "data_digest"}
        of_method, of_separator = settings_of(method), settings_of(separator)
        everything = known | of_method.keys() | of_separator.keys() - FROM_ENCODER
        for setting in overrides:
            if setting not in everything:
                raise ValueError(f"There is no setting called {setting!r}; {did_you_mean(setting, sorted(everything))}")
        if of_kind("as_released", as_released, bool):
            if "as_released" not in page:
                raise ValueError(f"as_released=True: profile {name!r} is none of the authors'; take 'paper'.")
            overrides = {key: page["as_released"][key] for key in page["as_released"].keys() & everything} | overrides
        parts = [
            {**own, **page[kind].get(part.name, {}), **{key: overrides[key] for key in overrides.keys() & own.keys()}}
            for kind, part, own in (("method", method, of_method), ("separator", separator, of_separator))
        ]
        settings = page["data"] | page["mixtures"] | page["training"] | page["evaluation"]
        settings |= {setting: overrides[setting] for setting in overrides.keys() & known}
        dataset = open_dataset(of_kind("data", settings["data"], str))
        if "encoder" not in overrides:
            settings["encoder"] = encoder_for(dataset, name)
        if "classes" not in overrides and list(settings["classes"]) != list(dataset.order):
            settings["classes"] = ()  # those of the page are of other data
        widths = encoder_widths(of_kind("encoder", settings["encoder"], str))  # or else `make_separator` sets them
        parts[1] |= {name: width for name, width in widths.items() if name in of_separator}
        if settings.get("exemplars") is None or method.joint:  # joint training keeps all clips, and so no exemplars
            settings["exemplars"] = method.exemplars
        settings |= {"data": dataset.spelling, "data_digest": dataset.digest()}
        config = cls(name_of_profile=name, method_settings=parts[0], separator_settings=parts[1], **settings)
        check_labels(config, dataset)
        return config

    @classmethod
    def from_json(cls, settings: Mapping[str, Any]) -> "Config":
        """The config behind `Result.config`: what `to_json` gave, without what it adds for the name's sake."""
        settings = {**_SINCE, **settings}
        missing = [entry.name for entry in fields(cls) if entry.name not in settings]
        if missing:
            raise ValueError(
                f"These settings are of another version of the kit: they lack {', '.join(missing)}. Run it again."
            )
        return cls(**{entry.name: settings[entry.name] for entry in fields(cls)})

    def steps_in_task(self, task: "Task") -> int:
        """Training steps of a task. An epoch has whole batches only, as in the authors' code, but one at least."""
        if self.steps:
            return self.steps * task.num_tasks_in_data
        clips = self.clip_repeats * len(task.clips) + self.exemplar_repeats * len(task.memory)
        return self.epochs * max(clips // self.batch_size, 1)

    def starts_fresh(self, task: "Task") -> bool:
        """Return whether a task begins with new weights: the first, and others if the method or `joint_from_scratch` asks."""
        method = METHODS.find(self.method)
        return task.index == 0 or method.fresh_start or (method.joint and self.joint_from_scratch)

    def to_json(self) -> dict[str, Any]:
        """All settings that decide the result, as JSON-able values; the device by its kind, for it decides the last digits.

        Threads count on the processor only, what becomes of unusable clips nowhere. Settings that came later (`_SINCE`) are
        left out where they say what always held before, so that earlier results keep their names.
        """
        settings = {**asdict(self), "device": name_device(self.device).type, "results_version": RESULTS_VERSION}
        if (versions := encoder_with_versions(self.encoder)) != self.encoder:
            settings["encoder_versions"] = versions
        if settings["device"] != "cpu":
            settings["threads"] = _SINCE["threads"]
        settings["on_unusable"] = _SINCE["on_unusable"]
        return {name: value for name, value in settings.items() if name not in _SINCE or value != _SINCE[name]}

    @property
    def name(self) -> str:
        """Name of the result's folder: profile, method, seed and a hash of all settings (`without_place`)."""
        text = json.dumps(without_place(self.to_json()), sort_keys=True)
        return f"{self.name_of_profile}-{self.method}-seed{self.seed}-{hashlib.sha256(text.encode()).hexdigest()[:10]}"


def encoder_for(dataset: Any, profile: str) -> str:
    """The encoder of a profile for a data set, where none is named: its own for drawings, else the first at hand."""
    page = read_page(profile)
    return page["data"]["encoder"] if dataset.drawn else encoder_at_hand(page["own_videos"]["encoders"])


def without_place(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of `Config.to_json` that tell a result: where a folder of videos lies does not, what it holds does."""
    return dict(settings) | ({"data": open_dataset(settings["data"]).name} if settings["data_digest"] else {})


_SINCE: dict[str, Any] = {"threads": 1, "processes": 1, "compile": False, "on_unusable": "skip", "same_video": False}
MOST_CLIPS = 1000  # of a class and split: MiniMUSIC takes a second to make two or three
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
            f"tasks={num_tasks}: {len(classes)} classes can't be split into {num_tasks} tasks: each needs at least one. "
            f"Set tasks to 1 .. {len(classes)}, or take more classes."
        )


def check_labels(config: Config, dataset: Any) -> None:
    """Make sure that the data set has the classes that are asked for, before any clip is made or prepared.

    Raises:
        ValueError: it has no class of a name (the nearest are given), or fewer classes than there are tasks.
    """
    known = dataset.classes
    if known is None and dataset.videos.is_dir():  # a folder of videos has a folder a class
        known = sorted(path.name for path in dataset.videos.iterdir() if path.is_dir() and path.name != "splits")
    for label in config.classes if known else ():
        if label not in known:
            raise ValueError(
                f"classes={list(config.classes)}: there is no class {label!r} in the data {config.data!r}; "
                f"{did_you_mean(label, known)} `contav data report {config.data}` says what is there."
            )
    if dataset.classes and not config.classes:
        check_classes(dataset.classes, config.tasks)


@cache
def _kinds_of(topic: type[Settings]) -> Mapping[str, Any]:
    """The type of each setting of a topic."""
    hints = get_type_hints(topic)
    return {entry.name: hints[entry.name] for entry in fields(topic)}


@cache
def read_page(name: str) -> Mapping[str, Any]:
    """The page of a profile, `profiles/<name>.toml`.

    Its tables are `data`, `own_videos`, `mixtures`, `training`, `evaluation`, and `method` and `separator`, each with a table
    a name; "paper" has `as_released`, too.

    Raises:
        ValueError: there is no such profile.
    """
    if name not in PROFILES:
        raise ValueError(f"There is no profile called {name!r}; {did_you_mean(str(name), PROFILES)}")
    return tomllib.loads(files("contav_lib").joinpath("profiles", f"{name}.toml").read_text(encoding="utf-8"))
