"""What each switch for speed gives: `python tests/benchmarks/bench_switches.py`; minutes on 2 CPU cores, and on a GPU seconds.

A step is iQuery's at the paper's size: forward, the separator's own losses, and backward. Each switch is turned by itself, and
the step timed in turns with the plain one, in one process: the plain step has channels last and torch's own attention, float32
and no compilation. A ratio below 1 is a gain by what the row says.
"""

import argparse
from collections.abc import Callable
from contextlib import nullcontext
from unittest.mock import patch

import torch
from bench_separators import make_batch
from yardstick import interleaved, ratios

from contav_lib.mixtures.batch import Batch
from contav_lib.separators import separator_class
from contav_lib.separators.layers import attention
from contav_lib.utils.devices import pick_device

SWITCHES = ("channels first", "attention by hand", "bfloat16", "compiled")


def attention_by_hand(q, k, v, attn_mask=None) -> torch.Tensor:
    return attention.attention_map(q, k, attn_mask) @ v


def training_step(switch: str, device: torch.device) -> Callable[[], None]:
    separator = separator_class("iquery")(20).to(device).train()
    tensors = make_batch(2, 20).tensors()
    batch = Batch.from_tensors({name: value.to(device) for name, value in tensors.items()})
    precision, by_hand = nullcontext(), nullcontext()
    if switch == "channels first":
        separator.unet.to(memory_format=torch.contiguous_format)
    elif switch == "attention by hand":
        by_hand = patch.object(attention.functional, "scaled_dot_product_attention", attention_by_hand)
    elif switch == "bfloat16":
        precision = torch.autocast(device.type, dtype=torch.bfloat16)
    elif switch == "compiled":
        separator.compile()

    def step() -> None:
        with by_hand, precision:
            separation = separator(batch.mixture, batch.visual, batch.classes)
        sum(separator.losses(batch, separation).values()).backward()
        separator.zero_grad(set_to_none=True)
        if device.type == "cuda":
            torch.cuda.synchronize()

    return step


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=7, help="pairs of timings a switch")
    parser.add_argument("--threads", type=int, default=1, help="of the processor")
    parser.add_argument("--only", nargs="+", choices=SWITCHES, default=SWITCHES, help="only these switches")
    options = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(options.threads)
    device = pick_device()
    print(f"{str(device):20}{'ratio':>8}{'spread':>18}{'of fastest':>12}")
    for switch in options.only:
        times = interleaved(training_step(switch, device), training_step("", device), options.pairs)
        ratio, low, high = ratios(*times)
        fastest = min(times[0]) / min(times[1])
        print(f"{switch:20}{ratio:8.2f}{f'{low:.2f} to {high:.2f}':>18}{fastest:12.2f}", flush=True)


if __name__ == "__main__":
    main()
