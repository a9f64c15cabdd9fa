"""The main job: prepare the data, run every experiment of the lessons, execute the notebooks, print the results.

python -m contav_lib.teaching.notebooks --profile lab --seeds 1
"""

import argparse
import multiprocessing
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from contav_lib.cli import Failed, command_line
from contav_lib.config import Config
from contav_lib.experiments.executors.local import run_all
from contav_lib.experiments.plans import ablation, all_lessons, forgetting, run_plan, single_task
from contav_lib.experiments.tables import results_table
from contav_lib.utils import paths

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
LESSONS = ("01_data", "02_single_task_separation", "03_forgetting", "04_distillation", "05_other_separators")


class NotebookFailed(Failed):
    """A notebook did not run to its end; the message names the notebook, the cell and the error."""


def execute_notebooks(sources: Sequence[Path], folder: Path, parameters: dict[str, object]) -> dict[Path, float]:
    """Execute notebooks with papermill, one a core.

    Args:
        sources: the notebooks; they are not changed.
        folder: where the executed copies go.
        parameters: replace those that a notebook has in its cell tagged `parameters`.

    Returns:
        seconds taken, by executed copy.

    Raises:
        FileNotFoundError: a notebook is not there.
        NotebookFailed: a cell raised an error; what was executed until then is kept.
    """
    for source in sources:
        if not source.exists():
            raise FileNotFoundError(
                f"{source} is not there. The main job runs from a checkout of the kit, with its notebooks."
            )
    folder.mkdir(parents=True, exist_ok=True)
    cores = os.cpu_count() or 1
    workers = min(cores, len(sources))
    context = multiprocessing.get_context("spawn")
    seconds, failures = {}, []
    with ProcessPoolExecutor(workers, context, initializer=_share_cores, initargs=(cores // workers,)) as pool:
        jobs = {
            pool.submit(_execute, source, folder / source.name, parameters): folder / source.name for source in sources
        }
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


def _share_cores(threads: int) -> None:
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))  # kernels started by this process inherit it


def _execute(source: Path, target: Path, parameters: dict[str, object]) -> tuple[float, str | None]:
    """Seconds taken, and what went wrong. (papermill's own error can't be sent from one process to another.)"""
    import papermill
    from traitlets.config import Config as JupyterConfig

    start = time.perf_counter()
    try:
        own = papermill.inspect_notebook(source)
        papermill.execute_notebook(
            source,
            target,
            {name: value for name, value in parameters.items() if name in own},
            kernel_name="python3",
            progress_bar=False,
            store_widget_state=False,  # what a widget shows without a kernel is stored as a static picture
            cwd=source.parent,
            config=JupyterConfig(KernelManager={"transport_encryption": "auto"}),  # a kernel warns of open connections
        )
    except papermill.PapermillExecutionError as error:
        return 0.0, (
            f"{source.name} failed in code cell [{error.exec_count}] with {error.ename}: {error.evalue}\n"
            f"  Open {target} to see it in its place."
        )
    return time.perf_counter() - start, None


def reproduce(profile: str, seeds: int, with_notebooks: bool = True) -> None:
    """Run everything and print the results; what is stored already is not run again."""
    start = time.perf_counter()
    lessons = all_lessons(profile, seeds)
    print(f"Experiments: {len(lessons)} on profile {profile!r}, {seeds} seed{'s' if seeds > 1 else ''}", flush=True)
    run_all(lessons)
    folder = paths.runs() / "notebooks"
    if with_notebooks:
        print("Notebooks:", flush=True)
        sources = [NOTEBOOKS / f"{name}.ipynb" for name in LESSONS]
        execute_notebooks(sources, folder, {"PROFILE": profile, "SEEDS": seeds})
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
    print(results_table(run_plan({**forgetting(profile, seeds), **ablation(profile, seeds)}), paper=True).to_string())
    print(
        "Forgetting: of SDR, on each task's own mixtures; lower is better. The paper's numbers are for orientation only:"
    )
    print("real recordings (MUSIC-21), a larger network, longer training.")
    if profile == "smoke":
        print("Profile 'smoke' only tests that everything runs: its numbers mean nothing.")


@command_line
def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m contav_lib.teaching.notebooks", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--profile", default="lab", help="smoke, lab (default), gpu or paper")
    parser.add_argument("--seeds", type=int, default=1, help="repetitions of every experiment (default 1)")
    parser.add_argument("--kernel-free", action="store_true", help="no notebooks: for a machine without Jupyter")
    chosen = parser.parse_args(arguments)
    Config.profile(chosen.profile)
    reproduce(chosen.profile, chosen.seeds, with_notebooks=not chosen.kernel_free)


if __name__ == "__main__":
    sys.exit(main())
