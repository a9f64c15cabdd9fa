"""Prepared clips: every video decoded and encoded once, kept on disk as tensors that load in no time."""

import errno
import hashlib
import os
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from itertools import islice
from math import ceil
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load
from tqdm import tqdm

from contav_lib import media
from contav_lib.datasets.clip import SPLITS, Clip, inside
from contav_lib.datasets.contents import source_of
from contav_lib.encoders.encoder import Encoder, maker
from contav_lib.media import MediaError
from contav_lib.utils.storage import StorageError, file_errors, read_json, save_tensors, sweep, write_json

FRAME_RATE = 8.0  # pictures a second for motion
_FORMAT = 1  # changes when the content of the cache files does
_MOTION_FRAMES = 16  # the authors' motion: so many frames, spread evenly over the whole video
_PIECE = 128  # pictures looked at together, an even number: what a long video takes of memory
TOLERANCE = 0.5  # seconds by which lengths of sounds and pictures may differ: coders pad
_SAVE_EVERY = 50  # clips between two writes of the manifest: what an interrupted run loses at most


class UnusableClips(UserWarning):
    """Warning of clips that are left out; the message lists every one with what is wrong."""


@dataclass(frozen=True)
class Recipe:
    """All that decides what prepared clips hold, apart from their videos."""

    format: int
    encoder: str
    encoder_version: str
    weights_hash: str
    audio_rate: int  # Hz
    frame_rate: float  # pictures a second for motion

    @property
    def maker(self) -> str:
        """Name of what made the features, as `Encoder.maker` says it."""
        return maker(self.encoder, self.encoder_version, self.weights_hash)


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


@dataclass(frozen=True, eq=False)
class Corpus:
    """Prepared clips in memory."""

    clips: list[PreparedClip]
    audio_rate: int  # Hz
    unusable: Mapping[str, str] = field(default_factory=dict)  # what is wrong with the clips left out, by id
    maker: str = ""  # of the features: `Encoder.maker`

    def __repr__(self) -> str:
        counts = f"clips={len(self.clips)}, classes={len(self.classes)}, unusable={len(self.unusable)}"
        return f"Corpus({counts}, audio_rate={self.audio_rate})"

    @property
    def classes(self) -> list[str]:
        """The labels, in the order of the clips."""
        return list(dict.fromkeys(clip.label for clip in self.clips))

    @property
    def widths(self) -> dict[str, int]:
        """Number of values that the features have: `object_dim`, `motion_dim`."""
        return {"object_dim": self.clips[0].object.shape[1], "motion_dim": self.clips[0].motion.shape[1]}

    def select(self, split: str | None = None, labels: Collection[str] | None = None) -> list[PreparedClip]:
        """The clips of one split (one of `SPLITS`) and of some classes; all by default."""
        if split is not None and split not in SPLITS:
            raise ValueError(f"There is no split {split!r}; there are {', '.join(SPLITS)}.")
        return [
            clip
            for clip in self.clips
            if (split is None or clip.split == split) and (labels is None or clip.label in labels)
        ]

    def describe(self) -> str:
        """A table of text: clips per class and split, and minutes of sound; then the clips left out."""
        width = max([len("class"), *map(len, self.classes)])
        rows = [f"{'class':{width}}  {'train':>6} {'valid.':>6} {'test':>6} {'melody':>6} {'minutes':>8}"]
        for label in [*self.classes, None]:
            clips = [clip for clip in self.clips if label in (None, clip.label)]
            counts = [sum(clip.split == split for clip in clips) for split in SPLITS]
            minutes = sum(len(clip.waveform) for clip in clips) / self.audio_rate / 60
            rows.append(f"{label or 'all':{width}}  " + " ".join(f"{n:6d}" for n in counts) + f" {minutes:8.1f}")
        if self.unusable:
            rows += ["", _listing(self.unusable, len(self.clips) + len(self.unusable))]
        return "\n".join(rows)


def prepare(
    clips: Sequence[Clip],
    encoder: Encoder,
    cache: str | Path,
    *,
    audio_rate: int = 11025,
    frame_rate: float = FRAME_RATE,
    min_seconds: float = 1.0,
    workers: int | None = None,
    progress: bool = True,
    on_unusable: str = "raise",
) -> Corpus:
    """Decode and encode every clip that is not yet prepared, and load them all.

    `cache/<class>/<name>.safetensors` holds one clip, `cache/manifest.json` says what it was made from. A clip is made
    again when its video, the encoder or a rate has changed, or when its cache file is damaged (a warning names it).
    An interrupted run goes on where it stopped.

    Args:
        clips: from `find_clips`.
        encoder: a frozen picture encoder.
        cache: the folder for prepared clips.
        audio_rate: of the waveforms, in Hz.
        frame_rate: pictures a second for dense motion, which has one step every 2 pictures.
        min_seconds: clips with less sound or pictures cannot be used.
        workers: clips worked on at the same time; one per processor core by default.
        progress: show a progress bar.
        on_unusable: "raise" ends with an error that lists every unusable file, when all others are prepared;
            "skip" warns with the list (`UnusableClips`) and leaves them out, if any are left.

    Where sound and pictures of a clip are not equally long, the shorter counts, and a warning names it.

    Raises:
        MediaError: files that cannot be read or decoded, lack sound or pictures, are silent or too short;
            all of them are listed.
        StorageError: the disk is full or refuses; what is prepared is kept.
    """
    if on_unusable not in ("raise", "skip"):
        raise ValueError(f"on_unusable is {on_unusable!r}; it must be 'raise' or 'skip'.")
    cache = Path(cache)
    recipe = Recipe(_FORMAT, encoder.name, encoder.version, encoder.weights_hash, audio_rate, float(frame_rate))
    known = _known(cache, recipe)
    problems = {clip.id: clip.fault for clip in clips if clip.fault}
    todo = [clip for clip in clips if not clip.fault and not _is_current(clip, known.get(clip.id), cache)]
    problems |= _make(todo, encoder, recipe, cache, known, workers, progress)
    for clip in clips:
        if clip.id not in problems and (seconds := _seconds(known[clip.id], recipe)) < min_seconds:
            problems[clip.id] = f"{clip.path}: has {seconds:.2f} s of sound and pictures; min_seconds is {min_seconds}."
            del known[clip.id]
    usable = [clip for clip in clips if clip.id not in problems]
    for clip in usable:  # labels and splits follow the clips given, without decoding anything again
        known[clip.id].update(label=clip.label, split=clip.split, **({"video": clip.video} if clip.video else {}))
    _write_manifest(cache, recipe, known)
    problems = {clip.id: problems[clip.id] for clip in clips if clip.id in problems}
    if problems:
        listing = _listing(problems, len(clips))
        if on_unusable == "raise" or not usable:
            raise MediaError(
                f"{listing}\nRepair these files, or remove them (those the kit made itself are then made again)."
            )
        warnings.warn(f"{listing}\nThey are left out.", UnusableClips, stacklevel=2)
    prepared = [_load(clip.id, known[clip.id], cache, recipe) for clip in usable]
    return Corpus(prepared, audio_rate, problems, encoder.maker)


def _listing(problems: Mapping[str, str], count: int) -> str:
    return f"{len(problems)} of {count} clips cannot be used:\n" + "\n".join(f"- {text}" for text in problems.values())


def load_corpus(cache: str | Path) -> Corpus:
    """All prepared clips of a cache folder. Needs no videos and no decoder.

    Raises:
        StorageError: the folder has no manifest, or a damaged one.
        ValueError: a cache file is missing or damaged, or of another version of the kit.
    """
    cache = Path(cache)
    recipe, clips = _read_manifest(cache)
    if recipe.format != _FORMAT:
        raise ValueError(f"{cache / 'manifest.json'}: was written by another version. Prepare the clips again.")
    return Corpus([_load(i, entry, cache, recipe) for i, entry in clips.items()], recipe.audio_rate, maker=recipe.maker)


def _read_manifest(cache: Path) -> tuple[Recipe, dict[str, dict]]:
    """Return what clips were prepared for, and what is known of each.

    Raises:
        StorageError: there is no manifest, or it holds something else.
    """
    path = cache / "manifest.json"
    manifest = read_json(path)
    with file_errors(path):
        for clip, entry in manifest["clips"].items():
            if lacking := {"label", "split", "source", "sha256", "shapes"} - entry.keys():
                raise ValueError(f"{clip} lacks {', '.join(sorted(lacking))}")
        return Recipe(**manifest["recipe"]), manifest["clips"]


def _known(cache: Path, recipe: Recipe) -> dict[str, dict]:
    """The manifest's entries, none when it was written for another recipe."""
    path = cache / "manifest.json"
    if not path.exists():
        return {}
    try:
        written_for, clips = _read_manifest(cache)
    except StorageError as error:
        warnings.warn(f"{path} is damaged ({error.__cause__}); all clips are prepared again.", stacklevel=3)
        return {}
    return clips if written_for == recipe else {}


def _write_manifest(cache: Path, recipe: Recipe, known: dict[str, dict]) -> None:
    write_json(cache / "manifest.json", {"recipe": asdict(recipe), "clips": dict(sorted(known.items()))})


def _is_current(clip: Clip, entry: dict | None, cache: Path) -> bool:
    if entry is None or not clip.path.is_file() or entry["source"] != source_of(clip.path):
        return False
    path = _file(cache, clip.id)
    if not path.is_file() or _sha256(path.read_bytes()) != entry["sha256"]:
        warnings.warn(f"{path} is missing or damaged; it is made again from {clip.path}.", stacklevel=3)
        return False
    return True


def _make(
    todo: list[Clip],
    encoder: Encoder,
    recipe: Recipe,
    cache: Path,
    known: dict[str, dict],
    workers: int | None,
    progress: bool,
) -> dict[str, str]:
    """Prepare the clips `todo`, note them in `known`; what was wrong with those that cannot be used, by id."""
    problems: dict[str, str] = {}
    if not todo:
        return problems
    sweep(cache)
    threads_before = torch.get_num_threads()
    # Threads do: decoding and the encoder's convolutions release Python's lock. One torch thread for each of them.
    pool = ThreadPoolExecutor(workers or os.cpu_count(), initializer=torch.set_num_threads, initargs=(1,))
    try:
        jobs = {pool.submit(_prepare_clip, clip, encoder, recipe, cache): clip for clip in todo}
        finished = tqdm(as_completed(jobs), "preparing clips", len(jobs), disable=not progress, unit="clip")
        for count, job in enumerate(finished, 1):
            clip = jobs[job]
            try:
                known[clip.id] = job.result()
            except Exception as error:
                problems[clip.id] = _what_is_wrong(clip, error)
                known.pop(clip.id, None)
            if count % _SAVE_EVERY == 0:
                _write_manifest(cache, recipe, known)
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads_before)
        _write_manifest(cache, recipe, known)
    return problems


def _what_is_wrong(clip: Clip, error: Exception) -> str:
    """Say what makes one clip unusable. An error that has nothing to do with the clip is raised again."""
    if isinstance(error, MediaError):
        return str(error)
    if isinstance(error, StorageError | ImportError):
        if getattr(error.__cause__, "errno", None) == errno.ENAMETOOLONG:
            return f"{clip.path}: has so long a name that its prepared clip can't be stored. Rename it."
        raise error  # a full disk, a package that is missing: no fault of this clip
    if isinstance(error, PermissionError):
        return f"{clip.path}: may not be read. Give yourself the right to (chmod u+r)."
    if isinstance(error, MemoryError):
        return f"{clip.path}: does not fit into memory. Cut it into shorter videos."
    return f"{clip.path}: could not be read ({type(error).__name__}: {error})."


def _prepare_clip(clip: Clip, encoder: Encoder, recipe: Recipe, cache: Path) -> dict:
    """Make one cache file; its entry in the manifest."""
    if clip.id != (printable := clip.id.encode(errors="backslashreplace").decode()):
        raise MediaError(f"{printable}: is not named in UTF-8. Rename the file or its folder.")
    if clip.path.is_symlink() and not clip.path.exists():
        raise MediaError(
            f"{clip.path}: is a link to {clip.path.readlink()}, and there is no file. Get it (git annex, dvc)."
        )
    source = source_of(clip.path) if clip.path.is_file() else None
    waveform = media.read_audio(clip.path, recipe.audio_rate)[_places(clip.span, recipe.audio_rate)]
    if not len(waveform):
        raise MediaError(f"{clip.path}: its sound ends before the part that is wanted, {clip.span} s.")
    if media.loudest(waveform) < media.SILENCE:
        raise MediaError(f"{clip.path}: is silent from beginning to end.")
    waveform = waveform.mul_(32767).round_().to(torch.int16)
    seen = look(clip.path, encoder, recipe.frame_rate, clip.span, clip.label)
    heard, shown = len(waveform) / recipe.audio_rate, seconds_of(seen, recipe.frame_rate)
    if abs(heard - shown) > TOLERANCE:
        warnings.warn(
            f"{clip.path}: {heard:.1f} s of sound, {shown:.1f} s of pictures; the shorter counts.", stacklevel=2
        )
        waveform = waveform[: round(shown * recipe.audio_rate)]
        seen = first_seconds(seen, heard, recipe.frame_rate)
    tensors = {"waveform": waveform, **seen}
    path = _file(cache, clip.id)
    save_tensors(path, tensors, {"id": clip.id, "recipe": asdict(recipe)})
    shapes = {name: list(tensor.shape) for name, tensor in tensors.items()}
    digest = _sha256(path.read_bytes())
    return {"label": clip.label, "split": clip.split, "source": source, "sha256": digest, "shapes": shapes}


def _seconds(entry: dict, recipe: Recipe) -> float:
    """Length of a clip of the manifest in seconds: its sound or its pictures, the shorter."""
    samples, steps = entry["shapes"]["waveform"][0], entry["shapes"]["dense_motion"][0]
    return min(samples / recipe.audio_rate, 2 * steps / recipe.frame_rate)


def look(
    path: Path,
    encoder: Encoder,
    frame_rate: float = FRAME_RATE,
    span: tuple[float, float] | None = None,
    label: str = "",
) -> dict[str, torch.Tensor]:
    """Features of a video, as `PreparedClip` has them, in half precision: `object`, `motion`, `dense_motion`.

    `span` is as in `Clip`. A detector, where the encoder has one, looks for `label`.

    Raises:
        MediaError: the file can't be read, or has no pictures.
    """
    places = _places(span, frame_rate)
    pictures = islice(media.each_picture(path, frame_rate, encoder.longest_side), places.start, places.stop)
    if not (seen := look_at(pictures, encoder, frame_rate, label)):
        raise MediaError(f"{path}: its pictures end before the part that is wanted, {span} s.")
    return seen


def look_at(
    pictures: Iterator[np.ndarray], encoder: Encoder, frame_rate: float = FRAME_RATE, label: str = ""
) -> dict[str, torch.Tensor]:
    """Features of pictures `[height, width, 3]` uint8, `frame_rate` a second, as `look` gives them; {} where there are none.

    Many are looked at piece by piece, each with the last 16 pictures of the one before.
    """
    objects, dense = [], []
    count = 0
    thinned: list[np.ndarray] = []  # every `stride`th picture: enough to choose from for motion over the whole video
    stride = 1
    before = torch.empty(0, dtype=torch.uint8)
    while piece := list(islice(pictures, _PIECE)):
        frames = torch.from_numpy(np.stack(piece))
        each_second = np.arange(0, count + len(frames), frame_rate).astype(int)
        objects.append(encoder.objects(encoder.crop(frames[each_second[each_second >= count] - count], label)).half())
        paired = torch.cat([frames, frames[-1:]]) if len(frames) % 2 else frames
        dense.append(encoder.motion(torch.cat([before, paired])).half()[len(before) // 2 :])
        before = frames[-_MOTION_FRAMES:]
        thinned += [picture for number, picture in enumerate(piece, count) if number % stride == 0]
        if len(thinned) > 2 * _PIECE:
            thinned, stride = thinned[::2], 2 * stride
        count += len(frames)
    if not count:
        return {}
    spread = np.linspace(0, len(thinned) - 1, _MOTION_FRAMES).round().astype(int)
    return {
        "object": torch.cat(objects),
        "motion": encoder.motion(torch.from_numpy(np.stack([thinned[place] for place in spread]))).half(),
        "dense_motion": torch.cat(dense),
    }


def seconds_of(seen: dict[str, torch.Tensor], frame_rate: float = FRAME_RATE) -> float:
    """Length in seconds of the video that `look` saw."""
    return 2 * len(seen["dense_motion"]) / frame_rate


def first_seconds(
    seen: dict[str, torch.Tensor], seconds: float, frame_rate: float = FRAME_RATE
) -> dict[str, torch.Tensor]:
    """Features that `look` found in the first seconds; `motion` stays that of the whole video."""
    return {
        "object": seen["object"][: ceil(seconds)],
        "motion": seen["motion"],
        "dense_motion": seen["dense_motion"][: ceil(seconds * frame_rate / 2)],
    }


def _places(span: tuple[float, float] | None, rate: float) -> slice:
    """Slice of those of `rate` values a second that belong to a span of seconds; all where it is None."""
    return slice(None) if span is None else slice(round(span[0] * rate), round(span[1] * rate))


def _load(clip_id: str, entry: dict, cache: Path, recipe: Recipe) -> PreparedClip:
    path = _file(cache, clip_id)
    content = path.read_bytes() if path.is_file() else b""
    if _sha256(content) != entry["sha256"]:
        raise ValueError(f"{path} is missing or damaged. Prepare the clips again: only this one is made anew.")
    tensors = load(content)
    return PreparedClip(
        id=clip_id,
        label=entry["label"],
        split=entry["split"],
        video=entry.get("video", ""),
        waveform=tensors.pop("waveform").float().div_(32767),
        motion_step=2 / recipe.frame_rate,
        **{name: tensor.float() for name, tensor in tensors.items()},
    )


def _file(cache: Path, clip_id: str) -> Path:
    return inside(cache, f"{clip_id}.safetensors")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
