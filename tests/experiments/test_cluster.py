"""Experiments on a real Dask scheduler with real worker processes on this machine."""

import os
import signal
import threading
import time

import numpy as np
import pytest
from filelock import FileLock
from samples import new_home

import contav_lib
from contav_lib import Result, run, run_all
from contav_lib.experiments.executors import cluster, placed
from contav_lib.utils import paths
from contav_lib.utils.storage import load_tensors

distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.slow


@pytest.fixture
def workers(home):
    """The address of a scheduler with two workers; and what says the process ids of these."""
    options = dict(n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1")
    with distributed.LocalCluster(**options) as local, distributed.Client(local, set_as_default=False) as client:
        yield local.scheduler_address, lambda: client.run(os.getpid)


def same(result: Result, other: Result) -> None:
    for task in range(len(result.tasks)):
        one, two = (load_tensors(each._checkpoint(task))[0] for each in (result, other))
        assert one.keys() == two.keys()
        assert all(one[name].equal(two[name]) for name in one)
    np.testing.assert_array_equal(result.matrix(), other.matrix())


def test_a_killed_worker_costs_nothing(workers, tiny, reference, home, tmp_path, monkeypatch):
    address, processes = workers
    configs = [tiny(), *(tiny(seed=seed, steps=40, checkpoint_every=2, record_every=1) for seed in (1, 2))]

    def kill_one() -> None:
        while not list(paths.runs().glob("*/progress.safetensors")):
            time.sleep(0.05)
        killed.append(next(iter(processes().values())))
        os.kill(killed[0], signal.SIGKILL)

    killed: list[int] = []
    threading.Thread(target=kill_one, daemon=True).start()
    results = run_all(configs, executor=address)
    assert killed
    same(results[0], reference)
    monkeypatch.setenv("CONTAV_HOME", str(new_home(home, tmp_path / "alone")))
    for config, result in zip(configs[1:], results[1:], strict=True):
        same(run(config, progress=False), result)
        tests = [record["task"] for record in result.history() if record["kind"] == "test"]
        assert tests == [0, 1], "a task was learned to its end twice"


def test_a_stop_ends_the_experiments_at_work(workers, tiny, monkeypatch):
    address, processes = workers
    config = tiny(steps=4_000, record_every=1, checkpoint_every=5)

    def interrupt() -> None:
        while not list(paths.runs().glob("*/progress.safetensors")):
            time.sleep(0.05)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # processes of a test run may ignore it
    try:
        with pytest.raises(KeyboardInterrupt):
            run_all([config], executor=address)
    finally:
        signal.signal(signal.SIGINT, before)
    folder, deadline = paths.runs() / config.name, time.monotonic() + 20
    with FileLock(folder.with_name(f".{folder.name}.lock"), timeout=20):  # nobody works on it
        assert time.monotonic() < deadline
        assert (folder / "progress.safetensors").exists()
    assert len(processes()) == 2


def test_a_worker_that_can_not_take_part_is_named(workers, tiny, home, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(contav_lib, "__version__", "0.0.9")
        with pytest.raises(cluster.WrongWorker, match=r"has version .* of the kit, not 0\.0\.9"):
            run_all([tiny()], executor=workers[0])
    monkeypatch.setenv("CONTAV_HOME", str(new_home(home, tmp_path / "elsewhere")))
    with pytest.raises(cluster.WrongWorker, match="is not the folder of who asks. Let CONTAV_HOME name"):
        run_all([tiny()], executor=workers[0])


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense", "http://example.invalid"])
def test_a_scheduler_that_does_not_answer_is_told_within_seconds(address, tiny, home, monkeypatch):
    monkeypatch.setattr(cluster, "PATIENCE", 1)
    start = time.monotonic()
    with pytest.raises(ValueError, match="No Dask scheduler answers at"):
        run_all([tiny()], executor=address)
    assert time.monotonic() - start < 20


def test_jobs_for_a_gpu_ask_for_one(tiny):
    assert cluster.resources(tiny(device="cuda")) == {"GPU": 1}
    assert cluster.resources(tiny(device="cpu")) is None


@pytest.mark.parametrize(("announced", "device"), [({}, "cpu"), ({"GPU": 1}, "cuda")])
def test_the_workers_say_what_auto_is_whatever_the_machine_has_that_asks(announced, device, tiny, monkeypatch, capsys):
    own = {"cpu": True, "cuda": False}[device]
    monkeypatch.setattr("torch.cuda.is_available", lambda: own)
    options = dict(n_workers=1, processes=False, protocol="tcp", dashboard_address=None, host="127.0.0.1")
    with distributed.LocalCluster(**options, resources=announced) as local:
        auto, other = placed([tiny(device="auto"), tiny(device="mps")], local.scheduler_address)
    assert (auto.device, other.device) == (device, "mps")
    assert (
        f"{len(announced)} of 1 workers have announced a GPU, so device='auto' is '{device}'" in capsys.readouterr().out
    )
