"""Fixed test mixtures, and what a separator scores on them."""

from collections.abc import Callable, Sequence

import torch

from contav_lib.audio import reconstruct
from contav_lib.evaluation.metrics import SCORES, is_audible, plain_sdr, score_sources
from contav_lib.mixtures.clip_store import Batch, ClipStore, MixtureSpec
from contav_lib.separators import Separator
from contav_lib.utils.devices import mixed_precision

_CHUNK = 16  # mixtures separated and scored at once

# What the separator is shown and told: each takes a batch and gives one with other pictures, or classes to ask for.
VisualAblation = Callable[[Batch], Batch]


def fixed_mixtures(
    bank: ClipStore, classes: Sequence[int], count: int, seed: int, num_sources: int = 2, same_class: bool = False
) -> MixtureSpec:
    """Test mixtures that never change: clips and crops depend on the classes and the seed only.

    Every class is drawn about equally often as the first source. Gains are 1.

    Args:
        classes: numbers of the classes to mix.
        same_class: all sources of a mixture are of one class (different clips); else all are of different classes
            where there are enough classes.

    Raises:
        ValueError: too few clips to mix.
    """
    generator = torch.Generator().manual_seed(seed)
    clips_of = {number: (bank.classes == number).nonzero().flatten() for number in classes}
    poor = [number for number, clips in clips_of.items() if len(clips) < (num_sources if same_class else 1)]
    if poor:
        raise ValueError(f"Too few clips to mix {num_sources} of class number {poor[0]}: {len(clips_of[poor[0]])}.")
    order = torch.cat([torch.randperm(len(classes), generator=generator) for _ in range(-(-count // len(classes)))])[
        :count
    ]
    rows = []
    for first in order.tolist():
        if same_class:
            chosen = clips_of[classes[first]]
            rows.append(chosen[torch.randperm(len(chosen), generator=generator)[:num_sources]])
            continue
        others = torch.randperm(len(classes), generator=generator).tolist()
        labels = [first, *(other for other in others if other != first)]
        labels = (labels * num_sources)[:num_sources]  # more sources than classes: classes come again
        rows.append(_distinct_clips([clips_of[classes[label]] for label in labels], generator))
    return bank.draw(torch.stack(rows), generator)


def _distinct_clips(choices: Sequence[torch.Tensor], generator: torch.Generator) -> torch.Tensor:
    """One clip of each choice, none twice."""
    chosen: list[int] = []
    for clips in choices:
        free = [clip for clip in clips.tolist() if clip not in chosen]
        if not free:
            raise ValueError("There are too few clips for mixtures of so many sources without using one twice.")
        chosen.append(free[int(torch.randint(len(free), (1,), generator=generator))])
    return torch.tensor(chosen)


@torch.inference_mode()
def separate_batch(separator: Separator, batch: Batch, bank: ClipStore) -> torch.Tensor:
    """Separated waveforms `[B, N, L]` of a batch made with `keep_waveforms=True`."""
    sizes = bank.spectrogram
    with mixed_precision(bank.device):
        masks = separator(batch.mixture, batch.visual, batch.classes).masks
    return reconstruct(batch.spectrogram, masks, sizes.window, sizes.hop, sizes.align_corners)


@torch.inference_mode()
def evaluate(
    separator: Separator, bank: ClipStore, draw: MixtureSpec, sight: VisualAblation | None = None
) -> dict[str, torch.Tensor]:
    """Scores of every source in the mixtures of a draw.

    Args:
        separator: put in eval mode here.
        sight: changes what the separator sees (see `VISUAL_ABLATIONS`) or is asked for; None shows it everything.

    Returns:
        `metrics.SCORES` by name, each `[mixtures, N]` in dB, NaN for a mixture with a silent source.
    """
    separator.eval()
    scores: dict[str, list[torch.Tensor]] = {name: [] for name in SCORES}
    for start in range(0, len(draw), _CHUNK):
        batch = bank.batch(draw[start : start + _CHUNK], keep_waveforms=True)
        estimates = separate_batch(separator, sight(batch) if sight else batch, bank)
        references = batch.sources[..., : estimates.shape[-1]]
        for name, values in score_sources(references, estimates, references.sum(1)).items():
            scores[name].append(values)
    return {name: torch.cat(values) for name, values in scores.items()}


@torch.inference_mode()
def validation_sdr(separator: Separator, bank: ClipStore, draw: MixtureSpec) -> float:
    """Mean SDR in dB, and nothing else: the cheap score by which the best weights are chosen."""
    separator.eval()
    scores = []
    for start in range(0, len(draw), _CHUNK):
        batch = bank.batch(draw[start : start + _CHUNK], keep_waveforms=True)
        estimates = separate_batch(separator, batch, bank)
        references = batch.sources[..., : estimates.shape[-1]]
        audible = is_audible(references) & is_audible(estimates)
        scores.append(plain_sdr(references[audible].unsqueeze(1), estimates[audible].unsqueeze(1)))
    return float(torch.cat(scores).mean())


def _swap(batch: Batch, *names: str) -> Batch:
    """Give each source the picture of its neighbour in the mixture: the most confusing picture there is."""
    changed = {name: value.roll(1, dims=1) if name in names else value for name, value in batch.visual.items()}
    return Batch(**{**vars(batch), "visual": changed})


def _blind(batch: Batch) -> Batch:
    hidden = {name: value if name == "motion_mask" else torch.zeros_like(value) for name, value in batch.visual.items()}
    return Batch(**{**vars(batch), "visual": hidden})


VISUAL_ABLATIONS: dict[str, VisualAblation | None] = {
    "everything given": None,
    "object swapped": lambda batch: _swap(batch, "object"),
    "motion swapped": lambda batch: _swap(batch, "motion"),
    "object and motion swapped": lambda batch: _swap(batch, "object", "motion"),
    "no picture": _blind,
}
