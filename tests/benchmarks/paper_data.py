"""A batch of the paper's size made by the kit, and data items made as the authors' loader makes them, with librosa."""

from collections.abc import Callable

import librosa
import numpy as np
import torch

from contav_lib.datasets.corpus import PreparedClip
from contav_lib.mixtures.batch import MixtureSpec, SpectrogramSize
from contav_lib.mixtures.clip_store import ClipStore

SIZES = SpectrogramSize()
RATE = 11_025


def prepared_clips(count: int, seconds: int = 10) -> list[PreparedClip]:
    """Clips of noise with random features of the paper's widths."""
    generator = torch.Generator().manual_seed(0)

    def features(steps: int, width: int) -> torch.Tensor:
        return torch.randn(steps, width, generator=generator)

    return [
        PreparedClip(
            id=str(number),
            label=str(number % 2),
            split="train",
            waveform=torch.rand(seconds * RATE, generator=generator) - 0.5,
            object=features(seconds, 512),
            motion=features(8, 768),
            dense_motion=features(4 * seconds, 768),
            motion_step=0.25,
        )
        for number in range(count)
    ]


def store_and_mixtures(mixtures: int, device: torch.device | str = "cpu") -> tuple[ClipStore, MixtureSpec]:
    """A store of clips, and so many mixtures of two of them."""
    store = ClipStore(prepared_clips(2 * mixtures), {"0": 0, "1": 1}, SIZES, motion="whole", device=device)
    places = torch.arange(2 * mixtures).reshape(mixtures, 2)
    return store, store.spec(places, torch.Generator().manual_seed(0), gain=0.5)


def batches(mixtures: int) -> tuple[Callable[[], object], Callable[[], object]]:
    """Our batch of so many mixtures of two sources; and as many data items, one after the other, as a loader's worker does."""
    store, spec = store_and_mixtures(mixtures)
    sounds, rng = [clip.waveform.numpy() for clip in prepared_clips(2 * mixtures)], np.random.default_rng(0)

    def ours() -> object:
        return store.batch(spec)

    def theirs() -> object:
        return [data_item(sounds[2 * row : 2 * row + 2], rng) for row in range(mixtures)]

    return ours, theirs


def data_item(sounds: list[np.ndarray], rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    """Crop, scale, clip and mix; magnitude and phase of the mixture and of each source.

    Warping, masks and weights, which `ClipStore.batch` makes too, come later in the authors' code, in the training step.
    """
    sources = []
    for sound in sounds:
        start = rng.integers(len(sound) - SIZES.samples)
        crop = sound[start : start + SIZES.samples] * np.float32(rng.uniform(0.5, 1.5))
        sources.append(crop.clip(-1, 1) / len(sounds))
    return [_magnitude_and_phase(sound) for sound in (sum(sources), *sources)]


def _magnitude_and_phase(sound: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    spectrogram = librosa.stft(sound, n_fft=SIZES.window, hop_length=SIZES.hop, pad_mode="constant")
    return np.abs(spectrogram), np.angle(spectrogram)
