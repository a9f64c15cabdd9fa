"""Jobs that may hang, done by processes that may be lost.

`run_jobs("package.module:function", jobs, ...)` calls the function with each job (a dict that JSON can hold) in worker
processes. A worker is a fresh Python that reads jobs from its standard input, so nothing of the caller's own program
is run again. A job that takes too long kills its worker from within, even from inside compiled code that never comes
back, and even when the caller has gone.
"""

import faulthandler
import importlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FINISHED, FAILED, LOST = "finished", "failed", "lost"


@dataclass(frozen=True)
class Outcome:
    """What became of a job: `finished`, `failed` (with its error's text), or `lost` (it hung, or its worker died)."""

    job: dict
    state: str
    message: str = ""


def run_jobs(function: str, jobs: list[dict], workers: int, limit: float) -> Iterator[Outcome]:
    """Do all jobs, in any order, and yield each outcome as it comes. Leaving the loop early stops the workers.

    Args:
        function: where the function is, as `package.module:name`. What it returns is not looked at.
        jobs: one dict each, only with what JSON can hold.
        workers: number of processes.
        limit: seconds a job may take.
    """
    waiting: queue.SimpleQueue[dict] = queue.SimpleQueue()
    done: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
    for job in jobs:
        waiting.put(job)
    crew = [_Worker(function, limit) for _ in range(min(workers, len(jobs)))]
    threads = [threading.Thread(target=_serve, args=(worker, waiting, done), daemon=True) for worker in crew]
    for thread in threads:
        thread.start()
    try:
        for _ in jobs:
            yield done.get()
    finally:
        for worker in crew:
            worker.dismiss()
        for thread in threads:
            thread.join()


def _serve(worker: "_Worker", waiting: queue.SimpleQueue, done: queue.SimpleQueue) -> None:
    while not worker.dismissed:
        try:
            job = waiting.get_nowait()
        except queue.Empty:
            return
        done.put(worker.do(job))


class _Worker:
    """One process at a time; the next one is started when the last was lost."""

    def __init__(self, function: str, limit: float) -> None:
        self._command = [sys.executable, "-m", __name__, function, str(limit)]
        self._process: subprocess.Popen | None = None
        self._lock = threading.Lock()
        self.dismissed = False

    def do(self, job: dict) -> Outcome:
        with self._lock:
            if self.dismissed:
                return Outcome(job, LOST, "stopped")
            if self._process is None:
                self._process = self._start()
            process = self._process
        try:
            process.stdin.write(json.dumps(job) + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        except OSError:
            answer = ""
        if answer:
            return Outcome(job, **json.loads(answer))
        self._process = None
        process.kill()
        process.communicate()
        return Outcome(job, LOST, "it took too long, or its process died")

    def dismiss(self) -> None:
        with self._lock:
            self.dismissed = True
            if self._process is not None:
                self._process.kill()
                self._process.wait()

    def _start(self) -> subprocess.Popen:
        one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        environment = (
            os.environ | one_thread | {"PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
        )
        # A session of its own: Ctrl-C is for the caller, who then dismisses the workers.
        return subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            start_new_session=True,
        )


def _work(function: str, limit: float) -> None:
    """The worker's side: a job a line comes in, an outcome a line goes out."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what the function prints must not look like an answer
    module, name = function.split(":")
    call = getattr(importlib.import_module(module), name)
    with Path(os.devnull).open("w") as nowhere:
        for line in sys.stdin:
            faulthandler.dump_traceback_later(limit, exit=True, file=nowhere)
            try:
                call(json.loads(line))
                outcome = {"state": FINISHED}
            except Exception as error:  # the caller decides what an error means
                outcome = {"state": FAILED, "message": f"{type(error).__name__}: {error}"}
            faulthandler.cancel_dump_traceback_later()
            print(json.dumps(outcome), file=answers, flush=True)


if __name__ == "__main__":
    _work(sys.argv[1], float(sys.argv[2]))
