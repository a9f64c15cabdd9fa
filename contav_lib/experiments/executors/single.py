"""One experiment among many: counted for a progress bar, and kept from ending the others."""

import traceback
import warnings
from collections.abc import Callable

from contav_lib.config import Config
from contav_lib.datasets.prepare import UnusableClips
from contav_lib.experiments.result import failure_file
from contav_lib.experiments.run import Experiment, experiment_lock, is_finished
from contav_lib.training.history import StepCounter
from contav_lib.utils import paths
from contav_lib.utils.devices import cpu_threads
from contav_lib.utils.memory import reuse_freed_memory
from contav_lib.utils.storage import write_atomically


def run_counted(config: Config, report: Callable[[int], None]) -> None:
    """Run an experiment without a word in a process of its own; `report` takes steps as they are done, or were already."""
    warnings.simplefilter("ignore", UnusableClips)  # the parent has said which
    reuse_freed_memory()  # not in a process that does other things, too: it keeps what it once had
    folder = paths.runs() / config.name
    with experiment_lock(folder), cpu_threads(config.threads):
        if not is_finished(config):
            experiment = Experiment(config, folder, [StepCounter(report)], progress=False)
            report(experiment.setup.steps - experiment.steps_to_do())  # done before a stop
            experiment.run()


def attempt(keep_going: bool, work: Callable[..., object], config: Config, *arguments: object) -> None:
    """Call `work(config, *arguments)`; with `keep_going`, its error goes no further than to the experiment's folder."""
    path = failure_file(paths.runs() / config.name)
    try:
        work(config, *arguments)
        path.unlink(missing_ok=True)  # of an earlier attempt
    except Exception:
        if not keep_going:
            raise
        text = traceback.format_exc()
        write_atomically(path, lambda part: part.write_text(text, encoding="utf-8"))
