"""Mix-and-separate batches, made on the device: crop, scale, mix, transform.

All waveforms and features lie on the device, one behind the other; where they are too many, in their files, of which only what
a batch needs is read. A `MixtureSpec` says which clips are mixed, where they are
cropped and how loud; it is a few integers, made on the CPU, so that the same seed gives the same mixtures on any device.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import reduce
from math import prod
from zlib import crc32

import torch
from torch.nn.functional import normalize

from contav_lib import audio
from contav_lib.datasets.corpus import IN_MEMORY, KINDS, Clips, PreparedClip
from contav_lib.mixtures.batch import Batch, MixtureSpec, SpectrogramSize
from contav_lib.utils.ahead import in_order
from contav_lib.utils.devices import send
from contav_lib.utils.memory import in_gigabytes, memory_of

MOTION_STEPS = 8  # VideoMAE's: 16 frames, two a step


class ClipStore:
    """Prepared clips from which batches are made.

    Args:
        clips: one or more.
        class_numbers: number of each label.
        spectrogram: sizes.
        motion: "aligned" gives each source the motion of its own crop; "whole" the motion of the whole video, as the
            authors do.
        device: where batches are made, and where the clips lie; too many for a quarter of a GPU's memory, or for `IN_MEMORY`
            bytes beside a processor, are left in their files.
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
        clips = Clips.of(clips)
        self.ids = clips.ids
        self.classes = torch.tensor([class_numbers[label] for label in clips.labels])
        numbers: dict[str, int] = {}  # of videos, in the order in which they come
        names = zip(clips.videos, clips.ids, strict=True)
        self.videos = torch.tensor([numbers.setdefault(video or clip, len(numbers)) for video, clip in names])
        self.spectrogram, self.motion, self.device = spectrogram, motion, torch.device(device)
        room = (memory_of(self.device) or 0) // 4 if self.device.type == "cuda" else IN_MEMORY
        self.is_on_disk = clips.nbytes > room and clips.is_on_disk
        self._parts = (
            clips.parts if self.is_on_disk else {kind: part.copy(device) for kind, part in clips.parts.items()}
        )
        self._waveforms, self._objects, self._whole_motion, self._dense_motion = (self._parts[kind] for kind in KINDS)
        self._lengths = clips.parts["waveform"].lengths  # on the CPU
        self._motion_step = torch.tensor(clips.motion_steps, device=self._waveforms.lengths.device)

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        seconds = int(self._lengths.sum()) / audio.SAMPLE_RATE
        return (
            f"ClipStore(clips={len(self)}, classes={len(self.classes.unique())}, seconds={seconds:.0f}, "
            f"object={self._objects.shape}, dense_motion={self._dense_motion.shape}, "
            f"whole_motion={[len(self), MOTION_STEPS, self._whole_motion.shape[1]]}, motion={self.motion!r}, "
            f"device='{self.device}'{', on disk' if self.is_on_disk else ''})"
        )

    def nbytes(self, clips: Sequence[int]) -> int:
        """Bytes of clips, their sound and their features, as float32."""
        rows = torch.tensor(clips, dtype=torch.int64, device=self._lengths.device)
        parts = [part.pick(rows.to(part.lengths.device)) for part in self._parts.values()]
        return sum(4 * prod(part.shape) for part in parts)

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
        return self._mix(spec, self._crops(spec), keep_waveforms)

    def _mix(self, spec: MixtureSpec, crops: tuple[torch.Tensor, ...], keep_waveforms: bool) -> Batch:
        sizes = self.spectrogram
        waveforms, objects, motion = (send(part, self.device) for part in crops)
        waveforms = waveforms * send(spec.gains, self.device).unsqueeze(-1)
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
            visual={
                "object": objects,
                "motion": motion.transpose(2, 3),
                "motion_mask": torch.zeros(motion.shape[:3], dtype=torch.bool, device=self.device),
            },
            classes=send(self.classes[spec.clips], self.device),
            videos=send(self.videos[spec.clips], self.device),
            is_old_class=spec.is_old_class,
            spectrogram=spectrogram if keep_waveforms else None,
            sources=sources if keep_waveforms else None,
        )

    def batches(self, spec: MixtureSpec, size: int = 16, keep_waveforms: bool = False) -> Iterator[Batch]:
        """Yield the mixtures as batches of `size`; the last one may be smaller."""
        return self.each((spec[first : first + size] for first in range(0, len(spec), size)), keep_waveforms)

    def each(self, specs: Iterable[MixtureSpec], keep_waveforms: bool = False) -> Iterator[Batch]:
        """Yield a batch for every specification; where clips lie on disk, the next one's are read meanwhile."""
        if not self.is_on_disk:
            yield from (self.batch(spec, keep_waveforms) for spec in specs)
            return
        with closing(in_order(self._crops, specs)) as jobs:
            for spec, job in jobs:
                yield self._mix(spec, job.result(), keep_waveforms)

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

    def object_embeddings(self, clips: torch.Tensor | None = None) -> torch.Tensor:
        """Mean of the object features of each clip's frames, each of unit length, `[clips, Do]`; of all clips by default."""
        clips = torch.arange(len(self)) if clips is None else clips
        means = [self._object_means(some.to(self._objects.starts.device)) for some in clips.split(4096)]
        return torch.cat(means).to(self.device)

    def _object_means(self, clips: torch.Tensor) -> torch.Tensor:
        pictures, of_clip = self._objects.flat(clips)
        pictures = normalize(pictures, dim=1)
        sums = pictures.new_zeros(len(clips), pictures.shape[1]).index_add(0, of_clip, pictures)
        return sums / self._objects.lengths[clips].unsqueeze(1)

    def _crops(self, spec: MixtureSpec) -> tuple[torch.Tensor, ...]:
        """What a batch needs of the clips, where they lie: waveforms `[B, N, samples]` as they were recorded, and what is seen.

        These are `object` and `motion`, `[B, N, S, Dm]`.
        """
        place, sizes = self._waveforms.lengths.device, self.spectrogram
        clips, starts = send(spec.clips, place), send(spec.starts, place)
        whole = (spec.starts + sizes.samples <= self._lengths[spec.clips]).all()  # asked on the CPU: no wait for a GPU
        waveforms = (self._waveforms.slices if whole else self._waveforms.take)(clips, starts, sizes.samples)
        first = starts / audio.SAMPLE_RATE
        seconds = self._waveforms.lengths[clips].unsqueeze(-1) / audio.SAMPLE_RATE
        # As the authors: of the frames taken once a second, the largest values over the three round the crop's middle.
        second = (first + sizes.seconds / 2).long() - 1
        objects = self._objects.take(clips, second, 3, tile=False).amax(2)
        if self.motion == "whole":
            motion = self._whole_motion.take(clips, torch.zeros_like(clips), MOTION_STEPS, tile=False)
        else:
            middles = (torch.arange(MOTION_STEPS, device=place) + 0.5) * sizes.seconds / MOTION_STEPS
            # Where the sound of a short clip starts again, its motion does, too.
            times = (first.unsqueeze(-1) + middles) % seconds
            motion = self._dense_motion.interpolate(clips, times / self._motion_step[clips].unsqueeze(-1) - 0.5)
        crops = (waveforms, objects, motion)
        if self.is_on_disk:
            for part in self._parts.values():
                part.forget()
            if self.device.type == "cuda":  # pinned: copied while the GPU is at work
                return tuple(crop.pin_memory() for crop in crops)
        return crops


def with_visual_noise(clips: Sequence[PreparedClip], noise: float) -> Sequence[PreparedClip]:
    """Copies of clips with Gaussian noise on their visual features, as if a worse camera had filmed them.

    `noise` is the standard deviation, in those of each feature over these clips. Each frame has noise of its own, fixed by the
    clip's id: it is the same whenever the clip is seen.

    Raises:
        ValueError: the clips are too many to be copied.
    """
    if not noise:
        return clips
    if isinstance(clips, Clips) and clips.nbytes > IN_MEMORY:
        raise ValueError(
            f"visual_noise={noise}: needs the clips in memory, and these take {in_gigabytes(clips.nbytes)}, more than "
            f"{in_gigabytes(IN_MEMORY)}. Set visual_noise=0, or learn from fewer clips."
        )
    names = ("object", "motion", "dense_motion")
    spread = {name: noise * torch.cat([getattr(clip, name) for clip in clips]).std(0, correction=0) for name in names}
    noisy = []
    for clip in clips:
        generator = torch.Generator().manual_seed(crc32(clip.id.encode()))
        added = {name: spread[name] * torch.randn(getattr(clip, name).shape, generator=generator) for name in names}
        noisy.append(replace(clip, **{name: getattr(clip, name) + added[name] for name in names}))
    return noisy
