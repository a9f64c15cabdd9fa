"""`CONTAV_DATA`: data that others made are used where they lie, and nothing is written there."""

import os
import shutil
from pathlib import Path

import pytest

from contav_lib import run
from contav_lib.datasets import load
from contav_lib.experiments.starter import PACK, starter
from contav_lib.utils import paths
from contav_lib.utils.storage import StorageError, only_one, read_json, write_json


def state_of(folder: Path) -> dict[str, tuple[int, int]]:
    """What is in a folder, with times of change; those of folders change with every file that is made in them."""
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in [folder, *folder.rglob("*")]}


@pytest.fixture
def shared(_prepared, tmp_path, monkeypatch):
    """Prepared clips in a folder that nobody may write to, and a home that is empty."""
    folder = shutil.copytree(_prepared / "data", tmp_path / "shared")
    monkeypatch.setenv("CONTAV_DATA", str(folder))
    monkeypatch.setenv("CONTAV_HOME", str(tmp_path / "own"))
    for path in [folder, *folder.rglob("*")]:
        path.chmod(path.stat().st_mode & ~0o222)
    yield folder
    for path in [folder, *folder.rglob("*")]:
        path.chmod(path.stat().st_mode | 0o200)


def test_an_experiment_reads_what_is_shared_and_writes_at_home(shared, tiny):
    before = state_of(shared)
    result = run(tiny(), progress=False)
    assert result.folder.parent == paths.home() / "runs"
    assert state_of(shared) == before
    assert not (paths.home() / "data").exists()


def test_what_is_not_shared_is_made_at_home(shared):
    assert paths.generated("other") == paths.home() / "data" / "other"


def test_starter_results_are_found_there(shared):
    about = read_json(PACK / "starter.json")
    shared.chmod(0o755)
    name = about["results"]["replay"]
    folder = shutil.copytree(PACK / name, shared / f"starter-{about['digest']}" / name)
    before = state_of(shared)
    assert starter(["replay"])["replay"].folder == folder
    with pytest.raises(StorageError, match="CONTAV_DATA"):
        starter(["fine-tuning"])
    assert state_of(shared) == before


def test_clips_that_are_not_whole_are_not_made_there(shared, video_folder):
    for packed in shared.glob("*-prepared"):  # other tests may have prepared clips for other settings
        packed.chmod(0o755)
        (packed / "clips.jsonl").unlink()
        packed.chmod(0o555)
    before = state_of(shared)
    load._load.cache_clear()  # as in a process of its own
    with pytest.raises(StorageError, match=r"CONTAV_DATA.*only read"):
        load.load_data(str(video_folder))
    assert state_of(shared) == before


def test_nothing_is_written_there_by_whom_the_system_would_let(shared):
    shared.chmod(0o755)
    with pytest.raises(StorageError, match="CONTAV_DATA"):
        write_json(shared / "new.json", {})
    with pytest.raises(StorageError, match="CONTAV_DATA"), only_one(shared / ".lock", "tries"):
        pass
    assert not {"new.json", ".lock"} & set(os.listdir(shared))


@pytest.mark.parametrize("value", ["nowhere", "~nobody-of-this-name/data"])
def test_a_variable_that_names_no_folder_says_so(monkeypatch, value):
    monkeypatch.setenv("CONTAV_DATA", value)
    with pytest.raises(ValueError, match=f"CONTAV_DATA='{value}'"):
        paths.generated("minimusic")
