"""Start, memory and sampling with a corpus of many clips, made up in their prepared form, beside 500 of them in memory.

    python tests/benchmarks/bench_scale.py [clips] [seconds a clip] [folder]

50,000 clips of 10 s take 15 GB of disk, in a temporary folder that is removed at the end.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from tqdm import tqdm

from contav_lib.config import Config
from contav_lib.datasets.clip import find_clips
from contav_lib.datasets.contents import source_of
from contav_lib.datasets.packed import FORMAT, Entry, Pack, Recipe
from contav_lib.encoders.encoder import make_encoder
from contav_lib.experiments.setup import Setup
from contav_lib.mixtures.clip_store import ClipStore
from contav_lib.mixtures.sampler import Sampler
from contav_lib.utils.registry import encoder_with_versions, open_dataset

CLASSES, RATE = 100, 11025
TURNS, BATCHES, SIZE = 6, 20, 32


def make_up(folder: Path, count: int, seconds: float) -> None:
    """Empty videos, and clips of noise prepared from them as it were."""
    for number in range(count):
        path = folder / f"class{number % CLASSES:03d}" / f"{number:06d}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    encoder = make_encoder("tiny")
    made_by = (encoder.name, encoder.version, encoder.weights_hash)
    recipe = Recipe(FORMAT, *made_by, RATE, 8.0, encoder.object_dim, encoder.motion_dim)
    pack = Pack(open_dataset(str(folder)).prepared(encoder_with_versions("tiny")), recipe)
    pack.begin()
    noise = [noise_of(recipe, seconds) for _ in range(20)]
    clips = find_clips(folder)
    for number, clip in enumerate(tqdm(clips, "making up clips", unit="clip")):
        entry = Entry(clip.id, clip.label, clip.split, clip.video, **source_of(clip.path))
        pack.append(entry, noise[number % len(noise)])


def noise_of(recipe: Recipe, seconds: float) -> dict[str, torch.Tensor]:
    return {
        "waveform": (3000 * torch.randn(round(seconds * RATE))).to(torch.int16),
        "object": torch.randn(round(seconds), recipe.object_dim).half(),
        "motion": torch.randn(8, recipe.motion_dim).half(),
        "dense_motion": torch.randn(round(4 * seconds), recipe.motion_dim).half(),
    }


def memory(kind: str = "VmRSS") -> float:
    """Resident memory of this process in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(kind)) / 1000


def measure(folder: Path) -> None:
    """Print a row of the table, from a process that has done nothing before."""
    torch.set_num_threads(1)
    before, clock = memory(), Clock()
    config = Config.profile("lab", data=str(folder), method="replay", tasks=10)
    settings = clock.read()
    setup = Setup.build(config)
    built = clock.read()
    store, few = setup.train, setup.corpus.select("train").pick(range(500))
    made = clock.read()
    numbers = {label: number for number, label in enumerate(setup.classes)}
    stores = (ClipStore(few, numbers, store.spectrogram), store)
    samplers = [Sampler(each, range(len(each)), (), 2, None, 0.0, 0.5, seed=0) for each in stores]
    seconds: list[list[tuple[float, float]]] = [[], []]
    for turn in range(TURNS):
        for sampler, each in zip(samplers, seconds, strict=True):
            clock.read()
            numbers = range(BATCHES * turn, BATCHES * (turn + 1))
            for _ in sampler.store.each(sampler.spec(number, SIZE) for number in numbers):
                pass
            each.append(clock.read())
    of_few, of_all = (SIZE * BATCHES / min(wall for wall, _ in each) for each in seconds)
    shares = [statistics.median(one[k] / other[k] for one, other in zip(*seconds, strict=True)) for k in range(2)]
    clock.read()
    for number in range(BATCHES):
        samplers[1].spec(number, SIZE)
    drawn = clock.read()[1] / BATCHES
    times = " ".join(f"{wall:6.2f} ({cpu:5.2f})" for wall, cpu in (settings, built, made))
    where = "disk" if store.is_on_disk else "memory"
    speed = f"{1000 * drawn:8.2f} {of_few:9.0f} {of_all:9.0f} {shares[0]:6.2f} ({shares[1]:.2f})"
    used = f"{memory() - before:6.0f} {memory('VmHWM') - before:6.0f}"
    print(f"{len(setup.corpus.clips):7d} {where:>6} {times} {speed} {used}")


class Clock:
    """Wall and processor seconds since the last look; the second are those to trust where others use the machine."""

    def __init__(self) -> None:
        self.last = (0.0, 0.0)
        self.read()

    def read(self) -> tuple[float, float]:
        now = (time.perf_counter(), time.process_time())
        wall, cpu = (new - old for new, old in zip(now, self.last, strict=True))
        self.last = now
        return wall, cpu


def main(count: int = 5_000, seconds: float = 10, place: str | None = None) -> None:
    print(
        "Seconds (of the processor); milliseconds of it a draw; mixtures a second of 500 clips in memory, of all; median ratio."
    )
    print(
        "  clips    lie       settings          build          store     draw  500/s     all/s   ratio       MB now  most"
    )
    with tempfile.TemporaryDirectory(dir=place) as home:
        os.environ["CONTAV_HOME"] = home
        make_up(Path(home) / "videos", count, seconds)
        for _ in range(2):  # the first run works out what videos hold
            sys.stdout.flush()
            subprocess.run([sys.executable, __file__, "measure", f"{home}/videos"], check=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["measure"]:
        measure(Path(sys.argv[2]))
    else:
        main(*(kind(text) for kind, text in zip((int, float, str), sys.argv[1:], strict=False)))
