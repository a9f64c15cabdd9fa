"""Use a learned separator on videos: whole, of any length, and without being told what they show."""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from math import ceil
from pathlib import Path

import torch
from torch.nn.functional import pad

from contav_lib import audio
from contav_lib.config import Config
from contav_lib.continual.prototypes import UNKNOWN
from contav_lib.datasets.corpus import PreparedClip
from contav_lib.datasets.prepare import FRAME_RATE, TOLERANCE, first_seconds, look, look_at, seconds_of
from contav_lib.encoders.encoder import Encoder
from contav_lib.evaluation.whole import separate_whole
from contav_lib.experiments.result import Result
from contav_lib.experiments.setup import spectrogram_of
from contav_lib.inference.learned import Learned, learned
from contav_lib.inference.players import SIZES, Windows, find_players
from contav_lib.inference.stems import SeparationResult, cut_out
from contav_lib.media import MediaError, each_picture, read_audio
from contav_lib.mixtures.clip_store import ClipStore
from contav_lib.separators import Separator
from contav_lib.utils.devices import cpu_threads, pick_device
from contav_lib.utils.registry import did_you_mean

MOST_PLAYERS = 4  # and videos


@torch.no_grad()
def separate(
    result: Result | Separator | str | Path,
    videos: Sequence[str | Path],
    classes: Sequence[str] | None = None,
    *,
    sound: str | Path | None = None,
    players: int | None = None,
    task: int = -1,
    device: str = "auto",
    config: Config | None = None,
    labels: Sequence[str] | None = None,
) -> SeparationResult:
    """Separate a mixture of several videos' sounds, or the sound of one video with several players.

    The separator answers for crops of the length it was trained on. Each crop overlaps half of the one before and is
    faded into it, so that no crop's edge can be heard. Of sounds and pictures of different lengths the shortest counts; a
    warning gives the lengths.

    In one video the players are found (`players.find_players`), followed and cut out, and each is then looked at as in a
    video of its own. Players of the same class are told apart by their looks and motion alone.

    Args:
        result: of `run`; the pictures are encoded as those of its data were. Or a checkpoint's file; or a separator.
        videos: two to four video files, whose sounds are mixed; or a single one with two to four players.
        classes: labels, one a player; this many are then looked for. None: each player's class is recognised by its looks. One
            that looks like none of the classes learned is asked for as the nearest, flagged in `SeparationResult.unknown`,
            with a warning.
        sound: a recording of all that the videos show, separated in place of their own sounds; a single video then shows
            a single player.
        players: how many there are in a single video; None: as many as are found.
        task: the separator as it was after this task (from 0), the last one by default; of a result.
        device: where to compute.
        config: the settings of a separator, or of a checkpoint that lies outside its result's folder.
        labels: the classes of a separator, in the order of learning.

    Raises:
        ValueError: no video or too many, a class that is not learned, players that are not found, or another encoder than that
            of the features learned from.
        MediaError: a file can't be read, or lacks sound or pictures.
        StorageError: the task's checkpoint is missing, damaged, or knows no looks of classes.
    """
    known = learned(result, task, pick_device(device), config, labels)
    files = _files(videos)
    together = len(files) == 1 and sound is None
    if classes is not None:
        _check_labels(classes, None if together else len(files), known)
    if players is not None and not together:
        raise ValueError(f"players={players}: this goes with a single video and its own sound; leave it out.")
    boxes = None
    with cpu_threads(known.config.threads):  # as it was learned, or the last digits would be others
        if together:
            boxes = _boxes(known, files[0], classes, players)
            files, sound = files * len(boxes), files[0]
        clips = _read(files, sound, known.encoder, classes, boxes)
        sizes = spectrogram_of(known.config)
        # With silence behind each clip, there is a whole crop wherever `crop_starts` puts one.
        behind = max(sizes.samples - len(clips[0].waveform), sizes.hop - 1)
        padded = [replace(clip, waveform=pad(clip.waveform, (0, behind))) for clip in clips]
        store = ClipStore(padded, {"": 0}, sizes, known.config.motion, pick_device(device))
        if classes is None:
            found = known.prototypes().recognise(store.object_embeddings())
            names = [known.classes[number] for number in found.nearest.tolist()]
            unknown, confidence = (found.classes == UNKNOWN).tolist(), found.confidence.tolist()
            _warn_of_strangers(files, names, unknown)
        else:
            names, unknown, confidence = list(classes), [False] * len(files), [1.0] * len(files)
        numbers = torch.tensor([known.classes.index(name) for name in names], device=store.device)
        sounds = torch.stack([clip.waveform for clip in clips]).clamp(-1, 1)
        separated, _ = separate_whole(known.separator, store, range(len(store)), sounds.shape[1], numbers)
    return SeparationResult(names, unknown, confidence, separated.cpu(), sounds.mean(0), videos=files, boxes=boxes)


def _files(videos: Sequence[str | Path]) -> list[Path]:
    """The videos as paths, when their number is right."""
    if not isinstance(videos, list | tuple) or not all(isinstance(video, str | Path) for video in videos):
        raise ValueError(f"videos={videos!r}: give a list of video files.")
    if not 1 <= len(videos) <= MOST_PLAYERS:
        raise ValueError(
            f"Number of videos given: {len(videos)}; 2 to {MOST_PLAYERS} can be separated, or a single one that shows several "
            "players, or one with sound=<a recording of all that is heard>."
        )
    return [Path(video) for video in videos]


def _check_labels(classes: Sequence[str], count: int | None, known: Learned) -> None:
    """Refuse labels that are not learned, or not `count`; None: any number."""
    if not isinstance(classes, list | tuple) or count not in (None, len(classes)):
        needed = "one label a player is needed," if count is None else f"one label a video is needed, {count}"
        raise ValueError(f"classes={classes!r}: {needed} in a list.")
    for label in classes:
        if label not in known.classes:
            raise ValueError(f"This separator has not learned {label!r}; {did_you_mean(str(label), known.classes)}")


def _boxes(known: Learned, video: Path, classes: Sequence[str] | None, players: int | None) -> torch.Tensor:
    """Find the players of a single video: `[players, n, 4]`, as in `SeparationResult.boxes`.

    Raises:
        ValueError: fewer than two are asked for or found, or more than `MOST_PLAYERS`.
    """
    count = players if classes is None else len(classes)
    if count is not None and not (2 <= count <= MOST_PLAYERS and players in (None, count)):
        raise ValueError(
            f"players={players}, classes={classes}: a single video is separated into 2 to {MOST_PLAYERS} players, with one "
            "label each where classes are named. For one player among other sounds, give sound=<the recording>."
        )
    detector = known.encoder.detector or Windows(known.encoder, known.prototypes())
    told = [known.classes.index(label) for label in classes or ()]
    boxes = find_players(video, known.encoder, detector, known.classes, told, count, MOST_PLAYERS)
    if len(boxes) < (count or 2):
        seen = f"{len(boxes)} of {count} players were" if count else "1 player was" if len(boxes) else "no player was"
        raise ValueError(
            f"{video}: {seen} found, by looks like those of the classes learned ({', '.join(known.classes)}) where something "
            "moves. If there are more, say how many with players=2 or which with classes=[...]; each must be at least "
            f"{SIZES[0]:.0%} of the picture's width, instrument and all. Or give a video for each player."
        )
    return boxes


def _read(
    files: Sequence[Path],
    sound: str | Path | None,
    encoder: Encoder,
    classes: Sequence[str] | None,
    boxes: torch.Tensor | None = None,
) -> list[PreparedClip]:
    """The videos as clips of the same length; with `sound`, all have it as theirs: the mean of N alike is that sound."""
    labels = classes or [""] * len(files)
    if boxes is None:
        pictures = [look(file, encoder, label=label) for file, label in zip(files, labels, strict=True)]
    else:
        side = ceil(encoder.longest_side / SIZES[0])
        pictures = [
            look_at(cut_out(each_picture(file, FRAME_RATE, side), path), encoder, label=label)
            for file, path, label in zip(files, boxes, labels, strict=True)
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
    together = len(files) > 1 and len(set(files)) == 1  # players of one video, from left to right
    strangers = [
        f"{f'player {number} of ' if together else ''}{file} (nearest: {label})"
        for number, (file, label, odd) in enumerate(zip(files, nearest, unknown, strict=True), 1)
        if odd
    ]
    if strangers:
        warnings.warn(
            f"None of the classes learned is recognised in {', '.join(strangers)}. The nearest class is asked for, which "
            "may give any sound. If you know what it is, say so with classes=[...], in a terminal with --classes.",
            stacklevel=4,
        )
