"""Every notebook runs on `smoke` through the main job, says the same where it must, and keeps the rules of the house."""

import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from clear_outputs import clear, is_checked

from contav_lib import Result
from contav_lib.experiments.plans import of_notebooks
from contav_lib.teaching.notebooks import NOTEBOOKS

ROOM = NOTEBOOKS / "listening_room.ipynb"  # an app, not executed
PATHS = sorted(set(NOTEBOOKS.glob("*.ipynb")) - {ROOM})
WIDGET = "application/vnd.jupyter.widget-view+json"
every_notebook = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def code_cells(path: Path):
    cells = nbformat.read(path, as_version=4).cells
    return [
        cell
        for cell in cells
        if cell.cell_type == "code" and "injected-parameters" not in cell.metadata.get("tags", [])
    ]


def text_of(cell) -> list[str]:
    """What a cell printed and showed as text; progress bars apart."""
    shown = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.outputs
             if output.get("name") != "stderr"]  # fmt: skip
    return "".join(shown).splitlines()


@pytest.fixture(scope="session")
def main_job(tmp_path_factory):
    """The main job on `smoke`, in a home of its own: what it printed, and the folder of executed notebooks."""
    home = tmp_path_factory.mktemp("smoke")
    job = subprocess.run(
        [sys.executable, "-m", "contav_lib", "reproduce", "--profile", "smoke"],
        env=os.environ | {"CONTAV_HOME": str(home)},
        capture_output=True,
        text=True,
    )
    assert job.returncode == 0, job.stderr[-3000:]
    return job.stdout, home / "runs" / "notebooks"


def test_main_job_prints_a_row_a_method(main_job):
    rows = [line.split("  ")[0] for line in main_job[0].splitlines()]
    assert {"fine-tuning", "replay", "upper bound", "distillation only", "ContAV-Sep"} <= set(rows)


@every_notebook
def test_runs_on_smoke_and_says_the_same_where_it_must(main_job, path):
    stored, executed = code_cells(path), code_cells(main_job[1] / path.name)
    assert [cell.source for cell in stored] == [cell.source for cell in executed]
    for one, other in zip(stored, executed, strict=True):
        if is_checked(one):
            assert text_of(one) == text_of(other), one.source


def test_notebooks_train_nothing_beside_the_main_jobs_experiments_but_what_is_ones_own(main_job):
    folders = {path.name: path for path in main_job[1].parent.iterdir() if (path / "config.json").exists()}
    planned = {config.name for config in of_notebooks("smoke", 1)}
    assert planned <= folders.keys()
    others = [Result(folders[name]).config for name in folders.keys() - planned]
    own_separator = [config for config in others if config["separator"] == "film"]
    own_videos = [config for config in others if Path(config["data"]).is_dir()]
    assert own_separator and len(own_videos) == 1 and len(others) == len(own_separator + own_videos)


@every_notebook
def test_has_one_parameters_cell(path):
    tagged = [cell for cell in code_cells(path) if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1
    assert 'PROFILE = "lab"' in tagged[0].source


@every_notebook
def test_says_one_honest_number_of_minutes(path):
    """200 words a minute, the times written at exercises, and up to three minutes of running cells; so say the tables."""
    texts = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown"]
    said = int(re.search(r"\*\*Time on `lab`\*\*: about (\d+) minutes", texts[0])[1])
    exercises = [int(minutes) for text in texts for minutes in re.findall(r"\*\*Code .\*\* \((\d+) minutes", text)]
    read = [text for text in texts if not text.startswith(("## Files", "## References"))]
    words = len(re.sub(r"\$\$.*?\$\$", "", " ".join(read), flags=re.S).split())
    assert words / 200 + sum(exercises) < said < words / 200 + sum(exercises) + 3
    for table in (NOTEBOOKS.parent / "README.md", NOTEBOOKS / "00_start.ipynb"):
        for told in re.findall(rf"`{path.stem}` \|[^|]+\| (\d+) \|", table.read_text(encoding="utf-8")):
            assert int(told) == said, table


@every_notebook
def test_cells_are_short(path):
    lengths = [len(cell.source.splitlines()) for cell in code_cells(path)]
    assert max(lengths) <= 30
    assert statistics.median(lengths) < 10


@every_notebook
def test_is_stored_without_answers(path):
    notebook = nbformat.read(path, as_version=4)
    stored = nbformat.writes(notebook)
    clear(notebook)
    assert stored == nbformat.writes(notebook), "make format clears it"


@every_notebook
def test_runs_without_errors(main_job, path):
    outputs = [output for cell in code_cells(main_job[1] / path.name) for output in cell.outputs]
    assert outputs and not any(output.output_type == "error" for output in outputs)


@pytest.mark.parametrize("path", [*PATHS, ROOM], ids=lambda path: path.stem)
def test_is_small_and_tells_nothing_of_the_machine(path):
    assert path.stat().st_size < 3_000_000
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    assert "papermill" not in notebook.metadata  # holds paths of the machine it ran on


@every_notebook
def test_begins_with_outcomes_and_ends_with_references(path):
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown"]
    first, last = cells[0].source, cells[-1].source
    assert first.startswith("# ") and len(re.findall(r"^\d\. ", first, re.MULTILINE)) == 3
    assert "`lab`" in first and re.search(r"[Rr]ead", first)
    assert "References" in last and "2411.02860" in last


@every_notebook
def test_every_cell_that_draws_shows_a_figure(main_job, path):
    for cell in code_cells(main_job[1] / path.name):
        if cell.source.splitlines()[-1].startswith("plots."):
            assert any(
                re.search("<img |<svg", output.get("data", {}).get("text/html", "")) for output in cell.outputs
            ), cell.source


@every_notebook
def test_every_figure_is_described_and_explained(main_job, path):
    cells = nbformat.read(main_job[1] / path.name, as_version=4).cells
    for cell, after in zip(cells, [*cells[1:], None], strict=True):
        shown = [output.get("data", {}) for output in cell.get("outputs", [])]
        assert not any({"image/png", "image/jpeg"} & data.keys() and "text/html" not in data for data in shown), (
            cell.source
        )
        for image in re.findall(r"<img [^>]*>", "".join(str(data.get("text/html", "")) for data in shown)):
            assert re.search(r'alt="[^"]{10,}', image) or 'alt=""' in image, cell.source
        figures = [data for data in shown if "contav-figure" in str(data.get("text/html")) and WIDGET not in data]
        assert not figures or (after is not None and after.cell_type == "markdown"), cell.source
