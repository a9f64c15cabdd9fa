"""A course folder, graded by nbgrader as a teacher does it."""

import os
import re
import shutil
import sys
from copy import deepcopy
from html import unescape
from pathlib import Path

import nbformat
from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderAPI
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from contav_lib.teaching.labs.release import SOURCES, marks

# nbgrader calls `alembic` by name, which is beside this Python whether its environment is activated or not.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])


class Course:
    """A temporary course with one lab.

    Args:
        folder: empty, for the course.
        lab: the lab's name; it is also that of the assignment.
        source: its source.
        timeout: seconds for a cell, in place of those in the labs' own settings.
    """

    def __init__(self, folder: Path, lab: str, source: nbformat.NotebookNode, timeout: int | None = None):
        self.folder, self.lab, self.source = folder, lab, source
        config = PyFileConfigLoader(str(SOURCES.parent / "nbgrader_config.py")).load_config()
        config.CourseDirectory.root = str(folder)
        config.Exchange.root = str(folder / "exchange")
        if timeout:
            config.Execute.timeout = timeout
        self.api = NbGraderAPI(config=Config(config))
        self._write(folder / "source" / lab, source)
        self.released = self._ok(self.api.generate_assignment(lab)) and self.read("release")

    def _ok(self, answer: dict) -> bool:
        assert answer["success"], answer.get("error") or answer.get("log")
        return True

    def _write(self, folder: Path, notebook: nbformat.NotebookNode) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, folder / f"{self.lab}.ipynb")

    def read(self, stage: str, student: str = ".") -> nbformat.NotebookNode:
        return nbformat.read(self.folder / stage / student / self.lab / f"{self.lab}.ipynb", as_version=4)

    def answered(self, **others: str) -> nbformat.NotebookNode:
        """The release with all solutions written in, or others by `grade_id`."""
        notebook = deepcopy(self.released)
        written = {
            marks(cell).get("grade_id"): cell.source for cell in self.source.cells if marks(cell).get("solution")
        }
        assert others.keys() <= written.keys()
        for cell in notebook.cells:
            if (name := marks(cell).get("grade_id")) in written:
                cell.source = (written | others)[name].strip()
        return notebook

    def submit(self, student: str, notebook: nbformat.NotebookNode) -> None:
        self._write(self.folder / "submitted" / student / self.lab, notebook)

    def grade(self) -> dict:
        """Grade all that is submitted in one go, and write the feedback; what nbgrader says."""
        shutil.rmtree(self.folder / "autograded", ignore_errors=True)
        answer = self.api.autograde(self.lab, "*")
        self.api.generate_feedback(self.lab, "*")
        return answer

    def points(self) -> dict[str, float]:
        """What each graded cell is worth, by `grade_id`."""
        return {marks(cell).grade_id: marks(cell).points for cell in self.source.cells if marks(cell).get("grade")}

    def tests(self) -> dict[str, float]:
        """What the cells are worth that a computer grades."""
        by_hand = {marks(cell).grade_id for cell in self.source.cells if marks(cell).get("solution")}
        return {name: points for name, points in self.points().items() if name not in by_hand}

    def scores(self, student: str) -> dict[str, float | None]:
        """What a computer gave for each graded cell; None where a person has to look."""
        with Gradebook(self.api.coursedir.db_url) as book:
            grades = book.find_submission_notebook(self.lab, self.lab, student).grades
            return {grade.name: None if grade.needs_manual_grade else grade.auto_score for grade in grades}

    def feedback(self, student: str) -> str:
        """The text of the page that a student gets."""
        page = (self.folder / "feedback" / student / self.lab / f"{self.lab}.html").read_text(encoding="utf-8")
        return unescape(re.sub(r"<[^>]+>", "", page))
