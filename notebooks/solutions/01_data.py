"""Solutions of the code exercises of notebook 01."""

import torch

from contav_lib.teaching.check import check


def ratio_masks(magnitudes, mixture):
    """Share of each part in the mixture (eq. 1); the small number keeps silence at 0."""
    return (magnitudes / (mixture + 1e-10)).clamp(0, 5)


def template_masks(crops):
    """Share of each class in the sum of the class spectra."""
    power = crops.square().mean(3)  # [N, C, F]
    spectra = (power / power.sum(2, keepdim=True)).mean(1)  # [N, F], each of sum 1
    return spectra / torch.clamp(spectra.sum(0), min=1e-12)


print(check("ratio mask", ratio_masks))
print(check("class spectra to masks", template_masks))
