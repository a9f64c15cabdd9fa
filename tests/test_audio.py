"""Spectrograms equal librosa's, the frequency axis goes there and back, and ideal masks give the sources back."""

import librosa
import numpy as np
import pytest
import torch

from contav_lib import audio


def chords(*shape: int, length: int = 8191) -> torch.Tensor:
    """Harmonic sounds with a little noise, `[*shape, length]`."""
    generator = torch.Generator().manual_seed(1)
    pitch = 200 + 600 * torch.rand(*shape, 1, generator=generator)
    time = torch.arange(length) / audio.SAMPLE_RATE
    tones = sum((2 * torch.pi * pitch * k * time).sin() / k for k in range(1, 5))
    return 0.2 * tones + 0.01 * torch.randn(*shape, length, generator=generator)


@pytest.mark.parametrize(("window", "hop"), [(1022, 256), (1024, 512), (512, 128)])
def test_stft_equals_librosa_with_zeros_beyond_the_ends(window, hop):
    waveform = chords(2)
    ours = audio.stft(waveform, window, hop)
    theirs = torch.from_numpy(librosa.stft(waveform.numpy(), n_fft=window, hop_length=hop, pad_mode="constant"))
    assert ours.shape == theirs.shape == (2, window // 2 + 1, waveform.shape[1] // hop + 1)
    assert (ours - theirs).abs().max() <= 1e-4 * theirs.abs().max()


def test_istft_is_the_inverse():
    waveform = chords(2, 3)
    back = audio.istft(audio.stft(waveform))
    assert back.shape == (2, 3, 256 * (8191 // 256))
    assert torch.allclose(back, waveform[..., : back.shape[-1]], atol=1e-5)


def test_sources_sum_to_their_mixture():
    sources = chords(4, 3)
    mixture, parts = audio.mix(sources)
    assert torch.allclose(parts.sum(1), mixture) and torch.allclose(parts * 3, sources)
    assert torch.allclose(mixture, sources.mean(1), atol=1e-6)


def test_magnitude_is_the_absolute_value():
    spectrogram = audio.stft(chords(2))
    assert torch.allclose(audio.magnitude(spectrogram), spectrogram.abs(), rtol=1e-6, atol=1e-12)


def test_warping_ones_gives_ones():
    ones = torch.ones(2, 3, 257, 16)
    warped = audio.warp(ones, 64)
    assert warped.shape == (2, 3, 64, 16) and torch.allclose(warped, torch.ones_like(warped))
    back = audio.unwarp(warped, 257)
    assert back.shape == ones.shape and torch.allclose(back, ones)


def test_the_authors_warp_halves_the_border():
    warped = audio.warp(torch.ones(1, 257, 16), 64, align_corners=False)[0]
    assert warped[0, 8] == pytest.approx(0.5) and warped[0, 0] == pytest.approx(0.25)
    assert warped[32, 0] == pytest.approx(0.5) and warped[32, 8] == pytest.approx(1)


def test_the_frequency_axis_is_logarithmic_and_unwarp_inverts_it():
    frequency = torch.linspace(0, 1, 513)[:, None].expand(513, 8)
    warped = audio.warp(frequency, 128)
    place = torch.arange(128) / 127
    assert torch.allclose(warped[:, 0], (21**place - 1) / 20, atol=1e-5)
    assert torch.allclose(audio.unwarp(warped, 513), frequency, atol=1e-3)


def test_ratio_masks_are_clamped_and_weights_bounded():
    mixture = torch.tensor([0.0, 1.0, 2.0, 1e9]).reshape(1, 1, 4, 1)
    magnitudes = torch.tensor([1.0, 8.0, 1.0, 0.0]).reshape(1, 1, 4, 1)
    assert audio.ratio_masks(magnitudes, mixture).flatten().tolist() == pytest.approx([5, 5, 0.5, 0])
    weights = audio.loss_weights(mixture).flatten().tolist()
    assert weights == pytest.approx([1e-3, np.log(2), np.log(3), 10])


@pytest.mark.parametrize(("align_corners", "least"), [(True, 12), (False, 10)])
def test_ideal_masks_reconstruct_the_sources(align_corners, least):
    mixture, parts = audio.mix(chords(3, 2))
    spectrogram = audio.stft(mixture)
    warped = audio.warp(torch.cat([spectrogram.abs().unsqueeze(1), audio.stft(parts).abs()], 1), 256, align_corners)
    masks = audio.ratio_masks(warped[:, 1:], warped[:, :1])
    heard = audio.reconstruct(spectrogram, masks, align_corners=align_corners)
    truth = parts[..., : heard.shape[-1]]
    ratio = 10 * (truth.square().sum(-1) / (heard - truth).square().sum(-1)).log10()
    assert ratio.mean() > least and heard.abs().max() <= 1


def test_a_mask_of_ones_gives_the_mixture_back():
    mixture, _ = audio.mix(chords(2, 2))
    spectrogram = audio.stft(mixture)
    heard = audio.reconstruct(spectrogram, torch.ones(2, 1, 256, spectrogram.shape[-1]))
    assert torch.allclose(heard[:, 0], mixture[:, : heard.shape[-1]], atol=1e-5)


def test_a_batch_equals_its_rows_one_by_one():
    sources = chords(3, 2)
    mixture, parts = audio.mix(sources)
    spectrograms = audio.stft(parts)
    warped = audio.warp(spectrograms.abs(), 64)
    masks = torch.rand(3, 2, 64, spectrograms.shape[-1])
    together = audio.reconstruct(spectrograms.sum(1), masks)
    for b in range(3):
        alone_mixture, alone_parts = audio.mix(sources[b : b + 1])
        assert torch.equal(alone_mixture[0], mixture[b])
        alone = audio.stft(alone_parts)
        assert torch.allclose(alone[0], spectrograms[b], atol=1e-5)
        assert torch.allclose(audio.warp(alone.abs(), 64)[0], warped[b], atol=1e-5)
        assert torch.allclose(audio.reconstruct(alone.sum(1), masks[b : b + 1])[0], together[b], atol=1e-5)
