"""Copies of the labs: nbgrader's own, without anything of a solution or a hidden test in them."""

import json

import nbformat
import pytest
from sample import MASK_TEST, MODEL_ANSWER, NAME, make_lab

from contav_lib.cli import main
from contav_lib.teaching.labs import release
from contav_lib.teaching.labs.release import SOURCES, faults, lab_names, make_copies, read_notebook, released, solved

LABS = {name: read_notebook(SOURCES / name / f"{name}.ipynb") for name in lab_names()} | {NAME: make_lab()}
every_lab = pytest.mark.parametrize("source", LABS.values(), ids=LABS)


def secrets_of(source) -> set[str]:
    """Lines of a lab that students don't get, and that do not stand elsewhere in it for them to read."""
    secret, open_ = set(), set()
    for cell in source.cells:
        marks = release.marks(cell)
        hidden = bool(marks.get("solution") and marks.get("grade"))  # an answer in words
        for line in cell.source.splitlines():
            hidden |= "### BEGIN" in line
            (secret if hidden else open_).add(line.strip())
            hidden &= "### END" not in line
    return {line for line in secret - open_ if len(line) > 3}


@every_lab
def test_the_source_is_fit_for_release(source):
    assert faults(source) == []
    assert any(release.marks(cell).get("grade") for cell in source.cells)


@every_lab
def test_a_test_takes_require_from_the_kit_and_not_from_the_student(source):
    tests = [cell.source for cell in source.cells if release.marks(cell).get("locked")]
    parts = [part.strip() for test in tests for part in test.split("### BEGIN HIDDEN TESTS")]
    assert len(parts) == 2 * len(tests) > 0
    assert all(part.startswith("from contav_lib.teaching.check import require\n") for part in parts)


@every_lab
def test_what_takes_long_is_tagged_slow_and_no_test_stops_a_run_of_all_cells(source):
    slow_calls = ("second_task(", "starter(", "Setup.build(", "train(", "evaluate(", "separate_batch(")
    for cell in source.cells:
        tags = cell.metadata.get("tags", [])
        if cell.cell_type == "code" and "slow" not in tags:
            assert not [call for call in slow_calls if call in cell.source], cell.source
        if release.marks(cell).get("locked"):
            assert tags == ["raises-exception"]


@every_lab
def test_nothing_of_a_solution_or_a_hidden_test_is_left(source):
    secrets = secrets_of(source)
    assert len(secrets) >= 5
    text = nbformat.writes(released(source))
    left = [
        line for line in secrets if json.dumps(line)[1:-1] in text or json.dumps(line, ensure_ascii=False)[1:-1] in text
    ]
    assert not left
    assert not any("### " in line and "BEGIN" in line for line in text.splitlines())
    assert "teaching/exercises" not in text, "there the kit's own functions stand"
    assert not any(cell.get("outputs") for cell in released(source).cells)


@every_lab
def test_the_teachers_copy_is_a_plain_notebook_with_all_of_it(source):
    copy = solved(source)
    text = "\n".join(cell.source for cell in copy.cells)
    assert all(line in text for line in secrets_of(source) if not line.startswith("### "))
    assert "### BEGIN" not in text and "### END" not in text
    assert not any("nbgrader" in cell.metadata for cell in copy.cells)


def write_source(folder, notebook):
    path = folder / NAME / f"{NAME}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return path


def test_copies_are_written_by_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(release, "SOURCES", tmp_path / "source")
    write_source(tmp_path / "source", make_lab())
    assert main(["labs", "release", "--folder", str(tmp_path / "out")]) == 0
    handed_out = read_notebook(tmp_path / "out" / "release" / NAME / f"{NAME}.ipynb")
    assert handed_out == released(make_lab())
    assert MODEL_ANSWER in (tmp_path / "out" / "solution" / NAME / f"{NAME}.ipynb").read_text()
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_an_empty_folder_name_is_not_the_current_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main(["labs", "release", "--folder", ""])
    assert "the folder's name is empty" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def spoil_twice(cells):
    cells[7].metadata.nbgrader.grade_id = "mask"


def spoil_points(cells):
    del cells[5].metadata.nbgrader["points"]


def spoil_outputs(cells):
    cells[4].outputs = [nbformat.v4.new_output("stream", text="Right")]


def spoil_region(cells):
    cells[3].metadata.nbgrader.solution = False


def spoil_test(cells):
    cells[3].source += MASK_TEST


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (spoil_test, "cell 4 has a region of a grade cell"),
        (spoil_twice, "2 cells have the grade_id 'mask'"),
        (spoil_points, "'test-mask' is graded, but has no points"),
        (spoil_outputs, "cell 5 has outputs"),
        (spoil_region, "cell 4 has a region of a solution cell"),
    ],
)
def test_a_faulty_source_is_refused_and_nothing_written(tmp_path, spoil, said):
    lab = make_lab()
    spoil(lab.cells)
    write_source(tmp_path / "source", lab)
    with pytest.raises(ValueError, match=said):
        make_copies(tmp_path / "out", tmp_path / "source")
    assert not (tmp_path / "out").exists()


def test_where_there_are_no_sources_it_says_what_to_do(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="checkout"):
        make_copies(tmp_path / "out", tmp_path)
    monkeypatch.setattr(release, "SOURCES", tmp_path / "none")
    monkeypatch.setenv("CONTAV_HOME", str(tmp_path))
    with pytest.raises(ValueError, match=r"--handed-out <folder>.*CONTAV_DATA"):
        release.find_release()
