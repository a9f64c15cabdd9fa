"""Ways to run many experiments: on the cores of this machine, or on a cluster."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from contav_lib.config import Config
from contav_lib.experiments.executors.cluster import device_at, run_on
from contav_lib.experiments.executors.local import run_here
from contav_lib.experiments.result import Result
from contav_lib.experiments.run import is_finished
from contav_lib.experiments.setup import Setup, check_machine
from contav_lib.training.history import steps_done
from contav_lib.utils import paths
from contav_lib.utils.time_limit import Stopped, time_is_over

HERE = "local"


def run_all(
    configs: Sequence[Config], workers: int | None = None, keep_going: bool = False, executor: str = HERE
) -> list[Result]:
    """Run independent experiments side by side, one a core; stored ones return at once.

    One after the other on a GPU, or where one of them takes more processes or another number of threads than 1.

    Args:
        configs: the experiments.
        workers: processes on this machine; all cores by default.
        keep_going: an experiment that fails ends none of the others. Its error is kept in its folder (`result.Failed`), and
            it is left out of what is returned.
        executor: "local" for this machine, or the address of a Dask scheduler, as in "tcp://127.0.0.1:8786" (`cluster.run_on`).

    Returns:
        their results, in the order given.

    Raises:
        Stopped: a `time_limit` is over; the message says how much is left.
    """
    configs = placed(configs, executor)
    todo = list({config.name: config for config in configs if not is_finished(config)}.values())
    if executor == HERE:
        for config in todo:
            check_machine(config)
    if todo:
        # This prepares their data, too, so that processes side by side find them done.
        steps = {config.name: Setup.build(config).steps for config in todo}
        if executor == HERE:
            with suppress(Stopped):
                run_here(todo, sum(steps.values()), workers, keep_going)
            if time_is_over() and (left := [config for config in todo if not is_finished(config)]):
                count = sum(steps[config.name] - steps_done(paths.runs() / config.name) for config in left)
                raise Stopped(
                    f"The time is over: {len(left)} of {len(configs)} experiments are left, {count} training steps."
                )
        else:
            run_on(executor, todo, sum(steps.values()), keep_going)
    return [Result(paths.runs() / config.name) for config in configs if not keep_going or is_finished(config)]


def placed(configs: Sequence[Config], executor: str = HERE) -> list[Config]:
    """The experiments as an executor runs them: the device, which is part of their names, is that of a cluster's workers.

    Raises:
        ValueError: no scheduler answers at the executor's address.
    """
    if executor == HERE or all(config.device != "auto" for config in configs):
        return list(configs)
    device = device_at(executor)
    return [replace(config, device=device) if config.device == "auto" else config for config in configs]
