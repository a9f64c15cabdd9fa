"""Many experiments, side by side on all cores."""

import multiprocessing
import os
import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from multiprocessing.managers import SyncManager

from tqdm.auto import tqdm

from contav_lib.config import Config
from contav_lib.datasets.load import load_data
from contav_lib.experiments.result import Result
from contav_lib.experiments.run import Experiment, experiment_lock, is_finished, run
from contav_lib.experiments.setup import Setup, check_machine
from contav_lib.methods import method_class
from contav_lib.training.history import StepCounter
from contav_lib.utils import paths
from contav_lib.utils.devices import cpu_threads
from contav_lib.utils.storage import process_errors


def run_all(configs: Sequence[Config], workers: int | None = None) -> list[Result]:
    """Run independent experiments side by side, one a core; stored ones return at once.

    One after the other on a GPU, or where one of them takes another number of threads than 1.

    Args:
        configs: the experiments.
        workers: processes; all cores by default.

    Returns:
        their results, in the order given.
    """
    todo = list({config.name: config for config in configs if not is_finished(config)}.values())
    for config in todo:
        check_machine(config)
    if todo:
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
        data = (config.data, config.clips_per_class, config.encoder, config.data_digest)
        if data not in corpora:
            corpora[data] = load_data(*data)
        steps += Setup.build(config, corpus=corpora[data]).steps
    return steps


def _run_in_processes(configs: Sequence[Config], steps: int, workers: int) -> None:
    # "spawn", for a forked child of a process that has used torch's threads can hang.
    context = multiprocessing.get_context("spawn")
    with process_errors():
        manager = SyncManager(ctx=context)
        manager.start(_end_with_parent)
        pool = ProcessPoolExecutor(workers, context, initializer=_end_with_parent)
    with manager, pool:
        queue = manager.Queue()
        jobs = [pool.submit(_run_quietly, config, queue) for config in configs]
        try:
            with tqdm(total=steps, desc=f"{len(configs)} experiments", unit="step") as bar:
                todo = set(jobs)
                while todo:
                    done, todo = wait(todo, timeout=1, return_when=FIRST_EXCEPTION)
                    _drain(queue, bar)
                    for job in done:
                        job.result()  # a failed experiment ends the waiting
        except BaseException:
            pool.shutdown(cancel_futures=True)  # those at work go on to their end, no other begins
            raise


def _drain(queue, bar: tqdm) -> None:
    while not queue.empty():
        bar.update(queue.get())
    bar.refresh()


def _end_with_parent() -> None:
    """Let this process end when its parent is gone: one that was killed can't stop it. Its files are whole at any moment."""
    parent = multiprocessing.parent_process()
    assert parent is not None  # this runs in processes that another has started

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _run_quietly(config: Config, queue) -> None:
    folder = paths.runs() / config.name
    with experiment_lock(folder), cpu_threads(config.threads):
        if not is_finished(config):
            experiment = Experiment(config, folder, (), progress=False)
            queue.put(experiment.setup.steps - experiment.steps_to_do())  # done before a stop
            experiment.history.callbacks += (StepCounter(queue.put),)
            experiment.run()
