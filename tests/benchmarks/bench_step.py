"""Where a training step's time goes, at the paper's sizes: `python tests/benchmarks/bench_step.py`; a minute on 2 CPU cores.

For the CPU (2 threads) and for a CUDA GPU, where there is one: mixtures a second, peak memory, the share of the arithmetic
peak (operations of all products and convolutions, to what a large matrix product does in the same process, in the
precision of training), and the share of each part of a step. The batch is that of `bench_train.py`; data are
assembled by `ClipStore.batch`. The least of several repetitions counts: it is the least disturbed one.
"""

import argparse
import resource
import time
from collections.abc import Callable

import torch
from paper_data import store_and_mixtures
from paper_step import BATCH, PaperStep
from torch.utils.flop_counter import FlopCounterMode

from contav_lib.utils.devices import mixed_precision
from contav_lib.utils.memory import reuse_freed_memory

PARTS = ("data", "forward and losses", "teacher", "backward", "optimizer")


class SplitStep:
    """A step in parts that are timed; `seconds` holds those of the last step, by part."""

    def __init__(self, device: torch.device):
        self.device, self.step = device, PaperStep(15, 20, device)
        self.store, self.spec = store_and_mixtures(BATCH, device)
        self.seconds: dict[str, float] = {}
        teacher = self.step.method.teacher
        self.step.method.teacher = lambda batch: self._timed("teacher", lambda: teacher(batch))

    def __call__(self) -> dict[str, float]:
        self._timed("data", lambda: self.store.batch(self.spec))
        loss = self._timed("forward and losses", self.step.losses)
        self.seconds["forward and losses"] -= self.seconds["teacher"]  # it is asked on the way
        self._timed("backward", loss.backward)
        self._timed("optimizer", lambda: self.step.optimizers.step(0))
        return {part: self.seconds[part] for part in PARTS}

    def _timed(self, part: str, work: Callable):
        _wait(self.device)
        start = time.perf_counter()
        result = work()
        _wait(self.device)
        self.seconds[part] = time.perf_counter() - start
        return result


def peak(device: torch.device, side: int = 4096) -> float:
    """Operations a second of a matrix product in the precision of training."""
    with mixed_precision(device):
        left, right = torch.randn(2, side, side, device=device)
        seconds = []
        for _ in range(4):
            _wait(device)
            start = time.perf_counter()
            _ = left @ right
            _wait(device)
            seconds.append(time.perf_counter() - start)
    return 2 * side**3 / min(seconds)


def peak_memory(device: torch.device) -> int:
    """Bytes: of tensors on a GPU; of the whole process, libraries and all, on the CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=5, help="steps timed, after one of warming up")
    steps = parser.parse_args().steps
    reuse_freed_memory()
    torch.manual_seed(0)
    torch.set_num_threads(2)
    for device in [torch.device("cpu")] + [torch.device("cuda")] * torch.cuda.is_available():
        step = SplitStep(device)
        with FlopCounterMode(display=False) as counter:
            step()
        times = [step() for _ in range(steps)]
        memory, most = peak_memory(device), peak(device)
        parts = {part: min(each[part] for each in times) for part in PARTS}
        whole = sum(parts.values())
        operations = counter.get_total_flops()
        share = operations / whole / most
        print(f"{device.type}: {BATCH / whole:.2f} mixtures a second, {memory / 1e9:.1f} GB at the peak")
        print(f"  {operations / 1e9:.0f} GFLOP a step, {share:.0%} of a matrix product's {most / 1e9:.0f} GFLOP/s")
        for part, seconds in parts.items():
            print(f"  {part:20}{seconds:8.3f} s{seconds / whole:7.1%}")


if __name__ == "__main__":
    main()
