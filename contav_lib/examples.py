"""A few separated mixtures of every experiment as FLAC files, to hear what was learned and what was forgotten."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from contav_lib.audio import SAMPLE_RATE
from contav_lib.batches import ClipBank, Draw
from contav_lib.evaluation import separate_batch
from contav_lib.separators import Separator
from contav_lib.storage import read_json, write_json


def store_examples(
    folder: Path, separator: Separator, bank: ClipBank, mixtures: Sequence[Draw], labels: Sequence[str]
) -> None:
    """Store the first mixture of each task learned so far, as the separator hears it now.

    `examples.json` says what the files are; see `Result.examples`. FLAC is written by PyAV: on a machine that only
    trains and does not have it, nothing is stored.

    Args:
        folder: where the files go.
        separator: after the newest task.
        bank: the test clips.
        mixtures: one mixture a task, the newest task's last.
        labels: by class number.
    """
    if find_spec("av") is None:
        return
    newest = len(mixtures) - 1
    index = read_json(folder / "examples.json")[:newest] if newest else []
    for task, draw in enumerate(mixtures):
        batch = bank.batch(draw, keep_waveforms=True)
        separated = separate_batch(separator.eval(), batch, bank)[0]
        name = f"task{task + 1}"
        if task == newest:
            truth = batch.sources[0, :, : separated.shape[-1]]
            index.append(
                {
                    "task": task,
                    "labels": [labels[number] for number in batch.classes[0].tolist()],
                    "mixture": _write(folder, [f"{name}_mixture"], [truth.sum(0)])[0],
                    "truth": _write(folder, [f"{name}_truth{n + 1}" for n in range(len(truth))], truth),
                    "separated": {},
                }
            )
        names = [f"{name}_separated{n + 1}_after_task{newest + 1}" for n in range(len(separated))]
        index[task]["separated"][str(newest)] = _write(folder, names, separated)
    write_json(folder / "examples.json", index)


def _write(folder: Path, names: Sequence[str], waveforms) -> list[str]:
    from contav_lib.media import write_flac

    files = [f"{name}.flac" for name in names]
    for file, waveform in zip(files, waveforms, strict=True):
        write_flac(folder / file, waveform.cpu(), SAMPLE_RATE)
    return files
