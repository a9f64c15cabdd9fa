"""Many experiments, side by side on all cores."""

import os
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, wait

from tqdm.auto import tqdm

from contav_lib.config import Config
from contav_lib.datasets.load import load_data
from contav_lib.datasets.prepare import UnusableClips
from contav_lib.experiments.result import Result
from contav_lib.experiments.run import Experiment, experiment_lock, is_finished, run
from contav_lib.experiments.setup import Setup, check_machine
from contav_lib.methods import method_class
from contav_lib.training.history import StepCounter
from contav_lib.utils import paths
from contav_lib.utils.devices import cpu_threads
from contav_lib.utils.storage import process_errors
from contav_lib.utils.workers import Workers, report


def run_all(configs: Sequence[Config], workers: int | None = None, executor: str = "local") -> list[Result]:
    """Run independent experiments side by side, one a core; stored ones return at once.

    One after the other on a GPU, or where one of them takes another number of threads than 1.

    Args:
        configs: the experiments.
        workers: processes on this machine; all cores by default.
        executor: "local" for this machine, or the address of a Dask scheduler (`executors.cluster`).

    Returns:
        their results, in the order given.
    """
    todo = list({config.name: config for config in configs if not is_finished(config)}.values())
    if todo and executor != "local":
        from contav_lib.experiments.executors.cluster import run_on  # which runs single experiments as this module does

        run_on(executor, todo, _steps(todo))
    elif todo:
        for config in todo:
            check_machine(config)
        steps = _steps(todo)
        workers = min(workers or os.cpu_count() or 1, len(todo))
        if workers == 1 or any(config.threads != 1 or config.to_json()["device"] != "cpu" for config in todo):
            for config in sorted(todo, key=lambda config: (config.seed, _is_long(config))):  # a stop leaves whole seeds
                run(config)
        else:
            _run_in_processes(sorted(todo, key=_is_long, reverse=True), steps, workers)  # at the end no core idles
    return [Result(paths.runs() / config.name) for config in configs]


def _is_long(config: Config) -> bool:
    return method_class(config.method).joint


def _steps(configs: Sequence[Config]) -> int:
    """Training steps of all experiments. Their data are prepared, so that processes side by side find it done."""
    corpora, steps = {}, 0
    for config in configs:
        data = (config.data, config.clips_per_class, config.encoder, config.data_digest, config.on_unusable)
        if data not in corpora:
            corpora[data] = load_data(*data)
        steps += Setup.build(config, corpus=corpora[data]).steps
    return steps


def _run_in_processes(configs: Sequence[Config], steps: int, workers: int) -> None:
    with process_errors():
        pool = Workers(workers)
    with pool, tqdm(total=steps, desc=f"{len(configs)} experiments", unit="step") as bar:
        todo = {pool.submit(run_counted, config, report) for config in configs}
        while todo:
            done, todo = wait(todo, timeout=1, return_when=FIRST_EXCEPTION)
            for count in pool.reports():
                bar.update(count)
            bar.refresh()
            for job in done:
                job.result()  # a failed experiment ends the waiting


def run_counted(config: Config, report: Callable[[int], None]) -> None:
    """Run an experiment without a word in a process of its own; `report` takes steps as they are done, or were already."""
    warnings.simplefilter("ignore", UnusableClips)  # the parent has said which
    folder = paths.runs() / config.name
    with experiment_lock(folder), cpu_threads(config.threads):
        if not is_finished(config):
            experiment = Experiment(config, folder, (), progress=False)
            report(experiment.setup.steps - experiment.steps_to_do())  # done before a stop
            experiment.history.callbacks += (StepCounter(report),)
            experiment.run()
