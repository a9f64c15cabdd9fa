"""Files are whole or not there, whatever goes wrong while they are written."""

import errno
import json
import os
from pathlib import Path

import pytest
import torch
from samples import dead_process, leave_part

from contav_lib.utils import storage
from contav_lib.utils.storage import (
    StorageError,
    file_errors,
    load_tensors,
    process_errors,
    read_json,
    read_metadata,
    save_tensors,
    write_atomically,
    write_json,
)


def full_disk(path, content):
    path.write_text(content[:20].decode(errors="ignore"))
    raise OSError(errno.ENOSPC, "No space left on device")


def test_tensors_and_metadata_come_back(tmp_path):
    tensors = {"a": torch.randn(3, 4).T, "b": torch.arange(5), "c": torch.ones((), dtype=torch.bool)}
    save_tensors(tmp_path / "deep/er/file.safetensors", tensors, {"classes": ["tuba"], "best": None})
    loaded, metadata = load_tensors(tmp_path / "deep/er/file.safetensors")
    assert metadata == {"classes": ["tuba"], "best": None}
    assert loaded.keys() == tensors.keys() and all(torch.equal(loaded[name], tensors[name]) for name in tensors)


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt(), ValueError()])
def test_a_writer_that_fails_midway_leaves_the_old_file(tmp_path, error):
    path = tmp_path / "file.txt"
    path.write_text("old")

    def write(temporary):
        temporary.write_text("ne")
        raise error

    with pytest.raises(StorageError if isinstance(error, OSError) else type(error)):
        write_atomically(path, write)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_said_with_the_files_name(tmp_path, monkeypatch):
    path = tmp_path / "weights.safetensors"
    save_tensors(path, {"a": torch.zeros(2)}, "old")
    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(StorageError, match=r"Could not write .*weights\.safetensors.*No space left.*untouched"):
        save_tensors(path, {"a": torch.ones(2)}, "new")
    assert load_tensors(path)[1] == "old" and list(tmp_path.iterdir()) == [path]


def test_nan_is_no_json(tmp_path):
    with pytest.raises(ValueError):
        write_json(tmp_path / "file.json", {"sdr": float("nan")})
    assert not list(tmp_path.iterdir())


def test_json_that_says_the_same_is_not_written_again(tmp_path):
    path = tmp_path / "file.json"
    write_json(path, {"sdr": [1, 2]})
    written = path.stat().st_mtime_ns, path.stat().st_ino
    write_json(path, {"sdr": [1, 2]})
    assert written == (path.stat().st_mtime_ns, path.stat().st_ino)
    write_json(path, {"sdr": [1, 3]})
    assert read_json(path) == {"sdr": [1, 3]}


@pytest.mark.parametrize("content", [None, '{"sdr": [1, 2', ""])
def test_unreadable_json_is_named(tmp_path, content):
    if content is not None:
        (tmp_path / "matrix.json").write_text(content)
    with pytest.raises(StorageError, match=r"matrix\.json is missing, damaged.*run again"):
        read_json(tmp_path / "matrix.json")


def test_damaged_tensors_are_named(tmp_path):
    path = tmp_path / "weights.safetensors"
    save_tensors(path, {"a": torch.zeros(100)}, None)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(StorageError, match=r"weights\.safetensors"):
        load_tensors(path)
    with pytest.raises(StorageError, match=r"other\.safetensors"):
        load_tensors(tmp_path / "other.safetensors")
    (tmp_path / "file.json").write_text(json.dumps({}))
    with pytest.raises(StorageError, match="not a file of this kit"):
        load_tensors(tmp_path / "file.json")


def test_metadata_are_read_of_whole_files_only(tmp_path):
    path = tmp_path / "weights.safetensors"
    save_tensors(path, {"a": torch.zeros(100)}, {"classes": ["tuba"]})
    assert read_metadata(path) == {"classes": ["tuba"]}
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(StorageError, match=r"weights\.safetensors is missing, damaged"):
        read_metadata(path)


@pytest.mark.parametrize("take_apart", [lambda c: c["seed"], lambda c: c[3], lambda c: c.x, lambda c: int("a"), len])
def test_content_of_another_form_is_told_with_the_files_name_and_a_remedy(tmp_path, take_apart):
    told = pytest.raises(StorageError, match=r"file\.json is missing, damaged, or not.*Dance\.$")
    with told, file_errors(tmp_path / "file.json", "Dance."):
        take_apart(None if take_apart is len else {})


def test_what_a_reader_within_has_said_is_not_said_again(tmp_path):
    with pytest.raises(StorageError) as caught, file_errors(tmp_path / "outer.json"):
        read_json(tmp_path / "inner.json")
    assert "outer" not in str(caught.value)


def test_prefixes_go_on_and_off():
    tensors = {"a.b": torch.zeros(1), "c": torch.ones(1)}
    mixed = storage.with_prefix("x.", tensors) | storage.with_prefix("y.", tensors)
    assert storage.without_prefix("y.", mixed) == tensors and len(mixed) == 4


@pytest.mark.parametrize(
    "error", [FileNotFoundError(2, "No usable temporary directory found"), OSError(38, "sem_open")]
)
def test_what_processes_need_is_said_where_it_is_missing(error):
    with pytest.raises(StorageError, match="Could not start processes .*/dev/shm.*TMPDIR"), process_errors():
        raise error


def test_json_that_never_ends_is_said_to_be_damaged(tmp_path):
    path = tmp_path / "deep.json"
    path.write_text("[" * 100_000)
    with pytest.raises(StorageError, match=r"deep\.json is missing, damaged"):
        storage.read_json(path)


@pytest.mark.parametrize("path", [".", "/"])
def test_a_folder_is_no_file_to_write(path):
    with pytest.raises(StorageError, match="give the name of a file"):
        storage.write_json(Path(path), {})


def test_a_name_too_long_for_the_disk_is_said(tmp_path):
    with pytest.raises(StorageError, match="Could not write"):
        storage.write_json(tmp_path / ("x" * 300), {})


def test_a_name_as_long_as_names_can_be_is_written(tmp_path):
    path = tmp_path / ("曲" * 83 + ".json")  # 254 bytes
    storage.write_json(path, 1)
    assert list(tmp_path.iterdir()) == [path]


def test_what_killed_processes_left_is_swept_and_what_live_ones_write_is_not(tmp_path):
    (tmp_path / "class").mkdir()
    live, dead = (leave_part(tmp_path / "class/clip.mp4", process) for process in (os.getppid(), dead_process()))
    elsewhere = leave_part(tmp_path / "clip.mp4", dead_process())
    elsewhere = elsewhere.rename(elsewhere.with_name(elsewhere.name.replace(storage._MACHINE, "another-machine")))
    storage.sweep(tmp_path)
    assert (live.exists(), dead.exists(), elsewhere.exists()) == (True, False, True)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_json_with_a_byte_order_mark_is_read(tmp_path, encoding):
    (tmp_path / "list.json").write_text('{"videos": "é"}', encoding=encoding)
    assert read_json(tmp_path / "list.json") == {"videos": "é"}
