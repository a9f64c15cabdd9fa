"""A tiny lab, made by code, that the tests of the machinery work on."""

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

NAME = "lab0_sample"
MASK = '''def my_mask(magnitudes, mixture):
    """Ratio masks."""
    ### BEGIN SOLUTION
    return (magnitudes / (mixture + 1e-10)).clamp(0, 5)
    ### END SOLUTION
'''
MASK_TEST = """from contav_lib.teaching.check import require

require("ratio mask", my_mask)
### BEGIN HIDDEN TESTS
from contav_lib.teaching.check import require

require("ratio mask", my_mask, seed=7)
### END HIDDEN TESTS"""
DISTIL = '''def my_distance(masks, old, weights, is_memory):
    """Mask distillation."""
    ### BEGIN SOLUTION
    chosen = masks[is_memory] - old[is_memory]
    return (chosen.abs() * weights.expand_as(masks)[is_memory]).mean()
    ### END SOLUTION
'''
DISTIL_TEST = """from contav_lib.teaching.check import require

require("mask distillation", my_distance)
### BEGIN HIDDEN TESTS
from contav_lib.teaching.check import require

require("mask distillation", my_distance, seed=11)
### END HIDDEN TESTS"""
MODEL_ANSWER = "Waves cancel, so a part may well be louder than the whole mixture is."


def graded(name: str, points: float | None = None, solution: bool = False, cell_type: str = "code") -> dict:
    """Metadata of a cell; one that is graded and solution at once is marked by hand."""
    about = dict(grade=points is not None, solution=solution, locked=not solution, schema_version=3)
    about |= dict(grade_id=name, task=False, cell_type=cell_type)
    tags = {} if solution else {"tags": ["raises-exception"]}
    return {"nbgrader": about | ({} if points is None else {"points": points})} | tags


def make_lab() -> nbformat.NotebookNode:
    """The source of the sample lab: two exercises of 4 and 3 points, and an open question of 2."""
    start = "import torch\n\nfrom contav_lib.teaching.check import check"
    cells = [
        new_markdown_cell("# A sample"),
        new_code_cell(start),
        new_markdown_cell("## Exercise 1: the ratio mask (4 points)"),
        new_code_cell(MASK, metadata=graded("mask", solution=True)),
        new_code_cell('check("ratio mask", my_mask)'),
        new_code_cell(MASK_TEST, metadata=graded("test-mask", 4)),
        new_markdown_cell("## Exercise 2: distillation (3 points)"),
        new_code_cell(DISTIL, metadata=graded("distil", solution=True)),
        new_code_cell(DISTIL_TEST, metadata=graded("test-distil", 3)),
        new_markdown_cell("Why may a ratio mask be above 1? (2 points)"),
        new_markdown_cell(MODEL_ANSWER, metadata=graded("why", 2, solution=True, cell_type="markdown")),
    ]
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel, "language_info": {"name": "python"}})
