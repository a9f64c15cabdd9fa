"""What all tests share."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from samples import CLASSES, SMALL, make_prepared, new_home, write_tone

from contav_lib import Config, Result, run
from contav_lib.datasets.load import load_data
from contav_lib.mixtures.clip_store import ClipStore
from contav_lib.training.trainer import Trainer
from contav_lib.utils import paths
from contav_lib.utils.registry import DATASETS, ENCODERS, METHODS, SEPARATORS

# Small networks gain nothing from more threads; and sums are split by threads, so bit-identical numbers need the same
# number of them: one, as in the worker processes of `run_all`.
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def golden_folder() -> Path:
    """Numbers computed by the authors' code; `CONTAV_GOLDEN` points the golden tests at another set of the same form."""
    return Path(os.environ.get("CONTAV_GOLDEN", Path(__file__).parent / "golden"))


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _what_a_test_registers_is_forgotten():
    registries = (ENCODERS, DATASETS, SEPARATORS, METHODS)
    before = [dict(registry) for registry in registries]
    yield
    for registry, classes in zip(registries, before, strict=True):
        for name in registry.keys() - classes.keys():
            if not registry[name].__module__.startswith("contav_lib"):
                del registry[name]


@pytest.fixture
def make_store() -> Callable[..., ClipStore]:
    """`make_store(clips_per_class, classes)`: a store of small prepared clips, class after class."""

    def make(count: int = 3, classes: int = 4, seconds: float = 4.0, motion: str = "aligned") -> ClipStore:
        labels = [f"class{number}" for number in range(classes)]
        clips = [make_prepared(k * count + i, label, seconds) for k, label in enumerate(labels) for i in range(count)]
        return ClipStore(clips, {label: number for number, label in enumerate(labels)}, SMALL, motion)

    return make


@pytest.fixture(scope="session")
def video_folder(tmp_path_factory) -> Path:
    """A folder of 4 classes, each of 3 + 2 + 2 short videos: tones with harmonics, and a bar that moves with them."""
    root = tmp_path_factory.mktemp("videos")
    rng = np.random.default_rng(0)
    counts = {"train": 3, "validation": 2, "test": 2}
    lists = {split: {} for split in counts}
    for number, label in enumerate(CLASSES):
        for split, count in counts.items():
            for i in range(count):
                name = f"{split}{i}"
                write_tone(root / label / f"{name}.mp4", 220 * 1.5**number * rng.uniform(0.9, 1.1), rng)
                lists[split].setdefault(label, []).append(name)
    (root / "splits").mkdir()
    for split, videos in lists.items():
        (root / "splits" / f"{split}.json").write_text(json.dumps({"videos": videos}))
    return root


@pytest.fixture(scope="session")
def _prepared(video_folder, tmp_path_factory) -> Path:
    """A home whose `data/` holds the prepared clips of `video_folder`."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONTAV_HOME", str(home))
        load_data(str(video_folder))
    return home


@pytest.fixture
def home(_prepared, tmp_path, monkeypatch) -> Path:
    """A home of the test's own, without runs, where the clips of `video_folder` are prepared already."""
    folder = new_home(_prepared, tmp_path / "home")
    monkeypatch.setenv("CONTAV_HOME", str(folder))
    return folder


@pytest.fixture(scope="session")
def tiny(video_folder) -> Callable[..., Config]:
    """`tiny(**overrides)`: an experiment of two tasks that takes a second or two; run it with `home`."""

    def make(**overrides) -> Config:
        sizes = dict(frames=16, bins=64, width=4, mask_dim=8, hidden=16, heads=2, feed_forward=24)
        counts = dict(tasks=2, steps=6, batch_size=2, test_mixtures=1, validation_mixtures=1)
        return Config.profile("smoke", **dict(data=str(video_folder)) | sizes | counts | overrides)

    return make


@pytest.fixture(scope="session")
def reference(tiny, _prepared, tmp_path_factory) -> Result:
    """The result of `tiny()`, run from beginning to end without a stop."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONTAV_HOME", str(new_home(_prepared, tmp_path_factory.mktemp("reference") / "home")))
        return run(tiny(), progress=False)


@pytest.fixture
def finished(reference, home, tiny) -> Config:
    """The settings of `tiny()`, with a copy of its finished result in this test's home."""
    config = tiny()
    shutil.copytree(reference.folder, paths.runs() / config.name)
    return config


@pytest.fixture
def no_training(monkeypatch) -> None:
    """Training anything is an error."""

    def forbidden(self, task, validation):
        raise AssertionError("it was trained again")

    monkeypatch.setattr(Trainer, "learn", forbidden)
