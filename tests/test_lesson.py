"""Players and checks of the notebooks."""

import base64
import re

import numpy as np
import pytest
import torch

from contav_lib import Config
from contav_lib.lesson import LONGEST, NotYet, check, listen, require_number
from contav_lib.media import read_audio, write_flac

RATE = 11_025


def tone(seconds: float = 0.5, loudness: float = 0.1) -> torch.Tensor:
    return loudness * torch.sin(2 * torch.pi * 440 * torch.arange(int(seconds * RATE)) / RATE)


def heard(player: bytes, folder) -> torch.Tensor:
    path = folder / "heard.flac"
    path.write_bytes(player)
    return read_audio(path, RATE)


def test_players_keep_the_proportions_of_loudness(tmp_path):
    players = listen({"loud": tone(loudness=0.2), "soft": tone(loudness=0.1).numpy()})
    loud, soft = (heard(flac, tmp_path) for flac in players.sounds.values())
    assert loud.abs().max() == pytest.approx(0.9, abs=0.01)
    assert torch.allclose(loud, 2 * soft, atol=1e-3)


def test_players_stand_in_the_page_with_their_labels():
    html = listen({"<violin>": tone()})._repr_html_()
    assert "&lt;violin&gt;" in html and "<violin>" not in html
    encoded = re.search(r"base64,([^\"]+)", html).group(1)
    assert base64.b64decode(encoded).startswith(b"fLaC")


def test_players_play_files_and_shorten_long_sounds(tmp_path):
    write_flac(tmp_path / "long.flac", tone(LONGEST + 2), RATE)
    players = listen({"file": tmp_path / "long.flac"})
    assert len(heard(players.sounds["file"], tmp_path)) == LONGEST * RATE


def test_silence_can_be_played(tmp_path):
    assert heard(listen({"silence": torch.zeros(1000)}).sounds["silence"], tmp_path).abs().max() == 0


@pytest.mark.parametrize("sound", [torch.zeros(2, 100), torch.tensor([0.0, float("nan")])])
def test_what_is_no_waveform_is_named(sound):
    with pytest.raises(ValueError, match="'strange' can't be played"):
        listen({"strange": sound})


DATA = dict(tasks=4, classes=20, exemplars=3, task=3)


@pytest.mark.parametrize(
    ("name", "right", "wrong", "given"),
    [
        ("middle of the log-frequency axis", 987.3, (0.179, 2756.25, 19746, 500, 5000), {}),
        ("what a sigmoid can't reach", 2, (0, 3, 3 / 7, -1), {}),
        ("exemplars in memory", 30, (45, 6, 10, 60), DATA),
        ("name the fault", "Artefact", ("leak", "filter", "drum"), {}),
        ("two of a kind, no picture", 0.0, (0.1, -1), {}),
        ("numbers a source needs", 16, (4096, 48, 1), {"config": Config.profile("smoke", mask_dim=16, hidden=48)}),
    ],
)
def test_exercises_know_right_from_wrong(name, right, wrong, given):
    assert check(name, right, **given).verdict == "Right"
    reasons = {check(name, answer, **given).text for answer in wrong}
    assert all(check(name, answer, **given).verdict == "Not yet" for answer in wrong)
    assert len(reasons) >= 2  # they say why, not just no


def test_an_exercise_waits_for_its_answer():
    assert check("name the fault", ...).verdict == "Waiting"


def test_an_answer_of_another_kind_is_no_crash():
    feedback = check("what a sigmoid can't reach", "two")
    assert feedback.verdict == "Not yet" and "number" in feedback.text
    assert "✗" in repr(feedback) and "✗" in feedback._repr_html_()


def test_a_misspelt_exercise_is_named():
    with pytest.raises(ValueError, match="name the fault"):
        check("name the fold", 1)


def test_numbers_come_in_many_kinds():
    assert [require_number(n) for n in (2, 2.0, np.float32(2), torch.tensor(2), torch.tensor([2.0]))] == [2.0] * 5
    for no_number in (True, "2", None, torch.zeros(2)):
        with pytest.raises(NotYet):
            require_number(no_number)
