"""How good is a separation, and how much was forgotten: BSS-Eval scores and the task matrix."""

from collections.abc import Mapping
from contextlib import contextmanager

import fast_bss_eval
import numpy as np
import torch

SCORES = ("sdr", "sir", "sar", "si_sdr", "sdr_improvement")  # all in dB, higher is better
FILTER_TAPS = 512  # BSS-Eval version 3: a reference may be filtered by so many taps and still count as the source
_SILENCE = 1e-8  # a waveform whose largest sample is below this is silent: its scores mean nothing


def bss_eval(references: torch.Tensor, estimates: torch.Tensor) -> dict[str, torch.Tensor]:
    """SDR, SIR and SAR of BSS-Eval version 3, in dB, without permutation (Vincent et al. 2006).

    SDR counts all errors, SIR only what the other sources left, SAR only what the separation added. Worked out in double
    precision; equal to `mir_eval.separation.bss_eval_sources` at a tenth of its time.

    Args:
        references: true sources `[B, N, L]`, none silent.
        estimates: separated sources `[B, N, L]`, in the same order.

    Returns:
        `sdr`, `sir`, `sar`, each `[B, N]`.

    Raises:
        ValueError: the shapes differ.
    """
    if references.shape != estimates.shape:
        raise ValueError(
            f"References {tuple(references.shape)} and estimates {tuple(estimates.shape)} must have the same shape [B, N, L]."
        )
    with _one_thread():
        sdr, sir, sar = fast_bss_eval.bss_eval_sources(
            references.double(),
            estimates.double(),
            filter_length=FILTER_TAPS,
            use_cg_iter=None,
            compute_permutation=False,
        )
    return {"sdr": sdr, "sir": sir, "sar": sar}


def plain_sdr(references: torch.Tensor, estimates: torch.Tensor) -> torch.Tensor:
    """SDR alone of `[B, N, L]` -> `[B, N]`: each estimate against its own reference; several times cheaper than `bss_eval`."""
    shape = references.shape
    with _one_thread():
        # The second-last axis would be taken for channels and every pair compared, so each source goes alone.
        scores = fast_bss_eval.sdr(
            references.double().reshape(-1, 1, shape[-1]),
            estimates.double().reshape(-1, 1, shape[-1]),
            filter_length=FILTER_TAPS,
            use_cg_iter=None,
        )
    return scores.reshape(shape[:-1])


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
        measured = bss_eval(references, estimates)
        measured["si_sdr"] = si_sdr(references, estimates)
        doing_nothing = plain_sdr(references, mixture.unsqueeze(1).expand_as(references))
        measured["sdr_improvement"] = measured["sdr"] - doing_nothing
        for name, values in measured.items():
            scores[name][audible.cpu()] = values.mean(1).double().cpu()
    return scores


@contextmanager
def _one_thread():
    """Batched `torch.linalg.solve` of 256 or more unknowns raises or, worse, errs on several threads (torch 2.13, CPU)."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


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
