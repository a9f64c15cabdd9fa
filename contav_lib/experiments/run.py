"""Run an experiment: learn task after task, measure after each, keep everything in a folder."""

import json
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from tqdm.auto import tqdm

from contav_lib.config import FROM_ENCODER, Config, without_place
from contav_lib.continual.prototypes import Prototypes, load_prototypes
from contav_lib.continual.tasks import Task
from contav_lib.evaluation import mixture_scores
from contav_lib.evaluation.evaluate import evaluate
from contav_lib.evaluation.metrics import SCORES, mean_scores
from contav_lib.evaluation.task_matrix import forget_scores, no_scores, read_scores, set_scores, tasks_measured
from contav_lib.experiments.examples import choose_examples, examples_are_whole, store_examples
from contav_lib.experiments.result import Failed, Result, check_encoder_of, checkpoint_file, failure_file
from contav_lib.experiments.setup import Setup, check_machine, make_method, make_separator
from contav_lib.mixtures.batch import MixtureSpec
from contav_lib.separators import load_separator, save_separator, separator_class
from contav_lib.training.distributed import group, launch, started
from contav_lib.training.history import Callback, History, StepCounter, read_history
from contav_lib.training.trainer import DamagedProgress, Trainer
from contav_lib.utils import paths
from contav_lib.utils.devices import cpu_threads, pick_device
from contav_lib.utils.ranks import agreed, first_process_first, rank
from contav_lib.utils.settings import settings_of
from contav_lib.utils.storage import (
    StorageError,
    file_errors,
    load_tensors,
    only_one,
    read_json,
    sweep,
    without_prefix,
    write_json,
)
from contav_lib.utils.time_limit import Stopped, time_is_over


def run(
    config: Config,
    fresh: bool = False,
    callbacks: Iterable[Callback] = (),
    progress: bool = True,
    runs: Path | None = None,
) -> Result:
    """Run an experiment, or go on with one that was stopped, or return the stored result at once.

    With several `Config.processes`, it starts them, unless `torchrun` has started as many, each of which calls this.

    Args:
        config: the settings; they also name the folder `runs/<name>/`.
        fresh: throw a stored result away and run again.
        callbacks: called with each record of the history, while training goes on; with `Config.processes` in the first one.
        progress: show a progress bar.
        runs: the folder of results; by default `paths.runs()`.

    Raises:
        ValueError: settings and data don't fit together, or `torchrun` has started another number of processes.
        ChildProcessError: one of several processes failed or was killed; run again to go on from the last checkpoint.
        NonFiniteLoss: training went astray; the message says where.
        StorageError: the disk is full or refuses; run again to go on from the last checkpoint.
        Stopped: a `time_limit` is over.
    """
    if not isinstance(config, Config):
        raise ValueError(f"config={config!r}: give settings, as Config.profile makes them.")
    folder = (runs or paths.runs()) / config.name
    with group():
        if agreed(is_finished(config, runs) and not fresh):
            if Result(folder).config["data"] != config.data:  # the videos have moved
                write_json(folder / "config.json", config.to_json())
            return Result(folder)
        check_machine(config)
        if config.processes > started() == 1:
            launch(config.processes, run, config, fresh, callbacks, progress, runs)
            stop_in_time(f"{config.name} is done")
            return Result(folder)
        if config.processes != started():
            raise ValueError(
                f"{started()} processes were started, but these settings say processes={config.processes}."
            )
        with experiment_lock(folder), cpu_threads(config.threads):
            if fresh and rank() == 0 and folder.exists():
                shutil.rmtree(folder)
            if agreed(is_finished(config, runs)):  # by another process, while this one waited
                return Result(folder)
            with first_process_first():  # it may have to make data, or to put damaged files aside
                experiment = Experiment(config, folder, callbacks, progress and rank() == 0)
            return experiment.run()


def stop_in_time(before: str) -> None:
    """Raise `Stopped` where a `time_limit` is over."""
    if agreed(time_is_over()):
        raise Stopped(f"The time is over before {before}.")


@contextmanager
def experiment_lock(folder: Path) -> Iterator[None]:
    """Wait until no other process runs the experiment of this folder, and keep others waiting meanwhile.

    Of processes that run it together, the first does.
    """
    lock = only_one(folder.with_name(f".{folder.name}.lock"), f"runs {folder.name}")
    with nullcontext() if rank() > 0 else lock:
        sweep(folder)
        yield


def is_finished(config: Config, runs: Path | None = None) -> bool:
    """Return whether the result of these settings is stored in the folder of results, whole and readable."""
    folder = (runs or paths.runs()) / config.name
    page = folder / "config.json"
    try:
        scores = read_scores(folder / "matrix.json")
        tasks = scores["tasks"]
        mixture_scores.read_mixture_scores(folder / "mixtures.json", len(tasks))
        with file_errors(page):
            stored = without_place(read_json(page))
        return (
            tasks_measured(scores) == tasks_learned(folder, config, tasks) == len(tasks)
            and examples_are_whole(folder / "examples")
            and stored == json.loads(json.dumps(without_place(config.to_json())))
        )
    except StorageError:
        return False


def outcome(config: Config) -> Result | Failed | None:
    """What became of an experiment: its result, or the error that ended it, or None where it was never run to its end."""
    folder = paths.runs() / config.name
    if is_finished(config):
        return Result(folder)
    return Failed(folder) if failure_file(folder).exists() else None


def tasks_learned(folder: Path, config: Config, tasks: Sequence[Sequence[str]]) -> int:
    """Number of tasks, from the first on, that have a whole checkpoint of the separator that is meant, with their classes."""
    settings = _without_widths({**settings_of(separator_class(config.separator)), **config.separator_settings})
    classes: list[str] = []
    for number, task in enumerate(tasks):
        classes += task
        path = checkpoint_file(folder, number)
        try:
            with file_errors(path):
                _, stored = load_tensors(path)
                own = _without_widths(stored["config"])
                fits = (stored["separator"], own, stored["classes"]) == (config.separator, settings, classes)
        except StorageError as error:
            # It could not be opened just now (safetensors says "not found" then, too): no reason to learn it again.
            if isinstance(error.__cause__, OSError) and path.exists():
                raise
            return number
        if not fits:
            return number
    return len(tasks)


def _without_widths(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a separator but for those that the features decide; whose they are stands in `encoder.json`."""
    return {name: value for name, value in settings.items() if name not in FROM_ENCODER}


class Experiment:
    """One run of an experiment."""

    def __init__(self, config: Config, folder: Path, callbacks: Iterable[Callback], progress: bool):
        self.config, self.folder = config, folder
        self.setup = Setup.build(config, pick_device(config.device))
        self.tasks, self.schedule = self.setup.tasks, self.setup.schedule
        self.progress = progress
        folder.mkdir(parents=True, exist_ok=True)
        check_encoder_of(folder, self.setup.corpus.maker)
        write_json(folder / "config.json", config.to_json())
        write_json(folder / "encoder.json", {"maker": self.setup.corpus.maker})
        self.history = self._history(callbacks)
        self.learned = tasks_learned(folder, config, self.tasks)
        for task in self.schedule[self.learned :]:  # what was learned after a lost checkpoint goes, too
            checkpoint_file(folder, task.index).unlink(missing_ok=True)
        self.scores, self.mixture_scores = self._stored_scores()

    def _history(self, callbacks: Iterable[Callback]) -> History:
        """The history as far as it is written; where it is damaged it is put aside, and the task at hand begins anew."""
        path = self.folder / "history.jsonl"
        try:
            read_history(path)
        except StorageError as error:
            if isinstance(error.__cause__, OSError):  # it could not be opened just now
                raise
            aside = path.with_name("history.damaged.jsonl")
            tqdm.write(f"{path} is damaged ({error.__cause__}); it is now {aside.name}. The task at hand begins anew.")
            path.with_name("progress.safetensors").unlink(missing_ok=True)
            path.replace(aside)
        return History(path, callbacks)

    def run(self) -> Result:
        with tqdm(total=self.steps_to_do(), desc=self.folder.name, unit="step", disable=not self.progress) as bar:
            self.history.callbacks += (StepCounter(bar.update),)
            for task in self.schedule[tasks_measured(self.scores) :]:
                if task.index >= self.learned:
                    self._learn(task)
                    stop_in_time(
                        f"task {task.index + 1} is measured"
                    )  # which the next call begins with, in time or not
                self._measure(task)
        agreed()  # all is written
        return Result(self.folder)

    def steps_to_do(self) -> int:
        """Training steps of the tasks that are not learned yet."""
        return sum(map(self.config.steps_in_task, self.schedule[self.learned :]))

    def _learn(self, task: Task) -> None:
        trainer = self._trainer(task)
        try:
            trainer.learn(task, self.setup.selection_mixtures[task.index])
        except DamagedProgress as error:
            tqdm.write(f"{error} Task {task.index + 1} begins anew.")
            trainer.progress_file.unlink(missing_ok=True)
            trainer = self._trainer(task)
            trainer.learn(task, self.setup.selection_mixtures[task.index])
        classes = [label for part in self.tasks[: task.index + 1] for label in part]
        path, prototypes = checkpoint_file(self.folder, task.index), self._prototypes(task)
        save_separator(path, trainer.separator, classes, trainer.method.state_dict(), prototypes.tensors())
        agreed()  # it is written, and can be read
        trainer.progress_file.unlink(missing_ok=True)

    def _trainer(self, task: Task) -> Trainer:
        separator, method = self._before(task)
        train, validation = self.setup.train, self.setup.validation
        return Trainer(self.config, separator, method, train, validation, self.folder, self.history)

    def _before(self, task: Task):
        """Separator and method as they are when a task begins: from the seed, or from the last task's checkpoint."""
        method = make_method(self.config)
        path = checkpoint_file(self.folder, task.index - 1)
        if task.index > 0:
            method.load_state_dict(without_prefix("method.", load_tensors(path, self.setup.train.device)[0]))
        if not self.config.starts_fresh(task):
            return load_separator(path, self.setup.train.device), method
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.config.seed)
            return make_separator(self.config, len(task.seen), self.setup.corpus), method

    def _prototypes(self, task: Task) -> Prototypes:
        """Prototypes of the classes: the new ones by this task's training clips, the old ones as they were."""
        first = len(task.seen) - len(task.classes)
        train = self.setup.train
        clips = torch.tensor(task.clips)
        new = clips[train.classes[clips] >= first]  # joint training has old clips, too
        learned = Prototypes.learn(train.object_embeddings(new), (train.classes[new] - first).to(train.device))
        if task.index == 0:
            return learned
        return load_prototypes(checkpoint_file(self.folder, task.index - 1), train.device).extended(learned)

    def _measure(self, task: Task) -> None:
        """Fill row `task` of the task matrix, score the mixtures across all seen classes, store examples."""
        start = time.perf_counter()
        setup = self.setup
        separator = load_separator(checkpoint_file(self.folder, task.index), setup.test.device)
        learned = setup.task_mixtures[: task.index + 1]
        for other, mixtures in enumerate(learned):
            scores = evaluate(separator, setup.test, mixtures)
            set_scores(self.scores, "matrix", mean_scores(scores), task.index, other)
            mixture_scores.set_task_scores(self.mixture_scores, other, task.index, scores)
        mixtures = setup.seen_mixtures[task.index]
        scores = evaluate(separator, setup.test, mixtures)
        set_scores(self.scores, "seen", mean_scores(scores), task.index)
        self.scores["dropped"] = int(scores["sdr"].isnan().any(1).sum())
        mixture_scores.set_seen_scores(self.mixture_scores, self._named(mixtures), scores)
        examples = choose_examples(setup)
        store_examples(self.folder / "examples", separator, setup.test, examples, setup.classes, task.index)
        rows, seen = self.scores["matrix"], self.scores["seen"]
        self.history.add_last(
            {
                "kind": "test",
                "task": task.index,
                "step": self.config.steps_in_task(task),
                "tasks": {name: rows[name][task.index] for name in SCORES},
                "seen": {name: seen[name][task.index] for name in SCORES},
                "memory_bytes": self._memory_bytes(task),
                "seconds": round(time.perf_counter() - start, 3),
            }
        )
        write_json(self.folder / "mixtures.json", self.mixture_scores)
        write_json(self.folder / "matrix.json", self.scores)  # last: it says how many tasks are measured

    def _memory_bytes(self, task: Task) -> int:
        """Bytes kept from the past when a task begins: remembered clips with their features, and the method's state."""
        store = self.setup.train
        clips = torch.tensor(task.clips)
        old = clips[~torch.isin(store.classes[clips], torch.tensor(task.classes))]  # joint training keeps all
        state: dict[str, torch.Tensor] = {}
        if task.index:
            state = without_prefix("method.", load_tensors(checkpoint_file(self.folder, task.index - 1))[0])
        return store.nbytes([*task.memory, *old.tolist()]) + sum(tensor.nbytes for tensor in state.values())

    def _stored_scores(self) -> tuple[dict, dict]:
        """Scores that an interrupted run measured of the tasks whose checkpoints are there; none, for a new one."""
        nothing = (
            no_scores(self.tasks),
            mixture_scores.no_mixture_scores([self._named(mixtures) for mixtures in self.setup.task_mixtures]),
        )
        try:
            scores = read_scores(self.folder / "matrix.json")
            of_mixtures = mixture_scores.read_mixture_scores(self.folder / "mixtures.json", tasks_measured(scores))
        except StorageError:
            return nothing
        if scores["tasks"] != self.tasks or not examples_are_whole(self.folder / "examples"):
            return nothing
        return forget_scores(scores, self.learned), mixture_scores.forget_mixture_scores(of_mixtures, self.learned)

    def _named(self, mixtures: MixtureSpec) -> dict[str, list]:
        """Ids and labels of what is mixed, as `mixtures.json` holds them."""
        store = self.setup.test
        labels = [self.setup.classes[number] for number in store.classes.tolist()]
        return mixture_scores.name_clips(mixtures.clips, store.ids, labels)
