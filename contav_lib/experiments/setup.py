"""All that follows from an experiment's settings before anything is learned: data, order, tasks, stores, fixed mixtures."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from contav_lib.config import Config
from contav_lib.continual.tasks import Task, clips_needed, make_schedule, split_classes
from contav_lib.datasets.clip import composed
from contav_lib.datasets.corpus import Corpus, PreparedClip
from contav_lib.datasets.load import load_data, require_clips
from contav_lib.methods import Method, method_class
from contav_lib.mixtures.batch import MixtureSpec, SpectrogramSize
from contav_lib.mixtures.clip_store import ClipStore, with_visual_noise
from contav_lib.mixtures.fixed import fixed_mixtures
from contav_lib.separators import Separator, separator_class
from contav_lib.utils.devices import pick_device
from contav_lib.utils.memory import MemoryLimit, in_gigabytes, memory_of

TEST_SEED = 1_000_003  # fixed mixtures depend on this and their classes, never on an experiment's seed


@dataclass(frozen=True, eq=False)
class Setup:
    """An experiment made ready, derived once; make one with `Setup.build`. Stores and mixtures are made when first asked for.

    Attributes:
        config: the settings.
        corpus: the prepared clips.
        listed: the classes in the order of the data or of `Config.classes`, whatever the order of learning.
        classes: the classes in the order of learning; a class's number is its place here.
        tasks: labels by task.
        device: where the stores lie.
    """

    config: Config
    corpus: Corpus
    listed: list[str]
    classes: list[str]
    tasks: list[list[str]]
    device: torch.device | str

    def __repr__(self) -> str:
        sizes = [len(task) for task in self.tasks]
        return f"Setup({self.config.name!r}, {self.corpus}, classes={len(self.classes)}, tasks={sizes}, device='{self.device}')"

    @classmethod
    def build(cls, config: Config, device: torch.device | str = "cpu", corpus: Corpus | None = None) -> "Setup":
        """Load the data of an experiment and order them.

        Args:
            config: the settings.
            device: for the stores of clips.
            corpus: its data, where they are loaded already.

        Raises:
            ValueError: settings and data don't fit together, or the data have changed since the settings were made.
        """
        corpus = corpus or load_data(
            config.data, config.clips_per_class, config.encoder, config.data_digest, config.on_unusable
        )
        listed = list(map(composed, config.classes)) or corpus.classes
        classes = listed
        if config.shuffle_classes:
            classes = np.random.default_rng(config.seed).permutation(listed).tolist()
        tasks = split_classes(classes, config.tasks)
        require_clips(corpus, clips_needed(tasks, config.num_sources, validate_on_new=config.select_on == "new"))
        return cls(config, corpus, listed, classes, tasks, device)

    @cached_property
    def train(self) -> ClipStore:
        """The training clips."""
        return self.store("train")

    @cached_property
    def validation(self) -> ClipStore:
        """The validation clips."""
        return self.store("validation")

    @cached_property
    def test(self) -> ClipStore:
        """The test clips."""
        return self.store("test")

    def clips(self, split: str) -> Sequence[PreparedClip]:
        """The clips of a split (one of `SPLITS`), as this experiment sees them."""
        clips = with_visual_noise(self.corpus.select(split, self.listed), self.config.visual_noise)
        if not clips:
            raise ValueError(
                f"There is no clip of the split {split!r} in data={self.config.data!r}: MiniMUSIC has it; for your own "
                "videos, list clips in splits/."
            )
        return clips

    def store(self, split: str) -> ClipStore:
        """A new store of the clips of a split (one of `SPLITS`)."""
        numbers = {label: number for number, label in enumerate(self.classes)}
        return ClipStore(self.clips(split), numbers, spectrogram_of(self.config), self.config.motion, self.device)

    @cached_property
    def schedule(self) -> list[Task]:
        """The tasks; their clips are places in the store of training clips."""
        choice = self.config.exemplar_choice
        return self._schedule(choice, None if choice == "random" else self.train.clip_descriptors().numpy())

    @cached_property
    def steps(self) -> int:
        """Training steps of the whole experiment; which clips are remembered does not matter."""
        return sum(map(self.config.steps_in_task, self._schedule("random")))

    @cached_property
    def task_mixtures(self) -> list[MixtureSpec]:
        """By task: fixed test mixtures of its own classes, for a column of the task matrix."""
        return [self.mix_task(self.test, task, self.config.test_mixtures) for task in range(len(self.tasks))]

    @cached_property
    def seen_mixtures(self) -> list[MixtureSpec]:
        """By task: fixed test mixtures across all classes seen by then, as the paper evaluates."""
        counts = [self.config.test_mixtures * (task + 1) for task in range(len(self.tasks))]
        return [self.mix_seen(self.test, task, count) for task, count in enumerate(counts)]

    @cached_property
    def selection_mixtures(self) -> list[MixtureSpec]:
        """By task: fixed validation mixtures, by which the best weights are chosen."""
        mix = self.mix_task if self.config.select_on == "new" else self.mix_seen
        return [mix(self.validation, task, self.config.validation_mixtures) for task in range(len(self.tasks))]

    def mix_task(self, store: ClipStore, task: int, count: int) -> MixtureSpec:
        """Fixed mixtures of one task's own classes, from a store of any split."""
        return self._mix(store, self.tasks[task], count, TEST_SEED + task)

    def mix_seen(self, store: ClipStore, task: int, count: int) -> MixtureSpec:
        """Fixed mixtures across all classes seen up to a task, from a store of any split."""
        seen = [label for part in self.tasks[: task + 1] for label in part]
        return self._mix(store, seen, count, TEST_SEED + 100 + task)

    def _mix(self, store: ClipStore, labels: Sequence[str], count: int, seed: int) -> MixtureSpec:
        # In the order of the list: the same classes make the same mixtures in any order of learning.
        numbers = [self.classes.index(label) for label in sorted(labels, key=self.listed.index)]
        return fixed_mixtures(store, numbers, count, seed, self.config.num_sources)

    def _schedule(self, choice: str, features: np.ndarray | None = None) -> list[Task]:
        config = self.config
        return make_schedule(
            self.corpus.select("train", self.listed).labels,
            self.tasks,
            config.exemplars,
            joint=method_class(config.method).joint,
            seed=config.seed,
            choice=choice,
            features=features,
            sound_values=config.bins,
        )


def check_machine(config: Config) -> None:
    """Make sure, before data are made or anything is learned, that this machine can do what the settings ask for.

    Raises:
        ValueError: the device is not there, or not for each process; there is not enough memory, or settings of the
            separator don't fit together.
    """
    device = pick_device(config.device)
    if config.processes > 1 and (device.type == "mps" or device.index is not None):
        raise ValueError(
            f"device={config.device!r}: each of processes={config.processes} needs a GPU of its own. Take 'cuda'."
        )
    here = int(os.environ.get("LOCAL_WORLD_SIZE", config.processes))
    if device.type == "cuda" and here > torch.cuda.device_count():
        raise ValueError(
            f"processes={here} on this machine need a GPU each; there are {torch.cuda.device_count()}. Take as many, or "
            "device='cpu'."
        )
    memory = memory_of(device)
    if memory and (needed := step_bytes(config)) > memory:
        sizes = ", ".join(f"{name}={getattr(config, name)}" for name in ("batch_size", "window", "frames", "bins"))
        raise ValueError(
            f"{sizes}: a training step takes {in_gigabytes(needed)} of memory at least, and "
            f"{'the GPU' if device.type == 'cuda' else 'this machine'} has {in_gigabytes(memory)}. Make one of them smaller."
        )
    too_large = f"its weights take more than the {in_gigabytes(memory or 0)} of memory that there are here"
    with torch.random.fork_rng(devices=[]), MemoryLimit(memory or sys.maxsize, too_large):
        make_separator(config, max(len(config.classes), 1))


def step_bytes(config: Config) -> int:
    """Bytes that a training step takes, about: spectrograms of mixtures and sources, and the separator's outermost maps.

    Of several processes, in each. A network as deep as the paper's takes twice as many.
    """
    waves = 8 * (config.window // 2 + 1) * (config.num_sources + 1)  # complex
    maps = 4 * config.bins * 2 * (config.num_sources + config.separator_settings.get("width", 0))
    mixtures = config.batch_size / config.processes
    return round(2 * mixtures * config.frames * (waves + maps))  # forward, and as many on the way back


def spectrogram_of(config: Config) -> SpectrogramSize:
    """The sizes of an experiment's spectrograms."""
    return SpectrogramSize(config.window, config.hop, config.frames, config.bins, config.align_corners)


def make_method(config: Config) -> Method:
    """The method of an experiment, with its settings."""
    return method_class(config.method)(**config.method_settings)


def make_separator(config: Config, num_classes: int, corpus: Corpus | None = None) -> Separator:
    """A fresh separator; its initial weights depend on nothing but torch's seed.

    Its inputs are as wide as the features of the corpus; without one, as the encoder of the settings says.

    Raises:
        ValueError: its settings don't fit together; the message names them.
    """
    try:
        separator = separator_class(config.separator)
        settings = dict(config.separator_settings)
        settings |= {name: width for name, width in (corpus.widths.items() if corpus else ()) if name in settings}
        return separator(num_classes, separator.config_class(**settings))
    except (ArithmeticError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(f"{dict(config.separator_settings)} makes no {config.separator}: {error}") from error
