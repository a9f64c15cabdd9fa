"""What a mixing desk answers: the numbers of `evaluate`, whatever is shown and asked; and what it refuses."""

import copy
import logging
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from samples import RATE, write_tone

from contav_lib.audio import SAMPLE_RATE
from contav_lib.config import Config
from contav_lib.evaluation.ablations import VISUAL_ABLATIONS
from contav_lib.evaluation.evaluate import evaluate, separate_batch
from contav_lib.evaluation.whole import separate_whole
from contav_lib.experiments.examples import LENGTH
from contav_lib.experiments.setup import Setup
from contav_lib.media import write_flac
from contav_lib.mixtures.fixed import fixed_mixtures
from contav_lib.widgets.mixing_desk import MixingDesk

SHOWN = ({"looks": 0, "motion": 0}, {"looks": 1, "motion": 1})
SIGHTS = {
    "everything given": SHOWN,
    "object swapped": ({"looks": 1, "motion": 0}, {"looks": 0, "motion": 1}),
    "motion swapped": ({"looks": 0, "motion": 1}, {"looks": 1, "motion": 0}),
    "object and motion swapped": SHOWN[::-1],
    "no picture": ({"looks": -1, "motion": -1},) * 2,
}


@pytest.fixture
def setup(reference, home) -> Setup:
    return Setup.build(Config.from_json(reference.config))


@pytest.fixture
def draw(setup):
    return fixed_mixtures(setup.test, range(4), 1, 5)


@pytest.fixture
def desk(reference, setup, draw) -> MixingDesk:
    clips = [setup.test.ids[number] for number in draw.clips[0]]
    return MixingDesk({"<b>tiny</b>": reference}, clips, (draw.starts[0] / SAMPLE_RATE).tolist())


def change(desk, number: int = 0, **what) -> None:
    slots = copy.deepcopy(desk.wanted["slots"])
    slots[number] |= what
    desk.wanted = {**desk.wanted, "number": desk.wanted["number"] + 1, "slots": slots}


def scores(desk, name: str = "sdr") -> list[float]:
    return [stem[name] for stem in desk.answer["stems"]]


def heard(desk) -> np.ndarray:
    rows = zip(desk.sounds, desk.scales, strict=True)
    return np.array([np.frombuffer(data, "<i2") / 32767 * scale for data, scale in rows])


@pytest.mark.parametrize("shown", SIGHTS)
def test_its_scores_are_those_of_evaluate(reference, setup, draw, desk, shown):
    for number, pictures in enumerate(SIGHTS[shown]):
        change(desk, number, **pictures)
    expected = evaluate(reference.separator(), setup.test, draw, VISUAL_ABLATIONS[shown])
    for name in ("sdr", "sir", "sar", "sdr_improvement"):
        np.testing.assert_allclose(scores(desk, name), expected[name][0], atol=1e-6)


def test_what_is_heard_and_drawn_is_what_was_separated(reference, setup, draw, desk):
    batch = setup.test.batch(draw, keep_waveforms=True)
    expected = separate_batch(reference.separator(), batch, setup.test)[0].numpy()
    mixture, *sounds = heard(desk)
    np.testing.assert_allclose(sounds[1::2], expected, atol=1e-4)
    np.testing.assert_allclose(mixture, sounds[0] + sounds[2], atol=1e-4)
    with torch.no_grad():
        masks = reference.separator()(batch.mixture, batch.visual, batch.classes).masks[0].numpy()
    drawn = np.array([np.frombuffer(mask, np.uint8) for mask in desk.masks]).reshape(masks.shape)
    np.testing.assert_allclose((drawn[drawn > 0] - 1.0) / 254, masks[drawn > 0], atol=1 / 254)
    assert len(desk.pictures) == 5 and all(picture.startswith(b"\xff\xd8") for picture in desk.thumbnails)


def test_six_seconds_are_those_of_the_stored_examples(reference, setup, desk):
    fresh = MixingDesk(reference, [slot["clip"] for slot in desk.wanted["slots"]])
    clips = [setup.test.ids.index(slot["clip"]) for slot in fresh.wanted["slots"]]
    separated, truth = separate_whole(reference.separator(), setup.test, clips, LENGTH)
    assert fresh.wanted["whole"] and not desk.wanted["whole"]
    np.testing.assert_allclose(heard(fresh)[1:], torch.stack([truth, separated], 1).flatten(0, 1), atol=1e-4)
    bins = fresh.answer["stems"][0]["bins"]
    lengths = [len(mask) // bins * setup.config.hop / LENGTH for mask in fresh.masks]
    assert lengths == pytest.approx([1, 1], abs=0.05)


def test_a_result_of_the_kit_needs_no_other_data(reference, home, monkeypatch):
    folder = shutil.copytree(reference.folder, home / "starter-0" / "one")
    kept = list(Setup.build(Config.from_json(reference.config)).clips("test"))[2:5]
    monkeypatch.setattr("contav_lib.widgets.mixing.starter_clips", lambda: kept)
    monkeypatch.setattr("contav_lib.widgets.mixing.Setup.build", lambda config: pytest.fail("the data were made"))
    desk = MixingDesk(folder)
    assert sum((each["ids"] for each in desk.about["clips"]), []) == [clip.id for clip in kept]
    assert "come with the kit" in desk.notes[0] and not desk.answer["notice"]


def test_the_class_that_is_asked_for_decides(reference, setup, draw, desk):
    one, other = (slot["asked"] for slot in desk.wanted["slots"])
    change(desk, 0, asked=other)
    change(desk, 1, asked=one)
    swapped = evaluate(
        reference.separator(), setup.test, draw, lambda batch: replace(batch, classes=batch.classes.roll(1, 1))
    )
    np.testing.assert_allclose(scores(desk), swapped["sdr"][0], atol=1e-6)


def test_gain_crop_and_mute_change_the_mixture(desk):
    before = heard(desk)
    change(desk, gain=-20.0)
    softer = heard(desk)
    np.testing.assert_allclose(softer[1], before[1] / 10, atol=1e-4)
    np.testing.assert_allclose(softer[3], before[3], atol=1e-4)
    change(desk, gain=0.0, mute=True)
    np.testing.assert_allclose(heard(desk)[0], before[3], atol=1e-4)
    assert scores(desk)[0] is None and np.isfinite(scores(desk)[1])
    change(desk, 1, mute=True)
    assert scores(desk) == [None, None] and not heard(desk).any()
    change(desk, mute=False, start=99.0)
    assert len(heard(desk)[0]) == len(before[0]) and desk.answer["stems"][0]["latest"] < 2.5


def test_two_to_four_sounds_even_of_one_clip(desk):
    first = desk.wanted["slots"][0]
    slots = [{**first, "looks": number, "motion": number} for number in range(4)]
    desk.wanted = {**desk.wanted, "slots": slots}
    assert [stem["name"][-1] for stem in desk.answer["stems"]] == list("1234") and len(desk.sounds) == 9


def test_a_class_is_asked_for_before_it_is_learned_and_the_desk_says_so(desk, reference):
    late = reference.tasks[1][0]
    change(desk, asked=late)
    desk.wanted = {**desk.wanted, "number": 7, "task": 0}
    assert f"can't be asked for '{late}'" in desk.answer["notice"] and reference.tasks[0][0] in desk.answer["notice"]
    assert desk.sounds == desk.answer["stems"] == [] and desk.answer["number"] == 7
    change(desk, asked=reference.tasks[0][0])
    change(desk, 1, asked=reference.tasks[0][1])
    assert desk.answer["notice"] == "" and len(desk.sounds) == 5


def test_a_checkpoint_that_has_gone_is_told(reference, finished, home):
    from contav_lib import Result
    from contav_lib.utils import paths

    result = Result(paths.runs() / finished.name)
    desk = MixingDesk(result)
    (result.folder / "checkpoints" / "task_1.safetensors").unlink()
    change(desk, 0, asked=result.tasks[0][0])
    change(desk, 1, asked=result.tasks[0][0])
    desk.wanted = {**desk.wanted, "task": 0}
    assert "task_1.safetensors" in desk.answer["notice"]


# --- what comes from a page ---

NONSENSE = [
    {"number": "1"}, {"checkpoint": "other"}, {"checkpoint": ["<b>tiny</b>"]}, {"task": 2}, {"task": -1}, {"task": False},
    {"whole": 1}, {"slots": []}, {"slots": "x"}, {"slots": [1, 2]}, {"more": 1},
]  # fmt: skip
IN_A_SLOT = [
    {"clip": "../../etc/passwd"}, {"clip": 1}, {"clip": ["x"]}, {"start": -1.0}, {"start": float("nan")}, {"start": "0"},
    {"gain": 1.0}, {"gain": -31}, {"mute": 1}, {"looks": 2}, {"looks": -2}, {"motion": 0.5}, {"motion": False},
    {"asked": "theremin"}, {"more": 1},
]  # fmt: skip


@pytest.mark.parametrize("wrong", [*NONSENSE, *({"slot": what} for what in IN_A_SLOT)], ids=str)
def test_a_question_that_makes_no_sense_is_logged_and_changes_nothing(desk, caplog, wrong):
    before = {name: value for name, value in desk.get_state().items() if not name.startswith("_anywidget")}
    question = copy.deepcopy(desk.wanted)
    if "slot" in wrong:
        question["slots"][1] |= wrong["slot"]
    else:
        question |= wrong
    desk.set_state({"wanted": question})
    assert len(caplog.records) == 1 and "MixingDesk ignored what its page sent" in caplog.text
    assert {name: desk.get_state()[name] for name in before} == before


def test_a_question_that_makes_sense_is_answered(desk, caplog):
    slots = copy.deepcopy(desk.wanted["slots"])
    slots[0]["gain"] = -6  # a page sends whole numbers as such
    desk.set_state({"wanted": {**desk.wanted, "number": 3, "slots": slots}})
    assert desk.answer["number"] == 3 and not caplog.records


def send(desk, content: bytes, name: str = "mine.mp4", slot: int = 0, piece: int = 1000, **wrong) -> None:
    for at in range(0, len(content), piece):
        message = dict(file=name, slot=slot, size=len(content), at=at) | wrong
        desk._handle_custom_msg(message, [memoryview(content)[at : at + piece]])


@pytest.fixture
def video(tmp_path) -> bytes:
    write_tone(tmp_path / "own.mp4", 330.0, np.random.default_rng(1))
    return (tmp_path / "own.mp4").read_bytes()


def test_a_file_of_ones_own_is_mixed_and_its_class_recognised(desk, video, caplog):
    send(desk, video, "../mine.mp4", slot=1)
    slot = desk.wanted["slots"][1]
    assert slot["clip"] == "your file: mine.mp4" and slot["asked"] in desk._mixer.classes and desk.notes == []
    assert np.isfinite(scores(desk)).all() and desk.thumbnails[1].startswith(b"\xff\xd8") and not caplog.records
    assert desk.answer["stems"][1]["name"] == "mine.mp4"
    assert {"label": "", "ids": ["your file: mine.mp4"]} in desk.about["clips"]
    desk.set_state({"wanted": {**desk.wanted, "slots": desk.wanted["slots"][::-1]}})
    assert desk.answer["stems"][0]["name"] == "mine.mp4"


def test_of_many_files_the_first_that_do_not_sound_are_forgotten(desk, video):
    for number in range(10):
        send(desk, video, f"{number}.mp4", slot=int(number > 0))
    own = [clip for clip, label in desk._mixer.labels.items() if not label]
    assert len(own) == 8 and {"your file: 0.mp4", "your file: 9.mp4"} <= set(own)
    assert [stem["name"] for stem in desk.answer["stems"]] == ["0.mp4", "9.mp4"]


def test_a_file_without_pictures_is_heard_and_its_lack_told(desk, tmp_path):
    write_flac(tmp_path / "own.flac", torch.from_numpy(0.3 * np.sin(np.arange(2 * RATE) * 0.2)).float(), RATE)
    send(desk, (tmp_path / "own.flac").read_bytes(), "own.flac")
    assert (
        "no picture" in desk.notes[0]
        and "own.flac: has no video stream" in desk.notes[0]
        and str(tmp_path) not in desk.notes[0]
    )
    assert np.isfinite(scores(desk)).all() and desk.thumbnails[0] == b""


@pytest.mark.parametrize(
    ("content", "told"), [(b"no media", "mine.mp4: is not a media file"), (b"\0\0\0\x20ftyp", "mine.mp4: is truncated")]
)
def test_a_file_that_cannot_be_read_is_told_and_changes_nothing(desk, content, told):
    before = desk.wanted
    send(desk, content)
    assert told in desk.notes[0] and "/tmp" not in desk.notes[0] and desk.wanted == before


@pytest.mark.parametrize(
    "wrong",
    [{"at": 5}, {"size": 3}, {"size": 10**9}, {"size": True}, {"slot": 2}, {"slot": -1}, {"file": 7}, {"file": None}],
)
def test_pieces_that_make_no_sense_are_ignored(desk, caplog, wrong):
    before = (desk.wanted, desk.notes)
    send(desk, b"0123456789", **wrong)
    desk._handle_custom_msg(dict(file="x", slot=0, size=10, at=0), [])
    assert [entry.levelno for entry in caplog.records] == [logging.WARNING] * 2
    assert (desk.wanted, desk.notes) == before


# --- what a learner gives ---


def test_results_of_other_features_are_left_out_and_told(reference, home, tiny):
    import json

    from contav_lib import Result

    folder = home / "runs" / "other"
    shutil.copytree(reference.folder, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"visual_noise": 1.0}))
    desk = MixingDesk({"one": reference, "noisy": Result(folder)})
    assert [each["name"] for each in desk.about["checkpoints"]] == ["one"] and "noisy" in desk.notes[0]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((["x"],), "MixingDesk wants results by name.*not a Result"),
        (("no/such/folder",), "MixingDesk wants results by name"),
        (({},), "MixingDesk wants results by name"),
        (("reference", ["theremin", "drum"]), "no class 'theremin'"),
        (("reference", ["drum"]), "2 to 4 slots"),
        (("reference", ["drum", "flute"], [-1, 0]), "0 or more seconds"),
    ],
)
def test_what_makes_no_desk_is_refused(reference, home, given, message):
    with pytest.raises(ValueError, match=message):
        MixingDesk(*(reference if part == "reference" else part for part in given))


def test_a_saved_page_shows_masks_and_plays_sounds(desk):
    html = desk._repr_mimebundle_()[0]["text/html"]
    assert html.count("data:audio/flac") == 3 and 'class="contav-on-light"' in html and "SDR" in html


def test_no_script_makes_elements_from_text():
    for door in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
        assert door not in str(MixingDesk._esm)
