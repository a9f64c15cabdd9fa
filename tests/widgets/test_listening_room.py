"""What the listening room finds in a folder of results, and what it says and keeps."""

import json
import shutil

import pytest

from contav_lib.experiments import starter
from contav_lib.experiments.result import Result
from contav_lib.widgets import shelf
from contav_lib.widgets.listening_room import ListeningRoom
from contav_lib.widgets.shelf import find_shelves


def copy(reference, home, name: str, **settings) -> Result:
    """The reference result as if it had been another experiment's."""
    folder = home / "runs" / name
    shutil.copytree(reference.folder, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | settings))
    return Result(folder)


@pytest.fixture
def room(reference, home):
    copy(reference, home, "one")
    copy(reference, home, "two", method="finetune", method_settings={})
    return ListeningRoom("smoke")


def answer(room, choice: str) -> None:
    room._start()
    while not room.test.done:
        room.test._receive(room.test, {"trial": room.test.trial, "heard": ["A", "B", "X"], "choice": choice}, [])


def test_an_empty_folder_plays_what_comes_with_the_kit(reference, home, monkeypatch):
    folder = shutil.copytree(reference.folder, home / "data" / "starter-0" / "one")
    monkeypatch.setattr(shelf, "starter", lambda: {"ContAV-Sep": Result(folder)})
    room = ListeningRoom("smoke")
    assert room.player and "come with the kit" in room.children[-1].value
    copy(reference, home, "own")
    assert ListeningRoom("smoke").children[-1].value == ""


def test_an_empty_folder_without_the_pack_says_what_to_run(home, monkeypatch):
    monkeypatch.setattr(starter, "PACK", home / "no pack")
    room = ListeningRoom("lab")
    assert room.player is None
    assert "make run PROFILE=smoke" in room.children[0].value and str(home) in room.children[0].value


def test_results_with_the_same_mixtures_stand_together(reference, home):
    for seed in (0, 1):
        copy(reference, home, f"contav{seed}", seed=seed)
    copy(reference, home, "finetune", method="finetune", method_settings={})
    copy(reference, home, "harder", test_mixtures=9)
    shelves, left_out = find_shelves()
    first, second = shelves.values()
    methods = {name.split(",")[0] for name in first}
    assert methods == {"fine-tuning + memory", "ContAV-Sep"} and len(first) == 3 and len(second) == 1
    assert any("seed 1" in name for name in first) and left_out == 0


def test_names_are_those_of_tables_and_hold_no_code(reference, home):
    copy(reference, home, "one")
    without = dict(reference.config["method_settings"], instance_weight=0.0, class_weight=0.0)
    copy(reference, home, "two", method_settings=without)
    copy(reference, home, "three", method="finetune", method_settings={}, exemplars=0)
    copy(reference, home, "four", method="finetune", method_settings={}, exemplars=0, visual_noise=0.5)
    (names,) = find_shelves()[0].values()
    assert list(names) == ["fine-tuning", "ContAV-Sep", "distillation only", "fine-tuning, visual noise 0.5"]


def test_what_cannot_be_heard_is_left_out_and_counted(reference, home):
    copy(reference, home, "good")
    copy(reference, home, "older").folder.joinpath("config.json").write_text('{"name_of_profile": "smoke"}')
    copy(reference, home, "damaged").folder.joinpath("matrix.json").write_text("{")
    shutil.rmtree(copy(reference, home, "silent").folder / "examples")
    next((copy(reference, home, "incomplete").folder / "examples").glob("*.flac")).unlink()
    shelves, left_out = find_shelves()
    assert [len(shelf) for shelf in shelves.values()] == [1] and left_out == 4
    assert "Left out: 4" in ListeningRoom().children[-2].value


def test_a_damaged_sound_at_the_start_is_told_with_a_remedy(reference, home):
    folder = copy(reference, home, "one").folder / "examples"
    for file in folder.glob("task1*"):
        file.write_bytes(b"fLaC" + bytes(100))
    room = ListeningRoom("smoke")
    told = room.children[0].value
    assert room.player is None and "task1a_" in told and f"{folder}</code> and run the experiment again" in told


def test_another_method_keeps_the_stem_and_the_step(room):
    stem = room.player.names[2]
    room.player.solo, room.player.step = [stem], 0
    room._method.value = next(name for name in room._method.options if name != room._method.value)
    assert (room.player.solo, room.player.step, room.player.content) == ([stem], 0, 1)
    room._mixture.index = 1
    assert room.player.steps == ["after task 2"]


def test_votes_of_either_order_are_one_line(room):
    one, other = room._method.options
    room._method.value, room._other.value = one, other
    answer(room, "A")
    room._method.value, room._other.value = other, one
    answer(room, "A")
    table = room.to_frame()
    assert len(table) == 1 and len(room.votes) == 16
    assert sum(map(int, table["outcome"][0].split(" : "))) == 16
    assert table["methods"][0] in room._table.value.replace("&lt;", "<")


def test_votes_of_all_browsers_are_pooled_and_shown(room, home):
    one, other = room._method.options
    room._method.value, room._other.value = one, other
    answer(room, "A")
    second = ListeningRoom("smoke")
    second._method.value, second._other.value = one, other
    answer(second, "B")
    table = second.to_frame()
    assert table["listeners"].tolist() == [2] and len(second.votes) == 16
    assert (home / "runs" / "votes.sqlite").exists()
    room._show_votes()
    assert room._table.value == second._table.value


def test_a_damaged_file_of_votes_is_told(room, home):
    (home / "runs" / "votes.sqlite").write_bytes(b"no database" * 100)
    answer(room, "A")
    assert "Move the file away" in room._table.value and room.test.done


def test_a_method_is_not_compared_with_itself(room):
    room._other.value = room._method.value
    room._start()
    assert room.test is None and "two different methods" in room._booth.children[0].value


def test_a_sound_that_has_gone_is_told(room):
    for file in (Result(room._result.folder).folder / "examples").glob("*truth*"):
        file.unlink()
    room._mixture.index = 1
    assert "truth" in room._notice.value


def test_a_saved_page_holds_sounds_that_play(room):
    assert "data:audio/flac" in room._repr_mimebundle_()["text/html"]


def test_a_mixing_desk_opens_on_the_chosen_method(room):
    room._method.value = room._method.options[-1]
    room._open_desk()
    names = [each["name"] for each in room.desk.about["checkpoints"]]
    assert names[0] == room._method.value and set(names) == set(room._method.options)
    assert room._studio.children == (room.desk,)


def test_a_desk_without_its_checkpoint_says_so(room):
    (room._result.folder / "matrix.json").write_text("{")
    (room._result.folder / "checkpoints" / "task_2.safetensors").unlink()
    room._open_desk()
    assert "task_2.safetensors" in room.desk.answer["notice"]
