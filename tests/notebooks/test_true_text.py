"""What notebooks 03 and 04 say of their run agrees with the run's numbers, whichever run it is."""

import re
from contextlib import redirect_stdout
from io import StringIO

import nbformat
import numpy as np
import pandas as pd
import pytest

from contav_lib.evaluation.task_matrix import backward_transfer, forgetting
from contav_lib.experiments.plans import FOUR_TASKS, over_seeds, run_plan
from contav_lib.teaching.notebooks import NOTEBOOKS

pytestmark = pytest.mark.slow
SEEDS = 0, 1
DIFFERS = re.compile(r"([\d.]+)(?: dB)? (more|less) \((-?[\d.]+) against (-?[\d.]+)\)")
ALIKE = re.compile(r"no different \((-?[\d.]+)\)")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home with the experiments of both notebooks, on `smoke`, with two seeds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONTAV_HOME", str(tmp_path_factory.mktemp("home")))
        run_plan(over_seeds("smoke", SEEDS, FOUR_TASKS))
        yield


@pytest.fixture(scope="module", params=SEEDS)
def forgetting_told(home, request):
    return told("03_forgetting", request.param)


@pytest.fixture(scope="module", params=SEEDS)
def distillation_told(home, request):
    return told("04_distillation", request.param)


def told(stem: str, seed: int) -> tuple[dict, dict[str, list[str]]]:
    """Run a notebook's cells on a stored seed: the names it leaves, and the lines that each cell printed."""
    names: dict = {}
    printed = {}
    for cell in nbformat.read(NOTEBOOKS / f"{stem}.ipynb", as_version=4).cells:
        if cell.cell_type == "code":
            parameters = "parameters" in cell.metadata.get("tags", [])
            source = f'PROFILE = "smoke"\nSEEDS = [{seed}]' if parameters else cell.source
            with redirect_stdout(StringIO()) as out:
                exec(compile(source, cell.id, "exec"), names)
            printed[cell.id] = out.getvalue().splitlines()
    return names, printed


def assert_agrees(line: str, one: float, other: float, digits: int = 1) -> None:
    """A line says rightly how one number differs from another, as both are written."""
    close = dict(abs=0.51 * 10**-digits)
    if same := ALIKE.search(line):
        assert (float(same[1]), float(same[1])) == (pytest.approx(one, **close), pytest.approx(other, **close)), line
        return
    by, word, first, second = DIFFERS.search(line).groups()
    assert (float(first), float(second)) == (pytest.approx(one, **close), pytest.approx(other, **close)), line
    assert word == ("more" if one > other else "less"), line
    assert float(by) == pytest.approx(abs(float(first) - float(second)), abs=1e-6), line


def compared(lines: list[str]) -> list[str]:
    return [line for line in lines if DIFFERS.search(line) or ALIKE.search(line)]


def assert_ranked(line: str, values: dict[str, float], digits: int) -> None:
    places = [line.index(f"{name} {value:.{digits}f}") for name, value in sorted(values.items(), key=lambda v: -v[1])]
    assert places == sorted(places), line


def test_the_course_of_forgetting(forgetting_told):
    names, printed = forgetting_told
    for (name, [run]), line in zip(names["results"].items(), printed["said-drops"], strict=True):
        column = run.matrix("sdr")[:, 0]
        assert line.startswith(name)
        assert_agrees(line, column[-1], column[0])
        drops = column[:-1] - column[1:]
        worst = f"{drops.max():.1f} dB, while task {drops.argmax() + 2} was learned" if drops.max() > 0 else "none"
        assert line.endswith(f"largest drop: {worst}")


def test_tasks_that_got_better_are_those_that_part_forgetting_from_backward_transfer(forgetting_told):
    names, printed = forgetting_told
    for (name, [run]), line in zip(names["results"].items(), printed["said-transfer"], strict=True):
        matrix = run.matrix("sdr")
        assert line.startswith(name)
        equal = np.isclose(forgetting(matrix), -backward_transfer(matrix))
        assert line.endswith("no old task") == equal, line


def test_the_newest_task(forgetting_told):
    names, printed = forgetting_told
    lines = iter(printed["said-newest"])
    for [run] in names["results"].values():
        learned = np.diag(run.matrix("sdr"))
        assert_agrees(next(lines), learned[-1], learned[:-1].mean())
        tests = [entry for entry in run.history() if entry["kind"] == "validation" and entry["task"] == 3]
        step = next(entry["step"] for entry in tests if entry["sdr"] == max(each["sdr"] for each in tests))
        assert next(lines).endswith(f"step {step} of {run.config['steps'] * (4 if 'joint' in run.folder.name else 1)}")


def test_scores_after_the_last_task(forgetting_told):
    names, printed = forgetting_told
    lines = iter(printed["said-scores"])
    for [run] in names["results"].values():
        for score in ("sdr", "sar"):
            course = run.over_all_seen(score)
            assert_agrees(next(lines), course[-1], course[0])
    final = {name: run.summary()["sdr"] for name, [run] in names["results"].items()}
    assert_ranked(printed["cell-23"][0], final, 1)
    gap = final["upper bound"] - final["fine-tuning"]
    share = (final["replay"] - final["fine-tuning"]) / gap if gap > 0 else np.nan
    assert printed["cell-23"][1].endswith(f": {gap:.1f} dB. One clip per class covers {share:.0%} of it.")


def test_the_heard_mixture(forgetting_told):
    names, printed = forgetting_told
    example = names["results"]["fine-tuning"][0].examples()[1]
    for n, line in enumerate(compared(printed["cell-12"])):
        assert_agrees(line, *(example["scores"][task][n]["sdr"] for task in (3, 0)))


def test_movement_of_masks_and_links(distillation_told):
    names, printed = distillation_told
    end = {name: row["after task 4"] for name, row in names["moved"].items()}
    assert_ranked(printed["said-moved"][0], end, 3)
    for name, line in zip(("replay", "distillation only", "ContAV-Sep"), printed["said-moved"][1:], strict=True):
        assert line.startswith(name)
        assert_agrees(line, end[name], end["fine-tuning"], digits=3)
    contrast, lines = names["contrast"], iter(compared(printed["cell-30"]))
    for model in ("ContAV-Sep", "fine-tuning"):
        for pair, then in contrast[f"{model}, after task 1"].items():
            assert_agrees(next(lines), contrast[f"{model}, after task 4"][pair], then, digits=2)


def test_what_task_4_moves(distillation_told):
    names, printed = distillation_told
    assert_agrees(printed["said-alike"][0], *map(names["moved_by_task_4"], (0, 2)), digits=3)


def test_losses_and_growth(distillation_told):
    names, printed = distillation_told
    assert_agrees(printed["said-loss"][0], names["cross_modal"](names["same_video"]), np.log(8), digits=2)
    sdr = names["growth"]["SDR on task 1, dB"]
    assert_agrees(compared(printed["cell-34"])[0], sdr[20], sdr[5], digits=2)


def test_the_ablation(distillation_told):
    names, printed = distillation_told
    final = {name: run.summary() for name, [run] in names["results"].items()}
    lines = "\n".join(names["as_sentences"]).splitlines()
    for line, (name, score) in zip(
        lines, [(n, s) for s in ("sdr", "forgetting") for n in ("distillation only", "ContAV-Sep")], strict=False
    ):
        difference = final[name][score] - final["replay"][score]
        assert f"**{name}**" in line and f"{difference:+.2f} dB" in line and "decides nothing" in line
    assert_agrees(lines[-1], final["ContAV-Sep"]["sdr"], final["distillation only"]["sdr"])
    ours, other = (names["results"][name][0].over_all_seen() for name in ("ContAV-Sep", "distillation only"))
    last = printed["6cac5225"][-1]
    assert_agrees(last, *(ours - other)[[-1, 0]])
    assert last.endswith("not decided")


def test_six_seeds(distillation_told):
    names, _ = distillation_told
    table = pd.read_csv(NOTEBOOKS.parent / "data/results/methods.csv", skiprows=1, index_col="name")
    decided, alone = (table[f"sdr_vs_replay_{key}"] < 0.05 for key in ("p_holm", "p"))
    against_replay, pays, contrast = names["six_seeds"].splitlines()
    shown = ["fine-tuning", "replay", "distillation only", "ContAV-Sep", "upper bound"]
    for told, true in zip(re.findall(r": ([^:.]+)\.", against_replay), (decided, alone), strict=True):
        assert told == (", ".join(name for name in shown if true[name]) or "none")
    gain = table.loc["ContAV-Sep", "sdr_vs_replay_mean"]
    assert f"{gain:+.2f} dB" in pays and ("not shown to pay" in pays) == (gain < 0 or not decided["ContAV-Sep"])
    assert f"{table.loc['distillation only', 'sdr_vs_contav_mean']:+.2f}" in contrast
    assert contrast.endswith("not decided.") == (table.loc["distillation only", "sdr_vs_contav_p_holm"] >= 0.05)
