"""A few separated mixtures of every experiment as FLAC files, to hear what was learned and what was forgotten.

Which ones is decided once, by a rule, in the starter pack (`contav_lib/experiments/starter.py`), so that all methods and
seeds are heard on the same mixtures. Where the pack's clips or tasks are not those of an experiment, the first ones of each
task's fixed test mixtures are taken.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from string import ascii_lowercase
from typing import Any

import torch

from contav_lib.audio import SAMPLE_RATE
from contav_lib.datasets.clip import inside
from contav_lib.evaluation.failures import heard_as
from contav_lib.evaluation.metrics import is_audible
from contav_lib.evaluation.whole import separate_whole
from contav_lib.experiments.setup import Setup
from contav_lib.mixtures.clip_store import ClipStore
from contav_lib.separators import Separator
from contav_lib.utils import paths
from contav_lib.utils.storage import StorageError, file_errors, read_json, write_json

LENGTH = 6 * SAMPLE_RATE  # samples of each mixture, from the clips' beginning on
WITHOUT_A_RULE = 2  # mixtures a task
CHOSEN = paths.shipped("data/starter") / "mixtures.json"


@dataclass(frozen=True)
class Example:
    """A mixture to be heard after each task, from the first one on that knows a class in it.

    Attributes:
        task: that one (from 0).
        clips: places in the store of test clips.
        why: it was chosen, in a few words; "" where no rule chose it.
    """

    task: int
    clips: tuple[int, ...]
    why: str = ""


def choose_examples(setup: Setup) -> list[Example]:
    """The mixtures of an experiment that will be heard, those of the first task first."""
    if CHOSEN.exists() and setup.config.num_sources == 2:
        page = read_json(CHOSEN)
        with file_errors(CHOSEN):
            if page["tasks"] == setup.tasks and {name for row in page["mixtures"] for name in row["clips"]} <= set(
                setup.test.ids
            ):
                return named_examples(page, setup.test.ids)
    rows = [list(dict.fromkeys(map(tuple, spec.clips.tolist())))[:WITHOUT_A_RULE] for spec in setup.task_mixtures]
    return [Example(task, clips) for task, mixtures in enumerate(rows) for clips in mixtures]


def named_examples(page: Mapping[str, Any], ids: Sequence[str]) -> list[Example]:
    """The mixtures of the starter pack's page `mixtures.json`, in a store of clips with these ids."""
    return [
        Example(row["task"], tuple(ids.index(name) for name in row["clips"]), row["why"]) for row in page["mixtures"]
    ]


def store_examples(
    folder: Path, separator: Separator, store: ClipStore, examples: Sequence[Example], labels: Sequence[str], task: int
) -> None:
    """Store the examples as the separator hears them after a task; `examples.json` says what the files are.

    See `read_examples`. FLAC is written by PyAV: on a machine that only trains and does not have it, nothing is stored.

    Args:
        folder: of all examples; those after earlier tasks are there.
        separator: after the task.
        store: the test clips.
        examples: all those of the experiment.
        labels: by class number.
        task: from 0.
    """
    if find_spec("av") is None:
        return
    stored = read_json(folder / "examples.json") if task and folder.exists() else []
    index = {entry["name"]: entry for entry in stored if "name" in entry and entry["task"] < task}
    for number, example in enumerate(examples):
        if example.task > task:
            continue
        before = sum(other.task == example.task for other in examples[:number])
        name = f"task{example.task + 1}{ascii_lowercase[before]}"
        sounds = separate_whole(separator.eval(), store, example.clips, LENGTH)
        separated, truth = (part.cpu() for part in sounds)
        classes = store.classes[list(example.clips)].tolist()
        if name not in index:
            index[name] = {
                "name": name,
                "task": example.task,
                "labels": [labels[number] for number in classes],
                "why": example.why,
                "clips": [store.ids[clip] for clip in example.clips],
                "mixture": _write(folder, [f"{name}_mixture"], [truth.sum(0)])[0],
                "truth": _write(folder, [f"{name}_truth{n + 1}" for n in range(len(truth))], truth),
                "separated": {},
                "scores": {},
            }
        known = [n for n, number in enumerate(classes) if number < separator.num_classes]
        files: list[str | None] = [None] * len(classes)
        scores: list[dict | None] = [None] * len(classes)
        names = [f"{name}_separated{n + 1}_after_task{task + 1}" for n in known]
        # Of a source that is not asked for yet, the mixture takes the place: it changes nothing for the others.
        all_sounds = truth.sum(0).repeat(len(truth), 1).index_copy(0, torch.tensor(known), separated)
        told = heard_as(truth, all_sounds) if is_audible(truth).all() else scores
        for n, file in zip(known, _write(folder, names, separated), strict=True):
            files[n], scores[n] = file, told[n]
        index[name]["separated"][str(task)] = files
        index[name]["scores"][str(task)] = scores
    write_json(folder / "examples.json", sorted(index.values(), key=lambda entry: entry["name"]))


def read_examples(folder: Path) -> list[dict[str, Any]]:
    """Read what `store_examples` stored, with whole paths; [] where it, or that of an earlier version, stored no scores.

    `clips` has the clips' ids, [] where nobody knows them. `separated` and `scores` have, by task, an entry for each source: a
    file, and what `heard_as` says of it; None for a class that was not learned yet.

    Raises:
        StorageError: `examples.json` is missing or holds something else.
    """
    if not folder.exists():
        return []
    index = folder / "examples.json"
    entries = read_json(index)
    with file_errors(index):
        return [
            {
                "task": entry["task"],
                "labels": entry["labels"],
                "why": str(entry["why"]),
                "clips": entry.get("clips") or _chosen_clips(entry),
                "mixture": inside(folder, entry["mixture"]),
                "truth": [inside(folder, name) for name in entry["truth"]],
                "separated": {
                    int(task): [name and inside(folder, name) for name in names]
                    for task, names in entry["separated"].items()
                },
                "scores": {int(task): scores for task, scores in entry["scores"].items()},
            }
            for entry in entries
            if "scores" in entry or "separated" not in entry  # what an earlier version stored has only the latter
        ]


def _chosen_clips(entry: Mapping[str, Any]) -> list[str]:
    """Ids of an example's clips, where a result of an earlier version does not say them but the starter pack's page does."""
    same = ("task", "labels", "why")
    rows = read_json(CHOSEN)["mixtures"] if CHOSEN.exists() else []
    return next((row["clips"] for row in rows if all(row[key] == entry.get(key) for key in same)), [])


def examples_are_whole(folder: Path) -> bool:
    """Return whether all files of the examples, if there are any, are where they belong and hold something."""
    try:
        entries = read_examples(folder)
    except StorageError:
        return False
    separated = [path for entry in entries for paths in entry["separated"].values() for path in paths if path]
    files = [path for entry in entries for path in (entry["mixture"], *entry["truth"])] + separated
    return all(path.is_file() and path.stat().st_size for path in files)


def _write(folder: Path, names: Sequence[str], waveforms) -> list[str]:
    from contav_lib.media import write_flac

    files = [f"{name}.flac" for name in names]
    for file, waveform in zip(files, waveforms, strict=True):
        write_flac(folder / file, waveform, SAMPLE_RATE)
    return files
