"""Take the outputs out of the stored notebooks, but for those that tests compare: learners shall not find answers.

`make format` does it. A cell whose output is compared has nbval's tag, which learners need not see.
"""

from pathlib import Path

import nbformat

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
CHECKED = "nbval-check-output"


def is_checked(cell: nbformat.NotebookNode) -> bool:
    """Whether tests compare what the cell shows."""
    return CHECKED in cell.metadata.get("tags", [])


def clear(notebook: nbformat.NotebookNode) -> None:
    """Remove outputs and numbers of execution; a checked cell keeps what it showed."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.execution_count = None
            if not is_checked(cell):
                cell.outputs = []
    notebook.metadata = {"kernelspec": notebook.metadata.kernelspec, "language_info": {"name": "python"}}


if __name__ == "__main__":
    for path in sorted([*NOTEBOOKS.glob("*.ipynb"), *NOTEBOOKS.glob("labs/source/*/*.ipynb")]):
        notebook = nbformat.read(path, as_version=4)
        clear(notebook)
        nbformat.write(notebook, path)
