"""What the stem player sends to a browser, what it refuses, and what it leaves in a notebook."""

import base64
import io
import json
import re
import shutil

import numpy as np
import pytest
import soundfile
import torch
from traitlets import TraitError

from contav_lib.widgets import sound
from contav_lib.widgets.stem_player import StemPlayer

RATE = 11_025


def tone(frequency: float = 440, seconds: float = 1.0, level: float = 0.5) -> np.ndarray:
    return (level * np.sin(2 * np.pi * frequency * np.arange(int(seconds * RATE)) / RATE)).astype(np.float32)


def unpack(player: StemPlayer, number: int) -> np.ndarray:
    return np.frombuffer(player.sounds[number], "<i2") / 32767 * player.scales[number]


def versions() -> dict[str, np.ndarray]:
    truth = {"violin": tone(440), "tuba": tone(80)}
    stems = {"mixture": truth["violin"] + truth["tuba"]}
    for name, waveform in truth.items():
        stems |= {f"{name} (truth)": waveform, f"{name} (separated)": waveform + 0.1 * tone(990)}
    return stems


def test_sounds_arrive_as_they_are_and_quiet_ones_as_finely():
    loud, quiet = tone(), 1e-4 * tone(300)
    player = StemPlayer({"loud": loud, "quiet": torch.from_numpy(quiet)})
    np.testing.assert_allclose(unpack(player, 0), loud, atol=2e-5)
    np.testing.assert_allclose(unpack(player, 1), quiet, atol=2e-9)


def test_six_stems_of_six_seconds_stay_under_a_megabyte():
    player = StemPlayer({f"stem {n}": tone(100 * n, 6) for n in range(1, 7)})
    assert sum(map(len, player.sounds + player.pictures)) < 1e6
    assert len(player.pictures) == 6


def test_versions_become_groups_with_a_residual():
    player = StemPlayer(versions())
    assert player.names == [
        "mixture",
        *("violin (truth)", "violin (separated)", "violin (residual)"),
        *("tuba (truth)", "tuba (separated)", "tuba (residual)"),
    ]
    assert [stem["group"] for stem in player.stems] == ["", *["violin"] * 3, *["tuba"] * 3]
    assert player.solo == ["mixture"]
    (residual,) = player.stems[3]["takes"]
    np.testing.assert_allclose(
        unpack(player, residual["plus"]) - unpack(player, residual["minus"]), 0.1 * tone(990), atol=5e-5
    )
    assert len(player.sounds) == 5  # the residual is computed where it is heard


def test_groups_can_be_given():
    player = StemPlayer({"a": tone(), "b": tone(300), "c": tone(200)}, groups={"pair": ["a", "c"]})
    assert [stem["group"] for stem in player.stems] == ["pair", "", "pair"]
    with pytest.raises(ValueError, match="groups names 'd', which is no stem; .*known are: a, b"):
        StemPlayer({"a": tone(), "b": tone()}, groups={"pair": ["a", "d"]})


def test_equal_loudness_is_equal_and_does_not_clip():
    loud, quiet = tone(440, 2, 0.9), tone(500, 2, 0.01)
    gains = sound.matching_gains([loud, quiet, np.zeros_like(loud)], RATE)
    levels = [sound.loudness(gain * waveform, RATE) for gain, waveform in zip(gains, (loud, quiet), strict=False)]
    assert levels[0] == pytest.approx(levels[1], abs=0.01)
    assert max(np.abs(gains[0] * loud).max(), np.abs(gains[1] * quiet).max()) <= 1.0001
    assert gains[2] == 1  # silence stays what it is


def test_loudness_is_that_of_the_standard():
    # ITU-R BS.1770: a full-scale sine of 997 Hz in one channel has -3.01 LUFS.
    assert sound.loudness(tone(997, 5, 1.0), RATE) == pytest.approx(-3.01, abs=0.15)
    assert sound.loudness(tone(997, 0.1, 1.0), RATE) == pytest.approx(-3.01, abs=0.6)  # too short for the standard


def test_a_residual_is_as_loud_as_it_is_in_the_separated_sound():
    player = StemPlayer(versions())
    assert player.stems[3]["takes"][0]["gain"] == player.stems[2]["takes"][0]["gain"] != 1


def test_a_slider_chooses_among_takes():
    takes = [tone(440, level=level) for level in (0.5, 0.2, 0.1)]
    player = StemPlayer({"x (truth)": tone(), "x (separated)": takes}, steps=["after 1", "after 2", "after 3"])
    assert [len(stem["takes"]) for stem in player.stems] == [1, 3, 3]
    assert [take["minus"] for take in player.stems[2]["takes"]] == [0, 0, 0]
    assert [take["picture"] for stem in player.stems for take in stem["takes"]] == list(range(7))
    with pytest.raises(ValueError, match="'x' has 2 takes, but the slider has 3 steps"):
        StemPlayer({"x": takes[:2]}, steps=["a", "b", "c"])


def test_pictures_show_the_frequency_where_it_is():
    low, high = (
        np.frombuffer(picture, np.uint8).reshape(sound.BINS, -1) for picture in sound.pictures([tone(150), tone(3000)])
    )
    rows = [np.argmax(picture.mean(1)) / (sound.BINS - 1) for picture in (low, high)]
    expected = [np.log(1 + 20 * frequency / (RATE / 2)) / np.log(21) for frequency in (150, 3000)]
    assert rows == pytest.approx(expected, abs=0.02)
    assert max(low.max(), high.max()) == 255


def test_clipped_and_silent_stems_are_marked():
    player = StemPlayer({"hot": np.clip(3 * tone(), -1, 1), "calm": tone(), "none": np.zeros(RATE)})
    marks = {stem["name"]: stem["marks"] for stem in player.stems}
    assert marks["hot"][0].startswith("clipped: ") and marks["calm"] == [] and marks["none"] == ["silent"]


def test_shorter_stems_are_padded_and_it_is_said():
    player = StemPlayer({"long": tone(seconds=2), "short": tone(seconds=0.5)})
    assert len(set(map(len, player.sounds))) == 1
    assert player.notes == ["Padded with silence to 2.00 s: short (0.50 s)."]


@pytest.mark.parametrize(
    ("stems", "message"),
    [
        ({}, "no sound to play"),
        ({"x": np.array([0.1, np.nan, 0.2])}, "'x' is not finite: nan at sample 1"),
        ({"x": np.zeros((2, 100))}, r"'x' has shape \[2, 100\]"),
        ({"x": np.zeros(0)}, r"'x' has shape \[0\]"),
        ({"x": np.zeros(3600 * RATE, np.float32)}, r"up to 3,600 s are too much .* Cut out the seconds"),
    ],
)
def test_what_cannot_be_played_is_refused_with_advice(stems, message):
    with pytest.raises(ValueError, match=message):
        StemPlayer(stems)


def test_a_rate_that_browsers_do_not_play_is_refused():
    with pytest.raises(ValueError, match="sample_rate is 16 Hz"):
        StemPlayer({"x": tone()}, sample_rate=16)


def test_forty_stems_with_odd_names():
    names = [f"Geige № {n} – 小提琴" for n in range(39)] + ["<img src=x onerror=alert(1)>"]
    player = StemPlayer({name: tone(100 + n, 0.2) for n, name in enumerate(names)}, spectrograms=False)
    assert player.names == names and player.pictures == []
    assert "<img src=x" not in player.static_html() and "&lt;img src=x" in player.static_html()


def test_solo_of_an_unknown_stem_is_an_error():
    player = StemPlayer({"violin": tone(), "tuba": tone(80)})
    player.solo = ["tuba"]
    with pytest.raises(TraitError, match="no stem called 'violn'; did you mean 'violin'"):
        player.solo = ["violn"]


def test_loading_starts_anew():
    player = StemPlayer(versions())
    player.solo, player.loop, player.position = ["tuba (truth)"], [0.1, 0.5], 0.3
    player.load({"a": tone(), "b": tone(200)})
    assert (player.names, player.solo, player.loop, player.position) == (["a", "b"], [], [], 0.0)
    assert player.content == 1


def test_a_notebook_keeps_pictures_and_audio_that_play():
    waveform = tone(seconds=0.5)
    player = StemPlayer({"violin": waveform})
    data, _ = player._repr_mimebundle_()
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == player.model_id
    flac = base64.b64decode(re.search(r"data:audio/flac;base64,([^\"]+)", data["text/html"])[1])
    stored, rate = soundfile.read(io.BytesIO(flac))
    assert rate == RATE
    np.testing.assert_allclose(stored, waveform, atol=1e-4)
    assert "data:image/png;base64," in data["text/html"]
    assert repr(player) == "StemPlayer(violin)"


def test_a_result_gives_a_slider_over_its_tasks(reference):
    player = StemPlayer.from_result(reference)
    assert player.steps == ["after task 1", "after task 2"] and player.step == 0 and player.looping
    example = reference.examples()[0]
    labels = [label.replace("_", " ") for label in example["labels"]]
    assert player.names[:3] == ["mixture", f"{labels[0]} (truth)", f"{labels[0]} (separated)"]
    scores = [example["scores"][task][0] for task in (0, 1)]
    said = [f"SDR {s['sdr']:.1f}, SIR {s['sir']:.1f} dB: {s['kind']}" for s in scores]
    assert [take["remark"] for take in player.stems[2]["takes"]] == said
    assert said[0] in player.static_html() and said[1] in player.static_html()
    silent = StemPlayer.from_result(reference, scores=False)
    assert silent.names == player.names and not any(take["remark"] for stem in silent.stems for take in stem["takes"])
    assert StemPlayer.from_result(reference, after=1).step == 1
    assert StemPlayer.from_result(reference, example=1).steps == ["after task 2"]
    player.looping = False
    player.load_result(reference, example=0, after=1)
    assert player.step == 1 and player.content == 1 and player.looping


def test_beside_each_sound_stands_who_plays_it(reference, tmp_path):
    player = StemPlayer.from_result(reference)
    faces = {stem["name"]: stem.get("face", b"") for stem in player.stems}
    assert faces.pop("mixture") == b"" and all(face.startswith(b"\xff\xd8") for face in faces.values())
    assert len(set(faces.values())) == 2  # truth, separated and residual of one sound have the same
    page = json.loads((reference.folder / "examples" / "examples.json").read_text())
    folder = shutil.copytree(reference.folder, tmp_path / "earlier")
    older = [{key: value for key, value in entry.items() if key != "clips"} for entry in page]
    (folder / "examples" / "examples.json").write_text(json.dumps(older))
    assert not any("face" in stem for stem in StemPlayer.from_result(folder).stems)


def test_results_stand_side_by_side_version_beside_version(reference):
    player = StemPlayer.from_result({"one": reference, "two": reference.folder})
    first = reference.examples()[0]["labels"][0].replace("_", " ")
    assert player.names[1:4] == [f"{first} (truth)", f"{first} (one)", f"{first} (two)"]
    assert {stem["group"] for stem in player.stems[1:4]} == {first} and len(player.names) == 7


def test_a_class_that_is_not_learned_yet_is_silent_and_said_to_be():
    takes = {"x (truth)": tone(), "x (separated)": [None, tone(level=0.1)]}
    player = StemPlayer(takes, steps=["one", "two"], remarks={"x (separated)": ["not learned yet", "SDR 1"]})
    silent, heard = player.stems[1]["takes"]
    assert (silent["remark"], heard["remark"]) == ("not learned yet", "SDR 1")
    assert not unpack(player, silent["plus"]).any() and unpack(player, heard["plus"]).any()
    with pytest.raises(ValueError, match="remarks on 'y': 1, but it has 0 takes"):
        StemPlayer(takes, steps=["one", "two"], remarks={"y": ["?"]})


def test_a_result_without_the_example_is_refused(reference, tmp_path):
    with pytest.raises(ValueError, match="example is 7; .* holds the examples 0 to 1"):
        StemPlayer.from_result(reference, example=7)
    with pytest.raises(
        ValueError, match=r"after is 0; example 1 belongs to task 2 and was separated after tasks 2 to 2"
    ):
        StemPlayer.from_result(reference, example=1, after=0)
    for name in ("config.json", "matrix.json"):
        (tmp_path / name).write_bytes((reference.folder / name).read_bytes())
    with pytest.raises(ValueError, match="holds no separated examples: .* fresh=True"):
        StemPlayer.from_result(type(reference)(tmp_path))
