"""What a page, or a learner, may get wrong: messages that make no sense, results given by their paths, odd names."""

import logging

import numpy as np
import pytest
import torch

from contav_lib.analysis.similarity import SourceFeatures
from contav_lib.widgets.blind_test import BlindTest
from contav_lib.widgets.forgetting_explorer import LIVE, ForgettingExplorer
from contav_lib.widgets.similarity_explorer import SimilarityExplorer
from contav_lib.widgets.stem_player import StemPlayer

SOUNDS = {"one": 0.1 * np.sin(np.arange(4000.0)), "two": 0.1 * np.cos(np.arange(4000.0))}
FORGETTING_CELL = {"method": "one", "learned": 0, "tested": 0}
SIMILARITY_CELL = {"panel": "new", "average": False, "row": ["new", 0], "column": ["new", 1]}


def forgetting() -> ForgettingExplorer:
    explorer = ForgettingExplorer()
    rows = dict.fromkeys(("sdr", "sir", "sar", "si_sdr", "sdr_improvement"), [5.0, None])
    explorer.watch("one")({"kind": "test", "task": 0, "step": 1, "tasks": rows, "seen": {}})
    return explorer


def similarity() -> SimilarityExplorer:
    features = {name: torch.randn(1, 3, 4) for name in ("audio", "object")}
    return SimilarityExplorer(SourceFeatures(features, [0, 1, 1], [["cello", "flute"]]))


MAKE = {
    "player": lambda: StemPlayer(SOUNDS, steps=["before", "after"]),
    "abx": lambda: BlindTest(SOUNDS, "abx", trials=3, seed=0),
    "rate": lambda: BlindTest(SOUNDS, "rate", trials=3, seed=0),
    "forgetting": forgetting,
    "similarity": similarity,
}
MESSAGES = [None, 3, "A", [], {}, {"trial": 0}, {"trial": [0], "choice": "A"}, {"kind": "source", "source": -1},
            {"trial": 0, "choice": ["A"]}, {"trial": 0, "choice": "C"}, {"trial": 0, "rating_a": True, "rating_b": 1.0},
            {"trial": 0, "rating_a": "5"}, {"kind": "source"}, {"kind": "source", "source": True}]  # fmt: skip
STATES = {
    "player": [{"volume": "loud"}, {"volume": 2.0}, {"solo": ["three"]}, {"solo": 1}, {"step": "1"}, {"step": -1},
               {"gains": {"three": 1.0}}, {"gains": {"one": "x"}}, {"view": "sound"}, {"loop": ["a"]}, {"stems": []},
               {"position": None}, {"sounds": ["x"]}, {"unheard_of": 1}],
    "abx": [{"trial": 2}, {"done": True}, {"kind": "rate"}, {"trials": "x"}],
    "rate": [{"outcome": "won"}],
    "forgetting": [{"score": "loudness"}, {"_cell": 5}, {"_cell": {"method": "one"}}, {"_methods": []},
                   *({"_cell": FORGETTING_CELL | change} for change in
                     ({"learned": 2}, {"tested": -1}, {"tested": "0"}, {"learned": True}, {"method": ["one"]},
                      {"method": "two"}, {"more": 1}))],
    "similarity": [{"pair": ["audio", "smell"]}, {"pair": "audio"}, {"model": 1}, {"old": "x"}, {"average": 2},
                   {"_cell": [1]}, {"_cell": {"panel": "new"}}, {"_about": {}},
                   *({"_cell": SIMILARITY_CELL | change} for change in
                     ({"panel": "newest"}, {"panel": []}, {"average": "no"}, {"row": ["new", 3]}, {"row": ["new"]},
                      {"row": None}, {"column": ["older", 0]}, {"column": ["new", -1]}, {"more": 1}))],
}  # fmt: skip


def state_of(widget) -> dict:
    return {key: value for key, value in widget.get_state().items() if not key.startswith("_anywidget")}


@pytest.mark.parametrize("name", MAKE)
def test_a_message_that_makes_no_sense_is_logged_and_changes_nothing(name, caplog):
    widget = MAKE[name]()
    before = state_of(widget)
    for message in MESSAGES:
        caplog.clear()
        widget._handle_custom_msg(message, [])
        assert [entry.levelno for entry in caplog.records] == [logging.WARNING], message
        assert f"{type(widget).__name__} ignored what its page sent" in caplog.text
    assert state_of(widget) == before


@pytest.mark.parametrize(("name", "state"), [(name, state) for name, states in STATES.items() for state in states])
def test_a_state_that_makes_no_sense_is_logged_and_changes_nothing(name, state, caplog):
    widget = MAKE[name]()
    before = state_of(widget)
    widget.set_state(state)
    assert len(caplog.records) == 1 and "ignored what its page sent" in caplog.text
    assert state_of(widget) == before


def test_what_makes_sense_is_taken(caplog):
    player, forgot, alike = (MAKE[name]() for name in ("player", "forgetting", "similarity"))
    player.set_state({"solo": ["two"], "volume": 0.5, "step": 1, "gains": {"one": -6.0}})
    forgot.set_state({"_cell": FORGETTING_CELL, "score": "sir"})
    alike.set_state({"_cell": SIMILARITY_CELL})
    assert (player.solo, player.volume, player.step, player.gains) == (["two"], 0.5, 1, {"one": -6.0})
    assert forgot.selected["value"] == 5.0 and alike.selected["row"].startswith("cello")
    assert not caplog.records


def test_beyond_its_end_the_slider_is_at_its_end():
    player = MAKE["player"]()
    player.set_state({"step": 9})
    assert player.step == 1


def test_a_chosen_cell_that_a_shorter_run_no_longer_has_is_let_go():
    explorer = forgetting()
    explorer._cell = FORGETTING_CELL | {"tested": 1}
    rows = dict.fromkeys(("sdr", "sir", "sar", "si_sdr", "sdr_improvement"), [5.0])
    explorer.watch("one")({"kind": "test", "task": 0, "step": 1, "tasks": rows, "seen": {}})
    assert explorer.selected == {}


@pytest.mark.parametrize("kind", [str, lambda path: path], ids=["text", "path"])
def test_the_path_of_a_result_stands_for_it(reference, kind):
    folder = kind(reference.folder)
    assert ForgettingExplorer(folder).names == [LIVE]
    np.testing.assert_array_equal(ForgettingExplorer({"a": folder}).matrix("a"), reference.matrix())
    player = StemPlayer.from_result(folder)
    player.load_result(folder, example=1)
    assert player.steps == ["after task 2"]
    assert BlindTest.from_results({1: folder, 2: folder}, trials=1).trials == 1
    assert SimilarityExplorer(folder, mixtures=1).to_frame().shape == (4, 4)


WANT = {
    "ForgettingExplorer wants results by name, or one result": ForgettingExplorer,
    "StemPlayer wants one result": StemPlayer.from_result,
    "BlindTest.from_results wants two results": lambda given: BlindTest.from_results({"one": given, "two": given}),
    "SimilarityExplorer wants SourceFeatures or one result": SimilarityExplorer,
}


@pytest.mark.parametrize("given", ["no/such/folder", [1, 2], 7], ids=["folder", "list", "number"])
@pytest.mark.parametrize("wanted", WANT)
def test_what_is_no_result_is_refused_with_what_is_wanted(wanted, given):
    with pytest.raises(ValueError, match=wanted) as refused:
        WANT[wanted](given)
    assert "not a Result" in str(refused.value)
    assert type(given).__name__ in str(refused.value) or str(given) in str(refused.value)


def named_like_the_reference(**options) -> BlindTest:
    return BlindTest({"the reference": SOUNDS["one"], "b": SOUNDS["two"]}, "pick", **options)


def test_a_method_may_be_called_the_reference_where_there_is_none():
    assert named_like_the_reference().labels == ["A", "B"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: StemPlayer(list(SOUNDS.values())), "StemPlayer wants sounds by name.*not a list"),
        (lambda: StemPlayer("mixture.wav"), "StemPlayer wants sounds by name.*not a str"),
        (lambda: StemPlayer({"x": None}), r"'x' has shape \[\]; a sound is"),
        (lambda: StemPlayer({"x": {"y": 1}}), "'x' is a dict; a sound is a waveform"),
        (lambda: StemPlayer({1: SOUNDS["one"], "1": SOUNDS["two"]}), "Two stems have the same name as text: 1, '1'"),
        (lambda: BlindTest(list(SOUNDS.values())), "BlindTest wants the sounds of two methods by name.*not a list"),
        (lambda: BlindTest({1: SOUNDS["one"], "1": SOUNDS["two"]}), r"two different names.* they are \['1', '1'\]"),
        (lambda: named_like_the_reference(references=[SOUNDS["one"]]), "none of them 'the reference'"),
        (lambda: BlindTest.from_results("runs"), "BlindTest.from_results wants two results by name.*not a str"),
    ],
)
def test_what_cannot_be_played_is_refused_with_what_is_wanted(make, message):
    with pytest.raises(ValueError, match=message):
        make()


SCRIPT = '</script><img src=x onerror="alert(1)">'


def test_names_are_text_wherever_a_saved_notebook_shows_them():
    for widget in (StemPlayer({SCRIPT: SOUNDS["one"]}), BlindTest({SCRIPT: SOUNDS["one"], "two": SOUNDS["two"]})):
        html = widget._repr_mimebundle_()[0]["text/html"]
        assert "<img src=x" not in html and "&lt;img src=x" in html


def test_no_script_of_the_pages_makes_elements_from_text():
    for widget in (StemPlayer, BlindTest, ForgettingExplorer, SimilarityExplorer):
        for door in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
            assert door not in str(widget._esm)
