"""Step time and peak memory of the separators at the paper's size: `python tests/benchmarks/bench_separators.py`.

A step is forward, the separator's own losses, and backward, for 1 mixture, on 1 thread; some minutes.

- Times of a separator are taken in turns, round after round, in one process; of each setting the fastest counts, which
  is the one that a shared machine disturbed least. They are given as ratios, too: to the yardstick, and to the same
  separator's first column. What is asked for: iQuery's step with 300 classes takes 1.3 times that with 5 at most.
- Peak memory is what a process of its own needs at its highest beyond what it needs before the first step (Linux only).
"""

import argparse
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from yardstick import Yardstick, seconds

from contav_lib.audio import loss_weights, ratio_masks
from contav_lib.experiments.plans import THREE_SEPARATORS
from contav_lib.mixtures.batch import Batch, SpectrogramSize
from contav_lib.separators import separator_class

MIXTURES, THREADS = 1, 1
CLASSES, SOURCES = (5, 20, 100, 300), (2, 3, 4)
Setting = tuple[str, int, int]  # separator, sources, classes
TARGET = 1.3


def make_batch(sources: int, classes: int) -> Batch:
    sizes = SpectrogramSize()
    magnitudes = torch.rand(MIXTURES, sources, sizes.bins, sizes.frames).square()
    mixture = magnitudes.sum(1, keepdim=True)
    return Batch(
        mixture=mixture,
        ratio_masks=ratio_masks(magnitudes, mixture),
        weights=loss_weights(mixture),
        visual={
            "object": torch.randn(MIXTURES, sources, 512),
            "motion": torch.randn(MIXTURES, sources, 768, 8),
            "motion_mask": torch.zeros(MIXTURES, sources, 8, dtype=torch.bool),
        },
        classes=torch.randint(classes, (MIXTURES, sources)),
        videos=torch.arange(MIXTURES * sources).reshape(MIXTURES, sources),
        is_old_class=torch.zeros(MIXTURES, sources, dtype=torch.bool),
    )


def training_step(setting: Setting) -> Callable[[], None]:
    name, sources, classes = setting
    separator, batch = separator_class(name)(classes).train(), make_batch(sources, classes)

    def step() -> None:
        separation = separator(batch.mixture, batch.visual, batch.classes)
        sum(separator.losses(batch, separation).values()).backward()
        separator.zero_grad(set_to_none=True)

    return step


def memory(setting: Setting) -> int:
    """Peak MiB of two steps, measured in a fresh process."""
    name, sources, classes = setting
    command = [sys.executable, __file__, "--memory-of", name, str(sources), str(classes)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def memory_here(setting: Setting) -> int:
    step = training_step(setting)
    before = status_kib("VmRSS")
    step(), step()
    return round((status_kib("VmHWM") - before) / 1024)


def status_kib(entry: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{entry}:"))


def settings_of(name: str) -> list[Setting]:
    """The columns of the table: first the numbers of classes, then those of sources."""
    return [(name, SOURCES[0], classes) for classes in CLASSES] + [(name, n, CLASSES[0]) for n in SOURCES[1:]]


def times(name: str, rounds: int) -> tuple[list[float], float]:
    """The fastest seconds of a separator's step, one a column, and of the yardstick, in turns after a round of warming up."""
    work = [training_step(setting) for setting in settings_of(name)] + [Yardstick().once]
    taken = [[seconds(step) for step in work] for _ in range(rounds + 1)][1:]
    *columns, yardstick = map(min, zip(*taken, strict=True))
    return columns, yardstick


def main() -> int:
    """Print the table; the exit status is 1 where the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="timings of each setting")
    parser.add_argument("--memory-of", nargs=3, metavar=("SEPARATOR", "SOURCES", "CLASSES"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(THREADS)
    if options.memory_of:
        name, sources, classes = options.memory_of
        print(memory_here((name, int(sources), int(classes))))
        return 0
    titles = [f"{classes} classes" for classes in CLASSES] + [f"{sources} sources" for sources in SOURCES[1:]]
    print(f"{'fastest of ' + str(options.rounds) + ' rounds':36}" + "".join(f"{title:>13}" for title in titles))
    grown = {}
    for name in THREE_SEPARATORS:
        columns, yardstick = times(name, options.rounds)
        rows = {
            "seconds a step": [f"{column:.2f}" for column in columns],
            "yardsticks a step": [f"{column / yardstick:.2f}" for column in columns],
            "to the first column": [f"{column / columns[0]:.2f}" for column in columns],
            "peak MiB": [f"{memory(setting)}" for setting in settings_of(name)],
        }
        for title, row in rows.items():
            print(f"{name + ', ' + title:36}" + "".join(f"{value:>13}" for value in row), flush=True)
        grown[name] = columns[len(CLASSES) - 1] / columns[0]
    print(
        f"iQuery's step with {CLASSES[-1]} classes to that with {CLASSES[0]}: {grown['iquery']:.2f}, target <= {TARGET}"
    )
    return int(grown["iquery"] > TARGET)


if __name__ == "__main__":
    sys.exit(main())
