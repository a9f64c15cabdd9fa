"""MiniMUSIC: the embedded data set, made as real media files on first use.

`make_mini(root)` writes `root/<class>/<id>.mp4`, the split lists `root/splits/<split>.json` in the form of MUSIC-21's,
and the card `root/minimusic.json`; `data/README.md` says what the data are and what they are not. Every clip depends on nothing
but the generator's version, the seed, its class and its number, so any machine with any number of cores makes the same scores
and frames, and the same machine the same sounds.

Training, validation and test clips are played on different specimens of an instrument (`specimen`). The clips of the split
"melody" are played on training's specimens: what a separator loses between "melody" and "test" it loses to an instrument it
has never heard, what it loses between training and "melody" to music it has never heard.
"""

import argparse
import os
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from contav_lib.media import write_video
from contav_lib.minimusic import MINIMUSIC_VERSION as VERSION
from contav_lib.minimusic.composition import INSTRUMENTS, Score, compose
from contav_lib.minimusic.drawing import draw
from contav_lib.minimusic.specimen import Specimen, draw_specimen
from contav_lib.minimusic.synth import RATE, render
from contav_lib.utils.registry import CLIPS_PER_CLASS
from contav_lib.utils.storage import StorageError, read_json, sweep, write_json
from contav_lib.utils.workers import sigterm_as_interrupt

_MUSIC = 1  # part of the seed, and no version: what does not change keeps its chances when something else does
_SPECIMENS = 1_000_000  # specimens' place in the seed, apart from all clips'
SECONDS, FRAME_RATE, SIZE = 12.0, 8.0, (160, 120)
SPLITS = ("train", "validation", "test", "melody")  # those of `datasets.clip`, in the order of clip numbers
COUNTED = SPLITS[:3]  # splits whose clips are counted; "melody" has as many as the smaller of training and test
BLOCK = 1000  # clip numbers of a split: train from 0, validation from 1000, test from 2000, ...: counts can grow
TRAINING_SPECIMENS = 12  # specimens of a class in training: three clips each of the usual 36


def make_mini(
    root: Path,
    counts: tuple[int, int, int] = CLIPS_PER_CLASS,
    seed: int = 0,
    workers: int | None = None,
    progress: bool = True,
) -> Path:
    """Make MiniMUSIC in `root`, or what is missing of it; returns `root`.

    A stopped run leaves only whole clips and goes on where it was. Larger counts add clips to a folder, smaller ones
    leave it as it is.

    Args:
        root: folder of the data set, made when it is not there.
        counts: clips a class for training, validation and test.
        seed: another seed gives other music and other players; it needs another folder.
        workers: clips made at the same time; one per core unless given.
        progress: show a progress bar.

    Raises:
        ValueError: for counts out of range, or a folder made with another seed or version of the generator.
        RuntimeError: if a clip could not be made; it names the clip. What was made is kept.
    """
    root = Path(root)
    card = _card(root, counts, seed)
    names = {
        split: {label: [clip_name(label, split, i) for i in range(count)] for label in INSTRUMENTS}
        for split, count in _with_melody(card["counts"]).items()
    }
    todo = [
        (label, clip_index(clip))
        for classes in names.values()
        for label, clips in classes.items()
        for clip in clips
        if not (root / label / f"{clip}.mp4").exists()
    ]
    write_json(root / "minimusic.json", card)
    if todo:
        sweep(root)
        _make(root, todo, seed, workers or os.cpu_count() or 1, progress)
    for split, classes in names.items():
        write_json(root / "splits" / f"{split}.json", {"videos": classes})
    return root


def clip_name(label: str, split: str, number: int) -> str:
    """Id of a class's clip `number` (from 0) in a split, such as `violin_1002`."""
    return f"{label}_{SPLITS.index(split) * BLOCK + number:04d}"


def clip_index(name: str) -> int:
    """Index in a clip's id: 1002 of `violin_1002`."""
    return int(name[-4:])


def clip_score(label: str, index: int, seed: int = 0) -> Score:
    """Notes played in the clip `<label>_<index>`."""
    return compose(label, _generators(label, index, seed)[0], SECONDS, clip_specimen(label, index, seed).preset)


def clip_specimen(label: str, index: int, seed: int = 0) -> Specimen:
    """Specimen on which the clip `<label>_<index>` is played.

    A validation or test clip has a specimen of its own; training and "melody" clips share `TRAINING_SPECIMENS`.
    """
    split, number = SPLITS[index // BLOCK], index % BLOCK
    owner = number % TRAINING_SPECIMENS if split in ("train", "melody") else index
    return draw_specimen(label, np.random.default_rng([_MUSIC, seed, _place(label), _SPECIMENS + owner]))


def make_clip(root: Path, label: str, index: int, seed: int = 0) -> None:
    """Compose, play, draw and write one clip; under its own name the file is always whole."""
    score, waveform, for_player = perform(label, index, seed)
    frames = draw(score, for_player, FRAME_RATE, SIZE)
    write_video(Path(root, label, f"{label}_{index:04d}.mp4"), waveform, RATE, frames, FRAME_RATE)


def clip_pictures(clip: str, seed: int = 0) -> np.ndarray:
    """Pictures of a clip such as `violin/violin_1002`, `FRAME_RATE` a second; nothing is played, read or written."""
    label, index = clip.split("/")[0], clip_index(clip)
    return draw(clip_score(label, index, seed), _generators(label, index, seed)[2], FRAME_RATE, SIZE)


def perform(label: str, index: int, seed: int = 0) -> tuple[Score, np.ndarray, np.random.Generator]:
    """Compose and play the clip `<label>_<index>`: its notes, its sound, and the chance that its drawing takes."""
    _, for_sound, for_player = _generators(label, index, seed)
    score = clip_score(label, index, seed)
    return score, render(score, clip_specimen(label, index, seed), for_sound, RATE), for_player


def _generators(label: str, index: int, seed: int) -> list[np.random.Generator]:
    """Separate streams of chance for the score, the sound and the drawing of one clip."""
    return np.random.default_rng([_MUSIC, seed, _place(label), index]).spawn(3)


def _place(label: str) -> int:
    return list(INSTRUMENTS).index(label)


def _with_melody(counts: dict[str, int]) -> dict[str, int]:
    return {**counts, "melody": min(counts["train"], counts["test"])}


def _make(root: Path, todo: list[tuple[str, int]], seed: int, workers: int, progress: bool) -> None:
    """Make clips side by side; what is done stays done when one fails or the caller is stopped."""
    # Threads do, for nearly all the time goes by in compiled code; and they run nothing of the caller's program again.
    with (
        ThreadPoolExecutor(workers) as pool,
        tqdm(total=len(todo), desc="Making MiniMUSIC", unit="clip", disable=not progress) as bar,
    ):
        clips = {pool.submit(make_clip, root, label, index, seed): f"{label}_{index:04d}" for label, index in todo}
        try:
            for clip in as_completed(clips):
                clip.result()
                bar.update()
        except Exception as error:
            raise RuntimeError(
                f"could not make the clip {clips[clip]}: {type(error).__name__}: {error}. What is made is kept; call again."
            ) from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _card(root: Path, counts: tuple[int, int, int], seed: int) -> dict:
    """The card of the data set that `root` is to hold, once it is clear that the folder can hold it."""
    if len(counts) != 3 or not all(0 <= count <= BLOCK for count in counts):
        raise ValueError(f"counts are three numbers from 0 to {BLOCK} (training, validation, test), not {counts}")
    wanted = dict(zip(COUNTED, map(int, counts), strict=True))
    path = root / "minimusic.json"
    if path.exists():
        try:
            card = read_json(path)
            old_version, old_seed, old_counts = card["version"], card["seed"], card["counts"]
        except (StorageError, KeyError, TypeError) as error:
            raise ValueError(
                f"{path} is damaged ({error}); delete the folder {root} and make the data set again"
            ) from None
        if (old_version, old_seed) != (VERSION, seed):
            raise ValueError(
                f"{root} holds MiniMUSIC of version {old_version} with seed {old_seed}, not of version {VERSION} with "
                f"seed {seed}; choose another folder, or delete this one first"
            )
        wanted = {split: max(count, old_counts[split]) for split, count in wanted.items()}
    return {
        "name": "MiniMUSIC",
        "version": VERSION,
        "seed": seed,
        "counts": wanted,
        "classes": list(INSTRUMENTS),
        "clip": {"seconds": SECONDS, "audio_rate": RATE, "frame_rate": FRAME_RATE, "width": SIZE[0], "height": SIZE[1]},
        "sound_font": "TimGM6mb.sf2, from the package pretty_midi, with root keys and ends of samples mended",
        "specimens": {
            "train": TRAINING_SPECIMENS,
            "validation": "one a clip",
            "test": "one a clip",
            "melody": "those of train",
        },
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make MiniMUSIC, the embedded data set.")
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--counts", type=int, nargs=3, default=CLIPS_PER_CLASS, metavar=("TRAIN", "VALIDATION", "TEST"))
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    try:
        with sigterm_as_interrupt():
            make_mini(chosen.root, tuple(chosen.counts), chosen.seed)
    except KeyboardInterrupt:
        print("\nStopped. What was done is kept: run the same command to go on.", file=sys.stderr)
        sys.exit(130)
