"""Commands that make something to read, to hear or to work on of results: reports, pages, notebooks."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from contav_lib.cli.options import add_options, in_runs, named_folder, seeds_given, setting


def reproduce(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """The main job: prepare the data, run the experiments of all notebooks, execute these, print the results."""
    add_options(parser, "profile")
    parser.add_argument("--seeds", type=int, default=1, help="repetitions of every experiment (default 1)")
    parser.add_argument("--kernel-free", action="store_true", help="no notebooks: for a machine without Jupyter")
    chosen = parser.parse_args(arguments)
    from contav_lib.config import Config
    from contav_lib.teaching.notebooks import reproduce as run_everything

    Config.profile(chosen.profile)
    run_everything(chosen.profile, chosen.seeds, with_notebooks=not chosen.kernel_free)


def report(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Make the paper's tables again with error bars and say which of its claims hold: notebook 06, executed."""
    add_options(parser, "profile", "seeds", "set")
    parser.set_defaults(seeds=["6-8"])
    parser.add_argument("--stored", action="store_true", help="run nothing: report what is there")
    chosen = parser.parse_args(arguments)
    from contav_lib.teaching.notebooks import make_report

    given = {"PROFILE": chosen.profile, "SEEDS": seeds_given(chosen.seeds), "ONLY_STORED": chosen.stored}
    for path in make_report(given | dict(map(setting, chosen.set))):
        print(path)


def export(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Write what a paper needs of stored results: LaTeX tables, PDF figures, CSV."""
    parser.add_argument("results", type=Path, help="a result's folder or its name, or a folder such as runs/")
    parser.add_argument(
        "--folder", type=named_folder, default=Path("export"), help="where the files go (default export/)"
    )
    chosen = parser.parse_args(arguments)
    from contav_lib.plots.export import export as write_files

    print(*write_files(in_runs(chosen.results), chosen.folder), sep="\n")


def leaderboard(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Render all stored rows to one static HTML page that plays examples."""
    parser.add_argument(
        "--folder", type=named_folder, help="where the page and its sounds go (default runs/leaderboard/)"
    )
    chosen = parser.parse_args(arguments)
    from contav_lib.experiments.leaderboard import write_leaderboard
    from contav_lib.utils import paths

    print(write_leaderboard(paths.runs(), chosen.folder or paths.runs() / "leaderboard"))


def starter(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Make the starter pack anew, data/starter/: the results that come with the kit, heard before anything is trained."""
    parser.parse_args(arguments)
    from contav_lib.experiments.starter import PACK, make_starter

    for name, value in make_starter().items():
        print(f"{name}: {value}")
    print(f"{sum(path.stat().st_size for path in PACK.rglob('*') if path.is_file()) / 1e6:.1f} MB in {PACK}")
