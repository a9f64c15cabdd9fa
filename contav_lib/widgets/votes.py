"""Votes of a class, out of many browsers, in one small SQLite file."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from contav_lib.utils.storage import StorageError

# A row an answer: what was compared, then the columns of `BlindTest.answers` that count.
COLUMNS = ("experiments", "question", "one", "other", "listener", "trial", "example", "a", "b", "correct", "chosen")
_WAIT = 10  # seconds, while another browser's vote is written


class Votes:
    """All answers to the listening room's blind tests, whoever gave them.

    Args:
        path: of the file; made with the first vote. Kernels of many browsers may use it at once.
    """

    def __init__(self, path: Path):
        self.path = path

    def add(self, answers: pd.DataFrame, listener: str, asked: Mapping[str, str]) -> None:
        """Keep the answers of one test.

        Args:
            answers: `BlindTest.answers`.
            listener: who answered: a random name, the same in all tests of a browser.
            asked: `experiments`, `question`, `one` and `other` by name.

        Raises:
            StorageError: the file can't be written.
        """
        rows = answers.assign(**asked, listener=listener).reindex(columns=list(COLUMNS)).astype(object)
        rows = rows.where(rows.notna(), None)
        places = ", ".join("?" * len(COLUMNS))
        with self._open() as votes:
            votes.execute(f"CREATE TABLE IF NOT EXISTS votes ({', '.join(COLUMNS)})")
            votes.executemany(f"INSERT INTO votes VALUES ({places})", rows.itertuples(index=False))  # noqa: S608

    def read(self) -> pd.DataFrame:
        """All answers so far, a row each; columns as in `COLUMNS`.

        Raises:
            StorageError: the file is damaged.
        """
        if not self.path.exists():
            return pd.DataFrame(columns=list(COLUMNS))
        with self._open() as votes:
            rows: list[Any] = votes.execute(f"SELECT {', '.join(COLUMNS)} FROM votes").fetchall()  # noqa: S608
        return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"correct": "boolean"})

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=_WAIT)) as votes, votes:
                yield votes
        except (sqlite3.Error, OSError) as error:
            raise StorageError(
                f"The votes in {self.path} can't be kept or read: {error}. Move the file away to begin anew."
            ) from error
