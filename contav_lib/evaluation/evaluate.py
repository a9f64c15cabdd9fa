"""Separate fixed mixtures: score what comes out, or take the features of the sources."""

from collections.abc import Iterator

import torch
from torch import nn

from contav_lib.audio import reconstruct
from contav_lib.evaluation.ablations import VisualAblation
from contav_lib.evaluation.metrics import SCORES, is_audible, plain_sdr, score_sources
from contav_lib.mixtures.batch import Batch, MixtureSpec
from contav_lib.mixtures.clip_store import ClipStore
from contav_lib.separators import Separator
from contav_lib.utils.devices import mixed_precision
from contav_lib.utils.ranks import add_up, own_rows


@torch.inference_mode()
def separate_batch(separator: nn.Module, batch: Batch, clips: ClipStore) -> torch.Tensor:
    """Separated waveforms `[B, N, L]` of a batch made with `keep_waveforms=True`."""
    sizes = clips.spectrogram
    with mixed_precision(clips.device):
        masks = separator(batch.mixture, batch.visual, batch.classes).masks
    assert batch.spectrogram is not None, "make the batch with keep_waveforms=True"
    return reconstruct(batch.spectrogram, masks, sizes.window, sizes.hop, sizes.align_corners)


@torch.inference_mode()
def evaluate(
    separator: nn.Module, clips: ClipStore, spec: MixtureSpec, ablation: VisualAblation | None = None
) -> dict[str, torch.Tensor]:
    """Scores of every source in mixtures.

    Args:
        separator: or a module called as one is; put in eval mode here.
        spec: M mixtures of N sources.
        ablation: changes what the separator sees (see `VISUAL_ABLATIONS`) or is asked for; None shows it everything.

    Returns:
        `metrics.SCORES` by name, each `[M, N]` in dB, NaN for a mixture with a silent source.
    """
    scores = {name: torch.zeros(spec.clips.shape, dtype=torch.float64) for name in SCORES}
    for rows, references, estimates in _separated(separator, clips, spec, ablation):
        for name, values in score_sources(references, estimates, references.sum(1)).items():
            scores[name][rows] = values
    return {name: add_up(values) for name, values in scores.items()}


@torch.inference_mode()
def source_features(
    separator: Separator, clips: ClipStore, spec: MixtureSpec, ablation: VisualAblation | None = None
) -> dict[str, torch.Tensor]:
    """Features of all sources in M mixtures of N, by modality, `[M * N, D]`, float32 on the CPU; arguments as `evaluate`."""
    parts = []
    for batch in clips.batches(spec, 64):
        batch = ablation(batch) if ablation else batch
        with mixed_precision(clips.device):
            parts.append(separator(batch.mixture, batch.visual, batch.classes).features)
    return {name: torch.cat([part[name].flatten(0, 1) for part in parts]).float().cpu() for name in parts[0]}


@torch.inference_mode()
def validation_sdr(separator: Separator, clips: ClipStore, spec: MixtureSpec) -> float:
    """Mean SDR in dB, and nothing else: the cheap score by which the best weights are chosen; NaN where all is silent.

    Unlike in `evaluate`, a silent source is left out by itself, without the others of its mixture.
    """
    place = "cpu" if clips.device.type == "mps" else clips.device  # Apple's GPU has no double precision
    scores, counted = torch.zeros(2, *spec.clips.shape, dtype=torch.float64, device=place)
    for rows, references, estimates in _separated(separator, clips, spec):
        audible = is_audible(references) & is_audible(estimates)
        if audible.any():
            values = plain_sdr(references[audible].unsqueeze(1), estimates[audible].unsqueeze(1))
            audible = audible.to(place)
            scores[rows][audible], counted[rows] = values.flatten().to(scores), audible.double()
    return float(add_up(scores)[add_up(counted) > 0].mean())


def _separated(
    separator: nn.Module, clips: ClipStore, spec: MixtureSpec, ablation: VisualAblation | None = None
) -> Iterator[tuple[slice, torch.Tensor, torch.Tensor]]:
    """Yield rows of a few mixtures at a time, with their true and their separated waveforms, `[B, N, L]` each.

    Of several processes that run one experiment, each has its share of them.
    """
    separator.eval()
    for first in range(0, len(spec), 16)[own_rows()]:
        rows = slice(first, first + 16)
        batch = clips.batch(spec[rows], keep_waveforms=True)
        estimates = separate_batch(separator, ablation(batch) if ablation else batch, clips)
        assert batch.sources is not None  # asked for
        yield rows, batch.sources[..., : estimates.shape[-1]], estimates
