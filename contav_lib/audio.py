"""Waveforms, spectrograms and ratio masks: batched torch, on whatever device the tensors are.

One way through this file is one batch's way: `mix` sources, `stft` them, `warp` magnitudes to a log-frequency axis,
form `ratio_masks` and `loss_weights`; later `unwarp` a predicted mask and `reconstruct` the waveform.

Shapes: B mixtures, N sources, L samples, K linear frequencies, F log frequencies, T frames.
"""

from functools import lru_cache
from math import log

import torch
from torch.nn import functional

from contav_lib.utils._torchaudio import torchaudio

SAMPLE_RATE = 11_025  # Hz, the paper's
EPSILON = 1e-10  # added to the mixture's magnitude before anything divides by it or takes its logarithm
MASK_LIMIT = 5.0  # true ratio masks are clamped here (a source can be louder than a mixture it partly cancels in)


def mix(sources: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mix N sources (paper, section 3.1): `S = (s_1 + ... + s_N) / N`.

    Args:
        sources: `[B, N, L]`, in [-1, 1].

    Returns:
        The mixture `[B, L]`, and the sources as they stand in it, `s_n / N`, `[B, N, L]`: they sum to the mixture.
    """
    parts = sources / sources.shape[1]
    return parts.sum(1), parts


def stft(waveform: torch.Tensor, window: int = 1022, hop: int = 256) -> torch.Tensor:
    """Complex spectrogram (Hann window, centred frames, zeros beyond the ends, as librosa >= 0.9).

    Args:
        waveform: `[..., L]`.
        window: window length in samples; `K = window // 2 + 1`.
        hop: samples between frames; `T = L // hop + 1`.

    Returns:
        `[..., K, T]` complex.
    """
    return torchaudio.functional.spectrogram(
        waveform,
        pad=0,
        window=_hann(window, waveform.device),
        n_fft=window,
        hop_length=hop,
        win_length=window,
        power=None,
        normalized=False,
        pad_mode="constant",
    )


def istft(spectrogram: torch.Tensor, window: int = 1022, hop: int = 256) -> torch.Tensor:
    """Waveform `[..., hop * (T - 1)]` of a complex spectrogram `[..., K, T]`; the inverse of `stft`."""
    return torchaudio.functional.inverse_spectrogram(
        spectrogram,
        length=None,
        pad=0,
        window=_hann(window, spectrogram.device),
        n_fft=window,
        hop_length=hop,
        win_length=window,
        normalized=False,
    )


def magnitude(spectrogram: torch.Tensor) -> torch.Tensor:
    """Magnitude of a complex spectrogram, of the same shape.

    `abs()` guards against overflow, at three times the time on a CPU.
    """
    return (spectrogram.real.square() + spectrogram.imag.square()).sqrt()


def warp(magnitude: torch.Tensor, bins: int, align_corners: bool = True) -> torch.Tensor:
    """Resample the frequency axis to `bins` log-spaced frequencies.

    Bin i of F sits at the fraction `(21^(i / (F-1)) - 1) / 20` of the linear axis, so that low notes, whose harmonics
    lie close together, get more of the picture.

    Args:
        magnitude: `[..., K, T]`.
        bins: F.
        align_corners: True puts the first and the last bin exactly on the ends of the axis. False is what the authors'
            code does with a grid made for True: border rows and columns are halved (kept for exact reproductions).

    Returns:
        `[..., F, T]`.
    """
    return _resample(magnitude, bins, "warp", align_corners)


def unwarp(mask: torch.Tensor, frequencies: int, align_corners: bool = True) -> torch.Tensor:
    """Resample back from the log-frequency axis, `[..., F, T]` -> `[..., frequencies, T]`; see `warp`."""
    return _resample(mask, frequencies, "unwarp", align_corners)


def ratio_masks(magnitudes: torch.Tensor, mixture: torch.Tensor) -> torch.Tensor:
    """True ratio masks `M_n = |s_n| / |S|` (eq. 1), clamped to [0, 5].

    Args:
        magnitudes: `[B, N, F, T]`, the sources as they stand in the mixture.
        mixture: `[B, 1, F, T]`.

    Returns:
        `[B, N, F, T]`. The separators answer in [0, 1] (a sigmoid), so a value above 1 can't be reached, only approached.
    """
    return (magnitudes / (mixture + EPSILON)).clamp(0.0, MASK_LIMIT)


def loss_weights(mixture: torch.Tensor) -> torch.Tensor:
    """Weight of each pixel in the losses, of the mixture's shape: `clamp(log1p(|S|), 1e-3, 10)`; loud pixels matter."""
    return torch.log1p(mixture + EPSILON).clamp(1e-3, 10.0)


def reconstruct(
    mixture: torch.Tensor, masks: torch.Tensor, window: int = 1022, hop: int = 256, align_corners: bool = True
) -> torch.Tensor:
    """Separated waveforms: mask x mixture magnitude, with the mixture's phase (eq. 2).

    Args:
        mixture: complex spectrogram `[B, K, T]`.
        masks: `[B, N, F, T]` on the log-frequency axis.
        window: as in `stft`.
        hop: as in `stft`.
        align_corners: as in `warp`.

    Returns:
        `[B, N, hop * (T - 1)]`, clipped to [-1, 1].
    """
    linear = unwarp(masks.float(), mixture.shape[-2], align_corners)
    return istft(linear * mixture.unsqueeze(1), window, hop).clamp(-1.0, 1.0)


@lru_cache(maxsize=16)
def _hann(window: int, device: torch.device) -> torch.Tensor:
    return torch.hann_window(window, device=device)


def _resample(image: torch.Tensor, rows: int, direction: str, align_corners: bool) -> torch.Tensor:
    lead, (_, frames) = image.shape[:-2], image.shape[-2:]
    flat = image.reshape(-1, 1, *image.shape[-2:])
    grid = _grid(rows, frames, direction, image.device).expand(len(flat), -1, -1, -1)
    out = functional.grid_sample(flat, grid.to(flat.dtype), padding_mode="zeros", align_corners=align_corners)
    return out.reshape(*lead, rows, frames)


@lru_cache(maxsize=32)
def _grid(rows: int, frames: int, direction: str, device: torch.device) -> torch.Tensor:
    """Sampling positions `[rows, frames, 2]` (time, frequency), both in [-1, 1]; computed in double precision."""
    time = torch.linspace(-1, 1, frames, dtype=torch.float64)
    height = torch.linspace(-1, 1, rows, dtype=torch.float64)
    frequency = (
        (21 ** ((height + 1) / 2) - 11) / 10 if direction == "warp" else torch.log(height * 10 + 11) / log(21) * 2 - 1
    )
    return torch.stack(torch.broadcast_tensors(time[None, :], frequency[:, None]), -1).float().to(device)
