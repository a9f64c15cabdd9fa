"""What students do to a notebook is found, said and repaired, and nothing of their work is lost."""

import json
from copy import deepcopy

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from sample import NAME, make_lab

from contav_lib.cli import main
from contav_lib.teaching.labs.precheck import check_one
from contav_lib.teaching.labs.release import marks, read_notebook, released

OTHER = "lab9_other"


def another_lab():
    lab = make_lab()
    for cell in lab.cells:
        cell.source += "\n# of the other lab"
        if marks(cell):
            cell.metadata.nbgrader.grade_id += "-other"
    return lab


RELEASES = {NAME: released(make_lab()), OTHER: released(another_lab())}
SOLVED = """def my_mask(magnitudes, mixture):
    shares = magnitudes / (mixture + 1e-10)
    return shares.clamp(0, 5)"""
IMPORTS, MASK, TEST_MASK, DISTIL, TEST_DISTIL, WHY = 1, 3, 5, 7, 8, 10


@pytest.fixture
def done():
    """A notebook in which one exercise is solved, as a student hands it in."""
    notebook = deepcopy(RELEASES[NAME])
    notebook.cells[MASK].source = SOLVED
    notebook.cells[WHY].source = "Because waves cancel."
    return notebook


def copy_of(cell, source=None):
    """What JupyterLab makes of a cell that is split or copied: the same metadata, another id."""
    copy = deepcopy(cell)
    copy.id = f"{cell.id}-copy"
    copy.source = cell.source if source is None else source
    return copy


def nothing(cells): ...


def delete_test(cells):
    del cells[TEST_MASK]


def delete_solution_and_test(cells):
    del cells[DISTIL : TEST_DISTIL + 1]


def delete_imports(cells):
    del cells[IMPORTS]


def split(cells):
    head, tail = SOLVED.split("\n", 1)
    cells[MASK].source = head
    cells.insert(MASK + 1, copy_of(cells[MASK], tail))


def split_words(cells):
    cells[WHY].source = "Because waves"
    cells.append(copy_of(cells[WHY], "cancel."))


def split_test(cells):
    cells.insert(TEST_MASK + 1, copy_of(cells[TEST_MASK], ""))


def copy_untouched(cells):
    cells.insert(MASK, copy_of(cells[MASK], RELEASES[NAME].cells[MASK].source))


def copy_with_changes(cells):
    cells.insert(MASK, copy_of(cells[MASK], SOLVED.replace("5", "4")))


def change_type(cells):
    cells[MASK] = new_markdown_cell(SOLVED, id=cells[MASK].id, metadata=cells[MASK].metadata)


def lose_marks(cells):
    cells[MASK].metadata = {}


def write_anew(cells):
    cells[MASK] = new_code_cell(SOLVED, id="another")


def change_test(cells):
    cells[TEST_MASK].source = "pass"


def change_points(cells):
    cells[TEST_MASK].metadata.nbgrader.points = 400


def tag_slow(cells):
    cells[TEST_MASK].metadata.tags = ["slow"]


def damage_marks(cells):
    cells[TEST_MASK].metadata.nbgrader.grade_id = ["test-mask"]
    cells.append(new_code_cell("1 + 1", id="odd", metadata={"nbgrader": {"grade_id": {}}}))


def another_version(cells):
    cells[MASK].metadata.nbgrader.schema_version = 1


def mix_up(cells):
    cells.append(cells.pop(IMPORTS))
    cells.insert(0, cells.pop(TEST_MASK))


def leave(cells):
    code = 'said = """\nexit()\n"""\nif said:\n    exit(\n        0,\n    )  # ä\nä = 1; quit()'
    cells.insert(MASK, new_code_cell(code, id="leave"))


def strangers(cells):
    cells.append(copy_of(RELEASES[OTHER].cells[TEST_MASK]))


def cells_of_ones_own(cells):
    cells.insert(MASK, new_code_cell("def help_me(): ...", id="own"))
    cells.append(new_markdown_cell("Notes", id="notes"))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (nothing, []),
        (cells_of_ones_own, []),
        (delete_test, ["test-mask: the cell was deleted"]),
        (delete_solution_and_test, ["distil: the cell was deleted", "test-distil: the cell was deleted"]),
        (delete_imports, ['"import torch ...": the cell was deleted']),
        (split, ["mask: the cell was split into 2"]),
        (split_words, ["why: the cell was split into 2"]),
        (split_test, ["test-mask: there were 1 copies"]),
        (copy_untouched, ["mask: there were 1 copies"]),
        (copy_with_changes, ["mask: 2 copies of the cell differ"]),
        (change_type, ["mask: the cell was no code cell"]),
        (lose_marks, ["mask: the cell's marks, points or tags were lost"]),
        (write_anew, ["mask: the cell's marks, points or tags were lost"]),
        (change_test, ["test-mask: the test was changed"]),
        (change_points, ["test-mask: the cell's marks, points or tags were lost or changed"]),
        (tag_slow, ["test-mask: the cell's marks, points or tags were lost or changed"]),
        (damage_marks, ["a cell: no cell of this lab", "test-mask: the cell's marks, points or tags were lost"]),
        (another_version, ["mask: the cell's marks, points or tags were lost or changed"]),
        (mix_up, ["the cells were out of order"]),
        (leave, ["cell 4 ends the kernel"]),
        (strangers, ["test-mask-other: no cell of this lab"]),
    ],
)
def test_found_said_and_repaired(done, spoil, said):
    spoil(done.cells)
    handed_in = deepcopy(done)
    found, repaired = check_one(done, NAME, RELEASES)
    assert [line.text.startswith(start) for line, start in zip(found, said, strict=True)] == [True] * len(said), found
    assert done == handed_in, "the notebook given is left alone"
    if not said:
        assert repaired is None
        return
    nbformat.validate(repaired)
    graded = [cell for cell in repaired.cells if marks(cell)]
    wanted = [cell for cell in RELEASES[NAME].cells if marks(cell)]
    assert [(cell.metadata, cell.cell_type) for cell in graded] == [(cell.metadata, cell.cell_type) for cell in wanted]
    assert [cell.source for cell in graded if marks(cell).locked] == [c.source for c in wanted if marks(c).locked]
    assert graded[0].source == SOLVED and all("    exit()" not in cell.source for cell in repaired.cells)
    assert "".join(graded[-1].source.split()) == "Becausewavescancel."
    assert check_one(repaired, NAME, RELEASES) == ([], None), "repaired once and for all"


def test_what_a_student_wrote_is_kept(done):
    copy_with_changes(done.cells)
    cells_of_ones_own(done.cells)
    _, repaired = check_one(done, NAME, RELEASES)
    texts = [cell.source for cell in repaired.cells]
    assert texts.index(SOLVED.replace("5", "4")) < texts.index(SOLVED)
    assert {"def help_me(): ...", "Notes"} <= set(texts)


def test_of_copies_the_last_counts_though_its_text_stands_earlier_too(done):
    copy_with_changes(done.cells)
    done.cells.insert(MASK, copy_of(done.cells[MASK + 1]))
    done.cells[MASK].id = "first"
    done.cells[MASK + 2] = new_markdown_cell(SOLVED, id="last", metadata=done.cells[MASK + 2].metadata)
    found, repaired = check_one(done, NAME, RELEASES)
    assert [cell.source for cell in repaired.cells if "my_mask(magnitudes" in cell.source] == [
        SOLVED.replace("5", "4"),
        SOLVED,
    ]
    assert len({cell.id for cell in repaired.cells}) == len(repaired.cells)
    assert len(found) == 3, found


def test_pictures_of_all_parts_are_kept(done):
    split_words(done.cells)
    for name, cell in {"a.png": done.cells[WHY], "b.png": done.cells[-1]}.items():
        cell.attachments = {name: {"image/png": "aGVsbG8="}}
    _, repaired = check_one(done, NAME, RELEASES)
    nbformat.validate(repaired)
    assert repaired.cells[-1].attachments.keys() == {"a.png", "b.png"}


def test_what_only_a_person_can_mend_is_said(done):
    [said], repaired = check_one(done, OTHER, RELEASES)
    assert f"this is {NAME} under the name of {OTHER}" in said.text and said.needs_person and repaired is None
    [said], repaired = check_one(new_notebook(), NAME, RELEASES)
    assert "none of the cells" in said.text and said.needs_person and repaired is None
    [said], repaired = check_one(done, f"{NAME} (1)", RELEASES)
    assert f"only under the name {NAME}.ipynb" in said.text and said.needs_person and repaired is None


HEAD = "def my_mask(magnitudes, mixture):\n"
LOOK = "needs a person: mask: the cell uses the kit's own answer"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            f"{HEAD}    return (magnitudes / mixture",
            "mask: Python can't read the cell, so it scores nothing: '(' was never",
        ),
        (f"%matplotlib inline\n!ls\n{HEAD}    return magnitudes / mixture\nmy_mask?", None),
        ('my_mask = CODED["ratio mask"].reference', LOOK),
        ('my_mask = own_or_kit("ratio mask", None)', LOOK),
        ("from contav_lib.teaching.exercises.masks import my_mask", LOOK),
        ("from contav_lib.teaching import exercises", LOOK),
    ],
)
def test_what_is_no_trouble_for_grading_is_told_and_left(done, source, said):
    done.cells[MASK].source = source
    found, repaired = check_one(done, NAME, RELEASES)
    assert repaired is None
    assert [str(finding).startswith(said) for finding in found] == ([True] if said else [])


def test_what_was_handed_out_is_no_answer_of_the_kit_but_a_helper_cell_is(done):
    releases = deepcopy(RELEASES)
    line = 'kit = own_or_kit("ratio mask", my_mask)\n'
    releases[NAME].cells[MASK].source = line
    done.cells[MASK].source = line + SOLVED
    done.cells.append(new_code_cell(line, id="own"))
    assert check_one(done, NAME, releases) == ([], None)
    done.cells[-1].source = 'help_me = CODED["ratio mask"].reference'
    [said], repaired = check_one(done, NAME, releases)
    assert (
        said.needs_person and said.text.startswith("cell 12: the cell uses the kit's own answer") and repaired is None
    )


def test_what_a_student_edited_or_ran_stays_but_what_grading_goes_by_does_not(done):
    done.cells[IMPORTS].source += "\nSEED = 5"
    assert check_one(done, NAME, RELEASES) == ([], None)
    done.cells[IMPORTS].outputs = [new_output("stream", text="hello")]
    done.cells[IMPORTS].metadata.tags = ["slow"]
    picture = {"image.png": {"image/png": "aGVsbG8="}}
    done.cells[WHY] |= {"attachments": picture, "metadata": {}}
    _, repaired = check_one(done, NAME, RELEASES)
    assert repaired.cells[IMPORTS] == {**done.cells[IMPORTS], "metadata": {}}
    assert repaired.cells[WHY].attachments == picture and repaired.cells[WHY].source == "Because waves cancel."


@pytest.fixture
def submitted(tmp_path, done):
    """Files of three students: a sound one, one to repair, one broken; and the folder of the release."""
    for name, notebook in RELEASES.items():
        (tmp_path / "release" / name).mkdir(parents=True)
        nbformat.write(notebook, tmp_path / "release" / name / f"{name}.ipynb")
    for student, spoil in {"ann": nothing, "bob": split, "cem": nothing}.items():
        notebook = deepcopy(done)
        spoil(notebook.cells)
        (tmp_path / student / NAME).mkdir(parents=True)
        nbformat.write(notebook, tmp_path / student / NAME / f"{NAME}.ipynb")
    broken = tmp_path / "cem" / NAME / f"{NAME}.ipynb"
    broken.write_text(broken.read_text()[:-100])
    return [tmp_path / student / NAME / f"{NAME}.ipynb" for student in ("ann", "bob", "cem")]


def run(tmp_path, files, *options):
    return main(["labs", "check", *map(str, files), "--handed-out", str(tmp_path / "release"), *options])


def test_the_command_writes_beside(tmp_path, submitted, capsys):
    before = [path.read_bytes() for path in submitted]
    assert run(tmp_path, submitted) == 1
    said = capsys.readouterr()
    assert [line.split(": ", 1)[0] for line in said.out.splitlines()] == [str(path) for path in submitted]
    assert "nothing to repair" in said.out and "split into 2" in said.out and "needs a person: " in said.out
    assert "1 of 3 notebooks need a person" in said.err
    assert [path.read_bytes() for path in submitted] == before
    [repaired] = tmp_path.rglob("*.repaired.ipynb")
    assert read_notebook(repaired).cells[MASK].source == SOLVED


def test_the_command_repairs_in_place_and_keeps_what_was_handed_in(tmp_path, submitted):
    as_handed_in = submitted[1].read_bytes()
    assert run(tmp_path, submitted[:2], "--repair") == 0
    assert submitted[1].with_suffix(".before.ipynb").read_bytes() == as_handed_in
    assert read_notebook(submitted[1]).cells[MASK].source == SOLVED
    assert run(tmp_path, tmp_path.glob(f"*/{NAME}/*.ipynb"), "--repair") == 1  # the copy is passed over; one is broken
    assert submitted[1].with_suffix(".before.ipynb").read_bytes() == as_handed_in
    assert len(list(tmp_path.glob("*/*/*.ipynb"))) == 4 + len(RELEASES)


def test_a_later_repair_keeps_what_it_replaces_too(tmp_path, submitted):
    kept = []
    for spoil in (nothing, delete_test, change_test):
        notebook = read_notebook(submitted[1])
        spoil(notebook.cells)
        nbformat.write(notebook, submitted[1])
        kept.append(submitted[1].read_bytes())
        assert run(tmp_path, submitted[1:2], "--repair") == 0
    copies = [submitted[1].with_suffix(f".before{number}.ipynb") for number in ("", "-2", "-3")]
    assert [path.read_bytes() for path in copies] == kept
    before = sorted(tmp_path.rglob("*"))
    assert run(tmp_path, [submitted[1], *copies], "--repair") == 0
    assert sorted(tmp_path.rglob("*")) == before, "nothing to repair, and no copy is looked over"


@pytest.mark.filterwarnings("error")
def test_cells_without_an_id_of_their_own_are_no_news(submitted):
    notebook = json.loads(submitted[0].read_text())
    notebook["cells"][MASK]["id"] = notebook["cells"][DISTIL]["id"]
    del notebook["cells"][WHY]["id"]
    submitted[0].write_text(json.dumps(notebook))
    ids = [cell.id for cell in read_notebook(submitted[0]).cells]
    assert len(set(ids)) == len(ids)


def test_what_is_no_notebook_is_said_and_the_others_are_looked_over(tmp_path, submitted, capsys):
    submitted[0].write_text(json.dumps(["no", "notebook"]))
    (tmp_path / "latin.ipynb").write_bytes(b"\xe4\xff")
    assert run(tmp_path, [*submitted, tmp_path / "latin.ipynb", tmp_path / "gone.ipynb"]) == 1
    out, err = capsys.readouterr()
    assert out.count("needs a person: ") == 4 and "split into 2" in out and "4 of 5" in err


@pytest.mark.parametrize("damage", [{"metadata": None}, {"source": 5}, {"cell_type": "poem"}], ids=str)
def test_a_damaged_cell_stops_no_other_notebook(damage, tmp_path, submitted, capsys):
    notebook = json.loads(submitted[0].read_text())
    notebook["cells"][MASK] |= damage
    submitted[0].write_text(json.dumps(notebook))
    assert run(tmp_path, submitted, "--repair") == 1
    out, err = capsys.readouterr()
    assert out.count("needs a person: ") == 2 and "split into 2" in out and "2 of 3" in err


def test_options_may_come_first(tmp_path, submitted):
    assert main(["labs", "check", "--repair", "--handed-out", str(tmp_path / "release"), str(submitted[1])]) == 0
