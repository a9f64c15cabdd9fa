import ctypes
import os
import time

import pytest

from contav_lib.corpus.workers import FAILED, FINISHED, LOST, run_jobs

HERE = f"{__name__}:play"


def play(job):
    """What the workers are given to do."""
    if job["part"] == "hang":
        ctypes.PyDLL(None).sleep(600)  # compiled code that keeps Python's lock, as a hung synthesizer may
    if job["part"] == "crash":
        os._exit(3)
    if job["part"] == "error":
        raise ValueError("a wrong note")
    print("what is printed here is not an answer")
    time.sleep(job.get("seconds", 0))


def test_hung_and_dead_workers_cost_only_their_own_job():
    parts = ["fine", "hang", "fine", "crash", "error", "fine"]
    begin = time.monotonic()
    outcomes = list(run_jobs(HERE, [{"part": part} for part in parts], workers=2, limit=2.0))
    states = sorted((outcome.job["part"], outcome.state) for outcome in outcomes)
    assert states == [("crash", LOST), ("error", FAILED), *[("fine", FINISHED)] * 3, ("hang", LOST)]
    assert [outcome.message for outcome in outcomes if outcome.state == FAILED] == ["ValueError: a wrong note"]
    assert time.monotonic() - begin < 30


def test_leaving_early_stops_the_workers():
    jobs = [{"part": "fine"}, *[{"part": "fine", "seconds": 60}] * 3]
    begin = time.monotonic()
    for outcome in run_jobs(HERE, jobs, workers=2, limit=100.0):
        assert outcome.state == FINISHED
        break
    assert time.monotonic() - begin < 20


def test_no_jobs_no_workers():
    assert list(run_jobs(HERE, [], workers=2, limit=1.0)) == []


@pytest.mark.parametrize("function", ["contav_lib.corpus.nothing:play", f"{__name__}:nothing"])
def test_a_function_that_is_not_there_loses_the_job(function):
    assert [outcome.state for outcome in run_jobs(function, [{"part": "fine"}], workers=1, limit=5.0)] == [LOST]
