"""Processes that are interrupted, ended or killed: none stays behind, little is said, and nothing done is lost."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import CancelledError, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from pathlib import Path

import pytest
from samples import assert_equal_weights, dead_process, leave_part

from contav_lib import Result, run
from contav_lib.config import FROM_ENCODER
from contav_lib.experiments.run import experiment_lock
from contav_lib.utils import paths
from contav_lib.utils.workers import Workers, _later_interrupts, report, sigterm_as_interrupt

ENDLESS = """
import sys
from contav_lib.cli import main
if __name__ == "__main__":
    from contav_lib import Config, cli, run_all
    def endless(parser, arguments):
        "Run for ever."
        data, = arguments
        run_all([Config.profile("smoke", data=data, tasks=2, steps=1_000_000, method=m) for m in ("finetune", "replay")], 2)
    cli.COMMANDS["run"] = endless
    sys.exit(main(["run", *sys.argv[1:]]))
"""
STOPPED = "Stopped. What was done is kept: run the same command to go on."
linux = pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes as Linux shows them")


def in_session(leader: int) -> list[int]:
    """The processes that live in the session of a process."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has just ended
            state, _, _, session = stat.read_text().rsplit(")")[-1].split()[:4]
            if int(session) == leader and state != "Z":
                found.append(int(stat.parent.name))
    return found


def wait_for(condition, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def start(tmp_path: Path, *arguments: str) -> subprocess.Popen:
    """A Python program in a session of its own; what it says to stderr goes to a file."""
    return subprocess.Popen(
        [sys.executable, *arguments], stderr=(tmp_path / "said").open("w"), stdout=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip


def said(tmp_path: Path) -> list[str]:
    """The lines, without those of progress bars."""
    lines = (tmp_path / "said").read_text().replace("\r", "\n").splitlines()
    return [line for line in lines if line.strip() and "it/s]" not in line and "|" not in line]


@linux
@pytest.mark.slow
@pytest.mark.parametrize("when", ["workers start", "workers learn"])
@pytest.mark.parametrize(
    ("sign", "to_all"),
    [(signal.SIGINT, True), (signal.SIGINT, False), (signal.SIGTERM, False), (signal.SIGKILL, False)],
    ids=["Ctrl-C", "interrupt of the parent alone", "SIGTERM", "SIGKILL"],
)
def test_all_workers_end(home, video_folder, tmp_path, when, sign, to_all):
    (tmp_path / "endless.py").write_text(ENDLESS)
    main = start(tmp_path, str(tmp_path / "endless.py"), str(video_folder))
    try:
        if when == "workers start":
            # Two beside the parent: Python's clerk of semaphores, and the first worker.
            wait_for(lambda: len(in_session(main.pid)) >= 3 or main.poll() is not None, 60)
        else:
            learning = paths.runs()
            wait_for(lambda: len(list(learning.glob("*/history.jsonl"))) == 2 or main.poll() is not None, 120)
        assert main.poll() is None, said(tmp_path)
        workers = set(in_session(main.pid)) - {main.pid}
        (os.killpg if to_all else os.kill)(main.pid, sign)
        wait_for(lambda: not workers & set(in_session(main.pid)), 10)
        main.wait(60)
        wait_for(lambda: not in_session(main.pid), 30)
    finally:
        for process in in_session(main.pid):
            os.kill(process, signal.SIGKILL)
        main.wait()
    if sign != signal.SIGKILL:
        assert main.returncode == 130 and said(tmp_path) == [STOPPED]


@linux
@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    "work",
    [["contav_lib", "data", "--profile", "smoke"], ["contav_lib.minimusic.generate", "--root", "here"]],
    ids=["contav data", "MiniMUSIC"],
)
def test_a_stop_while_clips_are_made_is_one_line(tmp_path, monkeypatch, sign, work):
    monkeypatch.setenv("CONTAV_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    main = start(tmp_path, "-m", *work)
    try:
        wait_for(lambda: list(tmp_path.rglob("*.mp4")), 180)
        os.killpg(main.pid, sign)
        assert main.wait(60) == 130
    finally:
        main.kill()
        main.wait()
    assert len(said(tmp_path)) == 1 and "What was done is kept" in said(tmp_path)[0]
    assert not list(tmp_path.rglob("*.part"))


def doubled(number: int) -> int:
    report(number)
    if number < 0:
        raise ValueError("negative")
    return 2 * number


def test_workers_answer_and_report():
    with Workers(2) as pool:
        jobs = [pool.submit(doubled, number) for number in range(4)]
        assert [job.result() for job in jobs] == [0, 2, 4, 6]
        heard: list[int] = []
        wait_for(lambda: heard.extend(pool.reports()) or len(heard) == 4, 30)
    assert sorted(heard) == [0, 1, 2, 3]


def test_an_error_in_a_worker_is_the_parents():
    with pytest.raises(ValueError, match="negative"), Workers(1) as pool:
        pool.submit(doubled, -1).result()


@linux
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_in_the_middle_of_a_start_ends_the_new_worker(monkeypatch, sign):
    jobs, submit = [], ProcessPoolExecutor.submit

    def stopped(*call):
        jobs.append(submit(*call))
        os.kill(os.getpid(), sign)

    monkeypatch.setattr(ProcessPoolExecutor, "submit", stopped)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # workers of the tests may ignore it
    try:
        with pytest.raises(KeyboardInterrupt), sigterm_as_interrupt(), Workers(1) as pool:
            pool.submit(time.sleep, 60)
    finally:
        signal.signal(signal.SIGINT, before)
    with pytest.raises((BrokenProcessPool, CancelledError)):  # it did not sleep to its end
        jobs[0].result()


@linux
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_that_another_thread_hears_waits_like_any_other(sign):
    end = threading.Event()
    other = threading.Thread(target=end.wait)
    other.start()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    reached = False
    try:
        with pytest.raises(KeyboardInterrupt), sigterm_as_interrupt(), _later_interrupts():
            signal.pthread_kill(other.ident, sign)
            time.sleep(0.05)
            reached = True
    finally:
        signal.signal(signal.SIGINT, before)
        end.set()
        other.join()
    assert reached
    assert sign not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_the_next_run_sweeps_what_a_killed_one_left(home, tiny):
    config = tiny(method="finetune", steps=2)
    folder = paths.runs() / config.name
    lock = folder.with_name(f".{folder.name}.lock")
    (folder / "checkpoints").mkdir(parents=True)
    lock.touch()
    live, dead = (leave_part(folder / "checkpoints/task_1.safetensors", pid) for pid in (os.getppid(), dead_process()))
    run(config, progress=False)
    assert (live.exists(), dead.exists(), lock.exists()) == (True, False, False)


def test_the_lock_is_one_processs_at_a_time_though_its_file_goes(tmp_path):
    """Each of four processes adds 1 to a number many times; without mutual exclusion some additions would be lost."""
    code = (
        "import sys\nfrom pathlib import Path\nfrom contav_lib.experiments.run import experiment_lock\n"
        "folder, number = map(Path, sys.argv[1:])\n"
        "for _ in range(25):\n"
        "    with experiment_lock(folder):\n"
        "        number.write_text(str(int(number.read_text()) + 1))\n"
    )
    (tmp_path / "number").write_text("0")
    command = [sys.executable, "-c", code, str(tmp_path / "run"), str(tmp_path / "number")]
    for process in [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(4)]:
        assert process.wait(120) == 0
    assert (tmp_path / "number").read_text() == "100"
    with experiment_lock(tmp_path / "run"):
        assert (tmp_path / ".run.lock").exists()
    assert not (tmp_path / ".run.lock").exists()


# Runs the experiment given as JSON and kills itself, as `kill -9` does, at the writing of the given file (counted from 0).
KILLED = """
import json, os, signal, sys
import torch
from contav_lib import Config, run
from contav_lib.utils import storage
torch.set_num_threads(1)
settings, writing = json.loads(sys.argv[1])
replace, count = os.replace, 0
def killed(*arguments):
    global count
    if count == writing:
        os.kill(os.getpid(), signal.SIGKILL)
    count += 1
    replace(*arguments)
os.replace = killed
run(Config.profile("smoke", **settings), progress=False)
"""


@pytest.mark.slow
@pytest.mark.parametrize("method", ["ewc", "der", "ewf"])
def test_killed_again_and_again_and_resumed_it_ends_as_if_never_stopped(home, tiny, method):
    config = tiny(method=method)
    settings = {**config.to_json(), **config.separator_settings, **config.method_settings}
    for made in (
        "name_of_profile",
        "results_version",
        "data_digest",
        "separator_settings",
        "method_settings",
        *FROM_ENCODER,
    ):
        del settings[made]
    for writing in (4, 7):
        command = [sys.executable, "-c", KILLED, json.dumps([settings, writing])]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert ended.returncode == -signal.SIGKILL, ended.stderr
    resumed = run(config, progress=False)
    stopped = resumed.folder.rename(home / "stopped")
    whole = run(config, progress=False)
    assert_equal_weights(Result(stopped), whole)
    for name in ("matrix.json", "mixtures.json"):
        assert (stopped / name).read_text() == (whole.folder / name).read_text()
    assert not list(stopped.rglob("*.part"))
