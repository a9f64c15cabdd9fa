"""The page on the paper's setting says what the profile `paper` does, setting by setting and step by step."""

import json
from dataclasses import asdict, fields
from pathlib import Path

import pytest
import torch

import contav_lib
from contav_lib import Config
from contav_lib.config import read_page
from contav_lib.continual.tasks import Task, make_schedule, split_classes
from contav_lib.datasets.minimusic import MUSIC_ORDER
from contav_lib.experiments.setup import make_separator
from contav_lib.mixtures.batch import MixtureSpec
from contav_lib.mixtures.clip_store import ClipStore
from contav_lib.mixtures.sampler import Sampler
from contav_lib.training.optimizers import Optimizers

PAGE = Path(contav_lib.__file__).parent / "profiles/paper_setting.md"
# What names, places or records an experiment, and decides nothing of the paper's setting.
APART = {"name_of_profile", "seed", "data", "data_digest", "on_unusable", "encoder", "clips_per_class", "method_settings",
         "separator_settings", "record_every", "checkpoint_every", "device", "threads", "processes", "compile"}  # fmt: skip


def table(first: str) -> list[dict[str, str]]:
    """The rows of the page's table whose first column has this heading, by heading."""
    lines = iter(PAGE.read_text(encoding="utf-8").splitlines())
    heading = next(line for line in lines if line.startswith(f"| {first} |"))
    next(lines)
    names, rows = cells(heading), []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append(dict(zip(names, cells(line), strict=True)))
    return rows


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def schedule(clips_per_class: int, exemplars: int, joint: bool = False):
    labels = [label for label in MUSIC_ORDER for _ in range(clips_per_class)]
    return make_schedule(labels, split_classes(MUSIC_ORDER, 4), exemplars, joint)


def draw(config: Config, store: ClipStore, task: Task) -> MixtureSpec:
    """Many training mixtures of a task."""
    return Sampler(store, task.clips, task.memory, 2, config.memory_share, config.same_class_share, config.gain, seed=0,
                   clip_repeats=config.clip_repeats, exemplar_repeats=config.exemplar_repeats,
                   same_video=config.same_video).spec(0, 20_000)  # fmt: skip


def in_force() -> dict[str, object]:
    """All settings of the profile by name, those of the method and the separator too, as JSON has them."""
    config = Config.profile("paper")
    with torch.device("meta"):
        separator = asdict(make_separator(config, 5).config)
    own = {entry.name: getattr(config, entry.name) for entry in fields(config) if entry.name not in APART}
    return json.loads(json.dumps(own | dict(config.method_settings) | separator))


def test_the_page_gives_every_setting_as_the_profile_has_it():
    rows = [row for row in table("what") if row["setting"] != "-"]
    written = {row["setting"].strip("`"): json.loads(row["profile `paper`"].strip("`")) for row in rows}
    assert len(written) == len(rows) and written == in_force()


def test_every_row_gives_a_reason_and_no_value_where_there_is_no_setting():
    rows = table("what")
    assert all(all(row.values()) for row in rows)
    assert all(row["profile `paper`"] == "-" for row in rows if row["setting"] == "-")


def test_the_page_says_what_as_released_sets():
    rows = {row["setting"].strip("`"): json.loads(row["as released"].strip("`")) for row in table("setting")}
    assert rows == read_page("paper")["as_released"]


def test_as_released_rates_fall_when_the_authors_do(make_store):
    config = Config.profile("paper", as_released=True, width=1, mask_dim=1, hidden=8, feed_forward=1)
    separator = make_separator(config, 5)
    for task in schedule(42, exemplars=1):
        steps = config.steps_in_task(task)
        epoch, optimizers = steps // 100, Optimizers(config, separator, steps, first_task=True)
        for rate, drops in zip(optimizers._rates, ((31, 51), (80,)), strict=True):
            falls = [step for step in range(1, steps) if rate(step) != rate(step - 1)]
            assert falls == [drop * epoch for drop in drops]


def test_the_steps_are_those_of_the_authors_code():
    config = Config.profile("paper")
    steps = [config.steps_in_task(task) for task in schedule(42, exemplars=1)]
    assert steps == [26_200, 38_700, 51_200, 63_700]
    assert [int(row["steps"]) for row in table("task")] == steps
    assert [int(row["steps an epoch"]) * config.epochs for row in table("task")] == steps
    assert [steps_in_all / config.validations for steps_in_all in steps] == [262, 387, 512, 637]  # one an epoch


def test_the_shares_on_the_page_are_what_is_drawn(make_store):
    store = make_store(count=42, classes=20, seconds=0.1)
    of_theirs = ((0.20, 0.005), (0.11, 0.023), (0.08, 0.025), (0.06, 0.024))  # of one class, of one video
    for task, row, (alike, itself) in zip(schedule(42, exemplars=1), table("task"), of_theirs, strict=True):
        assert (len(task.clips), len(task.memory)) == (int(row["clips"]), int(row["exemplars"]))
        drawn = draw(Config.profile("paper"), store, task)
        first, second = store.classes[drawn.clips].T
        assert drawn.is_old_class.float().mean().item() == pytest.approx(float(row["share of memory"]), abs=0.015)
        assert (first == second).float().mean().item() == pytest.approx(float(row["same class by chance"]), abs=0.01)
        clips = draw(Config.profile("paper", as_released=True), store, task).clips
        first, second = store.classes[clips].T
        assert (first == second).float().mean().item() == pytest.approx(alike, abs=0.01)
        assert (clips[:, 0] == clips[:, 1]).float().mean().item() == pytest.approx(itself, abs=0.003)


@pytest.mark.parametrize(("profile", "clips"), [("lab", 36), ("gpu", 36), ("paper", 42)])
def test_the_page_says_what_joint_training_costs(profile, clips):
    (row,) = [row for row in table("profile") if row["profile"] == f"`{profile}`"]
    joint, contav = Config.profile(profile, method="joint"), Config.profile(profile, method="contav")
    steps = [joint.steps_in_task(task) for task in schedule(clips, 0, joint=True)]
    assert [int(number) for number in row["`joint`, tasks 1 to 4"].split(",")] == steps
    assert int(row["in all"]) == sum(steps)
    assert int(row["ContAV-Sep, in all"]) == sum(contav.steps_in_task(task) for task in schedule(clips, 1))
