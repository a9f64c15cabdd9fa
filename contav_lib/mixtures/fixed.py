"""Mixtures for validation and test, the same for every separator, method and seed."""

from collections.abc import Sequence
from math import ceil

import torch

from contav_lib.mixtures.batch import MixtureSpec
from contav_lib.mixtures.clip_store import ClipStore


def fixed_mixtures(
    store: ClipStore, classes: Sequence[int], count: int, seed: int, num_sources: int = 2, same_class: bool = False
) -> MixtureSpec:
    """Specify mixtures that never change: clips and crops depend on the classes and the seed only.

    Every class is drawn about equally often as the first source. Gains are 1.

    Args:
        store: the clips to choose from.
        classes: numbers of the classes to mix.
        count, num_sources: B and N.
        seed: fixes clips and crops.
        same_class: all sources of a mixture are of one class (different clips); else all are of different classes
            where there are enough classes.

    Raises:
        ValueError: too few clips to mix.
    """
    generator = torch.Generator().manual_seed(seed)
    clips_of = {number: (store.classes == number).nonzero().flatten() for number in classes}
    videos = {number: len(store.videos[clips].unique()) for number, clips in clips_of.items()}
    poor = [number for number, there in videos.items() if there < (num_sources if same_class else 1)]
    if poor:
        raise ValueError(f"Too few clips to mix {num_sources} of class number {poor[0]}: {videos[poor[0]]}.")
    rounds = ceil(count / len(classes))
    order = torch.cat([torch.randperm(len(classes), generator=generator) for _ in range(rounds)])
    rows = []
    for first in order[:count].tolist():
        if same_class:
            chosen = clips_of[classes[first]]
            shuffled = chosen[torch.randperm(len(chosen), generator=generator)]
            rows.append(_of_different_videos(store, shuffled, num_sources))
            continue
        others = torch.randperm(len(classes), generator=generator).tolist()
        labels = [first, *(other for other in others if other != first)]
        labels = (labels * num_sources)[:num_sources]  # more sources than classes: classes come again
        rows.append(_distinct_clips(store, [clips_of[classes[label]] for label in labels], generator))
    return store.spec(torch.stack(rows), generator)


def _of_different_videos(store: ClipStore, clips: torch.Tensor, count: int) -> torch.Tensor:
    """The first `count` of the clips, one a video."""
    first: dict[int, int] = {}
    for clip, video in zip(clips.tolist(), store.videos[clips].tolist(), strict=True):
        first.setdefault(video, clip)
    return torch.tensor(list(first.values())[:count])


def _distinct_clips(store: ClipStore, choices: Sequence[torch.Tensor], generator: torch.Generator) -> torch.Tensor:
    """One clip of each choice, no video twice."""
    chosen: list[int] = []
    for clips in choices:
        free = clips[~torch.isin(store.videos[clips], store.videos[chosen])].tolist()
        if not free:
            raise ValueError("There are too few clips for mixtures of so many sources without using one twice.")
        chosen.append(free[int(torch.randint(len(free), (1,), generator=generator))])
    return torch.tensor(chosen)
