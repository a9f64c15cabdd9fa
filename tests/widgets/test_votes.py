"""Votes of many browsers: none is lost, and a damaged file is told."""

from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import pytest

from contav_lib.utils.storage import StorageError
from contav_lib.widgets.votes import COLUMNS, Votes

ASKED = dict(experiments="lab", question="Which one is better?", one="replay", other="ContAV-Sep")


def answers(chosen: str, count: int = 3) -> pd.DataFrame:
    rows = [dict(trial=trial, example=0, a="replay", b="ContAV-Sep", chosen=chosen) for trial in range(1, count + 1)]
    return pd.DataFrame(rows)


def test_many_browsers_at_once_lose_no_vote(tmp_path):
    path = tmp_path / "runs" / "votes.sqlite"
    with ThreadPoolExecutor(8) as browsers:
        list(browsers.map(lambda who: Votes(path).add(answers("replay"), f"listener {who}", ASKED), range(40)))
    votes = Votes(path).read()
    assert len(votes) == 120 and votes["listener"].nunique() == 40
    assert list(votes.columns) == list(COLUMNS) and set(votes["chosen"]) == {"replay"}


def test_ties_and_right_answers_come_back_as_they_were(tmp_path):
    votes = Votes(tmp_path / "votes.sqlite")
    votes.add(answers("replay", 1).assign(chosen=None), "one", ASKED)
    votes.add(answers("replay", 2).drop(columns="chosen").assign(correct=[True, False]), "two", ASKED)
    kept = votes.read()
    assert kept["chosen"].isna().all()
    assert kept["correct"].isna().tolist() == [True, False, False] and kept["correct"].sum() == 1


def test_without_a_vote_there_is_no_file(tmp_path):
    votes = Votes(tmp_path / "votes.sqlite")
    assert votes.read().empty and not votes.path.exists()


def test_a_damaged_file_is_told_with_a_remedy(tmp_path):
    path = tmp_path / "votes.sqlite"
    path.write_bytes(b"no database" * 100)
    for use in (Votes(path).read, lambda: Votes(path).add(answers("replay"), "one", ASKED)):
        with pytest.raises(StorageError, match=r"votes\.sqlite can't be kept or read: .* Move the file away"):
            use()
