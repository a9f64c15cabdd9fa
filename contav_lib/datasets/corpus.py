"""Prepared clips in a few long tensors, which lie in memory or in files of which only what is asked for is read."""

import mmap
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

import torch

from contav_lib.datasets.clip import OPTIONAL_SPLIT, SPLITS

KINDS = ("waveform", "object", "motion", "dense_motion")  # the tensors of a clip
LOUDEST = 32767  # of sound in 16 bits
IN_MEMORY = 2**29  # bytes: clips that take more stay in their files


@dataclass(frozen=True, eq=False)
class PreparedClip:
    """One clip as training sees it."""

    id: str
    label: str
    split: str
    waveform: torch.Tensor  # [samples], float32 in [-1, 1]
    object: torch.Tensor  # [seconds, object_dim], float32: one picture a second
    motion: torch.Tensor  # [8, motion_dim], float32: 16 pictures over the whole video
    dense_motion: torch.Tensor  # [steps, motion_dim], float32: one every `motion_step` seconds
    motion_step: float  # seconds
    video: str = ""  # the video of which this is a part, as in `Clip`


class Ragged:
    """Sequences of different lengths, one behind the other in a single tensor.

    Args:
        values: `[values, ...]`, in any order and with gaps; sound may be int16, features float16: what is taken is float32.
        starts, lengths: where each sequence lies, `[sequences]`, on the device of the values.
        file: the map of the file, where the values lie in one.
    """

    def __init__(
        self, values: torch.Tensor, starts: torch.Tensor, lengths: torch.Tensor, file: mmap.mmap | None = None
    ):
        self.values, self.starts, self.lengths, self.file = values, starts, lengths, file

    @classmethod
    def of(cls, rows: Sequence[torch.Tensor]) -> "Ragged":
        """Put tensors one behind the other."""
        lengths = torch.tensor([len(row) for row in rows], dtype=torch.int64)
        return cls(torch.cat(list(rows)) if rows else torch.empty(0, 0), lengths.cumsum(0) - lengths, lengths)

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, row: int) -> torch.Tensor:
        """One sequence, a copy in float32."""
        return _as_float(self.raw(row), copy=True)

    @property
    def shape(self) -> list[int]:
        """Shape of all sequences one behind the other."""
        return [int(self.lengths.sum()), *self.values.shape[1:]]

    @property
    def nbytes(self) -> int:
        """Bytes of all sequences."""
        return int(self.lengths.sum()) * self.values[:1].nbytes

    def pick(self, rows: torch.Tensor) -> "Ragged":
        """Some of the sequences; nothing is copied."""
        return Ragged(self.values, self.starts[rows], self.lengths[rows], self.file)

    def copy(self, device: torch.device | str) -> "Ragged":
        """Copy these sequences, without gaps, into the memory of a device."""
        places = zip(self.starts.tolist(), self.lengths.tolist(), strict=True)
        copied = Ragged.of([self.values[start : start + length] for start, length in places])
        self.forget()
        return Ragged(copied.values.to(device), copied.starts.to(device), copied.lengths.to(device))

    def take(self, rows: torch.Tensor, starts: torch.Tensor, count: int, tile: bool = True) -> torch.Tensor:
        """`count` values from `starts` on, `[..., count, ...]`; beyond the ends: tiled, or the nearest value repeated."""
        place = starts.unsqueeze(-1) + torch.arange(count, device=self.values.device)
        length = self.lengths[rows].unsqueeze(-1)
        place = place % length if tile else place.clamp(min=0).minimum(length - 1)
        return _as_float(self.values[self.starts[rows].unsqueeze(-1) + place])

    def slices(self, rows: torch.Tensor, starts: torch.Tensor, count: int) -> torch.Tensor:
        """Same as `take` where nothing lies beyond the ends: whole slices are copied, ten times as fast as single values."""
        every = self.values.unfold(0, count, 1)  # a view: row i is the slice that begins at i
        return _as_float(every[self.starts[rows] + starts])

    def interpolate(self, rows: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
        """Values at fractional places `[..., S]`, linear between neighbours, the nearest one beyond the ends."""
        length = self.lengths[rows].unsqueeze(-1)
        place = place.clamp(min=0).minimum((length - 1).to(place.dtype))
        low = place.long()
        high = (low + 1).minimum(length - 1)
        start = self.starts[rows].unsqueeze(-1)
        part = (place - low).unsqueeze(-1)
        return _as_float(self.values[start + low]) * (1 - part) + _as_float(self.values[start + high]) * part

    def flat(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """All values of some sequences, one behind the other, and the place in `rows` that each belongs to."""
        lengths = self.lengths[rows]
        of_row = torch.arange(len(rows), device=rows.device).repeat_interleave(lengths)
        first = (self.starts[rows] - (lengths.cumsum(0) - lengths))[of_row]
        return _as_float(self.values[first + torch.arange(len(of_row), device=rows.device)]), of_row

    def forget(self) -> None:
        """Let go of what was read of the file, which else counts as memory of this process."""
        if self.file is not None and hasattr(mmap, "MADV_DONTNEED"):  # not on Windows
            self.file.madvise(mmap.MADV_DONTNEED)

    def raw(self, row: int) -> torch.Tensor:
        """One sequence as it is kept: a view."""
        start = int(self.starts[row])
        return self.values[start : start + int(self.lengths[row])]


def _as_float(values: torch.Tensor, copy: bool = False) -> torch.Tensor:
    if values.dtype == torch.int16:
        return values.to(torch.float32).div_(LOUDEST)
    return values.to(torch.float32, copy=copy)


class Clips(Sequence[PreparedClip]):
    """Prepared clips as a list that makes each one when it is asked for; labels and lengths are known without that.

    Attributes:
        parts: their tensors, by the names in `KINDS`.
        ids, labels, splits, videos, motion_steps: of each clip, as `PreparedClip` has them.
    """

    def __init__(
        self,
        parts: Mapping[str, Ragged],
        ids: list[str],
        labels: list[str],
        splits: list[str],
        videos: list[str],
        motion_steps: list[float],
    ):
        self.parts = parts
        self.ids, self.labels, self.splits, self.videos, self.motion_steps = ids, labels, splits, videos, motion_steps

    @classmethod
    def of(cls, clips: Iterable[PreparedClip]) -> "Clips":
        """Put clips together; what is together already stays as it is."""
        if isinstance(clips, Clips):
            return clips
        clips = list(clips)
        names = ("id", "label", "split", "video", "motion_step")
        columns = [[getattr(clip, name) for clip in clips] for name in names]
        return cls({kind: Ragged.of([getattr(clip, kind) for clip in clips]) for kind in KINDS}, *columns)

    def __len__(self) -> int:
        return len(self.ids)

    @overload
    def __getitem__(self, place: int) -> PreparedClip: ...

    @overload
    def __getitem__(self, place: slice) -> "Clips": ...

    def __getitem__(self, place: int | slice) -> "PreparedClip | Clips":
        if isinstance(place, slice):
            return self.pick(range(len(self))[place])
        return PreparedClip(
            id=self.ids[place],
            label=self.labels[place],
            split=self.splits[place],
            video=self.videos[place],
            motion_step=self.motion_steps[place],
            **{kind: part[place] for kind, part in self.parts.items()},
        )

    @property
    def nbytes(self) -> int:
        """Bytes of all sound and features, as they are kept."""
        return sum(part.nbytes for part in self.parts.values())

    @property
    def is_on_disk(self) -> bool:
        """Whether they lie in files."""
        return any(part.file is not None for part in self.parts.values())

    def pick(self, places: Sequence[int]) -> "Clips":
        """The clips at these places, in this order; nothing is read."""
        columns: list[list[Any]] = [self.ids, self.labels, self.splits, self.videos, self.motion_steps]
        rows = torch.tensor(places, dtype=torch.int64)
        parts = {kind: part.pick(rows) for kind, part in self.parts.items()}
        return Clips(parts, *([column[place] for place in places] for column in columns))


@dataclass(frozen=True, eq=False)
class Corpus:
    """Prepared clips, given as any list of `PreparedClip`."""

    clips: Clips
    audio_rate: int  # Hz
    unusable: Mapping[str, str] = field(default_factory=dict)  # what is wrong with the clips left out, by id
    maker: str = ""  # of the features: `Encoder.maker`
    remarks: Mapping[str, str] = field(default_factory=dict)  # what is odd about others, by id

    def __post_init__(self) -> None:
        object.__setattr__(self, "clips", Clips.of(self.clips))

    def __repr__(self) -> str:
        counts = f"clips={len(self.clips)}, classes={len(self.classes)}, unusable={len(self.unusable)}"
        return f"Corpus({counts}, audio_rate={self.audio_rate})"

    @property
    def classes(self) -> list[str]:
        """The labels, in the order of the clips."""
        return list(dict.fromkeys(self.clips.labels))

    @property
    def widths(self) -> dict[str, int]:
        """Number of values that the features have: `object_dim`, `motion_dim`."""
        return {f"{kind}_dim": self.clips.parts[kind].shape[1] for kind in ("object", "motion")}

    def select(self, split: str | None = None, labels: Collection[str] | None = None) -> Clips:
        """The clips of one split (one of `SPLITS`) and of some classes; all by default."""
        if split is not None and split not in SPLITS:
            raise ValueError(f"There is no split {split!r}; there are {', '.join(SPLITS)}.")
        wanted = None if labels is None else set(labels)
        rows = enumerate(zip(self.clips.splits, self.clips.labels, strict=True))
        return self.clips.pick(
            [
                place
                for place, (own, label) in rows
                if (split is None or own == split) and (wanted is None or label in wanted)
            ]
        )

    def describe(self) -> str:
        """A table of text: clips per class and split, and minutes of sound; then the clips left out."""
        labels, splits = self.clips.labels, self.clips.splits
        counts: Counter[tuple[str | None, str]] = Counter(zip(labels, splits, strict=True))
        counts.update((None, split) for split in splits)
        samples: Counter[str | None] = Counter()
        for label, length in zip(labels, self.clips.parts["waveform"].lengths.tolist(), strict=True):
            samples.update({label: length, None: length})
        width = max([len("class"), *map(len, self.classes)])
        titles = {"train": "train", "validation": "valid.", "test": "test", "melody": "melody"}
        shown = [split for split in SPLITS if split != OPTIONAL_SPLIT or split in splits]
        rows = [f"{'class':{width}}  " + " ".join(f"{titles[split]:>6}" for split in shown) + f" {'minutes':>8}"]
        for name in [*self.classes, None]:
            cells = " ".join(f"{counts[name, split]:6d}" for split in shown)
            rows.append(f"{name or 'all':{width}}  {cells} {samples[name] / self.audio_rate / 60:8.1f}")
        if self.unusable:
            rows += ["", listing(self.unusable, len(self.clips) + len(self.unusable))]
        if self.remarks:
            rows += ["", remarks_listing(self.remarks)]
        return "\n".join(rows)


def listing(problems: Mapping[str, str], count: int) -> str:
    """What is wrong with clips that cannot be used, one a line; `count` are all."""
    return f"{len(problems)} of {count} clips cannot be used:\n" + "\n".join(f"- {text}" for text in problems.values())


def remarks_listing(remarks: Mapping[str, str]) -> str:
    """What is odd about clips that are used, one a line."""
    return "These are used; look at them:\n" + "\n".join(f"- {clip_id}: {text}" for clip_id, text in remarks.items())
