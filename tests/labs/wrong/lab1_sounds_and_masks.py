"""Typical wrong answers to lab 1."""

from wrong import Wrong

WRONG = [
    Wrong(
        "short_time_spectrum",
        """
def short_time_spectrum(waveform, window, hop):
    pieces = waveform.unfold(0, window, hop)
    return torch.fft.rfft(pieces).abs().T
""",
        "multiply each by the Hann window first",
    ),
    Wrong(
        "warp",
        """
def warp(magnitude, bins):
    last = len(magnitude) - 1
    place = (21 ** (torch.arange(bins) / (bins - 1)) - 1) / 20 * last
    return magnitude[place.round().long().clamp(max=last)]
""",
        "takes the nearest whole",
    ),
    Wrong(
        "soft_masks",
        """
def soft_masks(magnitudes, exponent):
    power = magnitudes**exponent
    return power / (power.sum(1, keepdim=True) + 1e-10)
""",
        "divide by the loudest source first",
    ),
    Wrong(
        "soft_masks",
        """
def soft_masks(magnitudes, exponent):
    power = (magnitudes / magnitudes.max()) ** exponent
    return power / power.sum(1, keepdim=True).clamp(min=1e-30)
""",
        "Each pixel has a loudest source of its own",
    ),
    Wrong(
        "si_sdr",
        """
def si_sdr(references, estimates):
    references = references - references.mean(-1, keepdim=True)
    estimates = estimates - estimates.mean(-1, keepdim=True)
    scale = (estimates * references).sum(-1, keepdim=True) / references.square().sum(-1, keepdim=True)
    target = scale * references
    return 20 * (target.square().sum(-1) / (estimates - target).square().sum(-1)).log10()
""",
        "these are energies",
    ),
    Wrong(
        "template_masks",
        """
def template_masks(power, labels, wanted):
    members = torch.nn.functional.one_hot(labels).float()
    means = members.T @ power.mean(2) / members.sum(0)[:, None]
    chosen = means[wanted]
    return chosen / chosen.sum(1, keepdim=True).clamp(min=1e-30)
""",
        "a loud crop counts more than a soft one",
    ),
    Wrong(
        "template_masks",
        """
import numpy as np


def template_masks(power, labels, wanted):
    power, labels, wanted = power.numpy(), labels.numpy(), wanted.numpy()
    spectra = power.mean(2) / power.mean(2).sum(1, keepdims=True)
    means = np.stack([spectra[labels == number].mean(0) for number in range(labels.max() + 1)])
    chosen = means[wanted]
    return chosen / chosen.sum(1, keepdims=True).clip(1e-30)
""",
        "where a torch tensor is asked for",
    ),
]
