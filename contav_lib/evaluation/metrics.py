"""Scores of separated sounds: BSS-Eval and SI-SDR."""

from collections.abc import Mapping

import torch
from torch.nn import functional

from contav_lib.utils.devices import cpu_threads, doubled

# All in dB, higher is better; with their titles in tables, figures and widgets.
TITLES = {"sdr": "SDR", "sir": "SIR", "sar": "SAR", "si_sdr": "SI-SDR", "sdr_improvement": "SDR improvement"}
SCORES = tuple(TITLES)
BSS_EVAL = ("sdr", "sir", "sar")  # of these, what papers report
FILTER_TAPS = 512  # BSS-Eval version 3: a reference may be filtered by so many taps and still count as the source
_SILENCE = 1e-8  # a waveform whose largest sample is below this is silent: its scores mean nothing
# Delays of a pure tone are linearly dependent. White noise at -110 dB, added to the references' own correlations, keeps
# them apart; it moves scores below 60 dB by less than 1e-3 dB.
_NOISE = 1e-11
_BLOCK = 16  # rows that the solver takes at a time, at most: a divisor of FILTER_TAPS, chosen for speed
_FRAME = 7 * FILTER_TAPS  # samples of a frame in a correlation, chosen for speed


def is_audible(waveforms: torch.Tensor) -> torch.Tensor:
    """Mask of the waveforms `[..., L]` that are not silent: bool `[...]`."""
    return waveforms.abs().amax(-1) > _SILENCE


@cpu_threads(1)  # the solver's many small steps lose more by sharing out the work than they win
def bss_eval(
    references: torch.Tensor, estimates: torch.Tensor, mixture: torch.Tensor | None = None
) -> dict[str, torch.Tensor]:
    """SDR, SIR and SAR of BSS-Eval version 3, in dB, without permutation (Vincent et al. 2006).

    SDR counts all errors, SIR only what the other sources left, SAR only what the separation added. Worked out in double
    precision; equal to `mir_eval.separation.bss_eval_sources` at a small part of its time.

    An estimate is projected onto its own reference, and onto all references, each with its first `FILTER_TAPS` delays.
    Of unit energy, it has the share `c' G^-1 c` in such a space: G is how the delayed references correlate among
    themselves, c how they correlate with the estimate.

    Args:
        references: true sources `[B, N, L]`, none silent.
        estimates: separated sources in the same order, `[B, N, L]`, or K attempts at each mixture, `[B, K, N, L]`.
        mixture: `[B, L]`; one attempt more, the last: to give it as every source.

    Returns:
        `sdr`, `sir`, `sar`, each of the estimates' shape without L; with a mixture, `[B, K + 1, N]`.

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
    references, attempts = _unit(references), _unit(estimates).flatten(1, -2)  # [B, N, L], [B, K * N, L]
    shape, given = estimates.shape[:-1], attempts.shape[1]
    if mixture is not None:  # transformed once, for all sources
        attempts = torch.cat([attempts, _unit(mixture).unsqueeze(1)], 1)
        shape = torch.Size([len(references), given // sources + 1, sources])
    among, with_attempts = _correlate(references, torch.cat([references, attempts], 1)).tensor_split([sources], 2)
    if mixture is not None:
        with_attempts = torch.cat([with_attempts, with_attempts[:, :, given:].expand(-1, -1, sources - 1, -1)], 2)
    in_all = _explained(among, with_attempts).unflatten(1, (-1, sources))  # [B, K, N]
    own_among = among.diagonal(dim1=1, dim2=2).movedim(-1, 1)  # [B, N, taps]
    with_own = with_attempts.unflatten(2, (-1, sources)).diagonal(dim1=1, dim2=3).movedim(-1, 1)  # [B, N, K, taps]
    in_own = _explained(own_among.flatten(0, 1)[:, None, None], with_own.flatten(0, 1)[:, None])  # [B * N, K]
    in_own = in_own.unflatten(0, (-1, sources)).transpose(1, 2)
    scores = {"sdr": _decibels(in_own), "sir": _decibels(in_own / in_all), "sar": _decibels(in_all)}
    return {name: values.reshape(shape) for name, values in scores.items()}


@cpu_threads(1)
def plain_sdr(references: torch.Tensor, estimates: torch.Tensor) -> torch.Tensor:
    """SDR alone, `[..., L]` -> `[...]`: each estimate against its own reference; several times cheaper than `bss_eval`."""
    reference, estimate = (_unit(part).reshape(-1, 1, part.shape[-1]) for part in (references, estimates))
    among, with_estimate = _correlate(reference, torch.cat([reference, estimate], 1)).chunk(2, 2)
    return _decibels(_explained(among, with_estimate)).reshape(references.shape[:-1])


def _unit(waveforms: torch.Tensor) -> torch.Tensor:
    """In double precision, with an energy of 1."""
    return functional.normalize(doubled(waveforms), dim=-1)


def _correlate(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """`sum over t of x[t] y[t + k]` for k = 0 .. taps - 1: `[B, N, L]` and `[B, M, L]` -> `[B, N, M, taps]`.

    A frame of x meets the same frame of y and the taps after it, so short transforms do.
    """
    size = _FRAME + FILTER_TAPS
    rest = -x.shape[-1] % _FRAME
    x = functional.pad(x, (0, rest)).unfold(-1, _FRAME, _FRAME)
    y = functional.pad(y, (0, rest + FILTER_TAPS)).unfold(-1, size, _FRAME)
    of_x, of_y = torch.fft.rfft(x, size).conj().unsqueeze(2), torch.fft.rfft(y).unsqueeze(1)
    spectra = of_x[..., 0, :] * of_y[..., 0, :]  # summed over frames, [B, N, M, frequencies]
    for frame in range(1, of_x.shape[-2]):
        spectra.addcmul_(of_x[..., frame, :], of_y[..., frame, :])
    return torch.fft.irfft(spectra, size)[..., :FILTER_TAPS]


def _explained(among: torch.Tensor, correlations: torch.Tensor) -> torch.Tensor:
    """`c' G^-1 c` for M columns c, from correlations `[B, N, N, taps]` and `[B, N, M, taps]` -> `[B, M]`.

    Projects onto the delays a few at a time, each block of them freed of what the earlier ones explain: Gram-Schmidt on
    correlations, or a block Cholesky factorisation of G. An entry of G depends only on how far apart two delays are, so
    the next block's correlations are this one's, shifted, less what delay block 0 explains (Schur's algorithm). That takes
    `taps^2` operations where a solver that knows nothing of G takes `taps^3`. Only Cholesky solvers, of small matrices:
    `torch.linalg.solve` errs on batches of large ones (torch 2.13, CPU, 2 threads).
    """
    sources = among.shape[1]
    step = _BLOCK >> (sources - 1).bit_length()  # delays at a time: 16, 8, 4, 4 for 1, 2, 3, 4 sources
    size = sources * step  # of a block: all sources at so many delays
    lags = torch.cat([among.transpose(1, 2)[..., 1:step].flip(-1), among], -1)  # from -(step - 1) to taps - 1
    # G's first block column, [B, taps * N, size]: rows and columns go by delay, then by source.
    column = lags.unfold(-1, step, 1).flip(-1).permute(0, 3, 1, 4, 2).flatten(3, 4).flatten(1, 2)
    column[:, :size].diagonal(dim1=1, dim2=2).add_(_NOISE)
    left = correlations.permute(0, 3, 1, 2).flatten(1, 2)  # [B, taps * N, M]: what is still unexplained

    # Correlations of delays with the newest block, given all blocks before it; and with block 0, given all after it.
    newest, oldest, oldest_energy = column, column[:, size:], column[:, :size]
    newest_factor = oldest_factor = torch.linalg.cholesky(oldest_energy)
    total = torch.zeros_like(left[:, 0])
    for start in range(0, FILTER_TAPS, step):
        if start:
            newest, between = newest[:, :-size], oldest[:, :size]
            to_oldest = torch.cholesky_solve(between.mT, oldest_factor)
            to_newest = torch.cholesky_solve(between, newest_factor)
            newest, oldest = newest - oldest @ to_oldest, oldest[:, size:] - newest[:, size:] @ to_newest
            oldest_energy = oldest_energy - between.mT @ to_newest
            newest_factor = torch.linalg.cholesky(newest[:, :size])
            oldest_factor = torch.linalg.cholesky(oldest_energy)
        share = left[:, :size]
        weights = torch.cholesky_solve(share, newest_factor)
        total = total + (share * weights).sum(1)
        left = left[:, size:] - newest[:, size:] @ weights
    return total


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
    """All `SCORES` of a batch of mixtures, each averaged over its sources: `score_sources`, but `[B]` a score."""
    return {name: values.mean(1) for name, values in score_sources(references, estimates, mixture).items()}


def score_sources(references: torch.Tensor, estimates: torch.Tensor, mixture: torch.Tensor) -> dict[str, torch.Tensor]:
    """All `SCORES` of every source in a batch of mixtures.

    A mixture with a silent reference or estimate has no score: NaN for all its sources, to be left out of means (and
    counted).

    Args:
        references, estimates: `[B, N, L]`. mixture: `[B, L]`.

    Returns:
        one tensor `[B, N]` a score, in dB, double precision, on the CPU.
    """
    audible = (is_audible(references) & is_audible(estimates)).all(1)
    scores = {name: torch.full(references.shape[:2], float("nan"), dtype=torch.float64) for name in SCORES}
    if audible.any():
        references, estimates, mixture = references[audible], estimates[audible], mixture[audible]
        scored = bss_eval(references, estimates, mixture)
        measured = {name: values[:, 0] for name, values in scored.items()}
        measured["si_sdr"] = si_sdr(references, estimates)
        measured["sdr_improvement"] = measured["sdr"] - scored["sdr"][:, 1]  # to what the mixture has
        for name, values in measured.items():
            scores[name][audible.cpu()] = values.cpu().double()
    return scores


def mean_scores(scores: Mapping[str, torch.Tensor]) -> dict[str, float]:
    """Mean over the mixtures, or over their sources, that have a score."""
    return {name: float(values.nanmean()) for name, values in scores.items()}
