"""The starter pack: four results of one seed that come with the kit, to be heard before anything is trained.

`contav starter` makes it in `data/starter/`, from stored results where they are there:

- `starter.json`: whose results these are, of which versions, and a digest of all that follows;
- `mixtures.json`: which mixtures are heard, and why, see `choose`;
- `sounds/`, `features.safetensors`: the first seconds of their clips, and what the encoder sees in them;
- `players.jpg`: a picture of the players of `PAIR`, from left to right;
- a folder a result: settings, scores, history, and checkpoints in half precision. Of the methods that learn the first task
  alike only fine-tuning has its checkpoint.

Separated sounds would not fit in: they are made of this when first asked for, in seconds, in `data/starter-<digest>/`, whose
folders are results like any others.
"""

import hashlib
import json
import shutil
from collections.abc import Iterable, Sequence
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from tqdm.auto import tqdm

from contav_lib.audio import SAMPLE_RATE
from contav_lib.config import RESULTS_VERSION, Config
from contav_lib.datasets.corpus import KINDS, PreparedClip
from contav_lib.evaluation.evaluate import evaluate
from contav_lib.evaluation.failures import heard_as
from contav_lib.evaluation.metrics import is_audible
from contav_lib.evaluation.whole import separate_whole
from contav_lib.experiments.examples import LENGTH, named_examples, store_examples
from contav_lib.experiments.plans import FOUR_TASKS, over_seeds, run_plan
from contav_lib.experiments.result import Result, checkpoint_file
from contav_lib.experiments.setup import Setup, spectrogram_of
from contav_lib.minimusic import MINIMUSIC_VERSION
from contav_lib.mixtures.clip_store import ClipStore
from contav_lib.separators import Separator, load_separator
from contav_lib.utils import paths
from contav_lib.utils.devices import cpu_threads
from contav_lib.utils.registry import open_dataset
from contav_lib.utils.storage import (
    file_errors,
    load_tensors,
    only_one,
    read_json,
    save_tensors,
    write_atomically,
    write_json,
)

PROFILE, SEED = "lab", 6  # of the six seeds of the README's table the first; its SDRs are the nearest to the means, too
METHODS = {name: FOUR_TASKS[name] for name in ("fine-tuning", "replay", "ContAV-Sep", "upper bound")}
REFERENCE = "fine-tuning"  # by whose losses the mixtures are chosen
PAIR = ("drum", "flute")  # who are heard first; the drum belongs to the first task
PACK = paths.shipped("data/starter")
PICTURE = PACK / "players.jpg"
_VERSIONS = {"minimusic": MINIMUSIC_VERSION, "results": RESULTS_VERSION}
_ALIKE = 10.0  # dB by which the levels of two sources may differ, or the weaker one is hardly heard
_SILENT = -30.0  # dB of SDR that an estimate of nothing but zeros counts as
_COST = 0.05  # dB that half precision may change a mean score


def starter(methods: Iterable[str] = tuple(METHODS)) -> dict[str, Result]:
    """The results of the starter pack by the names of their methods; each is unpacked when first asked for, in seconds.

    Raises:
        StorageError: the pack is missing or damaged, or its sounds can't be written.
        ValueError: it is of another version of MiniMUSIC or of the results.
    """
    about = read_json(PACK / "starter.json")
    with file_errors(PACK / "starter.json", "Get the folder back from git, or make it anew: contav starter"):
        versions, digest, folders = about["versions"], about["digest"], about["results"]
    if versions != _VERSIONS:
        raise ValueError(f"The starter pack in {PACK} is of {versions}, the kit of {_VERSIONS}. Run: contav starter")
    home = paths.generated(f"starter-{digest}")
    unpacked = {name: home / folders[name] for name in methods}
    if not all((folder / "matrix.json").exists() for folder in unpacked.values()):
        with only_one(home.with_name(f".{home.name}.lock"), "unpacks the starter pack"):
            for folder in tqdm(unpacked.values(), desc="Unpacking what comes with the kit, once", unit="result"):
                if not (folder / "matrix.json").exists():
                    _unpack(PACK / folder.name, folder, PACK / folders[REFERENCE])
    return {name: Result(folder) for name, folder in unpacked.items()}


def is_of_starter(result: Result) -> bool:
    """Return whether a result is one of the pack's."""
    return result.folder.parent.name.startswith(f"{PACK.name}-")


def _unpack(packed: Path, folder: Path, reference: Path) -> None:
    """Make a result's folder; `matrix.json` comes last and says that all is there."""
    config, tasks = Config.from_json(read_json(packed / "config.json")), read_json(packed / "matrix.json")["tasks"]
    labels = [label for task in tasks for label in task]
    store = ClipStore(
        starter_clips(), {label: n for n, label in enumerate(labels)}, spectrogram_of(config), config.motion
    )
    examples = named_examples(read_json(PACK / "mixtures.json"), store.ids)
    for name in ("config.json", "encoder.json", "mixtures.json", "history.jsonl"):
        _copy(packed / name, folder / name)
    with cpu_threads(config.threads):
        for task in range(len(tasks)):
            there = checkpoint_file(packed, task)
            _copy(there if there.exists() else checkpoint_file(reference, task), checkpoint_file(folder, task))
            separator = load_separator(checkpoint_file(folder, task))
            store_examples(folder / "examples", separator, store, examples, labels, task)
    _copy(packed / "matrix.json", folder / "matrix.json")


def starter_clips() -> list[PreparedClip]:
    """The clips of the pack: the first seconds of test clips, enough to mix and to separate without any other data."""
    from contav_lib.media import read_audio

    tensors, about = load_tensors(PACK / "features.safetensors")
    return [
        PreparedClip(
            **entry,
            waveform=read_audio(_sound(PACK, entry["id"]), SAMPLE_RATE),
            **{kind: tensors[f"{entry['id']} {kind}"].float() for kind in KINDS[1:]},  # type: ignore[arg-type]
        )
        for entry in about
    ]


def make_starter() -> dict[str, Any]:
    """Make the pack anew in place of the old one; run the experiments that are not stored.

    Returns:
        what `starter.json` says.

    Raises:
        ValueError: half precision changes a score by more than `_COST`.
    """
    results = {name: found[0] for name, found in run_plan(over_seeds(PROFILE, [SEED], METHODS)).items()}
    setup = Setup.build(Config.from_json(results[REFERENCE].config))
    new = PACK.with_name(f".{PACK.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    with cpu_threads(setup.config.threads):
        chosen = choose(setup, results[REFERENCE])
        write_json(new / "mixtures.json", {"tasks": setup.tasks, "mixtures": chosen})
        _write_clips(setup, chosen, new)
        cost = max(_halve(setup, result, new / result.folder.name, results[REFERENCE]) for result in results.values())
    if cost > _COST:
        raise ValueError(f"Half precision changes a mean score by {cost:.3f} dB, more than {_COST} dB.")
    about = {
        "versions": _VERSIONS,
        "profile": PROFILE,
        "seed": SEED,
        "half_precision_dB": round(cost, 4),
        "results": {name: result.folder.name for name, result in results.items()},
        "digest": digest_of(new),
    }
    write_json(new / "starter.json", about)
    shutil.rmtree(PACK, ignore_errors=True)
    new.rename(PACK)
    return about


class Course(NamedTuple):
    """A mixture, and how the SDR of it falls from the task that teaches it to the last one."""

    clips: list[str]
    first: float  # dB
    last: float

    @property
    def drop(self) -> float:
        """What was lost, in dB."""
        return self.first - self.last


def choose(setup: Setup, result: Result) -> list[dict[str, Any]]:
    """Choose the mixtures that are heard, by what one result loses of them.

    The candidates of a task are its fixed test mixtures, as long as they are heard, where the levels of both sources are at
    most 10 dB apart. Of these the one in the middle, by the SDR that is lost between the task and the last one, and the one
    that loses most; of the last task, which has lost nothing yet, the one in the middle by its SDR. And of all pairs of
    test clips of the two classes of `PAIR` the one in the middle, by what the first class loses.
    """
    separators = [result.separator(task) for task in range(len(setup.tasks))]
    rows: list[dict[str, Any]] = []

    def add(task: int, why: str, course: Course) -> None:
        labels = [name.split("/")[0] for name in course.clips]
        rows.append({"task": task, "labels": labels, "why": why, **course._asdict()})

    for task, spec in enumerate(setup.task_mixtures):
        pairs = dict.fromkeys(map(tuple, spec.clips.tolist()))
        by_drop = sorted(
            _courses(setup.test, separators[task:], pairs, [0, 1]), key=lambda each: (each.drop, each.first)
        )
        middle, most = by_drop[len(by_drop) // 2], by_drop[-1]
        if most.drop:
            add(task, "median drop", middle)
            add(task, "largest drop", most)
        else:
            add(task, "median score", middle)
        if PAIR[0] in setup.tasks[task]:
            drums, flutes = ((setup.test.classes == setup.classes.index(label)).nonzero() for label in PAIR)
            pairs = dict.fromkeys((drum, flute) for drum in drums[:, 0].tolist() for flute in flutes[:, 0].tolist())
            by_drop = sorted(_courses(setup.test, separators[task:], pairs, [0]), key=lambda each: each.drop)
            add(task, f"median drop of the {PAIR[0]}", by_drop[len(by_drop) // 2])
    return rows


def _courses(
    store: ClipStore, separators: Sequence[Separator], pairs: Iterable[tuple[int, ...]], sources: list[int]
) -> list[Course]:
    """How the mean SDR of some of the sources falls from the first separator to the last, mixture after mixture."""
    courses = []
    for clips in tqdm(list(pairs), desc="Choosing", unit="mixture"):
        sdr = []
        for separator in (separators[0], separators[-1]):
            separated, truth = separate_whole(separator, store, clips, LENGTH)
            level = 10 * truth.square().mean(1).clamp(min=1e-12).log10()
            if not is_audible(truth).all() or level.max() - level.min() > _ALIKE:
                break
            missing = truth.sum(0).expand(len(truth) - len(separated), -1)  # not learned yet
            told = heard_as(truth, torch.cat([separated, missing]))
            sdr.append(sum(told[n].get("sdr", _SILENT) for n in sources) / len(sources))
        if sdr:
            courses.append(Course([store.ids[clip] for clip in clips], *(round(value, 2) for value in sdr)))
    return courses


def _write_clips(setup: Setup, chosen: Sequence[dict[str, Any]], pack: Path) -> None:
    """The beginnings of the clips that are heard, their sound and features, and a picture of the two players of `PAIR`."""
    from PIL import Image

    from contav_lib.media import each_picture, write_flac

    names = {name for row in chosen for name in row["clips"]}
    seconds = ceil(LENGTH / SAMPLE_RATE) + 1
    tensors: dict[str, torch.Tensor] = {}
    about = []
    for clip in (clip for clip in setup.corpus.select("test", setup.listed) if clip.id in names):
        # "motion" is that of the whole video, which nobody asks for here.
        ends = {"object": seconds, "motion": 1, "dense_motion": ceil(seconds / clip.motion_step)}
        tensors |= {f"{clip.id} {kind}": getattr(clip, kind)[:end].half() for kind, end in ends.items()}
        about.append({name: getattr(clip, name) for name in ("id", "label", "split", "motion_step", "video")})
        write_flac(_sound(pack, clip.id), clip.waveform[: LENGTH + setup.config.hop], SAMPLE_RATE)
    save_tensors(pack / "features.safetensors", tensors, about)
    videos = open_dataset(setup.config.data, setup.config.clips_per_class).videos
    pair = next(row["clips"] for row in chosen if row["labels"] == list(PAIR))
    shown = Image.fromarray(np.hstack([next(each_picture(videos / f"{clip}.mp4", 1.0)) for clip in pair]))
    write_atomically(pack / PICTURE.name, lambda part: shown.save(part, "JPEG"))


def _halve(setup: Setup, result: Result, packed: Path, reference: Result) -> float:
    """Copy a result with checkpoints in half precision; by how much that changes a mean score of its last row, in dB."""
    _copy(result.folder / "history.jsonl", packed / "history.jsonl")
    write_json(packed / "encoder.json", {"maker": setup.corpus.maker})
    for name in ("config.json", "matrix.json", "mixtures.json"):
        _write(packed / name, json.dumps(read_json(result.folder / name), separators=(",", ":")).encode())
    for task in range(len(result.tasks)):
        own = checkpoint_file(result.folder, task)
        if result is not reference and own.read_bytes() == checkpoint_file(reference.folder, task).read_bytes():
            continue
        tensors, metadata = load_tensors(own)
        halves = {name: value.half() if value.is_floating_point() else value for name, value in tensors.items()}
        save_tensors(checkpoint_file(packed, task), halves, metadata)
    separator, exact = load_separator(checkpoint_file(packed, len(result.tasks) - 1)), result.separator()
    before, after = (
        torch.stack([evaluate(each, setup.test, spec)["sdr"].nanmean() for spec in setup.task_mixtures])
        for each in (exact, separator)
    )
    return float((after - before).abs().max())


def digest_of(pack: Path) -> str:
    """Digest of all files of a pack but `starter.json`."""
    digest = hashlib.blake2b(digest_size=5)
    for path in sorted(path for path in pack.rglob("*") if path.is_file() and path.name != "starter.json"):
        digest.update(f"{path.relative_to(pack).as_posix()} {path.stat().st_size}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def _sound(pack: Path, clip: str) -> Path:
    return pack / "sounds" / f"{clip.replace('/', '-')}.flac"


def _copy(source: Path, target: Path) -> None:
    with file_errors(source, "Get the folder back from git, or make it anew: contav starter"):
        content = source.read_bytes()
    _write(target, content)


def _write(target: Path, content: bytes) -> None:
    write_atomically(target, lambda part: part.write_bytes(content))
