"""What a paper needs of stored results: LaTeX tables, PDF figures, the numbers as CSV."""

from functools import partial
from pathlib import Path

import numpy as np

from contav_lib.experiments.result import Result
from contav_lib.experiments.results_file import command, save_results
from contav_lib.experiments.stored import as_rows, find_results
from contav_lib.experiments.tables import measures_table, results_table
from contav_lib.plots.learning import scores_after_tasks, task_matrices
from contav_lib.plots.text import as_written
from contav_lib.utils.storage import write_atomically


def export(source: Path, folder: Path) -> list[Path]:
    """Write `table.tex`, `results.csv`, `scores_after_tasks.pdf`, of several tasks `task_matrices.pdf`; return their paths.

    Results of several tests, which can't be compared, go into numbered folders, `test_1` with most classes.

    Args:
        source: a result, or a folder of results.

    Raises:
        ValueError: there is no finished result.
    """
    found, _ = find_results(source)
    if not found:
        raise ValueError(f"There is no finished result in {source}: give a folder of `runs/`, or `runs/` itself.")
    places = [folder / f"test_{number}" if len(found) > 1 else folder for number in range(1, len(found) + 1)]
    made_by = command("export", [str(source)])
    return [
        path
        for place, (title, entries) in zip(places, found.items(), strict=True)
        for path in _export(as_rows(entries), title, place, made_by)
    ]


def _export(rows: dict[str, list[Result]], title: str, folder: Path, made_by: str) -> list[Path]:
    table = results_table(rows, paper=True).rename_axis(index=None, columns="method")
    lines = table.to_latex(escape=True, column_format="l" + "r" * len(table.columns))
    lines = lines.replace("±", "$\\pm$").replace("& -", "& $-$")
    text = f"% {' '.join(title.split())}. Made by: {made_by}\n% needs \\usepackage{{booktabs}}\n{lines}"
    tex, numbers = folder / "table.tex", folder / "results.csv"
    write_atomically(tex, lambda part: part.write_text(text, encoding="utf-8"))
    save_results(numbers, made_by, rows, measures_table(rows, {}))
    means = {name: np.mean([run.matrix() for run in runs], axis=0) for name, runs in rows.items()}
    figures = {"scores_after_tasks.pdf": as_written(scores_after_tasks)(rows)}
    if all(len(matrix) > 1 for matrix in means.values()):  # of one task there is nothing to see
        figures["task_matrices.pdf"] = as_written(task_matrices)(means)
    for name, figure in figures.items():
        write_atomically(folder / name, partial(figure.savefig, format="pdf"))
    return [tex, numbers, *(folder / name for name in figures)]
