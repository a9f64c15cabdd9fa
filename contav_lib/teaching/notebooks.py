"""The notebooks: run all of them with their experiments (the main job), copy them, open the listening room.

contav reproduce --profile lab --seeds 1
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import as_completed
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from contav_lib.experiments.executors import run_all
from contav_lib.experiments.plans import FOUR_TASKS, of_notebooks, over_seeds, run_plan, single_task
from contav_lib.experiments.report import folder_of
from contav_lib.experiments.reproduction import Parameters, Reproduction
from contav_lib.experiments.tables import results_table
from contav_lib.utils import paths
from contav_lib.utils.extras import extras
from contav_lib.utils.storage import process_errors
from contav_lib.utils.workers import Workers

NOTEBOOKS = paths.shipped("notebooks")
NOT_IN_VOILA = ("@jupyter-notebook/lab-extension", "@jupyter/nbgrader")  # extensions of JupyterLab that fail there


class NotebookFailed(RuntimeError):
    """A notebook did not run to its end; the message names the notebook, the cell and the error."""


_STARTS = 3  # attempts to start a kernel


def execute_notebooks(sources: Sequence[Path], folder: Path, parameters: dict[str, object]) -> dict[Path, float]:
    """Execute copies of notebooks with papermill, one a core, in a folder; how many seconds each copy took.

    Of a single notebook a bar shows which cell runs.

    Args:
        parameters: replace those that a notebook has in its cell tagged `parameters`.

    Raises:
        FileNotFoundError: a notebook is not there.
        NotebookFailed: a cell raised an error; what was executed until then is kept.
    """
    for source in sources:
        if not source.exists():
            raise FileNotFoundError(f"{source} is not there. Install the kit again, or get the file back from git.")
    folder.mkdir(parents=True, exist_ok=True)
    cores = os.cpu_count() or 1
    workers = min(cores, len(sources))
    # What the kernels inherit: their share of the cores, and where data and results lie.
    environment = {"OMP_NUM_THREADS": str(cores // workers), "CONTAV_HOME": str(paths.home())}
    seconds, failures = {}, []
    with process_errors():
        pool = Workers(workers)
    with pool:
        copies = [folder / source.name for source in sources]
        pairs = zip(sources, copies, strict=True)
        alone = len(copies) == 1
        jobs = {pool.submit(_execute, *pair, parameters, environment, alone): pair[1] for pair in pairs}
        for job in as_completed(jobs):
            taken, failure = job.result()
            if failure:
                failures.append(failure)
            else:
                seconds[jobs[job]] = taken
                print(f"  {jobs[job].name}: {taken:.0f} s", flush=True)
    if failures:
        raise NotebookFailed("\n".join(failures))
    return seconds


def _execute(
    source: Path, target: Path, parameters: dict[str, object], environment: dict[str, str], progress: bool
) -> tuple[float, str | None]:
    """Seconds taken, and what went wrong, as text: papermill's own error can't be sent from one process to another."""
    with extras():
        import papermill
    from traitlets.config import Config as JupyterConfig

    start = time.perf_counter()
    for name, value in environment.items():
        os.environ.setdefault(name, value)
    own = papermill.inspect_notebook(source)
    # Kernels choose their ports before they take them: of two that start at the same moment, one may find its own taken.
    for attempt in range(_STARTS):
        try:
            papermill.execute_notebook(
                source,
                target,
                {name: value for name, value in parameters.items() if name in own},
                kernel_name="python3",
                progress_bar={"desc": source.name, "disable": not progress},
                store_widget_state=False,  # what a widget shows without a kernel is stored as a static picture
                cwd=source.parent,
                config=JupyterConfig(
                    KernelManager={"transport_encryption": "auto"}
                ),  # a kernel warns of open connections
            )
            break
        except RuntimeError as error:
            if "Kernel died before replying" not in str(error) or attempt == _STARTS - 1:
                raise
        except papermill.PapermillExecutionError as error:
            return 0.0, (
                f"{source.name} failed in code cell [{error.exec_count}] with {error.ename}: {error.evalue}\n"
                f"  Open {target} to see it in its place."
            )
    return time.perf_counter() - start, None


def reproduce(profile: str, seeds: int, with_notebooks: bool = True) -> None:
    """Run everything and print the results; what is stored already is not run again."""
    start = time.perf_counter()
    experiments = of_notebooks(profile, seeds)
    print(f"Experiments: {len(experiments)} on profile {profile!r}, {seeds} seed{'s' if seeds > 1 else ''}", flush=True)
    run_all(experiments)
    folder = paths.runs() / "notebooks"
    if with_notebooks:
        print("Notebooks:", flush=True)
        numbered = sorted(NOTEBOOKS.glob("[0-9]*.ipynb"))  # the listening room is an app
        execute_notebooks(numbered, folder, {"PROFILE": profile, "SEEDS": seeds, "ONLY_STORED": True})
    _print_results(profile, seeds)
    print("\nWhere everything is:")
    print(f"  data         {paths.home() / 'data'}")
    print(f"  experiments  {paths.runs()}")
    if with_notebooks:
        print(f"  notebooks    {folder}")
    print(f"Done in {(time.perf_counter() - start) / 60:.1f} minutes.")


def _print_results(profile: str, seeds: int) -> None:
    spread = f"mean ± standard deviation over {seeds} seeds" if seeds > 1 else "one seed: no spread, no conclusions"
    print(f"\nOne task of five classes, unseen clips, in dB ({spread})")
    single = results_table(run_plan(single_task(profile, seeds)))
    print(single.drop(columns=["forgetting", "backward transfer"]).to_string())
    print(f"\nFour tasks, after the last one, mixtures over all classes, in dB ({spread})")
    print(results_table(run_plan(over_seeds(profile, seeds, FOUR_TASKS)), paper=True).to_string())
    print(
        "Forgetting: of SDR, on each task's own mixtures; lower is better. The paper's numbers are for orientation only:\n"
        "real recordings (MUSIC-21), a larger network, longer training."
    )
    if profile == "smoke":
        print("Profile 'smoke' only tests that everything runs: its numbers mean nothing.")


def make_report(given: Mapping[str, Any]) -> list[Path]:
    """Run what is missing of a report, execute notebook 06 on it, and return the executed copy and the report's card.

    Args:
        given: the notebook's parameters by name, those that are not its defaults.

    Raises:
        ValueError: an unknown parameter, or a value that makes no sense; or nothing is stored, and nothing is to be run.
        NotebookFailed: a cell raised an error.
    """
    asked = Parameters.from_names(given).placed()
    folder = folder_of(asked)
    if not asked.only_stored:
        print(f"{asked.to_run()}\nThe report will be in {folder}", flush=True)
    Reproduction(asked)  # here and not in the notebook, so that one sees how far it is
    stored = {"OVERRIDES": dict(asked.overrides), "ONLY_STORED": True}
    execute_notebooks([NOTEBOOKS / "06_reproduction.ipynb"], folder, {**given, **stored})
    return [folder / "06_reproduction.ipynb", folder / "card.html"]


def copy_notebooks(folder: Path, overwrite: bool = False) -> list[Path]:
    """Copy all notebooks, and the solutions, into a folder, which is made if need be, and return the copies.

    Raises:
        FileExistsError: files of these names are there, and `overwrite` is not set; nothing is copied.
    """
    folder = paths.expanded("folder", str(folder))
    sources = [*sorted(NOTEBOOKS.glob("*.ipynb")), *sorted(NOTEBOOKS.glob("solutions/*.py"))]
    copies = {source: folder / source.relative_to(NOTEBOOKS) for source in sources}
    there = [path.name for path in copies.values() if path.exists()]
    if there and not overwrite:
        raise FileExistsError(
            f"{folder} has {', '.join(there)} already: choose another folder, or say --overwrite to replace them."
        )
    for source, copy in copies.items():
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy)
    return list(copies.values())


def open_room(ip: str = "127.0.0.1", port: int = 8866) -> None:
    """Serve the listening room until Ctrl-C, to who has the token; by default on this machine only.

    Each browser that opens it has a kernel of its own; their votes are pooled in `runs/votes.sqlite`.

    Args:
        ip: the address to listen at. port: or the next one that is free.

    Raises:
        MissingExtra: voila is not installed.
        ValueError: `ip` is no address, or `port` not from 1 to 65535.
    """
    if not 0 < port < 2**16:
        raise ValueError(f"--port {port}: a port is a number from 1 to 65535, such as 8866.")
    everybody = not ip_address(ip).is_loopback
    with extras():
        import voila  # noqa: F401
    if everybody:
        print("Whoever knows the token can run code on this machine: give it to nobody but the class.", flush=True)
    options = [
        f"--Voila.ip={ip}",
        f"--port={port}",
        "--token",
        *(f"--VoilaConfiguration.extension_denylist={name}" for name in NOT_IN_VOILA),
        *["--no-browser"] * everybody,
    ]
    subprocess.run(  # noqa: S603 (what comes from outside was read as an address and a number)
        [sys.executable, "-m", "voila", str(NOTEBOOKS / "listening_room.ipynb"), *options],
        env=os.environ | {"CONTAV_HOME": str(paths.home())},
        check=False,
    )
