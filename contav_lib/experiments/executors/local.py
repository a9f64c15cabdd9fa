"""Many experiments, side by side on all cores."""

import os
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext, suppress

from tqdm.auto import tqdm

from contav_lib.config import Config
from contav_lib.experiments.executors.single import attempt, run_counted
from contav_lib.experiments.run import run
from contav_lib.methods import method_class
from contav_lib.utils.storage import process_errors
from contav_lib.utils.time_limit import Stopped, time_is_over
from contav_lib.utils.workers import Workers, report


def run_here(configs: Sequence[Config], steps: int, workers: int | None, keep_going: bool) -> None:
    """Run experiments on this machine.

    Args:
        steps: training steps of all of them, for the progress bar.
        workers, keep_going: as for `run_all`.
    """
    workers = min(workers or os.cpu_count() or 1, len(configs))
    of_one_core = [
        config.threads == config.processes == 1 and config.to_json()["device"] == "cpu" for config in configs
    ]
    if workers == 1 or not all(of_one_core):
        for config in sorted(configs, key=lambda config: (config.seed, _is_long(config))):  # a stop leaves whole seeds
            attempt(keep_going, run, config)
    else:
        in_order = sorted(configs, key=_is_long, reverse=True)  # at the end no core idles
        _run_in_processes(in_order, steps, workers, keep_going)


def _is_long(config: Config) -> bool:
    return method_class(config.method).joint


def _run_in_processes(configs: Sequence[Config], steps: int, workers: int, keep_going: bool) -> None:
    with process_errors():
        pool = Workers(workers)
    # A process that was killed takes the pool with it: what is not done then is not there.
    quietly = suppress(BrokenProcessPool) if keep_going else nullcontext()
    with quietly, pool, tqdm(total=steps, desc=f"{len(configs)} experiments", unit="step") as bar:
        todo = {pool.submit(_run_in_worker, keep_going, config) for config in configs}
        while todo:
            done, todo = wait(todo, timeout=1, return_when=FIRST_EXCEPTION)
            for count in pool.reports():
                bar.update(count)
            bar.refresh()
            for job in done:
                job.result()  # a failed experiment ends the waiting


def _run_in_worker(keep_going: bool, config: Config) -> None:
    with suppress(Stopped):  # or the others would be ended before they have come to a checkpoint
        if not time_is_over():
            attempt(keep_going, run_counted, config, report)
