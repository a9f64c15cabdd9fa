"""Each lab's solution passes its tests; each typical wrong answer fails one, with the hint that it deserves."""

import re
from importlib import import_module

import pytest

from contav_lib.teaching.behaviour import CODED
from contav_lib.teaching.labs.release import SOURCES, lab_names, marks, read_notebook
from contav_lib.utils.registry import import_all

LABS = {lab: read_notebook(SOURCES / lab / f"{lab}.ipynb") for lab in lab_names()}
WRONG = [(lab, wrong) for lab in LABS for wrong in import_module(f"wrong.{lab}").WRONG]


def failures(lab, **others):
    """What the failing tests of a lab say, by `grade_id`, with its solutions or others; without the cells tagged slow."""
    names, said = {}, {}
    for cell in LABS[lab].cells:
        if cell.cell_type != "code" or "slow" in cell.metadata.get("tags", []):
            continue
        name = marks(cell).get("grade_id")
        try:
            exec(others.get(name, cell.source), names)
        except AssertionError as error:
            said[name] = str(error)
    return said


@pytest.mark.parametrize("lab", LABS)
def test_the_solution_passes(lab):
    assert failures(lab) == {}


@pytest.mark.parametrize("lab", LABS)
def test_every_coded_exercise_of_a_lab_is_graded(lab):
    import_all("contav_lib.teaching.exercises")
    tests = "".join(cell.source for cell in LABS[lab].cells if marks(cell).get("locked"))
    graded = set(re.findall(r'require\("(.+?)", ', tests))
    assert graded == {name for name in CODED if name.startswith(f"lab {lab[3]}: ")} != set()


@pytest.mark.parametrize(("lab", "wrong"), WRONG, ids=lambda one: getattr(one, "exercise", None))
def test_a_wrong_answer_fails_with_its_hint(lab, wrong):
    said = failures(lab, **{wrong.exercise: wrong.source})
    assert said.keys() == {f"test-{wrong.exercise}"}
    assert all(wrong.hint in words for words in said.values()), said
