"""Results on disk: what an experiment measured, and what it learned."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from contav_lib.continual.prototypes import Prototypes, load_prototypes
from contav_lib.evaluation.mixture_scores import MixtureScores, read_mixture_scores, seen_mixtures, task_mixtures
from contav_lib.evaluation.task_matrix import backward_transfer, forgetting, read_scores, tasks_measured
from contav_lib.experiments.examples import read_examples
from contav_lib.separators import Separator, load_separator
from contav_lib.training.history import read_history
from contav_lib.utils.storage import StorageError, file_errors, read_json


class NothingStored(ValueError):
    """Only what is stored was asked for, and nothing is; a notebook shows the message alone."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


class Result:
    """One experiment's folder, read on demand.

    `config.json` the settings; `encoder.json` what made the features; `matrix.json` mean scores, `mixtures.json` those of
    single mixtures; `history.jsonl` the course of training; `checkpoints/task_<t>.safetensors` the separator and the class
    prototypes after each task; `examples/` a few separated mixtures as FLAC. Tasks are counted from 1 in file names and from
    0 in code.
    """

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise StorageError(f"There is no folder {self.folder}. Give that of an experiment, runs/<its name>.")
        self.config: dict[str, Any] = read_json(self.folder / "config.json")
        self._scores = read_scores(self.folder / "matrix.json")

    @property
    def tasks(self) -> list[list[str]]:
        """Labels by task, in the order of learning."""
        return self._scores["tasks"]

    @property
    def classes(self) -> list[str]:
        """All labels; a class's number is its place here."""
        return [label for task in self.tasks for label in task]

    @property
    def learned(self) -> int:
        """Number of tasks that are learned and tested."""
        return tasks_measured(self._scores)

    def matrix(self, metric: str = "sdr") -> np.ndarray:
        """R `[T, T]`: score on task j's fixed test mixtures after learning task i, in dB; NaN where not measured."""
        return np.array(self._pick("matrix", metric), dtype=float)

    def over_all_seen(self, metric: str = "sdr") -> np.ndarray:
        """`[T]`: score after each task on fixed mixtures across all classes seen by then, in dB (the paper's Figure 3)."""
        return np.array(self._pick("seen", metric), dtype=float)

    def mixture_scores(self) -> MixtureScores:
        """Scores of every test mixture across all classes, after the last task: `metrics.SCORES`, `[M, N]` each.

        Raises:
            StorageError: `mixtures.json` is missing, damaged, or not complete.
        """
        return seen_mixtures(self._mixtures)

    def task_mixture_scores(self, task: int) -> MixtureScores:
        """SDR of every one of a task's own test mixtures: `sdr` `[T, M, N]`, a row a task learned, NaN before its own.

        Raises:
            StorageError: as `mixture_scores`.
        """
        return task_mixtures(self._mixtures, task)

    def class_matrix(self) -> np.ndarray:
        """SDR in dB of each class after each task: `[T, classes]`, NaN before its task is learned.

        Each is the mean over the class's sources in its own task's fixed mixtures; forgetting of a class is what its column
        loses.
        """
        columns = []
        for number, task in enumerate(self.tasks):
            mixtures = self.task_mixture_scores(number)
            of_class = [np.where(mixtures.labels == label, mixtures.scores["sdr"], np.nan) for label in task]
            columns += [_nanmean(values.reshape(len(values), -1)) for values in of_class]
        return np.stack(columns, axis=1)

    @cached_property
    def _mixtures(self) -> dict[str, Any]:
        return read_mixture_scores(self.folder / "mixtures.json", len(self.tasks))

    def summary(self) -> dict[str, float]:
        """The experiment in six numbers, all in dB.

        `sdr`, `sir`, `sar`, `sdr_improvement`: on mixtures over all classes after the last task. `forgetting` and
        `backward_transfer`: of SDR, on the fixed same-task mixtures. NaN where all of them were silent (`dropped`).
        """
        last = {name: float(self.over_all_seen(name)[-1]) for name in ("sdr", "sir", "sar", "sdr_improvement")}
        sdr = self.matrix("sdr")
        if np.isnan(sdr).all():
            return {**last, "forgetting": np.nan, "backward_transfer": np.nan}
        return {**last, "forgetting": float(forgetting(sdr)), "backward_transfer": float(backward_transfer(sdr))}

    @property
    def dropped(self) -> int:
        """Test mixtures left out of the last task's means because a source in them is silent."""
        return self._scores["dropped"]

    @property
    def minutes(self) -> float:
        """Time that training and testing took, with all its stops; what a stop threw away is not counted."""
        return sum(record.get("seconds", 0.0) for record in self.history()) / 60

    @property
    def memory_bytes(self) -> float:
        """Bytes kept from the past when the last task began: remembered clips with their features, the method's state.

        The old model, which distillation needs while a task is learned, is not counted. NaN for a result that does not say.
        """
        tests = [record for record in self.history() if record["kind"] == "test"]
        return tests[-1].get("memory_bytes", float("nan")) if tests else float("nan")

    def history(self) -> list[dict[str, Any]]:
        """All records of the history; see `contav_lib.training.history.History`."""
        return read_history(self.folder / "history.jsonl")

    def separator(self, task: int = -1, device: torch.device | str = "cpu") -> Separator:
        """The separator as it was after a task (the last one by default), in eval mode."""
        return load_separator(self._checkpoint(task), device)

    def prototypes(self, task: int = -1, device: torch.device | str = "cpu") -> Prototypes:
        """Prototypes of the classes learned up to a task (the last one by default).

        Raises:
            StorageError: the checkpoint is missing, damaged, or from a version that kept none.
        """
        return load_prototypes(self._checkpoint(task), device)

    def examples(self) -> list[dict[str, Any]]:
        """Stored example mixtures: `task`, `labels`, and FLAC files under `mixture`, `truth` and `separated` (by task)."""
        return read_examples(self.folder / "examples")

    def example(self, number: int) -> dict[str, Any]:
        """One of the `examples`.

        Raises:
            NothingStored: there are none, or only those of an earlier version; the message says how to make them.
            ValueError: there are others.
        """
        examples, index = self.examples(), self.folder / "examples" / "examples.json"
        if not examples:
            old = f"only those of an earlier version. Remove {index} and run it again: nothing is trained."
            none = (
                "it was run on a machine without PyAV, which writes them. Install av and run it again with fresh=True."
            )
            raise NothingStored(f"{self.folder} holds no separated examples: {old if index.exists() else none}")
        if not 0 <= number < len(examples):
            raise ValueError(f"example is {number}; {self.folder.name} holds the examples 0 to {len(examples) - 1}.")
        return examples[number]

    def __repr__(self) -> str:
        numbers = ", ".join(f"{name} {value:.2f}" for name, value in self.summary().items())
        return f"Result({self.folder.name}: {numbers})"

    def _checkpoint(self, task: int) -> Path:
        count = len(self.tasks)
        if not -count <= task < count:
            raise ValueError(f"task={task}: there are {count} tasks, counted from 0; -1 is the last one.")
        return checkpoint_file(self.folder, range(count)[task])

    def _pick(self, table: str, metric: str) -> list:
        if metric not in self._scores[table]:
            raise ValueError(f"There is no score called {metric!r}; there are {', '.join(self._scores[table])}.")
        return self._scores[table][metric]


@dataclass(frozen=True)
class Failed:
    """An experiment that ended with an error, in the place of its `Result`; the folder keeps `failed.txt`, the traceback."""

    folder: Path

    def last_lines(self) -> str:
        """What went wrong: the last four lines of the traceback."""
        path = failure_file(self.folder)
        with file_errors(path):
            return "\n".join(path.read_text(encoding="utf-8").rstrip().splitlines()[-4:])


def failure_file(folder: Path) -> Path:
    """Path in an experiment's folder of the error that ended it (`run_all` with `keep_going`)."""
    return folder / "failed.txt"


def checkpoint_file(folder: Path, task: int) -> Path:
    """Path in a result's folder of the separator after a task (from 0)."""
    return folder / "checkpoints" / f"task_{task + 1}.safetensors"


def check_encoder_of(folder: Path, maker: str) -> None:
    """Refuse features of another encoder than those that an experiment began with.

    Args:
        folder: of the experiment, which may be new.
        maker: of the features, `Encoder.maker`.

    Raises:
        ValueError: it began with those of another one, of another version, or of other weights.
    """
    path = folder / "encoder.json"
    began = read_json(path)["maker"] if path.exists() else maker
    if began != maker:
        raise ValueError(
            f"{folder} was learned from features of the encoder {began!r}; these are of {maker!r}, and the two don't mix. "
            "Bring the old weights back, or learn again from the beginning (fresh=True)."
        )


def _nanmean(rows: np.ndarray) -> np.ndarray:
    """Mean of each row of `[T, K]` without its NaN; NaN where there is nothing else."""
    count = np.count_nonzero(~np.isnan(rows), axis=1)
    return np.divide(np.nansum(rows, axis=1), count, out=np.full(len(rows), np.nan), where=count > 0)
