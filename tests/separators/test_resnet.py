"""The compact ResNet: size, and memory that stays whole."""

import subprocess
import sys

import torch

from contav_lib.separators.layers.resnet import Block, ResNet

BACKWARD = """
import torch
from contav_lib.separators.layers.resnet import Block
for width in (4, 6, 8):
    block = Block(width, 2 * width, 2).to(memory_format=torch.channels_last)
    for side in (2, 4, 8, 16, 32):
        x = torch.randn(4, width, side, side, requires_grad=True).contiguous(memory_format=torch.channels_last)
        for _ in range(20):
            block(x).square().sum().backward()
print("whole")
"""


def test_sizes():
    assert ResNet(4, 2)(torch.randn(3, 1, 64, 32)).shape == (3, 32)
    assert len(ResNet(4, 2).blocks) == 8


def test_the_shortcut_is_a_convolution_of_stride_2():
    block, x = Block(3, 5, 2).eval(), torch.randn(2, 3, 8, 6)
    conv, norm = block.shortcut
    by_stride = norm(torch.nn.functional.conv2d(x, conv.weight, stride=2))
    assert torch.allclose(by_stride, block.shortcut(x[:, :, ::2, ::2]), atol=1e-6)


def test_the_backward_pass_leaves_memory_whole():
    """With a strided 1 x 1 convolution, torch 2.13 on a CPU ends here with a broken heap."""
    done = subprocess.run([sys.executable, "-c", BACKWARD], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stdout == "whole\n", done.stderr
