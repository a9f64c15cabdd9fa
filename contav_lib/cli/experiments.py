"""Commands that run experiments, or fetch their stored results: one, a comparison, a study, a search."""

import argparse
import os
import re
from collections.abc import Sequence
from pathlib import Path

from contav_lib.cli.options import add_options, data_given, seeds_given, setting
from contav_lib.utils.time_limit import time_limit


def run(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Run one experiment, or fetch its stored result, and print its scores."""
    add_options(parser, "profile", "data", "dataset", "encoder", "minutes", "set")
    parser.add_argument("--method", default="contav", help="which method learns (default contav)")
    parser.add_argument("--seed", type=int, default=0, help="of weights, batches and memory (default 0)")
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


def compare(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Compare methods over seeds: the paper's Table 1 with the spread it does not give."""
    add_options(parser, "profile", "data", "dataset", "encoder", "seeds", "separator", "cluster", "minutes", "save")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--methods", nargs="+", metavar="NAME", help="only these methods' rows")
    which.add_argument("--rows", nargs="+", metavar="NAME", help="only these rows of the table, in quotes")
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
    seeds, given = seeds_given(chosen.seeds), data_given(chosen)
    with time_limit(chosen.minutes):
        how = (chosen.profile, chosen.stored, chosen.cluster)
        results = run_comparison(rows, seeds, *how, separator=chosen.separator, **given)
    if not results:
        parser.error("No row has all its seeds stored yet; run the same command without --stored.")
    named = with_titles(results)
    names = [*given.values(), chosen.separator, *(chosen.methods or chosen.rows or ()), *(chosen.exemplars or ())]
    parts = ["comparison", chosen.profile, *(re.sub(r"\W+", "-", str(name)).strip("-") for name in names)]
    path = chosen.save or paths.runs() / f"{'-'.join(parts)}-seeds-{'_'.join(chosen.seeds)}.csv"
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
