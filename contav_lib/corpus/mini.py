"""MiniMUSIC: the embedded data set, made as real media files on first use.

`make_mini(root)` writes `root/<class>/<id>.mp4`, the split lists `root/splits/<split>.json` in the form of MUSIC-21's,
and the card `root/minimusic.json`. Every clip depends on nothing but the generator's version, the seed, its class and
its number, so any machine with any number of cores makes the same scores and frames, and the same machine the same sounds.
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from contav_lib.corpus import MINIMUSIC_VERSION as VERSION
from contav_lib.corpus.player import draw
from contav_lib.corpus.score import INSTRUMENTS, Score, compose
from contav_lib.corpus.sound import RATE, render
from contav_lib.corpus.workers import FAILED, FINISHED, run_jobs
from contav_lib.media import write_video
from contav_lib.storage import StorageError, read_json, write_json

_MUSIC = 1  # part of the seed, and no version: music and players stay what they are when something else changes
SECONDS, FRAME_RATE, SIZE = 12.0, 8.0, (160, 120)
SPLITS = ("train", "validation", "test")
BLOCK = 1000  # clip numbers of a split: train from 0, validation from 1000, test from 2000, so that counts can grow
CLIP_LIMIT = 60.0  # seconds a clip may take; the synthesizer hangs for ever on a few notes
STALE = 600.0  # seconds after which an unfinished file belongs to nobody


def make_mini(
    root: Path,
    counts: tuple[int, int, int] = (24, 6, 6),
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
        workers: processes; all cores unless given.
        progress: show a progress bar.

    Raises:
        ValueError: for counts out of range, or a folder made with another seed or version of the generator.
        RuntimeError: if a clip could not be made; it names the clips. All others are kept.
    """
    root = Path(root)
    card = _card(root, counts, seed)
    names = {
        split: {label: [clip_name(label, split, i) for i in range(count)] for label in INSTRUMENTS}
        for split, count in card["counts"].items()
    }
    jobs = [
        {"root": str(root), "label": label, "index": SPLITS.index(split) * BLOCK + i, "seed": seed, "attempt": 0}
        for split, classes in names.items()
        for label, clips in classes.items()
        for i, clip in enumerate(clips)
        if not (root / label / f"{clip}.mp4").exists()
    ]
    write_json(root / "minimusic.json", card)
    if jobs:
        _sweep(root)
        _make(jobs, workers or os.cpu_count() or 1, progress)
    for split, classes in names.items():
        write_json(root / "splits" / f"{split}.json", {"videos": classes})
    return root


def clip_name(label: str, split: str, number: int) -> str:
    """The id of a class's clip `number` (from 0) in a split, such as `violin_1002`."""
    return f"{label}_{SPLITS.index(split) * BLOCK + number:04d}"


def clip_score(label: str, index: int, seed: int = 0) -> Score:
    """What is played in the clip `<label>_<index>`, note by note."""
    return compose(label, _generators(label, index, seed, 0)[0], SECONDS)


def make_clip(job: dict) -> None:
    """Compose, play, draw and write one clip; under its own name the file is always whole."""
    label, index = job["label"], job["index"]
    for_score, for_sound, for_player = _generators(label, index, job["seed"], job["attempt"])
    score = compose(label, for_score, SECONDS)
    waveform = render(score, for_sound, RATE)
    frames = draw(score, for_player, FRAME_RATE, SIZE)
    write_video(Path(job["root"], label, f"{label}_{index:04d}.mp4"), waveform, RATE, frames, FRAME_RATE)


def _generators(label: str, index: int, seed: int, attempt: int) -> list[np.random.Generator]:
    """Separate streams of chance for the score, the sound and the drawing of one clip."""
    place = list(INSTRUMENTS).index(label)
    return [
        np.random.default_rng(child) for child in np.random.SeedSequence([_MUSIC, seed, place, index, attempt]).spawn(3)
    ]


def _make(jobs: list[dict], workers: int, progress: bool) -> None:
    """Do all jobs; those that were lost get one more try with other chances."""
    with tqdm(total=len(jobs), desc="Making MiniMUSIC", unit="clip", disable=not progress) as bar:
        for attempt in range(2):
            lost = []
            for outcome in run_jobs("contav_lib.corpus.mini:make_clip", jobs, workers, CLIP_LIMIT):
                clip = f"{outcome.job['label']}_{outcome.job['index']:04d}"
                if outcome.state == FAILED:
                    raise RuntimeError(f"could not make the clip {clip}: {outcome.message}")
                if outcome.state == FINISHED:
                    bar.update()
                else:
                    lost.append((clip, outcome.job | {"attempt": attempt + 1}))
            jobs = [job for _, job in lost]
            if not jobs:
                return
    names = ", ".join(clip for clip, _ in lost)
    raise RuntimeError(
        f"these clips were not ready within {CLIP_LIMIT:g} seconds or their process died, twice: {names}. "
        "All others are kept; call again to retry only these."
    )


def _card(root: Path, counts: tuple[int, int, int], seed: int) -> dict:
    """The card of the data set that `root` is to hold, once it is clear that the folder can hold it."""
    if len(counts) != 3 or not all(0 <= count <= BLOCK for count in counts):
        raise ValueError(f"counts are three numbers from 0 to {BLOCK} (training, validation, test), not {counts}")
    wanted = dict(zip(SPLITS, map(int, counts), strict=True))
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
        "sound_font": "TimGM6mb.sf2, from the package pretty_midi, with the ends of its samples mended",
    }


def _sweep(root: Path) -> None:
    """Remove what a killed run left unfinished; another run at this moment keeps its files."""
    for path in root.glob("*/.*.part"):
        if time.time() - path.stat().st_mtime > STALE:
            path.unlink(missing_ok=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make MiniMUSIC, the embedded data set.")
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--counts", type=int, nargs=3, default=(24, 6, 6), metavar=("TRAIN", "VALIDATION", "TEST"))
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    make_mini(chosen.root, tuple(chosen.counts), chosen.seed)
