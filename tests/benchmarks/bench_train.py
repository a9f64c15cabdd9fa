"""Speed at the paper's size: `python tests/benchmarks/bench_train.py`; a few minutes on 2 CPU cores.

Every figure is a ratio of two things timed in turns in one process, because seconds on a shared machine mean little.
Where others use the machine, look at the last columns, too: the fastest time of each side is the least disturbed one.

- A whole ContAV-Sep training step (batch 4, task 4 with one memory source a mixture, old model of 15 classes) to the
  yardstick: 10 at most. The authors' code takes 15.7 (12.6 to 19.8).
- The same step with 300 classes to the one with 5: 1.3 at most.
- Scoring a batch of mixtures (2 sources, 65,535 samples) to mir_eval's time for the same scores, which the authors' code
  calls twice a mixture, for the estimates and for the mixture itself: 0.1 at most.

Training is timed on 2 threads, scoring on 1 (experiments run in one process a core), both sides of a ratio alike.
"""

import argparse
import sys
import warnings
from collections.abc import Callable

import mir_eval
import numpy as np
import torch
from threadpoolctl import threadpool_limits
from yardstick import Yardstick, interleaved, ratios

from contav_lib.audio import loss_weights, ratio_masks
from contav_lib.config import Config
from contav_lib.continual.tasks import Task
from contav_lib.evaluation.metrics import score_mixtures
from contav_lib.experiments.setup import make_method, make_separator
from contav_lib.mixtures.batch import Batch, SpectrogramSize
from contav_lib.training.optimizers import Optimizers

BATCH, SOURCES = 4, 2


def paper_batch(old_classes: int, classes: int) -> Batch:
    """Mixtures of one memory source and one new source each."""
    sizes = SpectrogramSize()
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
        is_old_class=torch.tensor([[True, False]]).expand(BATCH, -1),
    )


def training_step(old_classes: int, classes: int) -> Callable[[], None]:
    """Tensors ready -> forward, all four losses with the old model's part, backward, the paper's optimizers."""
    config = Config.profile("paper", method="contav")
    separator, method = make_separator(config, old_classes), make_method(config)
    method.begin_task(Task(index=3, classes=(), seen=(), clips=(), memory=()), separator)
    separator.grow(classes)
    separator.train()
    optimizers = Optimizers(config, separator, steps=100, first_task=False)
    batch = paper_batch(old_classes, classes)

    def step() -> None:
        separation = separator(batch.mixture, batch.visual, batch.classes)
        terms = separator.losses(batch, separation) | method.losses(batch, separation)
        sum(terms.values()).backward()
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
    """Our scores of a batch of mixtures, and mir_eval's; they are checked to agree."""
    rng = np.random.default_rng(0)
    samples = SpectrogramSize().samples
    references = np.stack([[tones(rng, samples) for _ in range(SOURCES)] for _ in range(BATCH)])
    estimates = references + 0.2 * references[:, ::-1] + 1e-3 * rng.standard_normal(references.shape)
    mixtures = references.sum(1)

    def ours() -> dict[str, torch.Tensor]:
        return score_mixtures(*(torch.from_numpy(sounds).float() for sounds in (references, estimates, mixtures)))

    def by_mir_eval(estimates: np.ndarray) -> np.ndarray:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            scored = [
                mir_eval.separation.bss_eval_sources(*pair, compute_permutation=False)[:3]
                for pair in zip(references, estimates, strict=True)
            ]
        return np.array(scored).mean(-1).T  # SDR, SIR, SAR of each mixture

    def theirs() -> dict[str, np.ndarray]:
        (sdr, sir, sar), (sdr_before, *_) = by_mir_eval(estimates), by_mir_eval(np.stack([mixtures] * SOURCES, 1))
        return {"sdr": sdr, "sir": sir, "sar": sar, "sdr_improvement": sdr - sdr_before}

    measured = ours()
    for name, expected in theirs().items():
        np.testing.assert_allclose(measured[name].numpy(), expected, rtol=0, atol=0.01, err_msg=name)
    return ours, theirs


def main() -> int:
    """Print the table; the exit status is 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=7, help="pairs of timings a figure")
    pairs = parser.parse_args().pairs
    torch.manual_seed(0)
    figures = {
        "training step / yardstick": (training_step(15, 20), Yardstick().once, 2, 10.0),
        "step, 300 classes / 5 classes": (training_step(225, 300), training_step(4, 5), 2, 1.3),
        "scores of 4 mixtures / mir_eval": (*scoring(), 1, 0.1),
    }
    print(f"Medians of {pairs} pairs (lowest to highest ratio)")
    print(f"{'':32}{'threads':>8}{'ratio':>8}{'spread':>18}{'target':>9}{'fastest, seconds':>20}{'ratio':>8}")
    missed = False
    for name, (work, measure, threads, target) in figures.items():
        torch.set_num_threads(threads)
        with threadpool_limits(threads):  # NumPy's, too
            times = interleaved(work, measure, pairs)
        ratio, low, high = ratios(*times)
        missed = missed or ratio > target
        ours, theirs = map(min, times)
        spread, fastest = f"{low:.3f} to {high:.3f}", f"{ours:.3f} / {theirs:.3f}"
        print(
            f"{name:32}{threads:8}{ratio:8.3f}{spread:>18}{f'<= {target}':>9}{fastest:>20}{ours / theirs:8.3f}",
            flush=True,
        )
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
