"""The U-Net's short cuts give what the long way gives, forwards and backwards."""

import pytest
import torch
from torch.nn import functional

from contav_lib.separators.layers.unet import UNet, with_frequency_codes


@pytest.fixture
def unet():
    return UNet(width=3, mask_dim=5, levels=4, frequency_codes=2).double()


def gradients(unet, value):
    value.square().sum().backward()
    found = [parameter.grad.clone() for parameter in unet.parameters()]
    unet.zero_grad()
    return found


def test_mixing_equals_weighted_sums_of_the_mask_features(unet):
    x, weights = torch.rand(2, 1, 32, 16).double(), torch.randn(2, 3, 5).double()
    maps = unet(x)
    expected = torch.einsum("bnm,bmft->bnft", weights, unet.mask_features(maps))
    mixed = unet.mix(unet(x), weights)
    assert torch.allclose(mixed, expected)
    for ours, theirs in zip(gradients(unet, mixed), gradients(unet, expected), strict=True):
        assert torch.allclose(ours, theirs)


@pytest.mark.parametrize("codes", [0, 2])
def test_the_first_level_is_a_convolution_of_the_spectrogram_and_its_codes(codes):
    unet = UNet(width=3, levels=4, frequency_codes=codes).double()
    x = torch.rand(2, 1, 32, 16).double()
    coded = with_frequency_codes(unet.input_norm(x), codes)
    expected = functional.conv2d(coded, unet.down[0].conv.weight, None, stride=2, padding=1)
    assert torch.allclose(unet(x).intermediate[0], expected)
