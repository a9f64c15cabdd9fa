"""SDR, SIR and SAR against mir_eval's, on the authors' reconstructions."""

import pytest
import torch
from golden import load

from contav_lib import audio
from contav_lib.evaluation.metrics import bss_eval, plain_sdr, score_mixtures

TOLERANCE = 1e-5  # dB


@pytest.fixture
def golden(golden_folder):
    return load(golden_folder, "metrics")


@pytest.fixture
def sounds(golden):
    """References `[B, N, L]`, estimates `[B, N, L]` and the mixture `[B, L]`, as the authors' evaluation has them."""
    window, hop = golden.config["n_fft"], golden.config["hop"]
    mixture, references = audio.mix(golden["pcm"].float() / 32768)
    spectrogram = audio.stft(mixture, window, hop)
    estimates = audio.reconstruct(
        spectrogram, golden["mask_q"].float().squeeze(2) / 256, window, hop, align_corners=False
    )
    doing_nothing = audio.istft(spectrogram, window, hop).clamp(-1, 1)
    return references[..., : golden.config["L"]], estimates, doing_nothing


@pytest.fixture(params=[1, 2])
def threads(request):
    """Batches of large matrices go wrong in some of torch's solvers on more than one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield
    torch.set_num_threads(before)


def assert_decibels(actual: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(actual, expected, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("batched", [True, False])
def test_estimates(golden, sounds, threads, batched):
    references, estimates, _ = sounds
    rows = [slice(None)] if batched else [slice(i, i + 1) for i in range(len(references))]
    for row in rows:
        scores = bss_eval(references[row], estimates[row])
        for name in ("sdr", "sir", "sar"):
            assert_decibels(scores[name], golden[f"mir.{name}"][row])
        assert_decibels(plain_sdr(references[row], estimates[row]), golden["mir.sdr"][row])


def test_mixture(golden, sounds, threads):
    """The mixture as its own estimate. Its SAR is left out: a mixture is the sum of its sources, so nothing is added, and
    the ratio to nothing (130 dB and more) is made of rounding errors, in mir_eval as here."""
    references, _, mixture = sounds
    doing_nothing = mixture.unsqueeze(1).expand_as(references)
    scores = bss_eval(references, doing_nothing)
    assert_decibels(scores["sdr"], golden["mir_mix.sdr"])
    assert_decibels(scores["sir"], golden["mir_mix.sir"])
    assert (golden["mir_mix.sar"] > 100).all() and (scores["sar"] > 100).all()


def test_all_scores_of_a_batch(golden, sounds, threads):
    references, estimates, mixture = sounds
    scores = score_mixtures(references, estimates, mixture)
    for name in ("sdr", "sir", "sar"):
        assert_decibels(scores[name], golden[f"calc_metrics.{name}"])
    assert_decibels(scores["sdr_improvement"], golden["calc_metrics.sdr"] - golden["calc_metrics.sdr_mix"])
