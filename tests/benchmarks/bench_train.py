"""Speed at the paper's size: `python tests/benchmarks/bench_train.py`; a few minutes on 2 CPU cores.

Every figure is a ratio of two things timed in turns in one process, because seconds on a shared machine mean little:

- A whole ContAV-Sep training step (batch 4, task 4 with one memory source a mixture, old model of 15 classes) to the
  yardstick: 10 at most. The authors' code takes 15.7 (12.6 to 19.8).
- The same step with 300 classes to the one with 5: 1.3 at most.
- Scoring one mixture (2 sources, 65,535 samples) to mir_eval's time for the same scores, which the authors' code calls
  twice a mixture, for the estimates and for the mixture itself: 0.1 at most.
"""

import argparse
import statistics
import sys
import warnings
from collections.abc import Callable

import mir_eval
import numpy as np
import torch
from threadpoolctl import threadpool_limits
from yardstick import Yardstick, interleaved, ratios

from contav_lib.audio import loss_weights, ratio_masks
from contav_lib.batches import Batch, Spectrogram
from contav_lib.config import Config
from contav_lib.metrics import score_mixtures
from contav_lib.optimizers import Optimizers
from contav_lib.tasks import Task

BATCH, SOURCES = 4, 2


def paper_batch(old_classes: int, classes: int) -> Batch:
    """Mixtures of one memory source and one new source each."""
    sizes = Spectrogram()
    magnitudes = torch.rand(BATCH, SOURCES, sizes.bins, sizes.frames).square()
    mixture = magnitudes.sum(1, keepdim=True)
    memory, new = torch.randint(0, old_classes, (BATCH,)), torch.randint(old_classes, classes, (BATCH,))
    return Batch(
        mixture=mixture,
        ratio_masks=ratio_masks(magnitudes, mixture),
        weights=loss_weights(mixture),
        visual={
            "object": torch.randn(BATCH, SOURCES, 512),
            "motion": torch.randn(BATCH, SOURCES, 768, 8),
            "motion_mask": torch.zeros(BATCH, SOURCES, 8, dtype=torch.bool),
        },
        classes=torch.stack([memory, new], 1),
        videos=torch.arange(BATCH * SOURCES).reshape(BATCH, SOURCES),
        is_memory=torch.tensor([[True, False]]).expand(BATCH, -1),
    )


def training_step(old_classes: int, classes: int) -> Callable[[], None]:
    """Tensors ready -> forward, all four losses with the old model's part, backward, the paper's optimizers."""
    config = Config.profile("paper", method="contav")
    separator, method = config.make_separator(old_classes), config.make_method()
    method.begin_task(Task(index=3, classes=(), seen=(), clips=(), memory=()), separator)
    separator.grow(classes)
    separator.train()
    optimizers = Optimizers(config, separator, steps=100, first_task=False)
    batch = paper_batch(old_classes, classes)

    def step() -> None:
        separation = separator(batch.mixture, batch.visual, batch.classes)
        sum(method.losses(batch, separation).values()).backward()
        optimizers.step(0)

    return step


def tones(rng: np.random.Generator, samples: int) -> np.ndarray:
    """Something like a source: a few decaying notes with ten harmonics each, and a little noise."""
    time = np.arange(samples) / 11_025
    sound = 1e-3 * rng.standard_normal(samples)
    for start in np.arange(0, time[-1], 0.5):
        since = (time - start).clip(0)
        harmonics = np.outer(np.arange(1, 11) * rng.uniform(100, 500), since)
        levels = 0.1 / np.arange(1, 11)
        sound += (time >= start) * np.exp(-4 * since) * (levels @ np.sin(2 * np.pi * harmonics))
    return sound


def scoring() -> tuple[Callable[[], object], Callable[[], object]]:
    """Our scores of one mixture, and mir_eval's; they are checked to agree."""
    rng = np.random.default_rng(0)
    references = np.stack([tones(rng, Spectrogram().samples) for _ in range(SOURCES)])
    estimates = references + 0.2 * references[::-1] + 1e-3 * rng.standard_normal(references.shape)
    mixture = references.sum(0)

    def ours() -> dict[str, torch.Tensor]:
        return score_mixtures(*(torch.from_numpy(sound).float()[None] for sound in (references, estimates, mixture)))

    def theirs() -> tuple[np.ndarray, np.ndarray]:
        doing_nothing = np.stack([mixture] * SOURCES)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            return tuple(
                np.stack(mir_eval.separation.bss_eval_sources(references, sounds, compute_permutation=False)[:3])
                for sounds in (estimates, doing_nothing)
            )

    (sdr, sir, sar), (sdr_before, _, _) = (scores.mean(1) for scores in theirs())
    expected = {"sdr": sdr, "sir": sir, "sar": sar, "sdr_improvement": sdr - sdr_before}
    measured = ours()
    for name, value in expected.items():
        if abs(measured[name].item() - value) > 0.01:
            raise AssertionError(f"{name} is {measured[name].item():.4f} dB, mir_eval says {value:.4f} dB.")
    return ours, theirs


def main() -> int:
    """Print the table; the exit status is 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=7, help="pairs of timings a figure")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads, for both sides of every ratio")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    work = {
        "training step / yardstick": (training_step(15, 20), Yardstick().once, 10.0),
        "step, 300 classes / 5 classes": (training_step(225, 300), training_step(4, 5), 1.3),
        "scores of a mixture / mir_eval": (*scoring(), 0.1),
    }
    print(f"{arguments.threads} threads, medians of {arguments.pairs} pairs (lowest to highest ratio)")
    print(f"{'':32}{'ratio':>8}{'spread':>16}{'target':>9}{'seconds':>10}{'over':>8}")
    missed = False
    for name, (ours, measure, target) in work.items():
        with threadpool_limits(arguments.threads):  # NumPy's threads, too
            times = interleaved(ours, measure, arguments.pairs)
        ratio, low, high = ratios(*times)
        missed = missed or ratio > target
        spread = f"{low:.3f} to {high:.3f}"
        seconds = [statistics.median(each) for each in times]
        print(f"{name:32}{ratio:8.3f}{spread:>16}{'<= ' + str(target):>9}{seconds[0]:10.3f}{seconds[1]:8.3f}")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
