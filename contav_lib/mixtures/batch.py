"""Input of a separator: spectrogram sizes, a batch of mixtures, and the specification of what is mixed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch

from contav_lib import audio
from contav_lib.utils.devices import send
from contav_lib.utils.shapes import repr_with_shapes
from contav_lib.utils.storage import with_prefix, without_prefix


@dataclass(frozen=True)
class SpectrogramSize:
    """Sizes of the spectrogram; the defaults are the paper's.

    Attributes:
        window, hop: STFT, in samples. frames: T. bins: F, log-spaced.
        align_corners: see `audio.warp`.
    """

    window: int = 1022
    hop: int = 256
    frames: int = 256
    bins: int = 256
    align_corners: bool = True

    @property
    def samples(self) -> int:
        """Length of a crop that gives just `frames` frames: 65,535 samples in the paper, about 6 s."""
        return self.hop * self.frames - 1

    @property
    def seconds(self) -> float:
        """Length of a crop in seconds."""
        return self.samples / audio.SAMPLE_RATE


@dataclass
class Batch:
    """B mixtures of N sources, ready for a separator.

    After `with_query`, `visual`, `classes`, `videos` and `is_old_class` hold a further column: what is asked beyond the N
    sources. It is marked as of an old class, like a source out of the memory; `ratio_masks` and `num_sources` know nothing
    of it.

    Attributes:
        mixture: log-frequency magnitude `[B, 1, F, T]`.
        ratio_masks: true masks `[B, N, F, T]`. weights: pixel weights `[B, 1, F, T]`.
        visual: `object [B, N, Do]`, `motion [B, N, Dm, S]`, `motion_mask [B, N, S]` (True = padding).
        classes, videos: numbers `[B, N]`.
        is_old_class: bool `[B, N]`, True for a source out of the memory and for a question about an old class; on the CPU,
            so that picking them never waits for a GPU.
        spectrogram: the mixture's complex STFT `[B, K, T]`; only where waveforms are wanted.
        sources: the waveforms in the mixture `[B, N, L]`; likewise.
    """

    mixture: torch.Tensor
    ratio_masks: torch.Tensor
    weights: torch.Tensor
    visual: Mapping[str, torch.Tensor]
    classes: torch.Tensor
    videos: torch.Tensor
    is_old_class: torch.Tensor
    spectrogram: torch.Tensor | None = None
    sources: torch.Tensor | None = None

    def __repr__(self) -> str:
        return repr_with_shapes(self)

    @property
    def num_sources(self) -> int:
        """N, without what is asked beyond the sources."""
        return self.ratio_masks.shape[1]

    def memory_index(self) -> torch.Tensor:
        """Places `[K]` of what is of an old class, in the flattened `is_old_class`."""
        return send(self.is_old_class.flatten().nonzero().squeeze(1), self.classes.device)

    def __getitem__(self, rows: slice | torch.Tensor) -> "Batch":
        """Pick mixtures by a slice, or by their numbers `[R]` on the CPU."""
        there = rows if isinstance(rows, slice) else send(rows, self.classes.device)
        parts = {
            name: value[there]
            for name, value in vars(self).items()
            if isinstance(value, torch.Tensor) and name != "is_old_class"  # which lies on the CPU
        }
        visual = {name: value[there] for name, value in self.visual.items()}
        return replace(self, **parts, visual=visual, is_old_class=self.is_old_class[rows])

    def cat(self, other: "Batch") -> "Batch":
        """Join these mixtures and those of another batch with as many sources; without waveforms."""
        mine, others = self.tensors(), other.tensors()
        return Batch.from_tensors({name: torch.cat([mine[name], others[name]]) for name in mine})

    def tensors(self) -> dict[str, torch.Tensor]:
        """Take the batch apart: all but the waveforms, by name; the visual features as `visual.<name>`."""
        plain = {name: value for name, value in vars(self).items() if name not in ("visual", "spectrogram", "sources")}
        return plain | with_prefix("visual.", self.visual)

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, torch.Tensor]) -> "Batch":
        """Rebuild the batch that `tensors` took apart."""
        plain = {name: value for name, value in tensors.items() if not name.startswith("visual.")}
        return cls(visual=without_prefix("visual.", tensors), **{**plain, "is_old_class": plain["is_old_class"].cpu()})

    def with_query(self, classes: torch.Tensor, seen: Mapping[str, torch.Tensor] | None = None) -> "Batch":
        """Add one more question to each mixture: what would belong to this old class, `[B]`?

        `seen` are the visual features that go with it, as in `visual`, each `[B, 1, ...]`; None: those of the first source.
        """
        seen = seen or {name: value[:, :1] for name, value in self.visual.items()}
        visual = {name: torch.cat([value, seen[name]], 1) for name, value in self.visual.items()}
        return replace(
            self,
            visual=visual,
            classes=torch.cat([self.classes, classes.unsqueeze(1)], 1),
            videos=torch.cat([self.videos, self.videos[:, :1]], 1),
            is_old_class=torch.cat([self.is_old_class, torch.ones(len(classes), 1, dtype=torch.bool)], 1),
        )


@dataclass(frozen=True)
class MixtureSpec:
    """Specification of B mixtures of N sources: a few numbers on the CPU, from which a `ClipStore` makes a batch.

    Attributes:
        clips: places of the clips in the store, `[B, N]`.
        starts: first samples of the crops, `[B, N]`.
        gains: factors of the waveforms, `[B, N]`.
        is_old_class: see `Batch`, `[B, N]`.
    """

    clips: torch.Tensor
    starts: torch.Tensor
    gains: torch.Tensor
    is_old_class: torch.Tensor

    def __repr__(self) -> str:
        return repr_with_shapes(self)

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, rows: slice) -> "MixtureSpec":
        return MixtureSpec(self.clips[rows], self.starts[rows], self.gains[rows], self.is_old_class[rows])
