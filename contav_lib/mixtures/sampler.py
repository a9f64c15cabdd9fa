"""The training mixtures of a task: which clips are mixed, how often old ones, how often two of a class."""

from collections.abc import Sequence
from functools import cached_property

import torch

from contav_lib.mixtures.batch import Batch, MixtureSpec
from contav_lib.mixtures.clip_store import ClipStore

_MANY = 20_000  # clips to draw from: with so many or more, another way to draw is as good and much faster
_TRIES = 64  # draws, before a class is thought to have no other video


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
        same_video: let a mixture hold two crops of one video, where chance brings them together.
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
        same_video: bool = False,
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
        self.same_class_share, self.same_video = same_class_share, same_video
        self.classes, self.videos = store.classes[self.pool], store.videos[self.pool]

    def spec(self, number: int, size: int) -> MixtureSpec:
        """Specify batch `number`: `size` mixtures; unless `same_video`, a video is never mixed with itself."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + number)
        draw = self._draw if len(self.pool) < _MANY else self._draw_of_many
        chosen = draw(size, generator)
        chosen = chosen.gather(1, torch.rand(chosen.shape, generator=generator).argsort(1))
        return self.store.spec(self.pool[chosen], generator, self.gain, self.is_old_class[chosen])

    def batch(self, number: int, size: int) -> Batch:
        """Batch `number`, of `size` mixtures."""
        return self.store.batch(self.spec(number, size))

    def _draw(self, size: int, generator: torch.Generator) -> torch.Tensor:
        """Places in the pool, `[size, N]`, by the chances of all clips."""
        chosen = self.chance.expand(size, -1).multinomial(1, generator=generator)
        classes, videos = self.classes, self.videos
        same_class = torch.rand(size, 1, generator=generator) < self.same_class_share
        for _ in range(self.num_sources - 1):
            other = (videos != videos[chosen].unsqueeze(-1)).all(1)
            free = (other | self.same_video).float()
            alike = free * (classes == classes[chosen[:, :1]])
            # A class with a single clip in the pool (one exemplar) can't be mixed with itself: then anything goes.
            allowed = torch.where(same_class & (alike.sum(1, keepdim=True) > 0), alike, free)
            chosen = torch.cat([chosen, (self.chance * allowed).multinomial(1, generator=generator)], 1)
        return chosen

    def _draw_of_many(self, size: int, generator: torch.Generator) -> torch.Tensor:
        """Same as `_draw`, and as likely, but what must not be mixed is drawn again.

        The clips stand by class on a line, each as long as its chance; a clip is found by halving.
        """
        by_class, sums, bounds = self._line
        same_class = torch.rand(size, generator=generator) < self.same_class_share
        chosen = torch.empty(size, 0, dtype=torch.int64)
        for number in range(self.num_sources):
            drawn = torch.empty(size, dtype=torch.int64)
            again = torch.arange(size)
            for attempt in range(100 * _TRIES):
                low, high = torch.zeros(len(again), dtype=sums.dtype), sums[-1].expand(len(again))
                if number and attempt < _TRIES:
                    own = bounds[self.classes[chosen[again, 0]]]
                    low, high = (torch.where(same_class[again], *pair) for pair in zip(own.T, (low, high), strict=True))
                point = low + (high - low) * torch.rand(len(again), generator=generator, dtype=sums.dtype)
                place = torch.searchsorted(sums, point, right=True).clamp(max=len(sums) - 1)
                drawn[again] = by_class[place]
                twice = (self.videos[drawn[again], None] == self.videos[chosen[again]]).any(1)
                again = again[twice & (not self.same_video)]
                if not len(again):
                    break
            else:
                raise ValueError(f"memory_share leaves too few videos for mixtures of {self.num_sources} sources.")
            chosen = torch.cat([chosen, drawn.unsqueeze(1)], 1)
        return chosen

    @cached_property
    def _line(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The pool by class; the sums of its chances up to each clip; between which sums each class lies, `[classes, 2]`."""
        by_class = self.classes.argsort(stable=True)
        sums = self.chance[by_class].double().cumsum(0)
        ends = self.classes.bincount().cumsum(0)
        bounds = torch.cat([sums.new_zeros(1), sums])[torch.stack([ends - self.classes.bincount(), ends], 1)]
        return by_class, sums, bounds
