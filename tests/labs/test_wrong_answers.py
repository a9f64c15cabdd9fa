"""Each lab's solution passes its tests; each typical wrong answer fails one, with the hint that it deserves."""

import importlib
import json
from pathlib import Path

import pytest
import torch

from contav_lib.teaching.behaviour import CODED
from contav_lib.teaching.labs.grading import require
from contav_lib.utils.registry import import_all

SOURCES = sorted((Path(__file__).parents[2] / "notebooks" / "labs" / "source").glob("lab[12]*/*.ipynb"))
WRONG = [(path, wrong) for path in SOURCES for wrong in importlib.import_module(f"wrong.{path.stem}").WRONG]


def cells(path):
    """Sources of the solution cells and of the test cells, by `grade_id`."""
    solutions, tests = {}, {}
    for cell in json.loads(path.read_text())["cells"]:
        about = cell["metadata"].get("nbgrader", {})
        if cell["cell_type"] == "code" and about:
            (tests if about["grade"] else solutions)[about["grade_id"]] = "".join(cell["source"])
    return solutions, tests


def failures(solutions, tests):
    """What the failing tests say, by `grade_id`."""
    names = {"torch": torch, "require": require}
    for source in solutions.values():
        exec(source, names)
    said = {}
    for name, source in tests.items():
        try:
            exec(source, names)
        except AssertionError as error:
            said[name] = str(error)
    return said


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_the_solution_passes(path):
    assert failures(*cells(path)) == {}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_every_coded_exercise_of_a_lab_is_graded(path):
    import_all("contav_lib.teaching.exercises")
    graded = "".join(cells(path)[1].values())
    assert all(f'require("{name}", ' in graded for name in CODED if name.startswith(f"lab {path.stem[3]}: "))


@pytest.mark.parametrize(("path", "wrong"), WRONG, ids=lambda one: getattr(one, "exercise", None))
def test_a_wrong_answer_fails_with_its_hint(path, wrong):
    solutions, tests = cells(path)
    said = failures(solutions | {wrong.exercise: wrong.source}, tests)
    assert said.keys() == wrong.loses.keys()
    assert all(wrong.hint in words for words in said.values()), said
