"""Mix-and-separate batches, made on the device: crop, scale, mix, transform.

All waveforms and features lie on the device, one behind the other. A `MixtureSpec` says which clips are mixed, where they are
cropped and how loud; it is a few integers, made on the CPU, so that the same seed gives the same mixtures on any device.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from zlib import crc32

import torch
from torch.nn.functional import normalize

from contav_lib import audio
from contav_lib.datasets.prepare import PreparedClip
from contav_lib.mixtures.batch import Batch, MixtureSpec, SpectrogramSize
from contav_lib.utils.shapes import shape_of

MOTION_STEPS = 8  # VideoMAE's: 16 frames, two a step


class ClipStore:
    """Prepared clips on the device, from which batches are made.

    Args:
        clips: one or more.
        class_numbers: number of each label.
        spectrogram: sizes.
        motion: "aligned" gives each source the motion of its own crop; "whole" the motion of the whole video, as the
            authors do.
        device: where everything lies.
    """

    def __init__(
        self,
        clips: Sequence[PreparedClip],
        class_numbers: Mapping[str, int],
        spectrogram: SpectrogramSize,
        motion: str = "aligned",
        device: torch.device | str = "cpu",
    ):
        if motion not in ("aligned", "whole"):
            raise ValueError(f"motion is 'aligned' or 'whole', not {motion!r}.")
        if not clips:
            raise ValueError("A clip store needs at least one clip.")
        self.ids = [clip.id for clip in clips]
        self.classes = torch.tensor([class_numbers[clip.label] for clip in clips])
        numbers: dict[str, int] = {}  # of videos, in the order in which they come
        self.videos = torch.tensor([numbers.setdefault(clip.video or clip.id, len(numbers)) for clip in clips])
        self.spectrogram, self.motion, self.device = spectrogram, motion, torch.device(device)
        self._waveforms = _Ragged([clip.waveform for clip in clips], device)
        self._lengths = self._waveforms.lengths.cpu()
        self._objects = _Ragged([clip.object for clip in clips], device)
        self._dense_motion = _Ragged([clip.dense_motion for clip in clips], device)
        self._whole_motion = torch.stack([clip.motion for clip in clips]).to(device)
        self._motion_step = torch.tensor([clip.motion_step for clip in clips], device=device)

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        seconds = int(self._lengths.sum()) / audio.SAMPLE_RATE
        return (
            f"ClipStore(clips={len(self)}, classes={len(self.classes.unique())}, seconds={seconds:.0f}, "
            f"object={shape_of(self._objects.values)}, dense_motion={shape_of(self._dense_motion.values)}, "
            f"whole_motion={shape_of(self._whole_motion)}, motion={self.motion!r}, device='{self.device}')"
        )

    def nbytes(self, clip: int) -> int:
        """Bytes of a clip: its sound and its features."""
        parts = (self._waveforms, self._objects, self._dense_motion)
        return sum(part.nbytes(clip) for part in parts) + self._whole_motion[clip].nbytes

    def spec(
        self,
        groups: torch.Tensor,
        generator: torch.Generator,
        gain: float = 0.0,
        is_old_class: torch.Tensor | None = None,
    ) -> MixtureSpec:
        """Specify mixtures of the given clips `[B, N]`: random crops, random gains in `1 - gain .. 1 + gain`."""
        room = (self._lengths[groups] - self.spectrogram.samples).clamp(min=0)
        starts = (torch.rand(groups.shape, generator=generator) * (room + 1)).long()
        gains = 1 + gain * (2 * torch.rand(groups.shape, generator=generator) - 1)
        old = torch.zeros_like(groups, dtype=torch.bool) if is_old_class is None else is_old_class
        return MixtureSpec(groups, starts, gains, old)

    def batch(self, spec: MixtureSpec, keep_waveforms: bool = False) -> Batch:
        """Make a batch: crop (short clips are tiled), scale, clip to [-1, 1], mix and transform.

        With `keep_waveforms` it has the mixtures' spectrograms and the sources' waveforms, too.
        """
        sizes = self.spectrogram
        clips, starts = spec.clips.to(self.device), spec.starts.to(self.device)
        waveforms = self._crops(spec) * spec.gains.to(self.device).unsqueeze(-1)
        _, sources = audio.mix(waveforms.clamp(-1, 1))
        spectrograms = audio.stft(sources, sizes.window, sizes.hop)
        # The STFT is linear: the mixture's is the sum of its sources'.
        spectrogram = reduce(torch.add, spectrograms.unbind(1))
        mixture, magnitudes = (
            audio.warp(values, sizes.bins, sizes.align_corners)
            for values in (audio.magnitude(spectrogram).unsqueeze(1) + audio.EPSILON, audio.magnitude(spectrograms))
        )
        return Batch(
            mixture=mixture,
            ratio_masks=audio.ratio_masks(magnitudes, mixture),
            weights=audio.loss_weights(mixture),
            visual=self._visual(clips, starts),
            classes=self.classes[spec.clips].to(self.device),
            videos=self.videos[spec.clips].to(self.device),
            is_old_class=spec.is_old_class,
            spectrogram=spectrogram if keep_waveforms else None,
            sources=sources if keep_waveforms else None,
        )

    def batches(self, spec: MixtureSpec, size: int = 16, keep_waveforms: bool = False) -> Iterator[Batch]:
        """Yield the mixtures as batches of `size`; the last one may be smaller."""
        for first in range(0, len(spec), size):
            yield self.batch(spec[first : first + size], keep_waveforms=keep_waveforms)

    def clip_descriptors(self) -> torch.Tensor:
        """Describe how each clip looks and sounds, `[clips, D]`, for choosing exemplars; no separator is asked.

        The mean object feature and the mean log-frequency spectrum of a few random crops, each of unit length.
        """
        rows = []
        for chunk in torch.arange(len(self)).unsqueeze(1).split(64):
            crops = [self.batch(self.spec(chunk, torch.Generator().manual_seed(crop))) for crop in range(4)]
            looks = torch.stack([crop.visual["object"][:, 0] for crop in crops]).mean(0)
            sounds = torch.stack([crop.mixture[:, 0].log1p().mean(2) for crop in crops]).mean(0)
            rows.append(torch.cat([normalize(looks, dim=1), normalize(sounds, dim=1)], 1))
        return torch.cat(rows).cpu()

    def object_embeddings(self) -> torch.Tensor:
        """Mean of the object features of each clip's frames, each of unit length, `[clips, Do]`."""
        lengths = self._objects.lengths
        of_clip = torch.arange(len(self), device=self.device).repeat_interleave(lengths)
        pictures = normalize(self._objects.values, dim=1)
        sums = pictures.new_zeros(len(self), pictures.shape[1]).index_add(0, of_clip, pictures)
        return sums / lengths.unsqueeze(1)

    def _crops(self, spec: MixtureSpec) -> torch.Tensor:
        """Waveforms `[B, N, samples]` of a specification, as they were recorded."""
        clips, starts, samples = spec.clips.to(self.device), spec.starts.to(self.device), self.spectrogram.samples
        whole = (spec.starts + samples <= self._lengths[spec.clips]).all()  # asked on the CPU: no wait for a GPU
        return (self._waveforms.slices if whole else self._waveforms.take)(clips, starts, samples)

    def _visual(self, clips: torch.Tensor, starts: torch.Tensor) -> dict[str, torch.Tensor]:
        first = starts / audio.SAMPLE_RATE
        seconds = self._waveforms.lengths[clips].unsqueeze(-1) / audio.SAMPLE_RATE
        # As the authors: of the frames taken once a second, the largest values over the three round the crop's middle.
        second = (first + self.spectrogram.seconds / 2).long() - 1
        objects = self._objects.take(clips, second, 3, tile=False).amax(2)
        if self.motion == "whole":
            motion = self._whole_motion[clips]
        else:
            middles = (torch.arange(MOTION_STEPS, device=self.device) + 0.5) * self.spectrogram.seconds / MOTION_STEPS
            # Where the sound of a short clip starts again, its motion does, too.
            times = (first.unsqueeze(-1) + middles) % seconds
            place = times / self._motion_step[clips].unsqueeze(-1) - 0.5
            motion = self._dense_motion.interpolate(clips, place)
        return {
            "object": objects,
            "motion": motion.transpose(2, 3),
            "motion_mask": torch.zeros(motion.shape[:3], dtype=torch.bool, device=self.device),
        }


def with_visual_noise(clips: Sequence[PreparedClip], noise: float) -> list[PreparedClip]:
    """Copies of clips with Gaussian noise on their visual features, as if a worse camera had filmed them.

    `noise` is the standard deviation, in those of each feature over these clips. Each frame has noise of its own, fixed by the
    clip's id: it is the same whenever the clip is seen.
    """
    if not noise:
        return list(clips)
    names = ("object", "motion", "dense_motion")
    spread = {name: noise * torch.cat([getattr(clip, name) for clip in clips]).std(0, correction=0) for name in names}
    noisy = []
    for clip in clips:
        generator = torch.Generator().manual_seed(crc32(clip.id.encode()))
        added = {name: spread[name] * torch.randn(getattr(clip, name).shape, generator=generator) for name in names}
        noisy.append(replace(clip, **{name: getattr(clip, name) + added[name] for name in names}))
    return noisy


class _Ragged:
    """Sequences of different lengths, one behind the other in a single tensor."""

    def __init__(self, rows: Sequence[torch.Tensor], device: torch.device | str):
        lengths = torch.tensor([len(row) for row in rows])
        self.values = torch.cat(list(rows)).to(device)
        self.lengths = lengths.to(device)
        self.offsets = (lengths.cumsum(0) - lengths).to(device)

    def nbytes(self, row: int) -> int:
        """Bytes of a sequence."""
        return int(self.lengths[row]) * self.values[:1].nbytes

    def take(self, rows: torch.Tensor, starts: torch.Tensor, count: int, tile: bool = True) -> torch.Tensor:
        """`count` values from `starts` on, `[..., count, ...]`; beyond the ends: tiled, or the nearest value repeated."""
        place = starts.unsqueeze(-1) + torch.arange(count, device=self.values.device)
        length = self.lengths[rows].unsqueeze(-1)
        place = place % length if tile else place.clamp(min=0).minimum(length - 1)
        return self.values[self.offsets[rows].unsqueeze(-1) + place]

    def slices(self, rows: torch.Tensor, starts: torch.Tensor, count: int) -> torch.Tensor:
        """Same as `take` where nothing lies beyond the ends: whole slices are copied, ten times as fast as single values."""
        every = self.values.unfold(0, count, 1)  # a view: row i is the slice that begins at i
        return every[self.offsets[rows] + starts]

    def interpolate(self, rows: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
        """Values at fractional places `[..., S]`, linear between neighbours, the nearest one beyond the ends."""
        length = self.lengths[rows].unsqueeze(-1)
        place = place.clamp(min=0).minimum((length - 1).to(place.dtype))
        low = place.long()
        high = (low + 1).minimum(length - 1)
        offset = self.offsets[rows].unsqueeze(-1)
        part = (place - low).unsqueeze(-1)
        return self.values[offset + low] * (1 - part) + self.values[offset + high] * part
