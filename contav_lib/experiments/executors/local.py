"""Many experiments, side by side on all cores."""

import os
import traceback
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext, suppress
from functools import partial

from tqdm.auto import tqdm

from contav_lib.config import Config
from contav_lib.datasets.load import load_data
from contav_lib.datasets.prepare import UnusableClips
from contav_lib.experiments.result import Result, failure_file
from contav_lib.experiments.run import Experiment, experiment_lock, is_finished, run
from contav_lib.experiments.setup import Setup, check_machine
from contav_lib.methods import method_class
from contav_lib.training.history import StepCounter
from contav_lib.utils import paths
from contav_lib.utils.devices import cpu_threads
from contav_lib.utils.storage import process_errors, write_atomically
from contav_lib.utils.workers import Workers, report


def run_all(configs: Sequence[Config], workers: int | None = None, keep_going: bool = False) -> list[Result]:
    """Run independent experiments side by side, one a core; stored ones return at once.

    One after the other on a GPU, or where one of them takes more processes or another number of threads than 1.

    Args:
        configs: the experiments.
        workers: processes; all cores by default.
        keep_going: an experiment that fails ends none of the others. Its error is kept in its folder (`result.Failed`), and
            it is left out of what is returned.

    Returns:
        their results, in the order given.
    """
    todo = list({config.name: config for config in configs if not is_finished(config)}.values())
    for config in todo:
        check_machine(config)
    if todo:
        steps = _steps(todo)
        workers = min(workers or os.cpu_count() or 1, len(todo))
        of_one_core = [
            config.threads == config.processes == 1 and config.to_json()["device"] == "cpu" for config in todo
        ]
        if workers == 1 or not all(of_one_core):
            for config in sorted(todo, key=lambda config: (config.seed, _is_long(config))):  # a stop leaves whole seeds
                _attempt(run, config) if keep_going else run(config)
        else:
            in_order = sorted(todo, key=_is_long, reverse=True)  # at the end no core idles
            _run_in_processes(in_order, steps, workers, keep_going)
    return [Result(paths.runs() / config.name) for config in configs if not keep_going or is_finished(config)]


def _attempt(work: Callable[[Config], object], config: Config) -> None:
    """Run an experiment; its error goes no further than to its folder."""
    path = failure_file(paths.runs() / config.name)
    try:
        work(config)
        path.unlink(missing_ok=True)  # of an earlier attempt
    except Exception:
        text = traceback.format_exc()
        write_atomically(path, lambda part: part.write_text(text, encoding="utf-8"))


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


def _run_in_processes(configs: Sequence[Config], steps: int, workers: int, keep_going: bool) -> None:
    with process_errors():
        pool = Workers(workers)
    work = partial(_attempt, _run_quietly) if keep_going else _run_quietly
    # A process that was killed takes the pool with it: what is not done then is not there.
    quietly = suppress(BrokenProcessPool) if keep_going else nullcontext()
    with quietly, pool, tqdm(total=steps, desc=f"{len(configs)} experiments", unit="step") as bar:
        todo = {pool.submit(work, config) for config in configs}
        while todo:
            done, todo = wait(todo, timeout=1, return_when=FIRST_EXCEPTION)
            for count in pool.reports():
                bar.update(count)
            bar.refresh()
            for job in done:
                job.result()  # a failed experiment ends the waiting


def _run_quietly(config: Config) -> None:
    warnings.simplefilter("ignore", UnusableClips)  # the parent has said which
    folder = paths.runs() / config.name
    with experiment_lock(folder), cpu_threads(config.threads):
        if not is_finished(config):
            experiment = Experiment(config, folder, (), progress=False)
            report(experiment.setup.steps - experiment.steps_to_do())  # done before a stop
            experiment.history.callbacks += (StepCounter(report),)
            experiment.run()
