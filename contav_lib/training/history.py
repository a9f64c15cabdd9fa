"""The history of a run: one JSON record a line, appended as training goes."""

import json
from collections.abc import Callable, Iterable
from math import isfinite
from pathlib import Path
from typing import Any

import torch

from contav_lib.utils.ranks import rank
from contav_lib.utils.storage import WRITE_HINT, StorageError, file_errors, write_atomically

Record = dict[str, Any]
Callback = Callable[[Record], None]


class History:
    """Appends records to a `.jsonl` file and hands each to the callbacks.

    Every record has `kind` ("train", "validation" or "test"), `task` and `step` (steps done in that task).
    """

    def __init__(self, path: Path, callbacks: Iterable[Callback] = ()):
        self.path, self.callbacks = path, tuple(callbacks)

    def add(self, record: Record) -> None:
        """Write a record and hand it on; of several processes that run one experiment, the first does."""
        if rank() > 0:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
        except OSError as error:
            raise StorageError(f"Could not write {self.path}: {error}. {WRITE_HINT}") from error
        for callback in self.callbacks:
            callback(record)

    def add_last(self, record: Record) -> None:
        """Add the record that ends a task, unless a run that was stopped just after it has done so."""
        task, step = record["task"], record["step"]
        if not any((old["kind"], old["task"]) == (record["kind"], task) for old in read_history(self.path)):
            self.rewind(task, step)
            self.add(record)

    def rewind(self, task: int, step: int) -> None:
        """Drop what was written after this point: a resumed run writes it again."""
        kept = [record for record in read_history(self.path) if (record["task"], record["step"]) <= (task, step)]
        text = "".join(json.dumps(record) + "\n" for record in kept)
        write_atomically(self.path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def read_history(path: Path) -> list[Record]:
    """All records of a history file; a last line cut short by a crash is left out; [] when there is no file.

    Raises:
        StorageError: a line is no record.
    """
    if not path.exists():
        return []
    with file_errors(path, "Remove it and go on without the course of training so far, or run again with fresh=True."):
        return [_record(line) for line in path.read_bytes().split(b"\n")[:-1]]


def steps_done(folder: Path) -> int:
    """Training steps that an experiment has done, all tasks together, as its history tells."""
    records = read_history(folder / "history.jsonl")
    return sum({record["task"]: record["step"] for record in records if record["kind"] == "train"}.values())


def _record(line: bytes) -> Record:
    record = json.loads(line)
    if [type(record[name]) for name in ("kind", "task", "step")] != [str, int, int]:
        raise ValueError(f"{record} is no record")
    if not isinstance(record.get("seconds", 0.0), int | float):
        raise ValueError(f"{record['seconds']!r} is no number of seconds")
    return record


class TermRecorder:
    """Collects loss terms step by step where they are, so that no step waits for the device."""

    def __init__(self):
        self._steps: list[tuple[int, dict[str, torch.Tensor]]] = []

    def add(self, step: int, terms: dict[str, torch.Tensor]) -> None:
        self._steps.append((step, {name: term.detach() for name, term in terms.items()}))

    def flush(self) -> tuple[dict[str, float], tuple[int, list[str]] | None]:
        """Mean of each term since the last call; and the first step with terms that are not finite, with their names."""
        steps, self._steps = self._steps, []
        values: dict[str, list[float]] = {}
        bad = None
        for step, terms in steps:
            numbers = dict(zip(terms, torch.stack(list(terms.values())).tolist(), strict=True)) if terms else {}
            wrong = [name for name, number in numbers.items() if not isfinite(number)]
            if wrong and bad is None:
                bad = (step, wrong)
            for name, number in numbers.items():
                values.setdefault(name, []).append(number)
        return {name: sum(numbers) / len(numbers) for name, numbers in values.items()}, bad


class StepCounter:
    """A history callback that reports training steps to a progress bar."""

    def __init__(self, update):
        self.update, self.at = update, (-1, 0)

    def __call__(self, record: dict) -> None:
        if record["kind"] == "train":
            task, step = self.at
            self.update(record["step"] - (step if task == record["task"] else 0))
            self.at = (record["task"], record["step"])
