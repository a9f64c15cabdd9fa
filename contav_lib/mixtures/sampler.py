"""The training mixtures of a task: which clips are mixed, how often old ones, how often two of a class."""

from collections.abc import Sequence

import torch

from contav_lib.mixtures.batch import Batch, MixtureSpec
from contav_lib.mixtures.clip_store import ClipStore


class Sampler:
    """Random training mixtures of one task. Each batch depends on the seed, the task and its number only.

    Args:
        store: all training clips.
        clips, memory: places in the store, as in `Task`.
        num_sources: N.
        memory_share: chance that a source comes from the memory; None: it follows from the repeats.
        same_class_share: chance that a mixture's sources are all of one class (two violins), which only the picture can
            tell apart.
        gain: see `ClipStore.spec`.
        seed: of this task's batches.
        clip_repeats, exemplar_repeats: how often each of `clips` and of `memory` stands in the list to draw from (40 and 800
            in the authors' code); only their ratio counts.
    """

    def __init__(
        self,
        store: ClipStore,
        clips: Sequence[int],
        memory: Sequence[int],
        num_sources: int,
        memory_share: float | None,
        same_class_share: float,
        gain: float,
        seed: int,
        clip_repeats: int = 1,
        exemplar_repeats: int = 20,
    ):
        self.store, self.num_sources, self.gain, self.seed = store, num_sources, gain, seed
        self.pool = torch.tensor([*clips, *memory])
        self.is_old_class = torch.arange(len(self.pool)) >= len(clips)
        if (videos := len(store.videos[self.pool].unique())) < num_sources:
            raise ValueError(f"Mixtures of {num_sources} sources need as many videos; this task has {videos}.")
        if memory_share is None:
            repeated = exemplar_repeats * len(memory)
            memory_share = repeated / (repeated + clip_repeats * len(clips))
        # A chance a clip, such that the memory's together make up its share.
        new, old = (1 - memory_share if memory else 1.0), (memory_share if clips else 1.0)
        self.chance = torch.tensor([new / max(len(clips), 1)] * len(clips) + [old / max(len(memory), 1)] * len(memory))
        self.same_class_share = same_class_share

    def spec(self, number: int, size: int) -> MixtureSpec:
        """Specify batch `number`: `size` mixtures; a video is never mixed with itself."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + number)
        chosen = self.chance.expand(size, -1).multinomial(1, generator=generator)
        classes, videos = self.store.classes[self.pool], self.store.videos[self.pool]
        same_class = torch.rand(size, 1, generator=generator) < self.same_class_share
        for _ in range(self.num_sources - 1):
            free = (videos != videos[chosen].unsqueeze(-1)).all(1).float()
            alike = free * (classes == classes[chosen[:, :1]])
            # A class with a single clip in the pool (one exemplar) can't be mixed with itself: then anything goes.
            allowed = torch.where(same_class & (alike.sum(1, keepdim=True) > 0), alike, free)
            chosen = torch.cat([chosen, (self.chance * allowed).multinomial(1, generator=generator)], 1)
        chosen = chosen.gather(1, torch.rand(chosen.shape, generator=generator).argsort(1))
        return self.store.spec(self.pool[chosen], generator, self.gain, self.is_old_class[chosen])

    def batch(self, number: int, size: int) -> Batch:
        """Batch `number`, of `size` mixtures."""
        return self.store.batch(self.spec(number, size))
