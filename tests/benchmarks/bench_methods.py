"""What a method's training step costs, against fine-tuning's: `python tests/benchmarks/bench_methods.py`, some minutes.

Task 4 on the sizes of the `lab` profile (`--profile paper` for the paper's; `--separator coseparation` for another model),
with one exemplar of each old class; batch, memory share and everything else as in training. Steps of the method and of
fine-tuning take turns, so that the machine's load falls on both alike; fine-tuning's batch has no memory in it, as in
training.

Limits: replay 1.0 (and what noise makes of it: 1.1), EWC 1.15, those that ask an old model 1.6. They are made for iQuery.
Co-Separation passes its U-Net once for every source, so LwF's question about one more costs more there: LwF 1.7, PLOP 2.0.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace

import torch
from yardstick import interleaved, ratios

from contav_lib import Config
from contav_lib.experiments.setup import Setup, make_method, make_separator
from contav_lib.methods.der import DER, STORED
from contav_lib.mixtures.batch import Batch
from contav_lib.mixtures.sampler import Sampler
from contav_lib.training.optimizers import Optimizers

LIMITS = {"replay": 1.1, "ewc": 1.15, "lwf": 1.6, "plop": 1.6, "ewf": 1.6, "avcil": 1.6, "contav": 1.6, "der": 1.6,
          "freeze": 1.1, "adapters": 1.3}  # fmt: skip


def training_step(name: str, profile: str, **settings: str) -> Callable[[], None]:
    """One step after another of task 4, as the trainer takes them; batches are made before."""
    config = Config.profile(profile, method=name, exemplars=int(name != "finetune"), device="cpu", **settings)
    setup = Setup.build(config)
    store, (*_, before, task) = setup.train, setup.schedule
    torch.manual_seed(0)
    separator, method = make_separator(config, len(before.seen)), make_method(config)
    sampler, earlier = (
        Sampler(store, t.clips, t.memory, config.num_sources, config.memory_share, 0.0, config.gain, seed=t.index)
        for t in (task, before)
    )
    method.begin_task(replace(before, index=0), separator)
    method.on_batch(earlier.batch(0, config.batch_size))
    keeping = Sampler(store, (), before.kept or before.clips, config.num_sources, None, 0.0, config.gain, seed=9)

    def remembered(number: int) -> Batch:
        return keeping.batch(number, config.batch_size)

    for _ in range(STORED if isinstance(method, DER) else 0):  # what a method stores on its way
        method.after_step(separator, remembered)
    method.end_task(
        replace(before, index=0), separator, lambda number: earlier.batch(number, config.batch_size), remembered
    )
    method.begin_task(task, separator)
    separator.grow(len(task.seen))
    method.after_growing(task, separator.train())
    optimizers = Optimizers(config, separator, steps=1_000, first_task=False)
    batches = [sampler.batch(number, config.batch_size) for number in range(4)]
    number = 0

    def step() -> None:
        nonlocal number
        batch = method.on_batch(batches[number % len(batches)])
        separation = separator(batch.mixture, batch.visual, batch.classes)
        sum((separator.losses(batch, separation) | method.losses(batch, separation)).values()).backward()
        optimizers.step(number)
        method.after_step(separator, remembered)
        number += 1

    return step


def main() -> int:
    """Print the table; the exit status is 1 where a limit is passed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", default="lab")
    parser.add_argument("--separator", default="iquery")
    parser.add_argument("--pairs", type=int, default=15, help="pairs of timings a method")
    chosen = parser.parse_args()
    sizes = dict(profile=chosen.profile, separator=chosen.separator)
    reference = training_step("finetune", **sizes)
    passed = False
    print(f"{'method':10}{'step / fine-tuning':>20}{'spread':>18}{'limit':>8}   (median of {chosen.pairs} pairs)")
    for name, limit in LIMITS.items():
        ratio, low, high = ratios(*interleaved(training_step(name, **sizes), reference, chosen.pairs))
        passed = passed or ratio > limit
        print(f"{name:10}{ratio:20.2f}{f'{low:.2f} to {high:.2f}':>18}{limit:8.2f}", flush=True)
    return int(passed)


if __name__ == "__main__":
    sys.exit(main())
