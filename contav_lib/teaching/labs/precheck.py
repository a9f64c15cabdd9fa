"""A look over notebooks that students hand in: each is built anew from the lab's release, with what the student wrote in it.

The command is `contav labs check`. nbgrader knows a cell by the `grade_id` in its metadata. JupyterLab copies that when a
cell is split or copied, and loses it where a cell is written anew. Each cell is therefore sought by its `grade_id`, its id, its
text and the function it defines.
"""

import ast
import re
import shutil
from collections import ChainMap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from pathlib import Path

from nbformat import NotebookNode, from_dict

from contav_lib.teaching.labs.release import marks, read_notebook, write_notebook
from contav_lib.utils.storage import StorageError, file_errors, write_atomically

_WRITTEN_HERE = re.compile(r"\.(repaired|before(-\d+)?)\.ipynb$")
_EXITS = {"exit", "quit", "os._exit", "sys.exit"}
_KITS_ANSWERS = re.compile(r"\bCODED\b|\bteaching(?:\.| import )exercises\b")


@dataclass(frozen=True)
class Finding:
    """Finding of the check of a notebook.

    Attributes:
        text: what was wrong, and what was done.
        needs_person: it can't be repaired, or has to be judged.
    """

    text: str
    needs_person: bool = False

    def __str__(self) -> str:
        return f"needs a person: {self.text}" if self.needs_person else self.text


def check_files(
    files: Sequence[Path], releases: Mapping[str, NotebookNode], in_place: bool = False
) -> dict[Path, list[Finding]]:
    """Look over files, and write what is repaired beside them, `<name>.repaired.ipynb`; what was found in each.

    Args:
        files: notebooks; those that this function wrote itself are passed over.
        releases: students' copies by lab, from `find_release`.
        in_place: put what is repaired in the file's place. What was there is kept: what was handed in as `<name>.before.ipynb`,
            after later repairs as `<name>.before-2.ipynb` and so on.
    """
    found = {}
    for path in files:
        if _WRITTEN_HERE.search(path.name):
            continue
        try:
            # Errors of whatever kind: the others are looked over all the same.
            with file_errors(path, "Open it in JupyterLab, or take an older copy."):
                found[path] = _check_file(path, releases, in_place)
        except StorageError as error:
            found[path] = [Finding(str(error), needs_person=True)]
    return found


def _check_file(path: Path, releases: Mapping[str, NotebookNode], in_place: bool) -> list[Finding]:
    found, repaired = check_one(read_notebook(path), path.stem, releases)
    if repaired and in_place:
        before, number = path.with_suffix(".before.ipynb"), 1
        while before.exists():
            number += 1
            before = path.with_suffix(f".before-{number}.ipynb")
        write_atomically(before, partial(shutil.copyfile, path))
    if repaired:
        write_notebook(path if in_place else path.with_suffix(".repaired.ipynb"), repaired)
    return found


def check_one(
    notebook: NotebookNode, name: str, releases: Mapping[str, NotebookNode]
) -> tuple[list[Finding], NotebookNode | None]:
    """Look over one notebook: what was found, and a repaired copy where there was anything to repair.

    Args:
        name: of its file, without suffix.
        releases: as for `check_files`.
    """
    lab = _lab_of(notebook, name, releases)
    if not lab:
        return [Finding(f"has none of the cells of {', '.join(releases)}", needs_person=True)], None
    if name in releases and name != lab:
        return [Finding(f"this is {lab} under the name of {name}: hand in the right notebook", needs_person=True)], None
    said, built = _build_anew(notebook, releases[lab])
    found = [*map(Finding, said), *_remarks(built, releases[lab])]
    if name != lab:
        found.insert(0, Finding(f"nbgrader grades it only under the name {lab}.ipynb", needs_person=True))
    return found, built if said else None


def _lab_of(notebook: NotebookNode, name: str, releases: Mapping[str, NotebookNode]) -> str:
    """The lab with most of a notebook's cells, of several the one of its name; "" where no cell is of a lab."""

    def traces(of: NotebookNode) -> set[str]:
        return {text for cell in of.cells for text in (cell.source, marks(cell).get("grade_id", ""))} - {""}

    def shared(lab: str) -> tuple[int, bool]:
        return len(traces(notebook) & traces(releases[lab])), lab == name

    best = max(releases, key=shared)
    return best if shared(best)[0] else ""


def _build_anew(notebook: NotebookNode, release: NotebookNode) -> tuple[list[str], NotebookNode]:
    """Fill what a student wrote into the release, cell by cell: what was wrong, a line each, and the new notebook."""
    built, said = from_dict(notebook), []
    places = _places(built.cells, release.cells)
    # For each cell of the release: the student's that come from it, and the student's own behind these.
    matched: list[list[NotebookNode]] = [[] for _ in release.cells]
    following: list[list[NotebookNode]] = [[] for _ in release.cells]
    cells: list[NotebookNode] = []  # own ones at the very top stay there
    followers = cells
    for cell, place in zip(built.cells, places, strict=True):
        if "nbgrader" in cell.metadata and (place is None or not marks(release.cells[place])):
            said.append(f"{marks(cell).get('grade_id', 'a cell')}: no cell of this lab has this mark; it was taken off")
            _unmark(cell)
        if place is None:
            followers.append(cell)
        else:
            matched[place].append(cell)
            followers = following[place]
    known = [place for place in places if place is not None]
    if known != sorted(known):
        said.append("the cells were out of order; they are in that of the lab again")
    for wanted, own, others in zip(release.cells, matched, following, strict=True):
        is_text = wanted.cell_type != "code" and not marks(wanted)  # may be changed or deleted
        cells += (own if is_text else _fill(wanted, own, said)) + others
    for number, cell in enumerate(cells, 1):
        if cell.cell_type == "code" and (source := _without_exits(cell.source)) != cell.source:
            said.append(f"cell {number} ends the kernel, so that nothing is graded; its exit() is taken out")
            cell.source = source
    built.cells = cells
    return said, built


def _places(cells: list[NotebookNode], release: list[NotebookNode]) -> list[int | None]:
    """For each cell the index of the release's cell that it comes from, by its mark, else its id, text or function."""
    places: list[int | None] = [None] * len(cells)
    for keys_of in (
        lambda cell: {marks(cell).get("grade_id", "")},
        lambda cell: {cell.get("id", "")},
        lambda cell: {cell.source.strip()},
        lambda cell: _defined(cell.source),
    ):
        place_of = {key: place for place, wanted in enumerate(release) for key in keys_of(wanted) - {""}}
        taken = set(places)
        for number, cell in enumerate(cells):
            found = {place_of[key] for key in keys_of(cell) if key in place_of} - taken
            if places[number] is None and len(found) == 1:
                places[number] = found.pop()
    return places


def _fill(wanted: NotebookNode, own: list[NotebookNode], said: list[str]) -> list[NotebookNode]:
    """A cell of the release, marked or of code, with what the student wrote in `own`, behind copies that don't count."""
    first_line = wanted.source.strip().partition("\n")[0][:60]
    name = marks(wanted).get("grade_id") or f'"{first_line} ..."'
    if not own:
        said.append(f"{name}: the cell was deleted; it is back as it was handed out")
        return [from_dict(wanted)]
    stub, is_locked = wanted.source.strip(), marks(wanted).get("locked")
    texts = {cell.source.strip(): cell for cell in own}  # of equal ones the last
    different = [cell for cell in own if texts[cell.source.strip()] is cell]
    parts = [cell for cell in different if cell.source.strip() not in ("", stub)] or own[-1:]
    if is_locked:
        parts = [texts.get(stub, own[-1])]
    if len(own) > len(parts):
        said.append(f"{name}: there were {len(own) - len(parts)} copies of the cell; they don't count any more")
    last, copies = parts[-1], []
    source = last.source
    if is_locked:
        copies = [cell for cell in different if cell.source.strip() not in stub and cell is not last]
        source = wanted.source
        if last.source != source:
            said.append(f"{name}: the test was changed; it is as it was handed out")
    elif any(_defined(one.source) & _defined(other.source) for one, other in combinations(parts, 2)):
        said.append(
            f"{name}: {len(parts)} copies of the cell differ; the last counts, as it does in a run of all cells"
        )
        copies = parts[:-1]
    elif len(parts) > 1:
        said.append(f"{name}: the cell was split into {len(parts)}; they are one again")
        source = ("\n" if wanted.cell_type == "code" else "\n\n").join(cell.source for cell in parts)
    if _about(last) != _about(wanted):
        said.append(f"{name}: the cell's marks, points or tags were lost or changed; they are as they were")
    if last.cell_type != wanted.cell_type:
        said.append(f"{name}: the cell was no {wanted.cell_type} cell any more; it is again")
        last = from_dict({**wanted, "id": last.id})
    for cell in copies:
        _unmark(cell)
    filled = from_dict({**last, "source": source, "metadata": wanted.metadata})  # with outputs
    if wanted.cell_type != "code" and (pictures := [cell.attachments for cell in parts if "attachments" in cell]):
        filled.attachments = dict(ChainMap(*pictures))
    return [*copies, filled]


def _about(cell: NotebookNode) -> tuple[dict, list]:
    """Marks without the checksum of the text, and tags: all that grading goes by."""
    return {key: value for key, value in marks(cell).items() if key != "checksum"}, cell.metadata.get("tags") or []


def _unmark(cell: NotebookNode) -> None:
    for key in ("nbgrader", "deletable", "editable"):
        cell.metadata.pop(key, None)


def _defined(source: str) -> set[str]:
    """Names of the functions and classes that a cell defines."""
    return set(re.findall(r"^(?:def|class) (\w+)", source, re.MULTILINE))


def _without_exits(source: str) -> str:
    """The source of a cell with `pass` in place of each statement that ends the kernel; as it is where it is no Python."""
    try:
        nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Expr)]
    except (SyntaxError, ValueError):
        return source
    lines = [line.encode() for line in source.split("\n")]  # columns count bytes
    for node in sorted(nodes, key=lambda node: (-node.lineno, -node.col_offset)):
        asked = node.value.func if isinstance(node.value, ast.Call) else node.value
        if ast.unparse(asked) in _EXITS and node.end_lineno and node.end_col_offset:
            last = lines[node.end_lineno - 1][node.end_col_offset :]
            lines[node.lineno - 1 : node.end_lineno] = [lines[node.lineno - 1][: node.col_offset] + b"pass" + last]
    return b"\n".join(lines).decode()


def _remarks(notebook: NotebookNode, release: NotebookNode) -> list[Finding]:
    """Report what is left as it is: answers that Python can't read, and cells that take the kit's own answer."""
    from IPython.core.inputtransformer2 import TransformerManager

    stubs = {marks(cell).get("grade_id"): cell.source for cell in release.cells if marks(cell).get("solution")}
    found = []
    for number, cell in enumerate(notebook.cells, 1):
        if cell.cell_type != "code":
            continue
        name = marks(cell).get("grade_id") or f"cell {number}"
        used = _KITS_ANSWERS.findall(cell.source)
        if cell.source.count("own_or_kit(") > stubs.get(name, cell.source).count("own_or_kit("):
            used.append("own_or_kit")
        if used:
            found.append(Finding(f"{name}: the cell uses the kit's own answer ({used[0]})", needs_person=True))
        if name in stubs:
            try:
                ast.parse(TransformerManager().transform_cell(cell.source), filename=name)
            except (SyntaxError, ValueError) as error:
                found.append(Finding(f"{name}: Python can't read the cell, so it scores nothing: {error}"))
    return found
