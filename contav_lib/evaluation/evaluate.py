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
    scores: dict[str, list[torch.Tensor]] = {name: [] for name in SCORES}
    for references, estimates in _separated(separator, clips, spec, ablation):
        for name, values in score_sources(references, estimates, references.sum(1)).items():
            scores[name].append(values)
    return {name: torch.cat(values) for name, values in scores.items()}


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
    scores = []
    for references, estimates in _separated(separator, clips, spec):
        audible = is_audible(references) & is_audible(estimates)
        if audible.any():
            scores.append(plain_sdr(references[audible].unsqueeze(1), estimates[audible].unsqueeze(1)))
    return float(torch.cat(scores).mean()) if scores else float("nan")


def _separated(
    separator: nn.Module, clips: ClipStore, spec: MixtureSpec, ablation: VisualAblation | None = None
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield the true and the separated waveforms of a few mixtures at a time, `[B, N, L]` each."""
    separator.eval()
    for batch in clips.batches(spec, keep_waveforms=True):
        estimates = separate_batch(separator, ablation(batch) if ablation else batch, clips)
        assert batch.sources is not None  # asked for
        yield batch.sources[..., : estimates.shape[-1]], estimates
