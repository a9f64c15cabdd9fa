"""Small samples for tests: prepared clips without files, and short videos of tones."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from contav_lib import Result
from contav_lib.datasets.corpus import PreparedClip
from contav_lib.media import write_video
from contav_lib.mixtures.batch import SpectrogramSize
from contav_lib.mixtures.sampler import Sampler
from contav_lib.utils.storage import load_tensors, write_atomically

RATE = 11_025
CLASSES = ("banjo", "cello", "drum", "flute")
SMALL = SpectrogramSize(window=512, hop=256, frames=32, bins=32)


def make_prepared(number: int, label: str, seconds: float = 4.0, split: str = "train") -> PreparedClip:
    """A prepared clip without any file: noise, random objects, and dense motion whose first value is its time."""
    generator = torch.Generator().manual_seed(number)
    steps = round(seconds / 0.25)
    motion = torch.randn(steps, 768, generator=generator)
    motion[:, 0] = (torch.arange(steps) + 0.5) * 0.25
    return PreparedClip(
        id=f"{label}/{number:04d}",
        label=label,
        split=split,
        waveform=torch.rand(round(seconds * RATE), generator=generator) - 0.5,
        object=torch.randn(max(int(seconds), 1), 512, generator=generator),
        motion=torch.randn(8, 768, generator=generator),
        dense_motion=motion,
        motion_step=0.25,
    )


def make_sampler(store, memory=(), **options) -> Sampler:
    """A sampler of mixtures of two clips of a store, of which those at the places in `memory` are remembered ones."""
    clips = [place for place in range(len(store)) if place not in memory]
    settings = dict(num_sources=2, memory_share=None, same_class_share=0.0, gain=0.5, seed=0) | options
    return Sampler(store, clips, memory, **settings)


def write_tone(path: Path, pitch: float, rng: np.random.Generator, seconds: float = 2.5) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    time = np.arange(round(seconds * RATE)) / RATE
    loudness = np.repeat(rng.uniform(0.2, 1, 10), len(time) // 10 + 1)[: len(time)]
    wave = 0.3 * loudness * sum(np.sin(2 * np.pi * pitch * k * time) / k for k in (1, 2, 3))
    frames = np.full((round(seconds * 8), 48, 64, 3), int(pitch) % 200, dtype=np.uint8)
    for k, frame in enumerate(frames):
        frame[: int(48 * loudness[min(k * RATE // 8, len(time) - 1)]), 20:40] = 255
    write_video(path, wave, RATE, frames, 8.0)


def leave_part(path: Path, process: int) -> Path:
    """What the process of this number leaves beside `path` when it is killed while it writes it."""
    begun = []

    def write(temporary: Path) -> None:
        temporary.touch()
        begun.append(temporary)

    write_atomically(path, write)
    path.unlink()
    part = begun[0].with_name(begun[0].name.replace(f".{os.getpid()}.", f".{process}."))
    part.write_bytes(b"half a file")
    return part


def dead_process() -> int:
    """The number of a process that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


def assert_equal_weights(one: Result, other: Result) -> None:
    """All tensors in the checkpoints of two results are equal, bit for bit."""
    mine, yours = (
        [load_tensors(path)[0] for path in sorted((result.folder / "checkpoints").iterdir())] for result in (one, other)
    )
    for tensors, others in zip(mine, yours, strict=True):
        assert tensors.keys() == others.keys()
        assert all(torch.equal(value, others[name]) for name, value in tensors.items())


def read_results(path: Path) -> tuple[str, pd.DataFrame]:
    """A file of results: the command of its first line, and its rows by `name`."""
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith("# contav "), first
    return first[2:], pd.read_csv(path, skiprows=1, index_col="name")


def note_threads(monkeypatch, owner: object, name: str) -> list[int]:
    """How many threads torch may use whenever a function is called, in a list that grows from now on."""
    function, noted = getattr(owner, name), []

    def noting(*arguments, **options):
        noted.append(torch.get_num_threads())
        return function(*arguments, **options)

    monkeypatch.setattr(owner, name, noting)
    return noted


def new_home(prepared: Path, folder: Path) -> Path:
    """A home without runs; the prepared clips are there already."""
    folder.mkdir()
    (folder / "data").symlink_to(prepared / "data")
    return folder
