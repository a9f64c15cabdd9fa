"""The numbers in README.md and the guides are those of the result files that they name.

A table is checked when the line before it is `<!-- results: data/results/NAME.csv -->`. Its first column must name all rows
of the file, in their order (`<!-- some results: ... -->`: some of them); each other column must be one of
`tables.results_table`, with its title and all its digits.
"""

import re
from pathlib import Path

import pytest
from samples import read_results
from test_tables import result

from contav_lib.experiments.results_file import save_results
from contav_lib.experiments.tables import as_text, measures_table

ROOT = Path(__file__).parents[2]
TEXTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
MARK = re.compile(r"<!--\s*(some )?results:\s*(\S+)\s*-->\s*")


def tables_in(text: str) -> list[tuple[str, bool, list[list[str]]]]:
    """The marked tables of a text: the file that each names, whether it has all rows, its cells by row, the header first."""
    found = []
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if mark := MARK.fullmatch(line):
            rows = []
            for row in lines[number + 1 :]:
                if not row.startswith("|"):
                    break
                rows.append([cell.strip().strip("*") for cell in row.strip().strip("|").split("|")])
            assert len(rows) > 2, f"{line}: no table follows in the next line."
            found.append((mark[2], not mark[1], [rows[0], *rows[2:]]))  # without the line of dashes
    return found


def check(text: Path, root: Path) -> int:
    """Compare the marked tables of a text with their files; how many there are."""
    tables = tables_in(text.read_text(encoding="utf-8"))
    for name, all_rows, (header, *rows) in tables:
        stored = as_text(read_results(root / name)[1], paper=True)
        names = [row[0] for row in rows]
        rows_in_file = stored.index.tolist() if all_rows else [row for row in stored.index if row in names]
        assert names == rows_in_file, f"{name}: these are not the rows of the file."
        for title in header[1:]:
            assert title in stored.columns, f"{name}: no column {title!r}; there are {', '.join(stored.columns)}."
        for method, *cells in rows:
            assert cells == stored.loc[method, header[1:]].tolist(), (
                f"{name}: {method!r} has other numbers in the file."
            )
    return len(tables)


def test_the_numbers_of_the_texts_are_those_of_the_files():
    marked = [text.read_text(encoding="utf-8").count("results: data/results/") for text in TEXTS]
    assert [check(text, ROOT) for text in TEXTS] == marked
    assert sum(marked) >= 2


TABLE = """# Title

<!-- results: data/results/two.csv -->
| method | SDR | forgetting | paper, MUSIC-21: SDR / SIR / SAR |
|---|---|---|---|
| replay | 1.50 ± 0.71 | 1.50 ± 0.71 |  |
| **ContAV-Sep** | **3.25 ± 1.77** | 3.25 ± 1.77 | 7.33 / 13.55 / 13.01 |

| method | unmarked |
|---|---|
| replay | 9 |
"""


@pytest.fixture
def readme(tmp_path):
    replay = [result(0, 1.0, method="replay"), result(1, 2.0, method="replay")]
    results = {"replay": replay, "ContAV-Sep": [result(0, 2.0), result(1, 4.5)]}
    path = tmp_path / "data" / "results" / "two.csv"
    save_results(path, "contav compare", results, measures_table(results, {}))
    return tmp_path / "README.md"


def test_a_table_like_its_file_passes(readme):
    readme.write_text(TABLE)
    assert check(readme, readme.parent) == 1


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("3.25 ± 1.77*", "3.26 ± 1.77*", "'ContAV-Sep' has other numbers"),
        ("| 1.50 ± 0.71 |  |", "| 1.50 ± 0.72 |  |", "'replay' has other numbers"),
        ("13.55", "13.56", "'ContAV-Sep' has other numbers"),
        ("| replay | 1.50 ± 0.71 | 1.50 ± 0.71 |  |\n", "", "not the rows of the file"),
        ("| forgetting |", "| forgotten |", "no column 'forgotten'"),
        ("two.csv -->\n", "two.csv -->\n\n", "no table follows"),
    ],
)
def test_whatever_differs_from_the_file_fails(readme, old, new, message):
    assert TABLE.count(old) == 1
    readme.write_text(TABLE.replace(old, new))
    with pytest.raises(AssertionError, match=message):
        check(readme, readme.parent)
