"""A compact ResNet (He et al. 2016) that hears what a spectrogram holds; of its full size it is a ResNet-18."""

import torch
from torch import nn
from torch.nn import functional

STAGES = 4  # the widths of the four stages are 1, 2, 4 and 8 times the first one's


class Block(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut; `stride` 2 halves both axes."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.stride = stride
        self.shortcut = (
            nn.Identity()
            if inputs == outputs and stride == 1
            else nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm2(self.conv2(functional.relu(self.norm1(self.conv1(x)))))
        # A 1 x 1 convolution of stride 2 looks at every second pixel. Picking these first is the same, and does without
        # torch 2.13's backward pass of that convolution, which with channels last overwrites foreign memory on a CPU.
        picked = x[:, :, :: self.stride, :: self.stride]
        return functional.relu(y + self.shortcut(picked))


class ResNet(nn.Module):
    """Spectrograms `[R, 1, F, T]` in, one vector each out, `[R, 8 * width]`: the strongest response of each channel.

    Args:
        width: channels of the first stage (64 in ResNet-18).
        blocks: residual blocks a stage (2 in ResNet-18).
    """

    def __init__(self, width: int = 64, blocks: int = 2):
        super().__init__()
        self.features = width * 2 ** (STAGES - 1)
        self.stem = nn.Conv2d(1, width, 7, 2, 3, bias=False)
        self.norm = nn.BatchNorm2d(width)
        layers, before = [], width
        for stage in range(STAGES):
            for block in range(blocks):
                layers.append(Block(before, width * 2**stage, 2 if stage and not block else 1))
                before = width * 2**stage
        self.blocks = nn.Sequential(*layers)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's types lack this argument

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.relu(self.norm(self.stem(x.contiguous(memory_format=torch.channels_last))))
        return self.blocks(functional.max_pool2d(x, 3, 2, 1)).amax((2, 3))
