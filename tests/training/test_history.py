"""The course of a run, line by line."""

import errno
import os

import pytest
import torch

from contav_lib.training.history import History, TermRecorder, read_history
from contav_lib.utils.storage import StorageError


def record(task: int, step: int, **values) -> dict:
    return {"kind": "train", "task": task, "step": step, **values}


def test_records_are_kept_and_handed_on(tmp_path):
    heard = []
    history = History(tmp_path / "run/history.jsonl", [heard.append])
    records = [record(0, 2, sdr=1.5), record(0, 4, note="Fürst"), record(1, 2)]
    for one in records:
        history.add(one)
    assert read_history(history.path) == heard == records


def test_a_line_cut_short_is_left_out(tmp_path):
    history = History(tmp_path / "history.jsonl")
    history.add(record(0, 2))
    with history.path.open("a") as file:
        file.write('{"kind": "tra')
    assert read_history(history.path) == [record(0, 2)]
    history.rewind(0, 2)
    history.add(record(0, 4))
    assert read_history(history.path) == [record(0, 2), record(0, 4)]


@pytest.mark.parametrize("line", ["42", "{}", "null", '{"kind": "train", "task": "one", "step": 2}', "{kind", "\udcff"])
def test_a_line_that_is_no_record_is_told_with_the_files_name(tmp_path, line):
    history = History(tmp_path / "history.jsonl")
    history.add(record(0, 2))
    with history.path.open("a", encoding="utf-8", errors="surrogateescape") as file:
        file.write(line + "\n")
    history.add(record(0, 4))
    for read in (lambda: read_history(history.path), lambda: history.rewind(0, 2)):
        with pytest.raises(StorageError, match=r"history\.jsonl is .*damaged.*Remove it .*fresh=True"):
            read()


def test_the_last_record_of_a_task_is_added_once(tmp_path):
    history = History(tmp_path / "history.jsonl")
    last = {"kind": "test", "task": 0, "step": 4}
    history.add(record(0, 4))
    with history.path.open("a") as file:
        file.write('{"kind": "te')  # cut short by a crash
    history.add_last(last)
    history.add(record(1, 2))
    history.add_last(last | {"seconds": 3})
    assert read_history(history.path) == [record(0, 4), last, record(1, 2)]


def test_rewinding_drops_what_came_after(tmp_path):
    history = History(tmp_path / "history.jsonl")
    for task, step in [(0, 2), (0, 4), (1, 2), (1, 4), (2, 2)]:
        history.add(record(task, step))
    history.rewind(1, 2)
    assert [(r["task"], r["step"]) for r in read_history(history.path)] == [(0, 2), (0, 4), (1, 2)]
    history.rewind(0, 0)
    assert read_history(history.path) == [] == read_history(tmp_path / "none.jsonl")


def test_a_full_disk_is_told_with_the_files_name(tmp_path, monkeypatch):
    def full(self, *arguments, **options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("pathlib.Path.open", full)
    with pytest.raises(StorageError, match=r"Could not write .*history\.jsonl.*No space left.*run again"):
        History(tmp_path / "history.jsonl").add(record(0, 2))


def test_terms_are_averaged_and_the_first_broken_one_is_found():
    recorder = TermRecorder()
    for step, (a, b) in enumerate([(1.0, 2.0), (3.0, float("nan")), (float("inf"), 4.0)]):
        recorder.add(step, {"a": torch.tensor(a), "b": torch.tensor(b, requires_grad=True)})
    means, bad = recorder.flush()
    assert bad == (1, ["b"]) and means["a"] == float("inf")
    recorder.add(7, {"a": torch.tensor(1.0)})
    recorder.add(8, {"a": torch.tensor(3.0), "b": torch.tensor(5.0)})
    assert recorder.flush() == ({"a": 2.0, "b": 5.0}, None)
    assert recorder.flush() == ({}, None)
