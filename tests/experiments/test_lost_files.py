"""What is lost or damaged in a result is made again, and nothing else is."""

import json
import resource
import shutil
from pathlib import Path

import pytest
from samples import assert_equal_weights

from contav_lib import Result, run
from contav_lib.experiments.result import NothingStored
from contav_lib.experiments.run import is_finished
from contav_lib.training.trainer import Trainer
from contav_lib.utils import paths
from contav_lib.utils.storage import StorageError, load_tensors

pytestmark = pytest.mark.slow


@pytest.fixture
def learned(monkeypatch) -> list[int]:
    """The tasks that are learned from now on."""
    tasks, learn = [], Trainer.learn

    def watched(self, task, validation):
        tasks.append(task.index)
        learn(self, task, validation)

    monkeypatch.setattr(Trainer, "learn", watched)
    return tasks


def assert_same(one: Result, other: Result) -> None:
    """Weights, scores and the course of training; not the time it took."""
    assert_equal_weights(one, other)
    for name in ("matrix.json", "mixtures.json"):
        assert (one.folder / name).read_text() == (other.folder / name).read_text()
    mine, yours = ([{**record, "seconds": 0} for record in result.history()] for result in (one, other))
    assert mine == yours
    assert [set(example["separated"]) for example in one.examples()] == [
        set(example["separated"]) for example in other.examples()
    ]


DAMAGES = [None, '{"tasks": [["ban', "", "[]", "null", "{}", '{"dropped": 0, "tasks": [["a"], ["b"]]}']


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_lost_table_is_measured_anew_and_nothing_learned_again(finished, reference, no_training, damage):
    path = paths.runs() / finished.name / "matrix.json"
    if damage is None:
        path.unlink()
    else:
        path.write_text(damage)
        with pytest.raises(StorageError, match=r"matrix\.json is missing, damaged.*Remove it and run again"):
            Result(path.parent)
    assert not is_finished(finished)
    assert_same(run(finished, progress=False), reference)
    assert is_finished(finished)


@pytest.mark.parametrize(
    "damage", [None, '{"tasks": [', "null", '{"tasks": [], "seen": null}', "row lost", "seen lost"]
)
def test_lost_scores_of_mixtures_are_measured_anew_and_nothing_learned_again(finished, reference, no_training, damage):
    path = paths.runs() / finished.name / "mixtures.json"
    stored = json.loads(path.read_text())
    match damage:
        case None:
            path.unlink()
        case "row lost":
            stored["tasks"][0]["sdr"][1] = None
            path.write_text(json.dumps(stored))
        case "seen lost":
            path.write_text(json.dumps({**stored, "seen": None}))
        case _:
            path.write_text(damage)
    with pytest.raises(StorageError, match=r"mixtures\.json is missing, damaged.*Remove it and run again"):
        Result(path.parent).mixture_scores()
    assert not is_finished(finished)
    assert_same(run(finished, progress=False), reference)
    assert is_finished(finished)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def exchange(path: Path) -> None:
    path.write_bytes(path.with_name("task_1.safetensors").read_bytes())


@pytest.mark.parametrize("damage", [Path.unlink, cut, exchange])
def test_tasks_before_a_lost_checkpoint_are_kept(home, tiny, learned, damage):
    config = tiny(tasks=4, steps=2)
    folder = run(config, progress=False).folder
    before = Result(shutil.copytree(folder, home / "before"))
    damage(folder / "checkpoints/task_3.safetensors")
    learned.clear()
    assert not is_finished(config)
    assert_same(run(config, progress=False), before)
    assert learned == [2, 3] and is_finished(config)


def test_what_was_learned_after_a_lost_checkpoint_goes_at_once(finished, monkeypatch):
    def stopped(self, task, validation):
        raise KeyboardInterrupt

    folder = paths.runs() / finished.name
    (folder / "checkpoints/task_1.safetensors").unlink()
    monkeypatch.setattr(Trainer, "learn", stopped)
    with pytest.raises(KeyboardInterrupt):
        run(finished, progress=False)
    assert not list((folder / "checkpoints").iterdir())  # else the next run would take the second task as learned


@pytest.mark.parametrize("damage", ["index lost", "index of something else", "index cut", "sound lost", "sound empty"])
def test_damaged_examples_are_made_again(finished, reference, no_training, damage):
    examples = paths.runs() / finished.name / "examples"
    index, sound = examples / "examples.json", examples / "task1a_separated2_after_task1.flac"
    match damage:
        case "index lost":
            index.unlink()
        case "index of something else":
            index.write_text('[{"task": 0}]')
        case "index cut":
            index.write_text(index.read_text()[:-9])
        case "sound lost":
            sound.unlink()
        case "sound empty":
            sound.write_bytes(b"")
    if damage.startswith("index"):
        with pytest.raises(StorageError, match=r"examples\.json is missing, damaged.*Remove it and run again"):
            Result(examples.parent).examples()
    assert not is_finished(finished)
    assert_same(run(finished, progress=False), reference)
    assert is_finished(finished) and sound.stat().st_size


def test_results_without_examples_are_finished(finished, reference, no_training):
    shutil.rmtree(paths.runs() / finished.name / "examples")  # as on a machine without PyAV
    assert is_finished(finished) and run(finished, progress=False).examples() == []


def test_examples_of_an_earlier_version_are_as_if_not_there_until_they_are_made_again(finished, no_training):
    index = paths.runs() / finished.name / "examples" / "examples.json"
    entries = json.loads(index.read_text())
    index.write_text(json.dumps([{k: v for k, v in e.items() if k not in ("name", "why", "scores")} for e in entries]))
    result = run(finished, progress=False)
    assert result.examples() == []
    with pytest.raises(NothingStored, match=r"earlier version. Remove .*examples\.json and run it again"):
        result.example(0)
    index.unlink()
    assert run(finished, progress=False).example(0)["scores"]


def test_examples_can_begin_with_a_later_task(finished):
    folder = paths.runs() / finished.name
    shutil.rmtree(folder / "examples")
    (folder / "checkpoints/task_2.safetensors").unlink()
    assert [set(example["separated"]) for example in run(finished, progress=False).examples()] == [{1}, {1}]


@pytest.mark.parametrize("content", [None, '{"seed": ', "{}", "[]", '{"seed": 3}'])
def test_lost_damaged_and_foreign_settings_are_written_anew(finished, reference, no_training, content):
    file = paths.runs() / finished.name / "config.json"
    if content is None:
        file.unlink()
    else:
        file.write_text(content)
    assert not is_finished(finished)
    result = run(finished, progress=False)
    assert result.config == json.loads(json.dumps(finished.to_json())) and result.summary() == reference.summary()
    assert is_finished(finished)


def test_damaged_settings_are_named(finished):
    file = paths.runs() / finished.name / "config.json"
    file.write_text('{"seed": ')
    with pytest.raises(StorageError, match=r"config\.json"):
        Result(file.parent)


def test_a_damaged_checkpoint_is_named(finished, tiny):
    folder = paths.runs() / finished.name
    path = folder / "checkpoints/task_2.safetensors"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(StorageError, match=r"task_2\.safetensors is missing, damaged"):
        Result(folder).separator()


def test_scores_of_fewer_mixtures_than_tasks_have_are_not_finished(finished):
    path = paths.runs() / finished.name / "mixtures.json"
    stored = json.loads(path.read_text())
    for name, values in stored["seen"].items():
        stored["seen"][name] = values[:-1]
    path.write_text(json.dumps(stored))
    assert not is_finished(finished)


def test_a_checkpoint_that_cannot_be_opened_just_now_is_kept(finished, no_training):
    folder = paths.runs() / finished.name
    (folder / "matrix.json").unlink()  # or the checkpoints would not be needed
    before = {path: path.read_bytes() for path in (folder / "checkpoints").iterdir()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("contav_lib.experiments.run.load_tensors", without_free_handles(load_tensors))
        with pytest.raises(StorageError, match=r"task_1\.safetensors"):
            run(finished, progress=False)
    assert {path: path.read_bytes() for path in (folder / "checkpoints").iterdir()} == before


def without_free_handles(read):
    """Let a function run while no more files can be opened."""

    def starved(*arguments):
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
        try:
            return read(*arguments)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)

    return starved
