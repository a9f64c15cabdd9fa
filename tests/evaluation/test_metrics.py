"""BSS-Eval equals mir_eval whatever the batch and the threads; the task matrix by hand."""

import warnings

import numpy as np
import pytest
import torch

from contav_lib.evaluation import metrics
from contav_lib.evaluation.metrics import bss_eval, plain_sdr, score_mixtures, si_sdr

NAN = float("nan")


@pytest.fixture(scope="module")
def signals():
    """References and estimates `[16, 2, 4000]`: filtered noise, and mixtures of it with what a separation leaves."""
    rng = np.random.default_rng(0)
    noise, filters = rng.standard_normal((16, 2, 4000)), rng.standard_normal((16, 2, 40)) * np.exp(-np.arange(40) / 5)
    references = np.stack(
        [[np.convolve(a, b)[:4000] for a, b in zip(*pair, strict=True)] for pair in zip(noise, filters, strict=True)]
    )
    leak = rng.uniform(0.05, 0.6, (16, 1, 1))
    estimates = references + leak * references[:, ::-1] + 0.1 * rng.standard_normal(references.shape)
    return torch.tensor(references, dtype=torch.float32) / 10, torch.tensor(estimates, dtype=torch.float32) / 10


@pytest.fixture(scope="module")
def by_mir_eval(signals):
    """SDR, SIR, SAR `[16, 3, 2]`."""
    from mir_eval.separation import bss_eval_sources

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rows = [
            bss_eval_sources(r.double().numpy(), e.double().numpy(), False)[:3] for r, e in zip(*signals, strict=True)
        ]
    return torch.tensor(np.array(rows))


@pytest.fixture(params=[1, 2])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    assert torch.get_num_threads() == request.param  # the metrics change it for a moment only
    torch.set_num_threads(before)


@pytest.mark.parametrize("size", [1, 2, 16])
def test_scores_equal_mir_eval(signals, by_mir_eval, threads, size):
    references, estimates = (part[:size] for part in signals)
    scores = bss_eval(references, estimates)
    measured = torch.stack([scores["sdr"], scores["sir"], scores["sar"]], 1)
    assert (measured - by_mir_eval[:size]).abs().max() < 0.01
    assert (plain_sdr(references, estimates) - by_mir_eval[:size, 0]).abs().max() < 0.01


@pytest.mark.parametrize("sources", [3, 4])
def test_scores_of_more_sources_equal_mir_eval(signals, sources):
    from mir_eval.separation import bss_eval_sources

    references = signals[0].flatten(0, 1)[: 2 * sources].unflatten(0, (2, sources))
    estimates = (
        references + 0.3 * references.roll(1, 1) + 0.1 * references.roll(2, 1) + 0.01 * torch.randn(2, sources, 4000)
    )
    scores = score_mixtures(references, estimates, references.sum(1))
    for row in range(2):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = bss_eval_sources(references[row].double().numpy(), estimates[row].double().numpy(), False)
        for name, values in zip(("sdr", "sir", "sar"), expected[:3], strict=True):
            assert scores[name][row].item() == pytest.approx(values.mean(), abs=0.01)
    each = plain_sdr(references, estimates).mean(1)
    assert torch.allclose(scores["sdr"], each, atol=1e-6)


def test_a_mixture_is_scored_as_an_attempt_that_gives_it_as_every_source(signals):
    references, estimates = (part[:3] for part in signals)
    mixture = references.sum(1)
    attempts = torch.stack([estimates, mixture.unsqueeze(1).expand_as(references)], 1)
    scored = bss_eval(references, estimates, mixture)
    for name, expected in bss_eval(references, attempts).items():
        assert torch.equal(scored[name], expected), name


def test_all_scores_of_a_mixture(signals, by_mir_eval):
    references, estimates = (part[:2] for part in signals)
    scores = score_mixtures(references, estimates, references.sum(1))
    assert tuple(scores) == metrics.SCORES and all(value.shape == (2,) for value in scores.values())
    assert torch.allclose(scores["sir"], by_mir_eval[:2, 1].mean(1), atol=0.01)
    nothing = score_mixtures(references, references.sum(1, keepdim=True).expand_as(references), references.sum(1))
    assert nothing["sdr_improvement"].abs().max() < 1e-6
    assert torch.allclose(scores["sdr_improvement"], scores["sdr"] - nothing["sdr"], atol=1e-6)


def test_silent_sources_have_no_score_and_are_left_out_of_means(signals):
    references, estimates = (part[:4].clone() for part in signals)
    references[1, 0] = 0
    estimates[3, 1] = 0
    scores = score_mixtures(references, estimates, references.sum(1))
    alone = score_mixtures(references[[0, 2]], estimates[[0, 2]], references[[0, 2]].sum(1))
    for name, values in scores.items():
        assert values.isnan().tolist() == [False, True, False, True]
        assert torch.allclose(values[[0, 2]], alone[name], atol=1e-6)
    assert metrics.mean_scores(scores)["sdr"] == pytest.approx(alone["sdr"].mean().item(), abs=1e-6)
    silent = score_mixtures(references[1:2], estimates[1:2], references[1:2].sum(1))
    assert all(values.isnan().all() for values in silent.values())


def test_scores_of_single_sources_are_those_of_bss_eval(signals, by_mir_eval):
    references, estimates = (part[:2] for part in signals)
    scores = metrics.score_sources(references, estimates, references.sum(1))
    assert tuple(scores) == metrics.SCORES and all(value.shape == (2, 2) for value in scores.values())
    for number, name in enumerate(("sdr", "sir", "sar")):
        assert torch.allclose(scores[name], by_mir_eval[:2, number], atol=0.01)
    of_mixtures = score_mixtures(references, estimates, references.sum(1))
    assert all(torch.equal(of_mixtures[name], values.mean(1)) for name, values in scores.items())


def test_different_shapes_are_refused():
    with pytest.raises(ValueError, match=r"\(1, 2, 90\).*\(1, 2, 100\)"):
        bss_eval(torch.randn(1, 2, 100), torch.randn(1, 2, 90))


def test_si_sdr_does_not_hear_scale():
    reference, noise = torch.randn(3, 4000), torch.randn(3, 4000)
    noise -= (noise * reference).sum(-1, keepdim=True) / reference.square().sum(-1, keepdim=True) * reference
    noise *= reference.norm(dim=-1, keepdim=True) / noise.norm(dim=-1, keepdim=True)
    for scale in (0.01, 1, 30):
        assert si_sdr(reference, scale * reference).min() > 60
        assert torch.allclose(si_sdr(reference, scale * (reference + 0.1 * noise)), torch.full((3,), 20.0), atol=0.1)
