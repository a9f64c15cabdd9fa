"""Commands of a course: the listening room, the notebooks, the labs."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from contav_lib.cli.options import named_folder


def room(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Open the listening room, a web page for a class: listen to what was separated, and vote."""
    who = "who may reach it: 127.0.0.1, this machine only (default); 0.0.0.0, its network"
    parser.add_argument("--ip", default="127.0.0.1", help=who)
    parser.add_argument("--port", type=int, default=8866, help="default: 8866, or the next one that is free")
    chosen = parser.parse_args(arguments)
    from contav_lib.teaching.notebooks import open_room

    open_room(chosen.ip, chosen.port)


def notebooks(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Copy the notebooks into a folder, to work on them there."""
    parser.add_argument("folder", type=named_folder, help="where they go; made if need be")
    parser.add_argument("--overwrite", action="store_true", help="replace notebooks of the same name that are there")
    chosen = parser.parse_args(arguments)
    from contav_lib.teaching.notebooks import copy_notebooks

    for path in copy_notebooks(chosen.folder, chosen.overwrite):
        print(path)


def labs(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Make the course labs' copies for students and teachers, or look over notebooks before they are graded."""
    parser.add_argument("what", choices=["release", "check"], help="make the copies, or look over notebooks")
    parser.add_argument("notebooks", nargs="*", type=Path, help="of check: as handed in, submitted/*/*/*.ipynb")
    parser.add_argument(
        "--folder", type=named_folder, default=Path("build/labs"), help="of release (default build/labs/)"
    )
    handed_out = (
        "of check: the notebooks as handed out, <lab>/<lab>.ipynb (default: those of this checkout, or of CONTAV_DATA)"
    )
    parser.add_argument("--handed-out", type=named_folder, metavar="FOLDER", help=handed_out)
    parser.add_argument(
        "--repair", action="store_true", help="of check: in place; the old file is kept as <name>.before.ipynb"
    )
    chosen = parser.parse_intermixed_args(arguments)
    if (chosen.what == "check") != bool(chosen.notebooks):
        parser.error("`contav labs check` needs notebooks, `contav labs release` none.")
    from contav_lib.teaching.labs.precheck import Finding, check_files
    from contav_lib.teaching.labs.release import find_release, make_copies

    if chosen.what == "release":
        print(*make_copies(chosen.folder), sep="\n")
        return
    found = check_files(chosen.notebooks, find_release(chosen.handed_out), chosen.repair)
    for path, findings in found.items():
        print(*(f"{path}: {finding}" for finding in findings or [Finding("nothing to repair")]), sep="\n")
    if left := sum(any(finding.needs_person for finding in findings) for findings in found.values()):
        raise ValueError(f"{left} of {len(found)} notebooks need a person.")
