"""How good is a separation, and how much was forgotten: BSS-Eval scores and the task matrix."""

from collections.abc import Mapping

import numpy as np
import torch
from fast_bss_eval.torch.linalg import block_toeplitz, toeplitz
from fast_bss_eval.torch.metrics import compute_stats, compute_stats_2

SCORES = ("sdr", "sir", "sar", "si_sdr", "sdr_improvement")  # all in dB, higher is better
FILTER_TAPS = 512  # BSS-Eval version 3: a reference may be filtered by so many taps and still count as the source
_SILENCE = 1e-8  # a waveform whose largest sample is below this is silent: its scores mean nothing
# Delays of a pure tone are linearly dependent. White noise at -110 dB, added to the references' own correlations, keeps
# them apart; it moves scores below 60 dB by less than 1e-4 dB.
_NOISE = 1e-11


def bss_eval(references: torch.Tensor, estimates: torch.Tensor) -> dict[str, torch.Tensor]:
    """SDR, SIR and SAR of BSS-Eval version 3, in dB, without permutation (Vincent et al. 2006).

    SDR counts all errors, SIR only what the other sources left, SAR only what the separation added. Worked out in double
    precision; equal to `mir_eval.separation.bss_eval_sources` at a small part of its time.

    An estimate is projected onto its own reference, and onto all references, each with its first `FILTER_TAPS` delays.
    Of unit energy, it has the share `c' G^-1 c` in such a space: G is how the delayed references correlate among
    themselves, c how they correlate with the estimate. G does not depend on the estimate, so the costly step, its
    Cholesky factor, is shared by all estimates of a mixture.

    Args:
        references: true sources `[B, N, L]`, none silent.
        estimates: separated sources in the same order, `[B, N, L]`, or K attempts at each mixture, `[B, K, N, L]`.

    Returns:
        `sdr`, `sir`, `sar`, each of the estimates' shape without L.

    Raises:
        ValueError: the shapes don't fit.
    """
    one_attempt = estimates[:, 0] if estimates.ndim == 4 else estimates
    if references.shape != one_attempt.shape:
        raise ValueError(
            f"Estimates {tuple(estimates.shape)} must be [B, N, L] or [B, K, N, L] for references [B, N, L], "
            f"which are {tuple(references.shape)}."
        )
    sources = references.shape[1]
    # [B, taps, N, N] and [B, taps, N, K * N]; the matrix G is [B, taps * N, taps * N].
    among, with_estimates = compute_stats_2(_unit(references), _unit(estimates).flatten(1, -2), FILTER_TAPS)
    among[:, 0].diagonal(dim1=-2, dim2=-1).add_(_NOISE)
    gram = block_toeplitz(among)
    in_all = _explained(gram, with_estimates.flatten(1, 2)).unflatten(1, (-1, sources))
    own_gram = gram.reshape(-1, FILTER_TAPS, sources, FILTER_TAPS, sources).diagonal(dim1=2, dim2=4)
    own = with_estimates.unflatten(-1, (-1, sources)).diagonal(dim1=2, dim2=4)
    in_own = _explained(own_gram.movedim(-1, 1), own.movedim(-1, 1)).transpose(1, 2)
    scores = {"sdr": _decibels(in_own), "sir": _decibels(in_own / in_all), "sar": _decibels(in_all)}
    return {name: values.reshape(estimates.shape[:-1]) for name, values in scores.items()}


def plain_sdr(references: torch.Tensor, estimates: torch.Tensor) -> torch.Tensor:
    """SDR alone, `[..., L]` -> `[...]`: each estimate against its own reference; several times cheaper than `bss_eval`."""
    among, with_estimates = compute_stats(_unit(references), _unit(estimates), FILTER_TAPS, pairwise=False)
    among[..., 0] += _NOISE
    return _decibels(_explained(toeplitz(among), with_estimates.unsqueeze(-1)).squeeze(-1))


def _unit(waveforms: torch.Tensor) -> torch.Tensor:
    """In double precision, with an energy of 1."""
    return torch.nn.functional.normalize(waveforms.double(), dim=-1)


def _explained(gram: torch.Tensor, correlations: torch.Tensor) -> torch.Tensor:
    """`c' G^-1 c` for every column c: `[..., n, n]` and `[..., n, M]` -> `[..., M]`.

    By Cholesky, not `torch.linalg.solve`: that one errs on batches of so large matrices (torch 2.13, CPU, 2 threads).
    """
    factor = torch.linalg.cholesky(gram)
    return torch.linalg.solve_triangular(factor, correlations, upper=False).square().sum(-2)


def _decibels(share: torch.Tensor) -> torch.Tensor:
    """Energy explained to energy left, of a share of the whole."""
    share = share.clamp(1e-15, 1 - 1e-15)
    return 10 * (share / (1 - share)).log10()


def si_sdr(references: torch.Tensor, estimates: torch.Tensor) -> torch.Tensor:
    """Scale-invariant SDR in dB (Le Roux et al. 2019): `[..., L]` -> `[...]`."""
    references = references - references.mean(-1, keepdim=True)
    estimates = estimates - estimates.mean(-1, keepdim=True)
    scale = (references * estimates).sum(-1, keepdim=True) / references.square().sum(-1, keepdim=True).clamp(min=1e-12)
    target = scale * references
    ratio = target.square().sum(-1) / (estimates - target).square().sum(-1).clamp(min=1e-12)
    return 10 * ratio.clamp(min=1e-12).log10()


def score_mixtures(references: torch.Tensor, estimates: torch.Tensor, mixture: torch.Tensor) -> dict[str, torch.Tensor]:
    """All `SCORES` of a batch of mixtures, each averaged over its sources.

    A mixture with a silent reference or estimate has no score: NaN, to be left out of means (and counted).

    Args:
        references, estimates: `[B, N, L]`. mixture: `[B, L]`.

    Returns:
        one tensor `[B]` a score, on the CPU.
    """
    audible = (references.abs().amax(-1) > _SILENCE).all(1) & (estimates.abs().amax(-1) > _SILENCE).all(1)
    scores = {name: torch.full((len(references),), float("nan"), dtype=torch.float64) for name in SCORES}
    if audible.any():
        references, estimates, mixture = references[audible], estimates[audible], mixture[audible]
        doing_nothing = mixture.unsqueeze(1).expand_as(references)
        scored = bss_eval(references, torch.stack([estimates, doing_nothing], 1))
        measured = {name: values[:, 0] for name, values in scored.items()}
        measured["si_sdr"] = si_sdr(references, estimates)
        measured["sdr_improvement"] = measured["sdr"] - scored["sdr"][:, 1]
        for name, values in measured.items():
            scores[name][audible.cpu()] = values.mean(1).double().cpu()
    return scores


# The task matrix: R[i, j] = score on task j's fixed test mixtures after learning task i; NaN where not yet measured.


def average(matrix: np.ndarray) -> float:
    """Mean over the seen tasks, after the last one learned: the mean of R's last measured row."""
    return float(np.nanmean(_last_row(matrix)))


def forgetting(matrix: np.ndarray) -> float:
    """Mean over old tasks j of `max_i R[i, j] - R[T, j]` (Chaudhry et al. 2018); 0 while there is one task only."""
    last, tasks = _last_row(matrix), _measured(matrix)
    if tasks < 2:
        return 0.0
    return float(np.mean(np.nanmax(matrix[:tasks, : tasks - 1], axis=0) - last[: tasks - 1]))


def backward_transfer(matrix: np.ndarray) -> float:
    """Mean over old tasks j of `R[T, j] - R[j, j]` (Lopez-Paz and Ranzato 2017); 0 while there is one task only."""
    last, tasks = _last_row(matrix), _measured(matrix)
    if tasks < 2:
        return 0.0
    return float(np.mean(last[: tasks - 1] - np.diag(matrix)[: tasks - 1]))


def _measured(matrix: np.ndarray) -> int:
    """Number of tasks learned so far."""
    matrix = np.asarray(matrix, dtype=float)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"A task matrix is square, [T, T]; this one is {matrix.shape}.")
    rows = np.flatnonzero(~np.isnan(matrix).all(axis=1))
    if not len(rows):
        raise ValueError("The task matrix is all NaN: nothing has been measured yet.")
    return int(rows[-1]) + 1


def _last_row(matrix: np.ndarray) -> np.ndarray:
    return np.asarray(matrix, dtype=float)[_measured(matrix) - 1]


def mean_scores(scores: Mapping[str, torch.Tensor]) -> dict[str, float]:
    """Mean over the mixtures that have a score."""
    return {name: float(values.nanmean()) for name, values in scores.items()}
