"""Prepared clips: every video decoded and encoded once, kept on disk as tensors that load in no time."""

import os
import re
import shutil
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, closing
from itertools import islice
from math import ceil
from pathlib import Path

import numpy as np
import torch
from tqdm.auto import tqdm

from contav_lib import media
from contav_lib.audio import SAMPLE_RATE
from contav_lib.datasets.clip import Clip
from contav_lib.datasets.contents import source_of
from contav_lib.datasets.corpus import IN_MEMORY, LOUDEST, Corpus, listing
from contav_lib.datasets.packed import FORMAT, LIST, MANIFEST, Entry, Pack, Recipe, remarks, some
from contav_lib.datasets.watching import Watch
from contav_lib.encoders.encoder import Encoder
from contav_lib.media import MediaError
from contav_lib.utils.ahead import in_order
from contav_lib.utils.storage import StorageError, only_one, sweep

AUDIO_RATE = SAMPLE_RATE  # Hz
FRAME_RATE = 8.0  # pictures a second for motion, which has one step every 2 of them
MIN_SECONDS = 1.0  # clips with less sound or pictures can't be used
_MOTION_FRAMES = 16  # the authors' motion: so many frames, spread evenly over the whole video
_PIECE = 128  # pictures looked at together, an even number: what a long video takes of memory
TOLERANCE = 0.5  # seconds by which lengths of sounds and pictures may differ: coders pad


class UnusableClips(UserWarning):
    """Warning of clips that are left out; the message lists every one with what is wrong."""


def prepare(
    clips: Sequence[Clip],
    encoder: Encoder,
    cache: str | Path,
    *,
    workers: int | None = None,
    progress: bool = True,
    on_unusable: str = "raise",
    check: bool = False,
    share_out: Callable[[Collection[str]], Sequence[Clip]] | None = None,
) -> Corpus:
    """Decode and encode every clip that is not yet prepared; the others are there at once, however many they are.

    The cache is a folder as `Pack` describes it. A clip is made again when its video or the encoder has changed, or when its
    tensors are damaged (a warning names it). An interrupted run goes on where it stopped, and what it ends with is
    the same, byte for byte. What `prepare_part` has made, perhaps on other machines, is taken from there.

    Args:
        clips: from `find_clips`.
        encoder: a frozen picture encoder.
        cache: the folder for prepared clips.
        workers: clips worked on at the same time; one per processor core by default.
        progress: show a progress bar.
        on_unusable: "raise" ends with an error that lists every unusable file, when all others are prepared;
            "skip" warns with the list (`UnusableClips`) and leaves them out, if any are left.
        check: read all that is prepared and compare it with its checksums; what takes less than `IN_MEMORY` bytes is
            always compared.
        share_out: gives the clips again without those of some ids, which can't be used, shared out anew to the splits.

    Where sound and pictures of a clip are not equally long, the shorter counts, and a warning names it.

    Raises:
        MediaError: files that cannot be read or decoded, lack sound or pictures, are silent or too short;
            all of them are listed.
        StorageError: the disk is full or refuses; what is prepared is kept.
    """
    if on_unusable not in ("raise", "skip"):
        raise ValueError(f"on_unusable is {on_unusable!r}; it must be 'raise' or 'skip'.")
    found = [clip for clip in clips if not clip.fault]
    pack, problems, usable = _complete(found, encoder, Path(cache), workers, progress, check, share_out)
    problems = {clip.id: text for clip in clips if (text := clip.fault or problems.get(clip.id, ""))}
    if problems:
        text = listing(problems, len(clips))
        if on_unusable == "raise" or not usable:
            raise MediaError(
                f"{text}\nRepair these files, or remove them (those the kit made itself are then made again)."
            )
        warnings.warn(f"{text}\nThey are left out.", UnusableClips, stacklevel=2)
    entries = [pack.entries[clip.id] for clip in usable]
    return Corpus(pack.clips(entries), AUDIO_RATE, problems, encoder.maker, remarks(entries))


def prepare_part(
    clips: Sequence[Clip],
    encoder: Encoder,
    cache: str | Path,
    part: int,
    parts: int,
    *,
    workers: int | None = None,
    progress: bool = True,
) -> Path:
    """Prepare one of several parts of the clips, each on a machine of its own: every `parts`-th clip from number `part` on.

    The part lies in a folder inside `cache`. Where all parts are there, `prepare` puts them together: what it ends with is the
    same, byte for byte, as without parts.

    Args:
        part: 1 to `parts`.

    Raises:
        ValueError: there is no such part.
        StorageError: as `prepare`. What cannot be used is told by `prepare`.
    """
    if not 1 <= part <= parts:
        raise ValueError(f"There is no part {part} of {parts}; they are numbered from 1 to {parts}.")
    folder = Path(cache) / f"part-{part}-of-{parts}"
    found = _to_do([clip for clip in clips if not clip.fault], _opened(_recipe(encoder), Path(cache)))
    pack, _, _ = _complete(found[part - 1 :: parts], encoder, folder, workers, progress, check=True)
    if not pack.is_begun:  # nothing is left to do for it
        pack.begin()
    return folder


def _recipe(encoder: Encoder) -> Recipe:
    made_by = (encoder.name, encoder.version, encoder.weights_hash)
    return Recipe(FORMAT, *made_by, AUDIO_RATE, FRAME_RATE, encoder.object_dim, encoder.motion_dim)


def _complete(
    clips: Sequence[Clip],
    encoder: Encoder,
    cache: Path,
    workers: int | None,
    progress: bool,
    check: bool,
    share_out: Callable[[Collection[str]], Sequence[Clip]] | None = None,
) -> tuple[Pack, dict[str, str], list[Clip]]:
    """Prepare what is not there; the cache, what is wrong with clips that cannot be used, by id, and the others."""

    def usable() -> list[Clip]:
        """The clips given whose entries have no problem, in the splits that they are shared out to."""
        bad = {clip.id for clip in clips if (entry := pack.entries.get(clip.id)) and _renewed(entry, clip).problem}
        shared = share_out(bad) if share_out and 0 < len(bad) < len(clips) else clips
        return [clip for clip in shared if clip.id not in bad and not clip.fault]

    def news() -> list[Entry]:
        """Entries as the clips say, where the cache says otherwise: labels and splits need no decoding."""
        latest = {clip.id: clip for clip in clips} | {clip.id: clip for clip in usable()}
        pairs = [(pack.entries[name], clip) for name, clip in latest.items() if name in pack.entries]
        return [new for old, clip in pairs if (new := _renewed(old, clip)) != old]

    recipe = _recipe(encoder)
    pack = _opened(recipe, cache)
    if check or pack.nbytes <= IN_MEMORY:
        pack.check(progress)
    problems: dict[str, str] = {}
    if _to_do(clips, pack) or news() or _parts(cache):
        with only_one(cache / ".lock", f"prepares clips in {cache}"):
            pack = _opened(recipe, cache, damaged=pack.damaged)
            problems = _make(_to_do(clips, pack), encoder, pack, workers, progress)
            pack.note(news())
    noted = {clip.id: f"{clip.path}: {problem}" for clip in clips if (problem := pack.entries[clip.id].problem)}
    return pack, {name: problems.get(name, text) for name, text in noted.items()}, usable()


def _opened(recipe: Recipe, cache: Path, damaged: Collection[str] | None = None) -> Pack:
    """What is prepared by this recipe, perhaps nothing. With `damaged`, ids of clips known to be so, warnings tell of it."""
    pack = Pack(cache, recipe)
    if (cache / MANIFEST).exists():
        where = cache / MANIFEST
        try:
            found = Pack.open(cache)
            if found.recipe == recipe:
                pack, where = found, cache / LIST
                pack.read()
        except (StorageError, ValueError) as error:
            if isinstance(error.__cause__, OSError) and not isinstance(error.__cause__, FileNotFoundError):
                raise  # it could not be read just now: no reason to make all of it again
            if damaged is not None:
                what = f"all clips but the first {len(pack.entries)}" if pack.entries else "all clips"
                warnings.warn(
                    f"{where} is damaged or of another version ({error.__cause__ or error}); {what} are prepared again.",
                    stacklevel=4,
                )
        pack.lose(damaged or ())
        if damaged is not None and pack.damaged:
            warnings.warn(f"{cache}: {some(pack.damaged)} missing or damaged; prepared again.", stacklevel=4)
    return pack


def _to_do(clips: Sequence[Clip], pack: Pack) -> list[Clip]:
    return [clip for clip in clips if not _is_current(clip, pack.entries.get(clip.id))]


def _is_current(clip: Clip, entry: Entry | None) -> bool:
    return entry is not None and source_of(clip.path) == {"bytes": entry.bytes, "modified": entry.modified}


def _renewed(entry: Entry, clip: Clip) -> Entry:
    """The entry as a clip and `MIN_SECONDS` would have it."""
    problem = entry.problem
    if samples := entry.lengths[0]:
        seconds = min(samples / AUDIO_RATE, 2 * entry.lengths[-1] / FRAME_RATE)
        is_short = seconds < MIN_SECONDS
        problem = f"has {seconds:.2f} s of sound and pictures, less than {MIN_SECONDS} s." if is_short else ""
    return entry._replace(label=clip.label, split=clip.split, video=clip.video, problem=problem)


def _make(todo: Sequence[Clip], encoder: Encoder, pack: Pack, workers: int | None, progress: bool) -> dict[str, str]:
    """Prepare the clips `todo`, or take them from parts; what was wrong with those that cannot be used, by id."""
    problems: dict[str, str] = {}
    folders = _parts(pack.folder)
    sweep(pack.folder)
    if not pack.is_begun:
        pack.begin()
    with ExitStack() as stack:
        for folder in folders:  # of which none is at work any more
            stack.enter_context(only_one(folder / ".lock", f"prepares clips in {folder}"))
        parts = [_opened(pack.recipe, folder) for folder in folders]
        for part in parts:
            part.check(progress)  # they came from elsewhere

        def make(clip: Clip) -> tuple[dict[str, int], dict[str, torch.Tensor], str]:
            source = source_of(clip.path)
            if taken := _taken(clip, parts):
                return source, *taken
            with media.remarks_noted() as odd:
                tensors, of_pictures = _prepare_clip(clip, encoder)
            return source, tensors, " ".join(filter(None, dict.fromkeys([*odd, of_pictures])))

        stack.callback(torch.set_num_threads, torch.get_num_threads())
        # Threads do: decoding and the encoder's convolutions release Python's lock. One torch thread for each of them.
        jobs = in_order(make, todo, workers or os.cpu_count() or 1, lambda: torch.set_num_threads(1))
        stack.enter_context(closing(jobs))
        for clip, job in tqdm(jobs, "preparing clips", len(todo), disable=not progress or not todo, unit="clip"):
            entry = Entry(clip.id, clip.label, clip.split, clip.video)
            try:
                source, tensors, remark = job.result()
            except Exception as error:
                problems[clip.id] = text = _what_is_wrong(clip, error)
                problem = text.removeprefix(f"{clip.path}: ")
                # What lies in the video itself stays so; anything else is tried again the next time.
                source = source_of(clip.path) if isinstance(error, MediaError) and problem != text else {}
                if (entry := entry._replace(**source, problem=problem)) != pack.entries.get(clip.id):
                    pack.note([entry])
            else:
                pack.append(entry._replace(**source, remark=remark), tensors)
        for folder in folders:
            shutil.rmtree(folder)
    return problems


def _parts(cache: Path) -> list[Path]:
    """The folders of `prepare_part`, none or all.

    Raises:
        ValueError: some are not there.
    """
    numbers = [tuple(map(int, re.findall(r"\d+", path.name))) for path in cache.glob("part-*-of-*")]
    if lacking := sorted({part for _, of in numbers for part in range(1, of + 1)} - {part for part, _ in numbers}):
        raise ValueError(
            f"{cache}: of the parts prepared on several machines, {', '.join(map(str, lacking))} of {numbers[0][1]} is not "
            "there. Prepare it, or bring its folder; or remove the folders part-* to prepare all clips here."
        )
    return [cache / f"part-{part}-of-{of}" for part, of in sorted(numbers)]


def _taken(clip: Clip, parts: Sequence[Pack]) -> tuple[dict[str, torch.Tensor], str] | None:
    """The tensors of a clip that a part has, and what is odd about it."""
    for part in parts:
        entry = part.entries.get(clip.id)
        if entry and _is_current(clip, entry):
            if not entry.lengths[0]:
                raise MediaError(f"{clip.path}: {entry.problem}")
            return part.tensors(entry), entry.remark
    return None


def _what_is_wrong(clip: Clip, error: Exception) -> str:
    """Say what makes one clip unusable. An error that has nothing to do with the clip is raised again."""
    if isinstance(error, MediaError):
        return str(error)
    if isinstance(error, StorageError | ImportError):
        raise error  # a full disk, a package that is missing: no fault of this clip
    if isinstance(error, PermissionError):
        return f"{clip.path}: may not be read. Give yourself the right to (chmod u+r)."
    if isinstance(error, MemoryError):
        return f"{clip.path}: does not fit into memory. Cut it into shorter videos."
    return f"{clip.path}: could not be read ({type(error).__name__}: {error})."


def _prepare_clip(clip: Clip, encoder: Encoder) -> tuple[dict[str, torch.Tensor], str]:
    """Read a clip and look at it: its tensors by `KINDS`, as they are kept, and what is odd about its pictures."""
    if clip.id != (printable := clip.id.encode(errors="backslashreplace").decode()):
        raise MediaError(f"{printable}: is not named in UTF-8. Rename the file or its folder.")
    if clip.path.is_symlink() and not clip.path.exists():
        raise MediaError(
            f"{clip.path}: is a link to {clip.path.readlink()}, and there is no file. Get it (git annex, dvc)."
        )
    waveform = media.read_audio(clip.path, AUDIO_RATE)[_places(clip.span, AUDIO_RATE)]
    if not len(waveform):
        raise MediaError(f"{clip.path}: its sound ends before the part that is wanted, {clip.span} s.")
    if media.loudest(waveform) < media.SILENCE:
        raise MediaError(f"{clip.path}: is silent from beginning to end.")
    waveform = waveform.mul_(LOUDEST).round_().to(torch.int16)
    watch = Watch()
    seen = look(clip.path, encoder, clip.span, clip.label, watch)
    heard, shown = len(waveform) / AUDIO_RATE, seconds_of(seen)
    if abs(heard - shown) > TOLERANCE:
        media.remark(clip.path, f"{heard:.1f} s of sound, {shown:.1f} s of pictures; the shorter counts.")
        waveform = waveform[: round(shown * AUDIO_RATE)]
        seen = first_seconds(seen, heard)
    return {"waveform": waveform, **seen}, watch.remark


def look(
    path: Path, encoder: Encoder, span: tuple[float, float] | None = None, label: str = "", watch: Watch | None = None
) -> dict[str, torch.Tensor]:
    """Features of a video, as `PreparedClip` has them, in half precision: `object`, `motion`, `dense_motion`.

    `span` is as in `Clip`. A detector, where the encoder has one, looks for `label`. `watch` notes what is odd.

    Raises:
        MediaError: the file can't be read, or has no pictures.
    """
    places = _places(span, FRAME_RATE)
    pictures = islice(media.each_picture(path, FRAME_RATE, encoder.longest_side), places.start, places.stop)
    if not (seen := look_at(pictures, encoder, label, watch)):
        raise MediaError(f"{path}: its pictures end before the part that is wanted, {span} s.")
    return seen


def look_at(
    pictures: Iterator[np.ndarray], encoder: Encoder, label: str = "", watch: Watch | None = None
) -> dict[str, torch.Tensor]:
    """Features of pictures `[height, width, 3]` uint8, `FRAME_RATE` a second, as `look` gives them; {} where there are none.

    Many are looked at piece by piece, each with the last 16 pictures of the one before.
    """
    objects, dense = [], []
    count = 0
    thinned: list[np.ndarray] = []  # every `stride`th picture: enough to choose from for motion over the whole video
    stride = 1
    watch = watch or Watch()
    pictures = watch.motion(pictures)
    before = torch.empty(0, dtype=torch.uint8)
    while piece := list(islice(pictures, _PIECE)):
        frames = torch.from_numpy(np.stack(piece))
        each_second = np.arange(0, count + len(frames), FRAME_RATE).astype(int)
        crops, found = encoder.crop(frames[each_second[each_second >= count] - count], label)
        watch.found(found)
        objects.append(encoder.objects(crops).half())
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


def seconds_of(seen: dict[str, torch.Tensor]) -> float:
    """Length in seconds of the video that `look` saw."""
    return 2 * len(seen["dense_motion"]) / FRAME_RATE


def first_seconds(seen: dict[str, torch.Tensor], seconds: float) -> dict[str, torch.Tensor]:
    """Features that `look` found in the first seconds; `motion` stays that of the whole video."""
    return {
        "object": seen["object"][: ceil(seconds)],
        "motion": seen["motion"],
        "dense_motion": seen["dense_motion"][: ceil(seconds * FRAME_RATE / 2)],
    }


def _places(span: tuple[float, float] | None, rate: float) -> slice:
    """Slice of those of `rate` values a second that belong to a span of seconds; all where it is None."""
    return slice(None) if span is None else slice(round(span[0] * rate), round(span[1] * rate))
