"""All stored rows on one static page with sounds beside it: methods, separators, data sets, sizes of the memory."""

import hashlib
import shutil
from pathlib import Path
from typing import Any

from contav_lib.evaluation.metrics import BSS_EVAL
from contav_lib.experiments.examples import examples_are_whole
from contav_lib.experiments.report import PAGES
from contav_lib.experiments.result import Result
from contav_lib.experiments.stored import as_rows, find_results
from contav_lib.experiments.tables import measure
from contav_lib.utils.storage import write_atomically


def write_leaderboard(source: Path, folder: Path) -> Path:
    """Write `index.html` and `audio/` into a folder, which needs nothing else and no network; return the page.

    Args:
        source: a result, or a folder of results.

    Raises:
        ValueError: there is no finished result.
    """
    found, left_out = find_results(source, _has_scores)
    if not found:
        raise ValueError(f"There is no finished result in {source}. Make some, as with: contav compare --profile smoke")
    tests = {title: _test(as_rows(entries), folder / "audio") for title, entries in found.items()}
    page = PAGES.get_template("leaderboard.html").render(tests=tests, left_out=left_out)
    write_atomically(folder / "index.html", lambda part: part.write_text(page, encoding="utf-8"))
    return folder / "index.html"


def _has_scores(result: Result) -> bool:
    """Read what the page needs of a result: an error here leaves the result out, and only this one."""
    return bool(result.mixture_scores().scores)


def _test(rows: dict[str, list[Result]], audio: Path) -> dict[str, list[dict[str, Any]]]:
    """The rows of a test, the highest SDR first, and mixtures to hear, each as all rows separate it."""
    measured = {score: measure(rows, score) for score in BSS_EVAL}
    lines = [
        dict(
            name=name,
            separator=runs[0].config["separator"],
            exemplars=runs[0].config["exemplars"],
            seeds=[run.config["seed"] for run in runs],
            scores=[measured[score][name].interval() for score in BSS_EVAL],
            forgetting=sum(run.summary()["forgetting"] for run in runs) / len(runs),
            minutes=sum(run.minutes for run in runs) / len(runs),
        )
        for name, runs in rows.items()
    ]
    lines.sort(key=lambda line: -line["scores"][0].mean)
    return dict(rows=lines, mixtures=_mixtures({line["name"]: rows[line["name"]][0] for line in lines}, audio))


def _mixtures(results: dict[str, Result], audio: Path) -> list[dict[str, Any]]:
    """A mixture of the first task and one of the last, as every row separates it after the last task, with links."""
    heard: dict[tuple, dict[str, Any]] = {}
    for name, result in results.items():
        for example in result.examples() if examples_are_whole(result.folder / "examples") else ():
            last = len(result.tasks) - 1
            if example["task"] in (0, last) and last in example["separated"]:
                key = (example["task"], *example["labels"])
                if key not in heard:  # the same for all of them, as the test is
                    truth = [_link(sound, audio) for sound in example["truth"]]
                    known = dict(task=example["task"] + 1, labels=example["labels"], truth=truth)
                    heard[key] = dict(known, mixture=_link(example["mixture"], audio), rows=[])
                sounds = [_link(sound, audio) for sound in example["separated"][last]]
                heard[key]["rows"].append(dict(name=name, seed=result.config["seed"], sounds=sounds))
    return list(heard.values())


def _link(sound: Path, audio: Path) -> str:
    """A copy's path from the page; equal sounds, as the same mixture of many methods, are one file."""
    copy = audio / f"{hashlib.sha256(sound.read_bytes()).hexdigest()[:16]}{sound.suffix}"
    if not copy.exists():
        write_atomically(copy, lambda part: shutil.copyfile(sound, part))
    return f"{audio.name}/{copy.name}"
