"""Use a learned separator on videos: whole, of any length, and without being told what they show."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch.nn.functional import pad

from contav_lib import audio
from contav_lib.config import Config
from contav_lib.continual.prototypes import UNKNOWN
from contav_lib.datasets.prepare import FRAME_RATE, TOLERANCE, PreparedClip, first_seconds, look, seconds_of
from contav_lib.encoders.encoder import Encoder, make_encoder
from contav_lib.evaluation.evaluate import separate_batch
from contav_lib.experiments.result import Result, check_encoder_of
from contav_lib.experiments.setup import spectrogram_of
from contav_lib.media import MediaError, read_audio
from contav_lib.mixtures.batch import MixtureSpec
from contav_lib.mixtures.clip_store import ClipStore
from contav_lib.separators import Separator
from contav_lib.utils.devices import cpu_threads, pick_device
from contav_lib.utils.registry import did_you_mean

MOST_VIDEOS = 4


@dataclass(frozen=True, eq=False)
class SeparationResult:
    """Separated sounds of videos, in the order of the videos.

    Attributes:
        labels: the class that each video's sound was asked for as.
        unknown: whether a video was recognised as none of the classes learned; its label is the nearest one then.
        confidence: see `prototypes.Recognition`; 1 where the class was told.
        sounds: what was separated, `[N, samples]`, as loud as in the mixture.
        mixture: `[samples]`. rate: samples a second.
    """

    labels: list[str]
    unknown: list[bool]
    confidence: list[float]
    sounds: torch.Tensor
    mixture: torch.Tensor
    rate: int = audio.SAMPLE_RATE

    def stems(self) -> dict[str, torch.Tensor]:
        """The mixture and the separated sounds by readable names, for `StemPlayer`."""
        names = [label.replace("_", " ") for label in self.labels]
        names = [name if names.count(name) == 1 else f"{name} {number + 1}" for number, name in enumerate(names)]
        return {"mixture": self.mixture, **dict(zip(names, self.sounds, strict=True))}


@torch.no_grad()
def separate(
    result: Result,
    videos: Sequence[str | Path],
    classes: Sequence[str] | None = None,
    *,
    sound: str | Path | None = None,
    task: int = -1,
    device: str = "auto",
) -> SeparationResult:
    """Separate a mixture of several videos' sounds.

    The separator answers for crops of the length it was trained on. Each crop overlaps half of the one before and is
    faded into it, so that no crop's edge can be heard. Of sounds and pictures of different lengths the shortest counts; a
    warning gives the lengths.

    Args:
        result: of `run`; the pictures are encoded as those of its data were.
        videos: two to four video files; their sounds are mixed.
        classes: labels, one a video. None: each video's class is recognised by its pictures. One that looks like none
            of the classes learned is asked for as the nearest, flagged in `SeparationResult.unknown`, with a warning.
        sound: a recording of all that the videos show, separated in place of their own sounds; then one video will do.
        task: the separator as it was after this task (from 0), the last one by default.
        device: where to compute.

    Raises:
        ValueError: no video or too many, a class that is not learned, or another encoder than that of the features learned
            from.
        MediaError: a file can't be read, or lacks sound or pictures.
        StorageError: the task's checkpoint is missing, damaged, or knows no looks of classes.
    """
    if not isinstance(result, Result):
        raise ValueError(f"result={result!r}: give a Result, such as Result(<folder of an experiment>).")
    config = Config.from_json(result.config)
    separator = result.separator(task, pick_device(device))
    known = result.classes[: separator.num_classes]
    files = _files(videos, 2 if sound is None else 1)
    if classes is not None:
        _check_labels(classes, files, known)
    encoder = make_encoder(config.encoder)
    check_encoder_of(result.folder, encoder.maker)
    with cpu_threads(config.threads):  # as it was learned, or the last digits would be others
        clips = _read(files, sound, encoder, classes)
        sizes = spectrogram_of(config)
        # With silence behind each clip, there is a whole crop wherever `crop_starts` puts one.
        behind = max(sizes.samples - len(clips[0].waveform), sizes.hop - 1)
        padded = [replace(clip, waveform=pad(clip.waveform, (0, behind))) for clip in clips]
        store = ClipStore(padded, {"": 0}, sizes, config.motion, pick_device(device))
        if classes is None:
            found = result.prototypes(task, store.device).recognise(store.object_embeddings())
            labels = [known[number] for number in found.nearest.tolist()]
            unknown, confidence = (found.classes == UNKNOWN).tolist(), found.confidence.tolist()
            _warn_of_strangers(files, labels, unknown)
        else:
            labels, unknown, confidence = list(classes), [False] * len(files), [1.0] * len(files)
        numbers = torch.tensor([known.index(label) for label in labels], device=store.device)
        sounds = torch.stack([clip.waveform for clip in clips]).clamp(-1, 1)
        separated = _separate_whole(separator, store, numbers, sounds.shape[1]).cpu()
    return SeparationResult(labels, unknown, confidence, separated, sounds.mean(0))


def _files(videos: Sequence[str | Path], fewest: int) -> list[Path]:
    """The videos as paths, when their number is right."""
    if not isinstance(videos, list | tuple) or not all(isinstance(video, str | Path) for video in videos):
        raise ValueError(f"videos={videos!r}: give a list of video files.")
    if not fewest <= len(videos) <= MOST_VIDEOS:
        raise ValueError(
            f"Number of videos given: {len(videos)}; {fewest} to {MOST_VIDEOS} can be separated"
            + ("." if fewest == 1 else ", or a single one with sound=<a recording of all that is heard>.")
        )
    return [Path(video) for video in videos]


def _check_labels(classes: Sequence[str], files: Sequence[Path], known: Sequence[str]) -> None:
    if not isinstance(classes, list | tuple) or len(classes) != len(files):
        raise ValueError(f"classes={classes!r}: one label a video is needed, {len(files)} in a list.")
    for label in classes:
        if label not in known:
            raise ValueError(f"This separator has not learned {label!r}; {did_you_mean(str(label), known)}")


def _read(
    files: Sequence[Path], sound: str | Path | None, encoder: Encoder, classes: Sequence[str] | None
) -> list[PreparedClip]:
    """The videos as clips of the same length; with `sound`, all have it as theirs: the mean of N alike is that sound."""
    pictures = [
        look(file, encoder, label=label) for file, label in zip(files, classes or [""] * len(files), strict=True)
    ]
    heard = {path: read_audio(path, audio.SAMPLE_RATE) for path in (files if sound is None else [Path(sound)])}
    seconds = {path: len(waveform) / audio.SAMPLE_RATE for path, waveform in heard.items()}
    seconds |= {Path(f"{file} (pictures)"): seconds_of(seen) for file, seen in zip(files, pictures, strict=True)}
    together = min(seconds.values())
    if max(seconds.values()) - together > TOLERANCE:
        lengths = ", ".join(f"{path.name} {value:.1f} s" for path, value in seconds.items())
        warnings.warn(
            f"What is seen and heard is not equally long; only the first {together:.1f} s are separated: {lengths}.",
            stacklevel=4,
        )
        heard = {path: waveform[: round(together * audio.SAMPLE_RATE)] for path, waveform in heard.items()}
        pictures = [first_seconds(seen, together) for seen in pictures]
    shortest = min(map(len, heard.values()))
    if not any(waveform.any() for waveform in heard.values()):
        raise MediaError(f"{', '.join(map(str, heard))}: nothing but silence; there is nothing to separate.")
    return [
        PreparedClip(
            id=str(file),
            label="",
            split="",
            waveform=heard[file if sound is None else Path(sound)][:shortest],
            object=seen["object"].float(),
            motion=seen["motion"].float(),
            dense_motion=seen["dense_motion"].float(),
            motion_step=2 / FRAME_RATE,
        )
        for file, seen in zip(files, pictures, strict=True)
    ]


def _warn_of_strangers(files: Sequence[Path], nearest: Sequence[str], unknown: Sequence[bool]) -> None:
    strangers = [f"{file} (nearest: {label})" for file, label, odd in zip(files, nearest, unknown, strict=True) if odd]
    if strangers:
        warnings.warn(
            f"None of the classes learned is recognised in {', '.join(strangers)}. The nearest class is asked for, which "
            "may give any sound. If you know what it is, say so with classes=[...].",
            stacklevel=4,
        )


def _separate_whole(separator: Separator, store: ClipStore, numbers: torch.Tensor, length: int) -> torch.Tensor:
    """`[N, length]`: all crops separated, each faded into the next."""
    answered = store.spectrogram.hop * (store.spectrogram.frames - 1)  # a crop's last hop does not come back
    starts = crop_starts(length, answered)
    clips = torch.arange(len(store)).expand(len(starts), -1)
    at, ones = starts.unsqueeze(1).expand_as(clips), torch.ones(clips.shape)
    pieces = []
    for batch in store.batches(MixtureSpec(clips, at, ones, torch.zeros_like(clips).bool()), keep_waveforms=True):
        batch = replace(batch, classes=numbers.expand(len(batch.classes), -1))
        pieces.append(separate_batch(separator, batch, store))
    return overlap_add(torch.cat(pieces), starts.to(store.device))[:, :length]


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
    fade = torch.hann_window(crop + 2, periodic=False, dtype=torch.float64, device=pieces.device)[1:-1].to(pieces)
    place = (starts.unsqueeze(1) + torch.arange(crop, device=pieces.device)).flatten()
    faded = (pieces * fade).transpose(0, 1).flatten(1)
    total = faded.new_zeros(len(faded), int(place.max()) + 1).index_add(1, place, faded)
    weight = fade.new_zeros(total.shape[1]).index_add(0, place, fade.repeat(len(pieces)))
    return total / weight
