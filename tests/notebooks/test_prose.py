"""The notebooks read well: outcomes, minutes, prerequisites, short cells and sentences, links that lead somewhere."""

import json
import re
import statistics
from importlib import import_module
from pathlib import Path

import nbformat
import pytest
from clear_outputs import clear

from contav_lib.teaching.notebooks import NOTEBOOKS

ROOT = Path(__file__).parents[2]
LESSONS, LABS = sorted(NOTEBOOKS.glob("*.ipynb")), sorted(NOTEBOOKS.glob("labs/source/*/*.ipynb"))
ROOM = NOTEBOOKS / "listening_room.ipynb"  # an app
every_notebook = pytest.mark.parametrize("path", LESSONS + LABS, ids=lambda path: path.stem)
every_lab = pytest.mark.parametrize("path", LABS, ids=lambda path: path.stem)
# The first ten minutes, and the app, may be short; no text is to be long.
SHORT = {"00_start", "listening_room"}
MINIMUM, MAXIMUM, LONGEST = 1000, 2600, 35


def cells_of(path: Path, kind: str) -> list[str]:
    return [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == kind]


def prose_of(path: Path) -> str:
    """What is to be read of a notebook, without formulas, code, tables and marks."""
    text = "\n\n".join(cells_of(path, "markdown"))
    text = re.sub(r"```.*?```|\$\$.*?\$\$|\$[^$]*\$", " x ", text, flags=re.DOTALL)
    return re.sub(r"^\|.*$|</?[a-z]+[^>\n]*>", "\n\n", text, flags=re.MULTILINE)


def sentences_of(path: Path) -> list[str]:
    blocks = re.split(r"\n\s*\n|\n(?=\s*(?:[-*#>]|\d+\.))", prose_of(path))
    return [sentence for block in blocks for sentence in re.split(r"(?<=[.!?:])\**\s+", block.strip())]


@every_notebook
def test_is_as_long_as_a_lesson(path):
    words = len(re.findall(r"[^\W\d_][\w'’-]*", prose_of(path)))
    assert words <= MAXIMUM, words
    assert words >= MINIMUM or path.stem in SHORT, words


@every_notebook
def test_sentences_are_short(path):
    assert [one for one in sentences_of(path) if len(one.split()) > LONGEST] == []


@every_notebook
def test_headings_are_in_order(path):
    levels = [len(found) for text in cells_of(path, "markdown") for found in re.findall(r"^(#+) ", text, re.MULTILINE)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(later <= level + 1 for level, later in zip(levels, levels[1:], strict=False))


@every_notebook
def test_links_and_names_of_the_library_lead_somewhere(path):
    text = "\n".join(cells_of(path, "markdown"))
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        assert link.startswith(("https://", "#")) or (path.parent / link.split("#")[0]).exists(), link
    for file, name in re.findall(r"`(?:contav_lib/)?([a-z_/]+\.py)(?::(\w+))?`", text):
        # A name without its folder belongs to one that was named before.
        [found, *_] = [path for path in ROOT.rglob("*.py") if path.as_posix().endswith(f"/{file}")] or [None]
        assert found, file
        if name:
            module = ".".join(found.relative_to(ROOT).with_suffix("").parts)
            assert hasattr(import_module(module), name), f"{file}:{name}"


@every_notebook
def test_pictures_have_words_and_nothing_names_a_machine(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"!\[\s*\]\(|<img (?![^>]*alt=)", text), "a picture without alternative text"
    assert not re.search(r"[\"'(\s](?:/home/|/tmp/|/root/|/Users/|[A-Z]:\\\\Users)", text)
    assert '"output_type": "error"' not in text


@every_lab
def test_a_lab_says_what_it_is_for(path):
    first = cells_of(path, "markdown")[0]
    assert re.search(r"\*\*(?:After this lab you can|What you will be able to do)\*\*\n\n1\. ", first)
    assert re.search(r"\*\*(?:Before|Prerequisites)\*\*: ", first)
    minutes = [int(row) for row in re.findall(r"^\| (\d+) \|", first, re.MULTILINE)]
    assert sum(minutes) == (120 if "capstone" in first else 90)


@every_lab
def test_a_lab_is_stored_as_the_lessons_are(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert path.stat().st_size < 3_000_000 and notebook.metadata.kernelspec.name == "python3"
    assert "papermill" not in notebook.metadata and json.loads(path.read_text(encoding="utf-8"))["nbformat"] == 4
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert sum("parameters" in cell.metadata.get("tags", []) for cell in code) == 1
    stored = nbformat.writes(notebook)
    clear(notebook)
    assert stored == nbformat.writes(notebook), "make format clears it"
    lengths = [len(cell.source.splitlines()) for cell in code]
    assert max(lengths) <= 30 and statistics.median(lengths) <= 10


@every_lab
def test_a_plot_is_followed_by_words(path):
    cells = nbformat.read(path, as_version=4).cells
    for cell, after in zip(cells, [*cells[1:], None], strict=True):
        if cell.cell_type == "code" and re.search(r"plots\.\w+\(|subplots\(", cell.source):
            assert after is not None and after.cell_type == "markdown", cell.source
