"""Copies of the labs for students and for teachers, made from the one source of each that nbgrader's marks are in.

contav labs release
"""

import warnings
from collections import Counter
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.validator import normalize
from nbformat.warnings import DuplicateCellId, MissingIDFieldWarning

from contav_lib.utils import paths
from contav_lib.utils.extras import extras
from contav_lib.utils.storage import file_errors, write_atomically

SOURCES = paths.shipped("notebooks") / "labs" / "source"
_MARKS = ("### BEGIN SOLUTION", "### END SOLUTION", "### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS")


def lab_names(folder: Path | None = None) -> list[str]:
    """Names of the labs in a folder that has them as `<lab>/<lab>.ipynb`; by default the sources."""
    return sorted(path.stem for path in (folder or SOURCES).glob("*/*.ipynb") if path.stem == path.parent.name)


def make_copies(folder: Path, sources: Path | None = None) -> list[Path]:
    """Write every lab as `release/<lab>/<lab>.ipynb` and `solution/<lab>/<lab>.ipynb` into a folder; return what was written.

    Raises:
        ValueError: there are no labs, or a source is not fit for release; what is wrong with each is told, nothing is written.
    """
    sources = sources or SOURCES
    labs = lab_names(sources)
    if not labs:
        raise ValueError(f"There are no labs in {sources}: run this in a checkout of the kit, which has them.")
    read = {lab: read_notebook(sources / lab / f"{lab}.ipynb") for lab in labs}
    if wrong := [f"{lab}: {text}" for lab, notebook in read.items() for text in faults(notebook)]:
        raise ValueError("\n".join(["Nothing is released:", *wrong]))
    copies = {}
    for lab, notebook in read.items():
        copies[folder / "release" / lab / f"{lab}.ipynb"] = released(notebook)
        copies[folder / "solution" / lab / f"{lab}.ipynb"] = solved(notebook)
    for path, notebook in copies.items():
        write_notebook(path, notebook)
    return list(copies)


def faults(notebook: NotebookNode) -> list[str]:
    """Find what is wrong with a source, a line each."""
    found = []
    marked = [cell for cell in notebook.cells if marks(cell)]
    names = Counter(marks(cell).get("grade_id", "") for cell in marked)
    found += [f"{count} cells have the grade_id {name!r}" for name, count in names.items() if count > 1 or not name]
    for cell in marked:
        if marks(cell).get("grade") and not marks(cell).get("points"):
            found.append(f"the cell {marks(cell).get('grade_id')!r} is graded, but has no points")
    for number, cell in enumerate(notebook.cells, 1):
        if cell.get("outputs"):
            found.append(f"cell {number} has outputs, which may hold a solution: make format")
        for role, region in (("solution", _MARKS[:2]), ("grade", _MARKS[2:])):
            if any(mark in cell.source for mark in region) and not marks(cell).get(role):
                found.append(f"cell {number} has a region of a {role} cell, but is none by its metadata")
    return found


def released(source: NotebookNode) -> NotebookNode:
    """The students' copy, as `nbgrader generate_assignment` makes it; nothing is written, to no gradebook either."""
    with extras():
        from nbconvert.exporters import NotebookExporter
        from nbgrader.converters import GenerateAssignment
        from nbgrader.preprocessors import SaveCells
    exporter = NotebookExporter(default_preprocessors=[])
    for step in GenerateAssignment().preprocessors:
        if step is not SaveCells:
            exporter.register_preprocessor(step, enabled=True)
    # Through text, as what students send comes, so that both compare.
    return nbformat.reads(exporter.from_notebook_node(source)[0], as_version=4)


def solved(source: NotebookNode) -> NotebookNode:
    """The teachers' copy: a plain notebook with all solutions and tests, the hidden ones too."""
    copy = nbformat.from_dict(source)
    for cell in copy.cells:
        cell.metadata.pop("nbgrader", None)
        lines = cell.source.splitlines()
        cell.source = "\n".join(line for line in lines if line.strip() not in _MARKS)
    return copy


def find_release(given: Path | None = None) -> dict[str, NotebookNode]:
    """The students' copies of all labs by name: from a folder, or else made from the sources, or else from `CONTAV_DATA`.

    Args:
        given: a folder with `<lab>/<lab>.ipynb`, as they were handed out.

    Raises:
        ValueError: there are none.
    """
    if given is None and (labs := lab_names()):
        return {lab: released(read_notebook(SOURCES / lab / f"{lab}.ipynb")) for lab in labs}
    folder = given or paths.generated("labs")
    if labs := lab_names(folder):
        return {lab: read_notebook(folder / lab / f"{lab}.ipynb") for lab in labs}
    raise ValueError(
        f"{folder} has no labs, <lab>/<lab>.ipynb. Name the folder of the notebooks as they were handed out, "
        "--handed-out <folder>, or let CONTAV_DATA name a folder with labs/ in it."
    )


def marks(cell: NotebookNode) -> NotebookNode:
    """Marks of a cell, its nbgrader metadata; empty where it has none, or one that can name no cell."""
    found = cell.metadata.get("nbgrader")
    is_sound = isinstance(found, NotebookNode) and isinstance(found.get("grade_id", ""), str)
    return found if is_sound else NotebookNode()


def read_notebook(path: Path) -> NotebookNode:
    """Read a notebook, of this format or an older one.

    Raises:
        StorageError: it is missing, or no notebook.
    """
    with file_errors(path, "Is it a notebook, and was all of it saved? Open it in JupyterLab, or take an older copy."):
        text = path.read_text(encoding="utf-8-sig")
        try:
            with warnings.catch_warnings(category=DuplicateCellId, action="ignore"):
                warnings.simplefilter("ignore", MissingIDFieldWarning)
                _, notebook = normalize(nbformat.reads(text, as_version=4))  # each cell gets an id of its own
            nbformat.validate(notebook)
        except nbformat.ValidationError as error:
            raise ValueError(f"not as a notebook is: {error.message}"[:300]) from error
        return notebook


def write_notebook(path: Path, notebook: NotebookNode) -> None:
    """Write a notebook whole or not at all."""
    write_atomically(path, lambda part: part.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8"))
