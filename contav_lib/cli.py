"""The command line: `contav <command> ...`, or `python -m contav_lib <command> ...`.

One function a command: its docstring is the help, its options and its work stand together. What a command needs is imported
inside it, so that `contav --help` comes at once.
"""

import argparse
import io
import os
import re
import shlex
import sys
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from contav_lib.utils.extras import missing_extra
from contav_lib.utils.time_limit import Stopped, time_limit
from contav_lib.utils.workers import sigterm_as_interrupt

_UNFINISHED = 75  # exit status: the time is over and something is left, so call again
_KEPT = "What was done is kept: run the same command to go on."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status; what goes wrong is printed to stderr.

    A mistake in what was asked, a refusal of the file system, an extra that is not installed and training that went astray
    give 1, like a notebook that failed and a worker process that was killed; Ctrl-C gives 130, the end of the time that
    `--minutes` grants 75. Any other error is a fault of the kit and keeps its traceback. SIGTERM, as batch systems send it,
    is taken for Ctrl-C.

    Args:
        arguments: the words after `contav`; None for those of this process.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal without "±" shows "?": that must not end hours of work
            stream.reconfigure(errors="replace")
    typed = list(sys.argv[1:] if arguments is None else arguments)
    name = _parser().parse_args(typed[:1] or ["--help"]).command
    work = COMMANDS[name]
    try:
        with sigterm_as_interrupt(), _plain_warnings():
            work(argparse.ArgumentParser(prog=f"contav {name}", description=work.__doc__), typed[1:])
    except (ValueError, OSError, FloatingPointError) as error:  # NonFiniteLoss is a FloatingPointError
        return _told(error)
    except ImportError as error:
        if isinstance(error.__cause__, KeyboardInterrupt):  # while a compiled module was loaded
            return _stopped()
        if isinstance(error, ModuleNotFoundError) and (advice := missing_extra(error)):
            return _told(advice)
        raise
    except KeyboardInterrupt:
        return _stopped()
    except Stopped as error:
        _told(f"{error} {_KEPT}")
        return _UNFINISHED
    except RuntimeError as error:
        from contav_lib.teaching.notebooks import NotebookFailed

        if isinstance(error, NotebookFailed | BrokenProcessPool):
            return _told(f"{error}\n{_KEPT}")
        raise
    return 0


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Context manager: a warning is its message, without the line of code that gives it."""
    before = warnings.formatwarning
    warnings.formatwarning = lambda message, *_, **__: f"{message}\n"
    try:
        yield
    finally:
        warnings.formatwarning = before


def _told(message: object) -> int:
    print(f"\n{message}", file=sys.stderr)
    return 1


def _stopped() -> int:
    print(f"\nStopped. {_KEPT}", file=sys.stderr)
    return 130


def _parser() -> argparse.ArgumentParser:
    from contav_lib import __version__

    lines = [f"  {name:11} {work.__doc__}" for name, work in COMMANDS.items()]
    parser = argparse.ArgumentParser(
        prog="contav",
        description="Continual audio-visual sound separation. `contav <command> --help` lists a command's options.",
        epilog="commands:\n" + "\n".join(lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"contav {__version__}")
    parser.add_argument("command", choices=COMMANDS, metavar="command", help="one of those below")
    return parser


def run(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Run one experiment, or fetch its stored result, and print its scores."""
    add_options(parser, "profile", "data", "dataset", "encoder", "minutes")
    parser.add_argument("--method", default="contav", help="which method learns (default contav)")
    parser.add_argument("--seed", type=int, default=0, help="of weights, batches and memory (default 0)")
    others = "other settings by name, as in: --set separator=coseparation steps=600"
    parser.add_argument("--set", nargs="+", action="extend", default=[], metavar="NAME=VALUE", help=others)
    several = "run it on several GPUs of this machine; of several machines: torchrun ... -m contav_lib run ..."
    parser.add_argument("--processes", type=int, help=several)
    chosen = parser.parse_args(arguments)
    from contav_lib.config import Config
    from contav_lib.experiments.run import run as run_experiment
    from contav_lib.training.distributed import started

    processes = started() if chosen.processes is None else chosen.processes
    settings = {"method": chosen.method, "seed": chosen.seed, "processes": processes, **data_given(chosen)}
    with time_limit(chosen.minutes):
        result = run_experiment(Config.profile(chosen.profile, **settings | dict(map(setting, chosen.set))))
    if int(os.environ.get("RANK", 0)):  # the first process of torchrun's speaks for all
        return
    for name, value in result.summary().items():
        print(f"{name.replace('_', ' '):17} {value:6.2f} dB")
    if result.dropped:
        print(f"Without {result.dropped} test mixtures in which a source is silent.")
    print(f"Everything about it: {result.folder}")


def setting(text: str) -> tuple[str, Any]:
    """Read `name=value`: the value as JSON or as a Python literal (numbers, lists, true, None, ...), else as text.

    Raises:
        ValueError: there is no `=`, or nothing before it.
    """
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise ValueError(f"--set {text}: write it as name=value, without spaces, as in steps=600.")
    from contav_lib.utils.settings import literal

    return name, literal(value, value)


def compare(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Compare methods over seeds: the paper's Table 1 with the spread it does not give."""
    add_options(parser, "profile", "data", "dataset", "encoder", "seeds", "separator", "cluster", "minutes", "save")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--methods", nargs="+", metavar="NAME", help="only these methods' rows")
    which.add_argument(
        "--rows", nargs="+", metavar="NAME", help="only these rows, by their names in the table, in quotes"
    )
    parser.add_argument("--exemplars", nargs="+", type=int, metavar="COUNT", help="a row for each number of exemplars")
    parser.add_argument("--stored", action="store_true", help="run nothing: print the rows whose seeds are all there")
    parser.add_argument("--figure", type=Path, metavar="FILE", help="draw the scores after each task into this PNG")
    chosen = parser.parse_args(arguments)
    import pandas as pd

    from contav_lib.experiments.compare import REFERENCES, run_comparison, table_of, with_titles
    from contav_lib.experiments.results_file import command, require_writable, save_results
    from contav_lib.experiments.rows import rows_named, rows_of
    from contav_lib.experiments.tables import as_sentences, as_text, paired_differences, results_table
    from contav_lib.experiments.template import without_network
    from contav_lib.utils import paths
    from contav_lib.utils.storage import write_atomically

    require_writable(chosen.save)
    require_writable(chosen.figure)
    if chosen.save and chosen.save == chosen.figure:
        parser.error("--save and --figure name the same file.")
    if chosen.minutes and chosen.cluster != "local":
        parser.error("--minutes is for this machine: leave out --cluster.")
    if chosen.rows and chosen.exemplars:
        parser.error("--rows have their exemplars: leave out --exemplars.")
    rows = rows_named(chosen.rows) if chosen.rows else rows_of(chosen.methods, chosen.exemplars, chosen.separator)
    seeds = seeds_given(chosen.seeds)
    given = data_given(chosen)
    how = (chosen.profile, chosen.stored, chosen.cluster)
    with time_limit(chosen.minutes):
        results = run_comparison(rows, seeds, *how, separator=chosen.separator, **given)
    if not results:
        parser.error("No row has all its seeds stored yet; run the same command without --stored.")
    named = with_titles(results)
    parts = ["comparison", chosen.profile, *(re.sub(r"\W+", "-", value).strip("-") for value in given.values())]
    names = [re.sub(r"\W+", "-", name).strip("-") for name in chosen.methods or chosen.rows or ()]
    parts += [chosen.separator, *names, *(chosen.exemplars or ())]
    numbers = "_".join(chosen.seeds)
    path = chosen.save or paths.runs() / f"{'-'.join(map(str, parts))}-seeds-{numbers}.csv"
    templates = without_network(chosen.profile, seeds, **given)
    print(pd.concat([as_text(templates), results_table(named, paper=True)]).fillna("").to_string())
    for reference in REFERENCES:
        if reference in results:
            print(as_sentences(paired_differences(named, reference.name), reference.name, "final SDR"))
    save_results(path, command("compare", arguments), named, table_of(results), templates)
    if chosen.figure:
        from contav_lib.plots import scores_after_tasks  # matplotlib is not needed to compare

        write_atomically(chosen.figure, lambda part: scores_after_tasks(named).savefig(part, format="png", dpi=110))
    print(f"All measures, with their intervals: {path}")


def study(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Run a study of what a comparison of methods leaves open, or fetch its results where they are stored."""
    from contav_lib.experiments.plans import over_seeds, run_plan
    from contav_lib.experiments.results_file import command, require_writable, save_results, save_table
    from contav_lib.experiments.studies.questions import FOUR_METHODS, MEASUREMENTS, STUDIES

    parser.add_argument("study", choices=[*STUDIES, *MEASUREMENTS])
    add_options(parser, "profile", "data", "dataset", "encoder", "seeds", "cluster", "save")
    parser.add_argument("--conditions", nargs="+", default=[], metavar="NAME", help="of needs: only these, in quotes")
    chosen = parser.parse_args(arguments)
    if chosen.conditions and chosen.study != "needs":
        parser.error("--conditions goes with the study 'needs'.")
    require_writable(chosen.save)
    seeds, made_by, given = seeds_given(chosen.seeds), command("study", arguments), data_given(chosen)
    if measure := MEASUREMENTS.get(chosen.study):
        table = measure(run_plan(over_seeds(chosen.profile, seeds, FOUR_METHODS, **given), executor=chosen.cluster))
        print(table.round(3).to_string())
        if chosen.save:
            save_table(chosen.save, made_by, table.reset_index())
        return
    asked = STUDIES[chosen.study]
    results = run_plan(asked.plan(chosen.profile, seeds, chosen.conditions, **given), executor=chosen.cluster)
    print(asked.as_text(results))
    if chosen.save:
        save_results(chosen.save, made_by, results, asked.table(results))


def search(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Search the methods' settings on validation clips, with the same number of tries for each."""
    from contav_lib.experiments.results_file import command, require_writable, save_table
    from contav_lib.experiments.search import search as search_settings
    from contav_lib.experiments.search import search_grid

    add_options(parser, "profile", "data", "dataset", "encoder", "separator", "cluster", "save")
    parser.add_argument("--exemplars", type=int, default=1, help="remembered clips a class (default 1)")
    parser.add_argument("methods", nargs="*", help=f"all by default: {', '.join(search_grid())}")
    chosen = parser.parse_args(arguments)
    require_writable(chosen.save)
    rows = chosen.methods or list(search_grid(chosen.exemplars > 0))
    asked = (chosen.profile, chosen.separator, chosen.exemplars, chosen.cluster)
    table = search_settings(rows, *asked, **data_given(chosen)).round(2)
    print(table.to_string(index=False))
    if chosen.save:
        save_table(chosen.save, command("search", arguments), table.rename(columns={"method": "name"}))


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
    add_options(parser, "profile")
    parser.add_argument("--seeds", **{**_OPTIONS["seeds"], "default": ["6-8"]})
    parser.add_argument("--stored", action="store_true", help="run nothing: report what is there")
    others = "other parameters of the notebook, as in: --set SEPARATORS=iquery OVERRIDES='{\"steps\": 600}'"
    parser.add_argument("--set", nargs="+", action="extend", default=[], metavar="NAME=VALUE", help=others)
    chosen = parser.parse_args(arguments)
    from contav_lib.teaching.notebooks import make_report

    given = {"PROFILE": chosen.profile, "SEEDS": seeds_given(chosen.seeds), "ONLY_STORED": chosen.stored}
    for path in make_report(given | dict(map(setting, chosen.set))):
        print(path)


def export(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Write what a paper needs of stored results: LaTeX tables, PDF figures, CSV."""
    parser.add_argument(
        "results", type=Path, help="a result's folder or its name, or a folder of results such as runs/"
    )
    parser.add_argument("--folder", type=Path, default=Path("export"), help="where the files go (default export/)")
    chosen = parser.parse_args(arguments)
    from contav_lib.plots.export import export as write_files

    print(*write_files(in_runs(chosen.results), chosen.folder), sep="\n")


def leaderboard(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Render all stored rows to one static HTML page that plays examples."""
    parser.add_argument("--folder", type=Path, help="where the page and its sounds go (default runs/leaderboard/)")
    chosen = parser.parse_args(arguments)
    from contav_lib.experiments.leaderboard import write_leaderboard
    from contav_lib.utils import paths

    print(write_leaderboard(paths.runs(), chosen.folder or paths.runs() / "leaderboard"))


def data(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Make and prepare a profile's data, or look at a folder of your own videos, and print how many clips there are."""
    only = arguments[0] if arguments and arguments[0] in ("report", "prepare", "export") else ""
    where = (
        "your videos, <class>/<name>.mp4, or lists and videos, as in music21:<folder>; without it: the embedded data set. "
        "`contav data report music21:<folder>` only says what became of each video that is listed; "
        "`contav data prepare <folder>` looks whether all that is prepared is whole, too, and can do one of several parts; "
        "`contav data export music21:<folder> <new folder>` writes what is there as Hugging Face's VideoFolder"
    )
    parser.add_argument("folder", nargs="?", help=where)
    if only == "export":
        parser.add_argument("new", type=Path, help="the folder to write; files are links where the disk can do that")
    parser.add_argument("--yt-dlp", action="store_true", help="only print commands that would fetch what is missing")
    parser.add_argument(
        "--on-unusable",
        choices=["skip", "raise"],
        default="skip",
        help="leave such clips out (the default), or stop there",
    )
    if only == "prepare":
        parser.add_argument("--shard", type=int, default=0, help="the part to prepare on this machine: 1 up to --of")
        parser.add_argument("--of", type=int, default=0, help="parts; when all are there, leave out --shard and --of")
    add_options(parser, "profile", "data", "dataset", "encoder")
    chosen = parser.parse_args(arguments[bool(only) :])
    if "" in (chosen.folder, chosen.data):
        parser.error("the folder's name is empty: is a variable not set?")
    if chosen.folder and (chosen.data or chosen.dataset):
        parser.error("name the videos once: as a folder, or with --data and --dataset.")
    chosen.data = chosen.folder or chosen.data
    from contav_lib.config import Config, encoder_for
    from contav_lib.datasets.corpus import remarks_listing
    from contav_lib.datasets.load import load_data, prepare_dataset
    from contav_lib.datasets.packed import remarks_in
    from contav_lib.datasets.prepare import UnusableClips, prepare_part
    from contav_lib.encoders.encoder import make_encoder
    from contav_lib.utils import paths
    from contav_lib.utils.registry import encoder_with_versions, open_dataset

    if only == "prepare":
        given, config = (
            data_given(chosen),
            Config.profile(chosen.profile),
        )  # the page alone: nothing reads the videos yet
        dataset = open_dataset(given.get("data", config.data), config.clips_per_class)
        encoder = given.get("encoder") or encoder_for(dataset, chosen.profile)
        how = (make_encoder(encoder), dataset.prepared(encoder_with_versions(encoder)))
        if chosen.shard or chosen.of:
            folder = prepare_part(dataset.clips(), *how, chosen.shard, chosen.of)
            print(f"Part {chosen.shard} of {chosen.of} is prepared in {folder}.")
        else:
            print(prepare_dataset(dataset, *how, on_unusable=chosen.on_unusable, check=True).describe())
        return
    config = Config.profile(chosen.profile, classes=(), tasks=1, **data_given(chosen))
    dataset = open_dataset(config.data, config.clips_per_class)
    if chosen.yt_dlp:
        print(dataset.fetch_commands())
        return
    if only == "export":
        from contav_lib.datasets.videofolder import write_video_folder

        write_video_folder([clip for clip in dataset.clips() if not clip.fault], chosen.new)
        print(f"Read it with --dataset videofolder --data {shlex.quote(str(chosen.new))}")
        return
    if report := dataset.report(5 if not only else None):
        print(report)
    if dataset.has_lists and only:
        if remarks := remarks_in(dataset.prepared(encoder_with_versions(config.encoder))):
            print(remarks_listing(remarks))
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnusableClips)  # the description below lists them
        corpus = load_data(config.data, config.clips_per_class, config.encoder, config.data_digest, chosen.on_unusable)
    print(corpus.describe())
    print(f"Prepared clips are kept in {paths.generated('')}.")


def separate(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Separate the sound of one video with several players, or of several videos mixed, with what an experiment learned."""
    parser.add_argument(
        "videos", nargs="+", type=Path, help="one video of 2 to 4 players, or 2 to 4 videos of one each"
    )
    parser.add_argument("--result", type=Path, required=True, metavar="FOLDER", help="of an experiment, or its name")
    parser.add_argument(
        "--classes", nargs="+", metavar="NAME", help="what is played, one a player (default: recognised)"
    )
    parser.add_argument("--players", type=int, help="how many there are in one video (default: as many as are found)")
    parser.add_argument(
        "--sound", type=Path, metavar="FILE", help="a recording to separate in place of the videos' sound"
    )
    parser.add_argument("--save", type=Path, metavar="FOLDER", help="write the sounds as FLAC, and a video a player")
    parser.add_argument(
        "--boxes", action="store_true", help="with --save: whole pictures, with boxes round the players"
    )
    chosen = parser.parse_args(arguments)
    if chosen.boxes and not chosen.save:
        parser.error("--boxes goes with --save.")
    from contav_lib.experiments.result import Result
    from contav_lib.inference import separate as separate_videos

    asked = dict(sound=chosen.sound, players=chosen.players)
    found = separate_videos(Result(in_runs(chosen.result)), chosen.videos, chosen.classes, **asked)
    for number, (name, sure) in enumerate(zip(found.names, found.confidence, strict=True)):
        how = (
            "told"
            if chosen.classes
            else "like none learned; the nearest"
            if found.unknown[number]
            else f"{sure:.0%} sure"
        )
        edges = [] if found.boxes is None else found.boxes[number, 0, [0, 2]].clamp(0, 1).tolist()
        place = ", at {:.0%} to {:.0%} of the width".format(*edges) if edges else ""
        print(f"{name} ({how}) in {found.videos[number]}{place}")
    for path in found.write(chosen.save, chosen.boxes) if chosen.save else ():
        print(path)


def starter(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Make the starter pack anew, data/starter/: the results that come with the kit, heard before anything is trained."""
    parser.parse_args(arguments)
    from contav_lib.experiments.starter import PACK, make_starter

    for name, value in make_starter().items():
        print(f"{name}: {value}")
    print(f"{sum(path.stat().st_size for path in PACK.rglob('*') if path.is_file()) / 1e6:.1f} MB in {PACK}")


def room(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Open the listening room, a web page for a class: listen to what was separated, and vote."""
    parser.add_argument(
        "--ip",
        default="127.0.0.1",
        help="who may reach it: 127.0.0.1, this machine only (default); 0.0.0.0, its network",
    )
    parser.add_argument("--port", type=int, default=8866, help="default: 8866, or the next one that is free")
    chosen = parser.parse_args(arguments)
    from contav_lib.teaching.notebooks import open_room

    open_room(chosen.ip, chosen.port)


def notebooks(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Copy the notebooks into a folder, to work on them there."""
    parser.add_argument("folder", type=Path, help="where they go; made if need be")
    parser.add_argument("--overwrite", action="store_true", help="replace notebooks of the same name that are there")
    chosen = parser.parse_args(arguments)
    from contav_lib.teaching.notebooks import copy_notebooks

    for path in copy_notebooks(chosen.folder, chosen.overwrite):
        print(path)


def labs(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Make the course labs' copies for students and teachers, or look over notebooks before they are graded."""
    parser.add_argument("what", choices=["release", "check"], help="make the copies, or look over notebooks")
    parser.add_argument("notebooks", nargs="*", type=Path, help="of check: as handed in, submitted/*/*/*.ipynb")
    parser.add_argument("--folder", type=Path, default=Path("build/labs"), help="of release (default build/labs/)")
    handed_out = (
        "of check: the notebooks as handed out, <lab>/<lab>.ipynb (default: those of this checkout, or of CONTAV_DATA)"
    )
    parser.add_argument("--release", type=Path, metavar="FOLDER", help=handed_out)
    parser.add_argument(
        "--repair", action="store_true", help="of check: in place; the old file becomes <name>.before.ipynb"
    )
    chosen = parser.parse_args(arguments)
    if (chosen.what == "check") != bool(chosen.notebooks):
        parser.error("`contav labs check` needs notebooks, `contav labs release` none.")
    from contav_lib.teaching.labs.precheck import check_files
    from contav_lib.teaching.labs.release import find_release, make_copies

    if chosen.what == "release":
        print(*make_copies(chosen.folder), sep="\n")
        return
    found = check_files(chosen.notebooks, find_release(chosen.release), chosen.repair)
    for path, lines in found.items():
        print(*(f"{path}: {line}" for line in lines or ["nothing to repair"]), sep="\n")
    if left := sum(any(line.startswith("not repaired") for line in lines) for lines in found.values()):
        raise ValueError(f"{left} of {len(found)} notebooks need a person.")


COMMANDS = {
    work.__name__: work
    for work in (
        run,
        compare,
        study,
        search,
        reproduce,
        report,
        export,
        leaderboard,
        data,
        separate,
        starter,
        room,
        notebooks,
        labs,
    )
}


_OPTIONS: dict[str, dict[str, Any]] = {  # that several commands have
    "profile": dict(default="lab", help="smoke, lab (default), gpu or paper"),
    # Read by `data_given`.
    "data": dict(metavar="FOLDER", help="videos of yours, <class>/<name>.mp4 (default: the embedded data set)"),
    "dataset": dict(metavar="NAME", help="whose lists lie in that folder: music21, ave, vggsound or videofolder"),
    "encoder": dict(
        metavar="NAME",
        help="what looks at the pictures (default: tiny for the embedded data set; for videos of "
        "yours CLIP and VideoMAE where they were downloaded, else imagenet)",
    ),
    "separator": dict(default="iquery", help="which separator learns (default iquery)"),
    # Read by `seeds_given`.
    "seeds": dict(
        nargs="+",
        default=["3"],
        metavar="SEED",
        help="how many, as in 3 (the default: 0, 1, 2), or which, as in 6 7 8 or 6-8; the seed 6 alone is 6-6",
    ),
    "cluster": dict(
        default="local",
        metavar="ADDRESS",
        help="of a Dask scheduler whose workers run the experiments, as tcp://host:8786",
    ),
    "minutes": dict(
        type=float,
        nargs="?",
        const=9.5,
        metavar="N",
        help="stop at a checkpoint after N minutes (9.5 by default) and say what is left; the same command goes on",
    ),
    "save": dict(type=Path, metavar="FILE", help="write all measures to this CSV file; compare has one by default"),
}


def add_options(parser: argparse.ArgumentParser, *names: str) -> None:
    """Give a command some of the options in `_OPTIONS`, that several have."""
    for name in names:
        parser.add_argument(f"--{name}", **_OPTIONS[name])


def data_given(chosen: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that `--data`, `--dataset` and `--encoder` stand for, as far as they are given."""
    data = ":".join(filter(None, (chosen.dataset, chosen.data)))
    return {name: value for name, value in (("data", data), ("encoder", chosen.encoder)) if value}


def in_runs(path: Path) -> Path:
    """The folder of that name, or the one of that name where results are kept."""
    from contav_lib.utils import paths

    others = (paths.home() / path, paths.runs() / path)
    return path if path.exists() else next((other for other in others if other.exists()), path)


def seeds_given(words: Sequence[str]) -> int | list[int]:
    """Return what the words after `--seeds` mean: how many seeds, or which.

    Raises:
        ValueError: a word is neither a number nor a range.
    """
    ranges = [re.fullmatch(r"(\d{1,10})(?:-(\d{1,10}))?", word) for word in words]
    if not all(ranges):
        raise ValueError(f"--seeds {' '.join(words)}: write how many, as in 3, or which, as in 6 7 8 or 6-8.")
    ends = [(int(found[1]), int(found[2] or found[1])) for found in ranges if found]
    if len(words) == 1 and words[0].isdecimal():
        return ends[0][0]
    return [seed for first, last in ends for seed in range(first, min(last, first + 1000) + 1)]
