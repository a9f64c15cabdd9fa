"""Separate sounds of any length: crops as long as those of training, each faded into the next."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from contav_lib.evaluation.evaluate import separate_batch
from contav_lib.mixtures.batch import MixtureSpec
from contav_lib.mixtures.clip_store import ClipStore
from contav_lib.separators import Separator


def separate_whole(
    separator: Separator, store: ClipStore, clips: Sequence[int], length: int, classes: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Separate a mixture of N clips from their beginning on.

    Args:
        separator: in eval mode. It is asked for the sources whose classes it has learned.
        store: of the clips. One that is shorter than `length` begins again.
        clips: places in the store.
        length: samples.
        classes: numbers to ask for, `[N]`, in place of the clips' own.

    Returns:
        what was separated, `[asked, length]`, and the N sources as they stand in the mixture, `[N, length]`.
    """
    answered = store.spectrogram.hop * (store.spectrogram.frames - 1)  # a crop's last hop does not come back
    starts = crop_starts(length, answered)
    rows = torch.tensor(clips).expand(len(starts), -1)
    spec = MixtureSpec(rows, starts.unsqueeze(1).expand_as(rows), torch.ones(rows.shape), torch.zeros_like(rows).bool())
    separated, sources = [], []
    for batch in store.batches(spec, keep_waveforms=True):
        assert batch.sources is not None  # asked for
        sources.append(batch.sources[..., :answered])
        numbers = batch.classes if classes is None else classes.expand_as(batch.classes)
        known = numbers[0] < separator.num_classes
        seen = {name: value[:, known] for name, value in batch.visual.items()}
        separated.append(separate_batch(separator, replace(batch, classes=numbers[:, known], visual=seen), store))
    parts = (overlap_add(torch.cat(pieces), starts.to(store.device)) for pieces in (separated, sources))
    whole, truth = (part[:, :length] for part in parts)
    return whole, truth


def crop_starts(length: int, crop: int) -> torch.Tensor:
    """First samples of the crops, `[K]`: every half crop from 0 on; the last one ends with the sound, or is the only one."""
    last = max(length - crop, 0)
    step = max(crop // 2, 1)
    return (torch.arange(-(-last // step) + 1) * step).clamp(max=last)


def overlap_add(pieces: torch.Tensor, starts: torch.Tensor) -> torch.Tensor:
    """Put overlapping pieces together, each faded in and out. What all of them agree on comes out unchanged.

    Args:
        pieces: `[K, N, crop]`.
        starts: their places `[K]`, at most a crop apart.

    Returns:
        `[N, samples]`.
    """
    crop = pieces.shape[-1]
    # Never 0, for which single precision would be too coarse where crops are long.
    fade = torch.hann_window(crop + 2, periodic=False, dtype=torch.float64)[1:-1].to(pieces)
    place = (starts.unsqueeze(1) + torch.arange(crop, device=pieces.device)).flatten()
    faded = (pieces * fade).transpose(0, 1).flatten(1)
    total = faded.new_zeros(len(faded), int(place.max()) + 1).index_add(1, place, faded)
    weight = fade.new_zeros(total.shape[1]).index_add(0, place, fade.repeat(len(pieces)))
    return total / weight
