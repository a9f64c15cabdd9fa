"""A few separated mixtures of every experiment as FLAC files, to hear what was learned and what was forgotten."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from contav_lib.audio import SAMPLE_RATE
from contav_lib.datasets.clip import inside
from contav_lib.evaluation.evaluate import separate_batch
from contav_lib.mixtures.batch import MixtureSpec
from contav_lib.mixtures.clip_store import ClipStore
from contav_lib.separators import Separator
from contav_lib.utils.storage import StorageError, file_errors, read_json, write_json


def store_examples(
    folder: Path, separator: Separator, store: ClipStore, mixtures: Sequence[MixtureSpec], labels: Sequence[str]
) -> None:
    """Store the first mixture of each task learned so far, as the separator hears it now.

    `examples.json` says what the files are; see `Result.examples`. FLAC is written by PyAV: on a machine that only
    trains and does not have it, nothing is stored.

    Args:
        separator: after the newest task.
        store: the test clips.
        mixtures: one mixture a task, the newest task's last.
        labels: by class number.
    """
    if find_spec("av") is None:
        return
    newest = len(mixtures) - 1
    stored = read_json(folder / "examples.json")[:newest] if newest and folder.exists() else []
    index = {entry["task"]: entry for entry in stored}
    for task, spec in enumerate(mixtures):
        batch = store.batch(spec, keep_waveforms=True)
        separated = separate_batch(separator.eval(), batch, store)[0]
        name = f"task{task + 1}"
        if task not in index:
            assert batch.sources is not None  # kept, as asked
            truth = batch.sources[0, :, : separated.shape[-1]]
            index[task] = {
                "task": task,
                "labels": [labels[number] for number in batch.classes[0].tolist()],
                "mixture": _write(folder, [f"{name}_mixture"], [truth.sum(0)])[0],
                "truth": _write(folder, [f"{name}_truth{n + 1}" for n in range(len(truth))], truth),
                "separated": {},
            }
        names = [f"{name}_separated{n + 1}_after_task{newest + 1}" for n in range(len(separated))]
        index[task]["separated"][str(newest)] = _write(folder, names, separated)
    write_json(folder / "examples.json", list(index.values()))


def read_examples(folder: Path) -> list[dict[str, Any]]:
    """Read what `store_examples` stored, with whole paths; [] where it stored nothing.

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
                "mixture": inside(folder, entry["mixture"]),
                "truth": [inside(folder, name) for name in entry["truth"]],
                "separated": {
                    int(task): [inside(folder, name) for name in names] for task, names in entry["separated"].items()
                },
            }
            for entry in entries
        ]


def examples_are_whole(folder: Path) -> bool:
    """Return whether all files of the examples, if there are any, are where they belong and hold something."""
    try:
        entries = read_examples(folder)
    except StorageError:
        return False
    separated = [path for entry in entries for paths in entry["separated"].values() for path in paths]
    files = [path for entry in entries for path in (entry["mixture"], *entry["truth"])] + separated
    return all(path.is_file() and path.stat().st_size for path in files)


def _write(folder: Path, names: Sequence[str], waveforms) -> list[str]:
    from contav_lib.media import write_flac

    files = [f"{name}.flac" for name in names]
    for file, waveform in zip(files, waveforms, strict=True):
        write_flac(folder / file, waveform.cpu(), SAMPLE_RATE)
    return files
