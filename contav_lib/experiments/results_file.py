"""Tables of results as CSV files that say which command made them, so that published numbers can be checked."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from contav_lib.experiments.result import Result
from contav_lib.experiments.rows import paper_scores
from contav_lib.experiments.tables import SUMMARY, paper_text
from contav_lib.utils.storage import write_atomically


def command(name: str, arguments: Sequence[str]) -> str:
    """Return a command of the kit as one would type it: `contav compare --profile lab ...`."""
    return shlex.join(["contav", name, *arguments])


def require_writable(path: Path | None) -> None:
    """Raise a StorageError now rather than after hours of work when a file can't be written; None is no file."""
    if path is not None:
        probe = path.with_name(f"{path.name}.probe") if path.name and not path.is_dir() else path
        write_atomically(probe, lambda part: part.touch())
        probe.unlink()


def save_results(
    path: Path,
    made_by: str,
    results: Mapping[str, Sequence[Result]],
    table: pd.DataFrame,
    others: pd.DataFrame | None = None,
) -> None:
    """Write a table to CSV: first `# <the command line>`, then one row a method.

    Args:
        made_by: the command line.
        results: experiments by the method's readable name, one a seed, in the order of the table's rows.
        table: of `tables.measures_table` or `compare.table_of`; written after the columns `name` and `separator`. Last
            come the values of single seeds: `<key of Result.summary()>_seed_<seed>`, in dB.
        others: rows by `name` that are no experiments, with columns like the table's; written first.

    Raises:
        StorageError: the file can't be written.
    """
    what, by_seed = [], []
    for name, runs in results.items():
        config = runs[0].config
        what.append({"name": name, "separator": config["separator"], "paper": paper_text(paper_scores(config))})
        by_seed.append({f"{key}_seed_{run.config['seed']}": run.summary()[key] for key in SUMMARY for run in runs})
    frame = pd.concat([pd.DataFrame(what), table.reset_index(), pd.DataFrame(by_seed)], axis=1)
    if others is not None:
        frame = pd.concat([others.reset_index(), frame])[frame.columns]
    save_table(path, made_by, frame)


def save_table(path: Path, made_by: str, table: pd.DataFrame) -> None:
    """Write any table that has a column `name` to CSV: first `# <the command line>`, then its columns without its index.

    Raises:
        StorageError: the file can't be written.
    """
    text = f"# {' '.join(made_by.split())}\n" + table.to_csv(index=False)
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
