import pytest
import torch
from samples import SMALL, make_prepared, note_threads

from contav_lib.evaluation.evaluate import evaluate
from contav_lib.evaluation.metrics import mean_scores
from contav_lib.experiments.template import OTHERS, ClassSpectrum, class_spectra, without_network
from contav_lib.mixtures.clip_store import ClipStore
from contav_lib.mixtures.fixed import fixed_mixtures
from contav_lib.utils.devices import cpu_threads

LOW, HIGH, WIDE = (torch.tensor(row, dtype=torch.float) for row in ([3, 1, 0, 0], [0, 0, 1, 3], [1, 1, 1, 1]))
SPECTRA = torch.stack([LOW / 4, HIGH / 4, WIDE / 4])


def masks(others, classes, mixture=None):
    mixture = torch.ones(len(classes), 1, 4, 2) if mixture is None else mixture
    return ClassSpectrum(SPECTRA, others)(mixture, {}, torch.tensor(classes)).masks


def test_told_both_classes_the_masks_are_their_shares():
    found = masks("told", [[0, 2]])
    assert found.shape == (1, 2, 4, 2)
    assert torch.allclose(found[0, 0, :, 0], torch.tensor([3 / 4, 1 / 2, 0, 0]))
    assert torch.allclose(found.sum(1), torch.ones(1, 4, 2))


def test_a_guess_follows_the_mixture():
    low_and_high = (SPECTRA[0] + SPECTRA[1]).sqrt()[None, None, :, None].expand(1, 1, 4, 2)
    assert torch.allclose(masks("guessed", [[0, 1]], low_and_high), masks("told", [[0, 1]]), atol=1e-5)
    low_alone = SPECTRA[0].sqrt()[None, None, :, None].expand(1, 1, 4, 2)
    assert not torch.allclose(masks("guessed", [[0, 1]], low_alone)[:, 0], masks("told", [[0, 1]])[:, 0])


def test_told_the_wanted_class_only_it_never_looks_at_the_mixture():
    loud = torch.rand(1, 1, 4, 2) + 5
    assert torch.equal(masks("unknown", [[0, 1]]), masks("unknown", [[0, 1]], loud))
    assert torch.equal(masks("unknown", [[0, 1]])[:, 0], masks("unknown", [[0, 2]])[:, 0])


def test_three_sources():
    assert torch.allclose(masks("told", [[0, 1, 2]]).sum(1), torch.ones(1, 4, 2))
    for others in OTHERS:
        assert masks(others, [[0, 1, 2]]).shape == (1, 3, 4, 2)


def test_spectra_are_means_over_clips_of_sum_1(make_store):
    store = make_store(count=3, classes=2, seconds=0.5)  # shorter than a crop: every crop is the whole clip
    spectra = class_spectra(store)
    assert spectra.shape == (2, store.spectrogram.bins)
    assert torch.allclose(spectra.sum(1), torch.ones(2))
    single = torch.stack([class_spectra(store, [clip, 3])[0] for clip in range(3)])
    assert torch.allclose(spectra[0], single.mean(0), atol=1e-6)


def test_a_class_without_a_clip_is_named(make_store):
    with pytest.raises(ValueError, match="Class number 1 has no clip"):
        class_spectra(make_store(count=3, classes=2), [0, 1])


def test_an_unknown_word_is_refused():
    with pytest.raises(ValueError, match="others='seen'"):
        ClassSpectrum(SPECTRA, "seen")


def test_digits_do_not_hang_on_the_threads_of_the_process(home, video_folder, monkeypatch):
    noted = note_threads(monkeypatch, ClassSpectrum, "forward")
    with cpu_threads(2):
        without_network("smoke", 1, data=str(video_folder), tasks=2, test_mixtures=1, bins=64, frames=16)
    assert set(noted) == {1}


def test_tones_apart_are_separated_by_their_spectra():
    clips = [make_prepared(number, ("low", "high")[number // 3], 4.0) for number in range(6)]
    time = torch.arange(len(clips[0].waveform)) / 11_025
    for number, clip in enumerate(clips):
        clip.waveform.copy_(0.3 * torch.sin(2 * torch.pi * (200, 3000)[number // 3] * (1 + 0.02 * number) * time))
    store = ClipStore(clips, {"low": 0, "high": 1}, SMALL)
    mixtures = fixed_mixtures(store, [0, 1], 8, seed=0)
    told = mean_scores(evaluate(ClassSpectrum(class_spectra(store)), store, mixtures))
    assert told["sdr_improvement"] > 6
    swapped = mean_scores(evaluate(ClassSpectrum(class_spectra(store).flip(0)), store, mixtures))
    assert swapped["sdr_improvement"] < 0
