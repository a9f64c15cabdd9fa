"""Speed at the paper's size: `python tests/benchmarks/bench_train.py`; a few minutes on 2 CPU cores.

Every figure is a ratio of two things timed in turns in one process, because seconds on a shared machine mean little.
Where others use the machine, look at the last columns, too: the fastest time of each side is the least disturbed one.

- A whole ContAV-Sep training step (batch 4, task 4 with one memory source a mixture, old model of 15 classes) to the
  yardstick: 7 at most. The authors' code takes 15.7 (12.6 to 19.8).
- The same step with 300 classes to the one with 5: 1.1 at most.
- Scoring a batch of mixtures (2 sources, 65,535 samples) to mir_eval's time for the same scores, which the authors' code
  calls twice a mixture, for the estimates and for the mixture itself: 0.06 at most.
- Assembling a batch to as many data items as the authors' loader makes them, with three STFTs and their phases: 0.2 at most.

Training is timed on 2 threads, scoring and data on 1 (experiments run in one process a core), both sides of a ratio alike.
`bench_step.py` says where a step's time goes.
"""

import argparse
import sys
import warnings
from collections.abc import Callable

import mir_eval
import numpy as np
import torch
from paper_data import batches
from paper_step import BATCH, SOURCES, PaperStep
from threadpoolctl import threadpool_limits
from yardstick import Yardstick, interleaved, ratios

from contav_lib.evaluation.metrics import score_mixtures
from contav_lib.mixtures.batch import SpectrogramSize
from contav_lib.utils.memory import reuse_freed_memory


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
    reuse_freed_memory()  # as an experiment does
    torch.manual_seed(0)
    figures = {
        "training step / yardstick": (PaperStep(15, 20), Yardstick().once, 2, 7.0),
        "step, 300 classes / 5 classes": (PaperStep(225, 300), PaperStep(4, 5), 2, 1.1),
        "scores of 4 mixtures / mir_eval": (*scoring(), 1, 0.06),
        "batch of 4 / 4 data items": (*batches(BATCH), 1, 0.2),
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
