"""A look over notebooks that students hand in: what would break grading is found, said in words, and repaired.

The command is `contav labs check`. nbgrader knows a cell by the `grade_id` in its metadata. JupyterLab copies that when a
cell is split or copied, and loses it where a cell is written anew. Each cell is therefore sought by its `grade_id`, its id, its
text and the function it defines.
"""

import ast
import re
import shutil
from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import partial
from itertools import combinations, pairwise
from pathlib import Path

from nbformat import NotebookNode, from_dict

from contav_lib.teaching.labs.release import marks, read_notebook, write_notebook
from contav_lib.utils.storage import StorageError, file_errors, write_atomically

_EXITS = {"exit", "quit", "os._exit", "sys.exit"}
REPAIRED, BEFORE = ".repaired.ipynb", ".before.ipynb"


def check_files(
    files: Sequence[Path], releases: Mapping[str, NotebookNode], in_place: bool = False
) -> dict[Path, list[str]]:
    """Look over files, and write what is repaired beside them, `<name>.repaired.ipynb`; what was found in each, a line each.

    Args:
        files: notebooks; those that this function wrote itself are passed over.
        releases: students' copies by lab, from `find_release`.
        in_place: put what is repaired in the file's place; what was there is kept as `<name>.before.ipynb`.
    """
    found = {}
    for path in files:
        if path.name.endswith((REPAIRED, BEFORE)):
            continue
        try:
            with file_errors(
                path, "Open it in JupyterLab, or take an older copy."
            ):  # of whatever kind: the others are looked over all the same
                found[path] = _check_file(path, releases, in_place)
        except StorageError as error:
            found[path] = [f"not repaired: {error}"]
    return found


def _check_file(path: Path, releases: Mapping[str, NotebookNode], in_place: bool) -> list[str]:
    found, repaired = check_one(read_notebook(path), path.stem, releases)
    if repaired:
        before = path.with_suffix(BEFORE)
        if in_place and not before.exists():  # the oldest is what was handed in
            write_atomically(before, partial(shutil.copyfile, path))
        write_notebook(path if in_place else path.with_suffix(REPAIRED), repaired)
    return found


def check_one(
    notebook: NotebookNode, name: str, releases: Mapping[str, NotebookNode]
) -> tuple[list[str], NotebookNode | None]:
    """Look over one notebook: what was found, and a repaired copy where there was anything to repair.

    Args:
        name: of its file, without suffix.
        releases: as for `check_files`.
    """
    lab = _lab_of(notebook, name, releases)
    if not lab:
        return [f"not repaired: has none of the cells of {', '.join(releases)}"], None
    if name in releases and name != lab:
        return [f"not repaired: this is {lab} under the name of {name}: hand in the right notebook"], None
    repair = _Repair(notebook, releases[lab])
    misnamed = [] if name == lab else [f"not repaired: nbgrader grades it only under the name {lab}.ipynb"]
    return misnamed + repair.found, repair.notebook if repair.found else None


def _lab_of(notebook: NotebookNode, name: str, releases: Mapping[str, NotebookNode]) -> str:
    """The lab with most of a notebook's cells, of several the one of its name; "" where no cell is of a lab."""

    def names_of(any_notebook: NotebookNode) -> set[str]:
        return {marks(cell).get("grade_id", "") for cell in any_notebook.cells} - {""}

    def shared(lab: str) -> tuple[int, bool]:
        texts = {cell.source for cell in releases[lab].cells}
        alike = sum(cell.source in texts for cell in notebook.cells)
        return alike + len(names_of(notebook) & names_of(releases[lab])), lab == name

    best = max(releases, key=shared)
    return best if shared(best)[0] else ""


class _Repair:
    """One notebook, repaired.

    Attributes:
        found: what was wrong, a line each.
        notebook: as it should be.
    """

    def __init__(self, notebook: NotebookNode, release: NotebookNode):
        self.found: list[str] = []
        self.notebook, self.release = from_dict(notebook), release
        self.cells: list[NotebookNode] = self.notebook.cells
        self._recognise()  # from now on a cell has a `place`: that in the release of the cell it comes from
        for place, wanted in enumerate(release.cells):
            if marks(wanted):
                self._mend(place, wanted)
        self._forget_strangers()
        self._order()
        self._bring_back()
        self._keep_running()
        for cell in self.cells:
            cell.pop("place", None)
        self.notebook.cells = self.cells

    def _recognise(self) -> None:
        """Find out where each cell comes from: by its marks, else its id, else its text, else the function it defines."""
        ids: dict[str, int] = {}
        texts: dict[str, int] = {}
        functions: dict[str, int] = {}
        names: dict[str, int] = {}
        for place, cell in enumerate(self.release.cells):
            ids[cell.get("id", "")] = texts[cell.source.strip()] = place
            if name := marks(cell).get("grade_id"):
                names[name] = place
            if marks(cell).get("solution"):
                functions |= dict.fromkeys(_defined(cell.source), place)
        for cell in self.cells:
            if (name := marks(cell).get("grade_id")) in names:
                cell.place = names[name]
        for known, keys_of in (
            (ids, lambda cell: {cell.get("id", "")}),
            (texts, lambda cell: {cell.source.strip()}),
            (functions, lambda cell: _defined(cell.source)),
        ):
            taken = {cell.get("place") for cell in self.cells}
            for cell in self.cells:
                places = {known[key] for key in keys_of(cell) - {""} if key in known} - taken
                if "place" not in cell and len(places) == 1:
                    cell.place = places.pop()
                    taken.add(cell.place)

    def _mend(self, place: int, wanted: NotebookNode) -> None:
        """Leave just one cell of those that come from a marked cell of the release, marked and, if locked, as it was."""
        name = marks(wanted).grade_id
        own = [cell for cell in self.cells if cell.get("place") == place]
        if not own:
            return  # `_bring_back` does it
        cell = self._one_of(own, wanted) if len(own) > 1 else own[0]
        if not marks(cell):
            self.found.append(f"{name}: the cell had lost its marks; they are back")
        elif _without_checksum(cell) != _without_checksum(wanted):
            self.found.append(f"{name}: the cell's marks or points were changed; they are as they were")
        elif cell.metadata.get("tags") != wanted.metadata.get("tags"):
            self.found.append(f"{name}: the cell's tags were changed; they are as they were")
        if cell.cell_type != wanted.cell_type:
            self.found.append(f"{name}: the cell was no {wanted.cell_type} cell any more; it is again")
            self.cells[self._index(cell)] = cell = from_dict({**wanted, "source": cell.source, "place": place})
        if marks(wanted).locked and cell.source != wanted.source:
            self.found.append(f"{name}: the test was changed; it is as it was handed out")
            cell.source = wanted.source
        cell.metadata = deepcopy(wanted.metadata)

    def _one_of(self, own: list[NotebookNode], wanted: NotebookNode) -> NotebookNode:
        """Of several cells with the same marks keep one, or make one of them."""
        name, stub = marks(wanted).grade_id, wanted.source.strip()
        written = {cell.source.strip(): cell for cell in own}  # of equal ones the last
        kept = [cell for text, cell in written.items() if text not in ("", stub)] or own[-1:]
        if marks(wanted).locked:
            kept = [written.get(stub, own[0])]
        surplus = [cell for cell in own if not any(cell is other for other in kept)]
        if surplus:
            self.found.append(f"{name}: there were {len(surplus)} copies of the cell; they don't count any more")
        for cell in surplus:
            if cell.source.strip() in ("", *(other.source.strip() for other in kept)) or cell.source.strip() in stub:
                del self.cells[self._index(cell)]
            else:
                _unmark(cell)
        *others, last = kept
        if not others:
            return last
        defined = [_defined(cell.source) for cell in kept]
        if any(one & other for one, other in combinations(defined, 2)):
            self.found.append(
                f"{name}: {len(kept)} copies of the cell differ; the last counts, as it does in a run of all cells"
            )
            for cell in others:
                _unmark(cell)
            return last
        self.found.append(f"{name}: the cell was split into {len(kept)}; they are one again")
        last.source = ("\n" if wanted.cell_type == "code" else "\n\n").join(cell.source for cell in kept)
        for cell in others:
            del self.cells[self._index(cell)]
        return last

    def _forget_strangers(self) -> None:
        for cell in self.cells:
            if "nbgrader" in cell.metadata and not ("place" in cell and marks(self.release.cells[cell.place])):
                self.found.append(
                    f"{marks(cell).get('grade_id', 'a cell')}: no cell of this lab has this mark; it was taken off"
                )
                _unmark(cell)

    def _order(self) -> None:
        """Bring the cells of the release into their order; each of the student's own stays behind the one it follows."""
        groups: list[tuple[int, list[NotebookNode]]] = [(-1, [])]
        for cell in self.cells:
            if "place" in cell:
                groups.append((cell.place, [cell]))
            else:
                groups[-1][1].append(cell)
        if any(one > other for (one, _), (other, _) in pairwise(groups)):
            self.found.append("the cells were out of order; they are in that of the lab again")
            groups.sort(key=lambda group: group[0])
        self.cells = [cell for _, group in groups for cell in group]

    def _bring_back(self) -> None:
        """Put cells that were deleted back behind those that come before them in the lab: all that hold code, or marks."""
        there = {cell.get("place") for cell in self.cells}
        for place, wanted in enumerate(self.release.cells):
            if place in there or not (marks(wanted) or wanted.cell_type == "code"):
                continue
            first_line = wanted.source.strip().partition("\n")[0][:60]
            name = marks(wanted).get("grade_id") or f'"{first_line} ..."'
            self.found.append(f"{name}: the cell was deleted; it is back as it was handed out")
            before = [number for number, cell in enumerate(self.cells) if cell.get("place", place) < place]
            self.cells.insert(before[-1] + 1 if before else 0, from_dict({**wanted, "place": place}))

    def _keep_running(self) -> None:
        """Take out what ends the kernel: nothing after it could be graded."""
        for number, cell in enumerate(self.cells, 1):
            if cell.cell_type == "code" and (source := _without_exits(cell.source)) != cell.source:
                self.found.append(f"cell {number} ends the kernel, so that nothing is graded; its exit() is taken out")
                cell.source = source

    def _index(self, cell: NotebookNode) -> int:
        return next(number for number, other in enumerate(self.cells) if other is cell)


def _unmark(cell: NotebookNode) -> None:
    cell.pop("place", None)
    for key in ("nbgrader", "deletable", "editable"):
        cell.metadata.pop(key, None)


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


def _defined(source: str) -> set[str]:
    """Names of the functions and classes that a cell defines."""
    return set(re.findall(r"^(?:def|class) (\w+)", source, re.MULTILINE))


def _without_checksum(cell: NotebookNode) -> dict:
    return {key: value for key, value in marks(cell).items() if key != "checksum"}
