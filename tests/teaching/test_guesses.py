"""Guesses are kept, and shown beside the result."""

import numpy as np
import pytest

from contav_lib.teaching import guesses
from contav_lib.teaching.guesses import predict, reveal
from contav_lib.utils.storage import read_json


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("CONTAV_HOME", str(tmp_path))
    monkeypatch.setattr(guesses, "_made", {})
    return tmp_path


def restart(monkeypatch):
    monkeypatch.setattr(guesses, "_made", {})


@pytest.mark.parametrize(
    ("guess", "result", "unit", "said"),
    [
        (3, 5.08, "dB", "you guessed 3 dB, it is 5.08 dB: 2.08 dB apart."),
        (np.float32(50), np.float64(23.55), "%", "you guessed 50 %, it is 23.6 %: 26.4 % apart."),
        (0.5, -0.0012, "dB", "you guessed 0.5 dB, it is 0 dB: 0.5 dB apart."),
        ("noise", "the mixture", "", 'you guessed "noise", it is "the mixture".'),
        ("about 3 dB", 5, "dB", 'you guessed "about 3 dB", it is 5 dB.'),
    ],
)
def test_a_guess_stands_beside_the_result_after_a_restart(guess, result, unit, said, monkeypatch):
    assert predict("question", guess).verdict == "Noted"
    restart(monkeypatch)
    assert reveal("question", result, unit).text == said


def test_no_guess_no_comparison(home):
    assert predict("question", ...).verdict == "Waiting"
    assert reveal("question", 5.1, "dB").text == "5.1 dB. No guess was noted down: make one before you look."
    assert not list(home.iterdir())


def test_the_last_guess_counts_and_others_stay(home, monkeypatch):
    predict("one", 1)
    restart(monkeypatch)
    predict("two", 2)
    predict("two", 3)
    assert read_json(home / "runs" / "guesses.json") == {"one": 1.0, "two": 3.0}


def test_where_nothing_can_be_written_a_guess_is_kept_for_the_session(home):
    (home / "runs").write_text("no folder")
    assert "this session only" in predict("question", 3).text
    assert "you guessed 3" in reveal("question", 4).text


@pytest.mark.parametrize("content", ["[]", "{", '"text"'])
def test_a_damaged_file_counts_as_no_guesses(home, content):
    (home / "runs").mkdir()
    (home / "runs" / "guesses.json").write_text(content)
    assert "No guess" in reveal("question", 4).text
    assert predict("question", 3).verdict == "Noted"
