"""Every lab through nbgrader: the solution scores all, the untouched release nothing, a wrong answer loses what it should."""

from copy import deepcopy
from importlib import import_module

import pytest
from course import Course
from sample import NAME, make_lab

from contav_lib.teaching.labs.precheck import check_one
from contav_lib.teaching.labs.release import SOURCES, lab_names, read_notebook, released

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=lab_names())
def graded(request, tmp_path_factory):
    """A lab's course in which the solution, the untouched release and a wrong answer are graded; and that answer.

    The other wrong answers are tried without nbgrader, in `test_wrong_answers.py`.
    """
    lab = request.param
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONTAV_HOME", str(tmp_path_factory.mktemp("home")))
        course = Course(tmp_path_factory.mktemp(lab), lab, read_notebook(SOURCES / lab / f"{lab}.ipynb"))
        wrong = import_module(f"wrong.{lab}").WRONG[0]
        course.submit("solution", course.answered())
        course.submit("untouched", course.released)
        course.submit("wrong", course.answered(**{wrong.exercise: wrong.source}))
        answer = course.grade()
        assert answer["success"], answer
        yield course, wrong


def test_the_release_is_what_contav_labs_release_makes(graded):
    assert graded[0].released == released(graded[0].source)


def test_a_lab_has_20_points_and_at_least_six_wrong_answers(graded):
    course, _ = graded
    assert sum(course.points().values()) == 20
    assert len(import_module(f"wrong.{course.lab}").WRONG) >= 6


def test_the_solution_scores_all_that_a_computer_gives(graded):
    course, _ = graded
    scores = course.scores("solution")
    assert {name: scores[name] for name in course.tests()} == course.tests()
    assert {scores[name] for name in course.points().keys() - course.tests()} == {None}, "a person reads these"
    outputs = [output for cell in course.read("autograded", "solution").cells for output in cell.get("outputs", [])]
    assert not [output.evalue for output in outputs if output.output_type == "error"], "it needs a cell tagged slow"


def test_the_untouched_release_scores_nothing(graded):
    course, _ = graded
    assert set(course.scores("untouched").values()) == {0}
    assert "Waiting: write your answer" in course.feedback("untouched")


def test_a_wrong_answer_loses_what_it_should_and_is_told_why(graded):
    course, wrong = graded
    assert course.scores("wrong").items() >= (course.tests() | {f"test-{wrong.exercise}": 0}).items()
    assert wrong.hint in course.feedback("wrong")


ENDLESS = "while True:\n    time.sleep(0.1)"
MASK, TEST_MASK = 3, 5


@pytest.fixture(scope="module")
def trouble(tmp_path_factory):
    """The sample lab, graded for students whose notebooks make trouble, and for one whose notebook is sound."""
    course = Course(tmp_path_factory.mktemp("trouble"), NAME, make_lab(), timeout=30)
    head = "def my_mask(magnitudes, mixture):\n    "
    for student, source in {
        "endless-cell": f"import time\n{ENDLESS}",
        "endless-function": "import time\n" + head + ENDLESS.replace("\n", "\n    "),
        "none": head + "magnitudes / mixture",
        "numpy": head + "return (magnitudes.numpy() / (mixture.numpy() + 1e-10)).clip(0, 5)",
        "died": "import os\nos._exit(1)",
        "warned": "import warnings\n"
        + head
        + 'warnings.warn("careful")\n    return (magnitudes / (mixture + 1e-10)).clamp(0, 5)',
        "sound": course.source.cells[MASK].source,
    }.items():
        course.submit(student, course.answered(mask=source))
    tagged = course.answered(mask=f"{head}return magnitudes")
    tagged.cells[TEST_MASK].metadata.tags = ["slow"]
    course.submit("tagged", tagged)
    for student in ("deleted", "disordered", "renamed"):
        notebook = course.answered()
        test = notebook.cells.pop(TEST_MASK)
        if student == "disordered":
            notebook.cells.insert(0, test)
        course.submit(student, notebook)
    twice = course.answered()
    twice.cells.insert(MASK, deepcopy(twice.cells[MASK]))
    twice.cells[MASK] |= {"id": "copy", "source": "exit()"}
    del twice.cells[TEST_MASK + 1]
    course.submit("checked", check_one(twice, NAME, {NAME: course.released})[1])
    broken = course.folder / "submitted" / "renamed" / NAME / f"{NAME}.ipynb"
    broken.write_text(broken.read_text()[:-50])
    return course, course.grade()


FULL = {"test-mask": 4, "test-distil": 3, "why": None}


def test_one_students_trouble_does_not_stop_the_others(trouble):
    course, answer = trouble
    assert course.scores("sound") == FULL
    assert not answer["success"] and "died" in answer["log"] and "renamed" in answer["log"]


@pytest.mark.parametrize(
    ("student", "said"),
    [
        ("endless-cell", "CellTimeoutError"),
        ("endless-function", "did not come to an end and was stopped"),
        ("none", "gives nothing back"),
        ("numpy", "where a torch tensor is asked for"),
        ("disordered", "NameError"),
        ("tagged", "Not yet"),
    ],
)
def test_trouble_costs_one_exercise_and_is_told(trouble, student, said):
    course, _ = trouble
    assert course.scores(student) == FULL | {"test-mask": 0}
    assert said in course.feedback(student)


def test_a_deleted_test_is_left_to_a_person(trouble):
    assert trouble[0].scores("deleted") == FULL | {"test-mask": None}


def test_what_the_check_repairs_is_graded(trouble):
    assert trouble[0].scores("checked") == FULL


def test_a_warning_costs_nothing(trouble):
    assert trouble[0].scores("warned") == FULL
