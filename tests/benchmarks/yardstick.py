"""A fixed piece of work to measure speed against on machines of any speed and load.

Forward and backward through five strided convolutions, five up-convolutions and an attention layer: shaped like the
training step of an audio U-Net with a transformer, made of plain torch operations only. Seconds differ from machine to
machine, and from minute to minute on a shared one; "our step takes r yardsticks", measured in turns, hardly does.
"""

import statistics
import time
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional


class Yardstick(nn.Module):
    """One mixture of 256 x 256, float32, at the paper's width."""

    def __init__(self, width: int = 64):
        super().__init__()
        torch.manual_seed(0)
        channels = [1, width, 2 * width, 4 * width, 8 * width, 8 * width]
        self.down = nn.ModuleList(
            nn.Conv2d(inputs, outputs, 4, 2, 1) for inputs, outputs in zip(channels, channels[1:], strict=False)
        )
        channels = [8 * width, 8 * width, 4 * width, 2 * width, width, width]
        self.up = nn.ModuleList(
            nn.Conv2d(inputs, outputs, 3, 1, 1) for inputs, outputs in zip(channels, channels[1:], strict=False)
        )
        self.attention = nn.TransformerEncoderLayer(4 * width, 8, 16 * width, dropout=0.0, batch_first=True)
        self.x = torch.randn(1, 1, 256, 256)

    def forward(self) -> torch.Tensor:
        x, maps = self.x, []
        for conv in self.down:
            x = functional.leaky_relu(conv(x), 0.2)
            maps.append(x)
        loss = self.attention(maps[2].flatten(2).transpose(1, 2)).square().mean()
        for conv in self.up:
            x = conv(functional.interpolate(functional.relu(x), scale_factor=2))
        return loss + x.square().mean()

    def once(self) -> None:
        """Forward and backward."""
        self.zero_grad(set_to_none=True)
        self().backward()


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def interleaved(
    work: Callable[[], object], measure: Callable[[], object], pairs: int
) -> tuple[list[float], list[float]]:
    """Seconds of `work` and of `measure`, in turns, `pairs` times each after a round of warming up."""
    work(), measure()
    times = [(seconds(work), seconds(measure)) for _ in range(pairs)]
    return [pair[0] for pair in times], [pair[1] for pair in times]


def ratios(work: list[float], measure: list[float]) -> tuple[float, float, float]:
    """Median, lowest and highest of the pairs' ratios."""
    each = [a / b for a, b in zip(work, measure, strict=True)]
    return statistics.median(each), min(each), max(each)
