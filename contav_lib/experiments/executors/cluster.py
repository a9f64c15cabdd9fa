"""Many experiments on a cluster: Dask's scheduler in front of Slurm, Kubernetes or any machines that share the results folder.

On one machine: `dask scheduler --host 127.0.0.1`, then as many times as wanted
`dask worker tcp://127.0.0.1:8786 --nthreads 1`. Who reaches the scheduler can run anything on its workers: keep it to hosts
and networks that you trust.
"""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

import contav_lib
from contav_lib.config import Config
from contav_lib.experiments.executors.single import attempt, run_counted
from contav_lib.utils import paths
from contav_lib.utils.devices import name_device
from contav_lib.utils.extras import extras
from contav_lib.utils.storage import write_atomically
from contav_lib.utils.time_limit import Stopped

PATIENCE = 10  # seconds to wait for the scheduler's answer


class WrongWorker(ConnectionError):
    """A worker that can't take part: another version of the kit, several threads, or another results folder."""


def run_on(address: str, configs: Sequence[Config], steps: int, keep_going: bool = False) -> None:
    """Run experiments on the workers of a Dask scheduler; each leaves its result in the shared folder.

    A worker that is lost gives its experiment to another, which goes on from the last checkpoint. Ctrl-C stops all.

    Args:
        address: of the scheduler, as in "tcp://127.0.0.1:8786".
        configs: the experiments. One on a GPU needs a worker started with `--resources GPU=1`.
        steps: training steps of all of them, for the progress bar.
        keep_going: as for `run_all`.

    Raises:
        ValueError: the address is none, or nobody answers there.
        WrongWorker: a worker can't take part; the message names it.
        ConnectionError: an experiment took several workers with it.
    """
    with extras():
        from distributed import Event, KilledWorker, as_completed
    sweep, client = uuid.uuid4().hex[:8], _client(address)
    with client, _probe_file(sweep), tqdm(total=steps, desc=f"experiments: {len(configs)}", unit="step") as bar:
        tqdm.write(f"What the workers do is shown at {client.dashboard_link}")
        if any(map(resources, configs)) and not any(_gpus(client)):
            tqdm.write("No worker has announced a GPU yet, by --resources GPU=1: waiting for one.")
        elif not _gpus(client):
            tqdm.write("There are no workers yet: waiting for them.")
        done: dict[str, int] = {}  # steps by experiment: one that is taken over by another worker counts once

        def show(event: tuple[float, tuple[str, int]]) -> None:
            done.update([event[1]])
            bar.update(sum(done.values()) - bar.n)

        client.subscribe_topic(sweep, show)
        jobs = {}
        for config in configs:
            who_asks = (contav_lib.__version__, sweep, keep_going)
            job = client.submit(_work, config, *who_asks, resources=resources(config))
            jobs[job] = config.name
        try:
            for job in as_completed(jobs, loop=client.loop):
                try:
                    job.result()
                except KilledWorker as error:
                    told = f"{jobs[job]} took its workers with it, one after the other. Their logs may say why"
                    if not keep_going:
                        raise ConnectionError(f"{told}; often a machine has too little memory.") from error
                    tqdm.write(f"{told}. The others go on.")
        finally:
            Event(sweep, client=client).set()


def device_at(address: str) -> str:
    """The device that "auto" means on a cluster: "cuda" where a worker has announced a GPU, or else "cpu"; the user is told.

    Where there are no workers yet, the first one that comes decides.

    Raises:
        ValueError: the address is none, or nobody answers there.
    """
    with _client(address) as client:
        if not _gpus(client):
            tqdm.write("There are no workers yet: waiting for the first, to see whether it has a GPU.")
            client.wait_for_workers(1)
        gpus = _gpus(client)
    device = "cuda" if any(gpus) else "cpu"
    tqdm.write(f"{sum(map(bool, gpus))} of {len(gpus)} workers have announced a GPU, so device='auto' is {device!r}.")
    return device


def _client(address: str) -> Any:
    with extras():
        from distributed import Client
    try:
        return Client(address, timeout=PATIENCE, set_as_default=False, name="contav")
    except (OSError, ValueError) as error:
        raise ValueError(
            f"No Dask scheduler answers at {address!r} ({error}). Give the address that `dask scheduler` prints, as in "
            "tcp://127.0.0.1:8786."
        ) from error


def _gpus(client: Any) -> list[float]:
    """How many GPUs each worker has announced."""
    workers = client.scheduler_info(n_workers=-1)["workers"].values()  # without it, some versions list five
    return [worker["resources"].get("GPU", 0) for worker in workers]


def resources(config: Config) -> dict[str, float] | None:
    """What an experiment needs of a worker: a GPU to itself, or nothing in particular."""
    return {"GPU": 1} if name_device(config.device).type == "cuda" else None


def _work(config: Config, version: str, sweep: str, keep_going: bool) -> None:
    """Run one experiment on a worker."""
    from distributed import Event, get_worker

    worker, stop = get_worker(), Event(sweep)
    if contav_lib.__version__ != version:
        raise WrongWorker(
            f"{worker.address} has version {contav_lib.__version__} of the kit, not {version}. Install the same."
        )
    if worker.state.nthreads > 1:
        raise WrongWorker(f"{worker.address} runs {worker.state.nthreads} jobs at once. Start it with --nthreads 1.")
    if not _probe(sweep).exists():
        raise WrongWorker(
            f"{worker.address} keeps its results in {paths.runs()}, which is not the folder of who asks. Let CONTAV_HOME name "
            "one folder that all machines share."
        )
    done = 0

    def count(steps: int) -> None:
        nonlocal done
        done += steps
        worker.log_event(sweep, (config.name, done))
        if stop.is_set():
            raise Stopped(f"{config.name} is kept as far as it came.")

    attempt(keep_going, run_counted, config, count)


def _probe(sweep: str) -> Path:
    return paths.runs() / f".{sweep}.probe"


@contextmanager
def _probe_file(sweep: str) -> Iterator[None]:
    """A file in the results folder, by which workers see that it is theirs, too."""
    write_atomically(_probe(sweep), lambda part: part.touch())
    try:
        yield
    finally:
        _probe(sweep).unlink(missing_ok=True)
