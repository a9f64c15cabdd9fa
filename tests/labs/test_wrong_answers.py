"""Each lab's solution passes its tests; each typical wrong answer fails one, with the hint that it deserves."""

import importlib
import json
from pathlib import Path

import pytest

SOURCES = sorted((Path(__file__).parents[2] / "notebooks" / "labs" / "source").glob("*/*.ipynb"))
WRONG = [(path, wrong) for path in SOURCES for wrong in importlib.import_module(f"wrong.{path.stem}").WRONG]


def cells(path):
    """The cell of imports, and the sources of the solution cells and of the test cells by `grade_id`."""
    solutions, tests = {}, {}
    read = json.loads(path.read_text())["cells"]
    for cell in read:
        about = cell["metadata"].get("nbgrader", {})
        if cell["cell_type"] == "code" and about:
            (tests if about["grade"] else solutions)[about["grade_id"]] = "".join(cell["source"])
    return next("".join(cell["source"]) for cell in read if cell["cell_type"] == "code"), solutions, tests


def failures(imports, solutions, tests):
    """What the failing tests say, by `grade_id`."""
    names = {}
    exec(imports, names)
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


@pytest.mark.parametrize(("path", "wrong"), WRONG, ids=lambda one: getattr(one, "exercise", None))
def test_a_wrong_answer_fails_with_its_hint(path, wrong):
    imports, solutions, tests = cells(path)
    said = failures(imports, solutions | {wrong.exercise: wrong.source}, tests)
    assert said.keys() == wrong.loses.keys()
    assert all(wrong.hint in words for words in said.values()), said
