"""The starter pack: small, of this version, within the spread of the published seeds, and what it promises to the ear."""

import csv
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from contav_lib.audio import SAMPLE_RATE
from contav_lib.datasets.minimusic import MUSIC_ORDER
from contav_lib.experiments import starter
from contav_lib.experiments.examples import choose_examples
from contav_lib.experiments.result import Result
from contav_lib.experiments.starter import METHODS, PACK, PAIR, Course, choose, digest_of
from contav_lib.media import read_audio
from contav_lib.utils.storage import read_json

ABOUT = read_json(PACK / "starter.json")
MIXTURES = read_json(PACK / "mixtures.json")["mixtures"]
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONTAV_HOME", str(tmp_path_factory.mktemp("home")))
        yield starter.starter()


def test_it_is_small_whole_and_of_this_version():
    assert sum(path.stat().st_size for path in PACK.rglob("*") if path.is_file()) < 12e6
    assert ABOUT["versions"] == starter._VERSIONS and ABOUT["digest"] == digest_of(PACK)
    assert list(ABOUT["results"]) == list(METHODS) and ABOUT["half_precision_dB"] <= 0.05


@pytest.mark.parametrize("method", METHODS)
def test_it_lies_within_the_spread_of_the_published_seeds(method):
    with (ROOT / "data/results/methods.csv").open() as file:
        row = next(row for row in csv.DictReader(file.readlines()[1:]) if row["name"] == method)
    summary = Result(PACK / ABOUT["results"][method]).summary()
    for score in ("sdr", "sir", "sar", "forgetting"):
        # None of six numbers is further from their mean than 5 / sqrt(6) of their standard deviations.
        assert abs(summary[score] - float(row[f"{score}_mean"])) <= 2.05 * float(row[f"{score}_std"]), score


def test_every_task_has_its_mixtures_and_the_pair_comes_in_the_first():
    tasks = Result(PACK / ABOUT["results"]["fine-tuning"]).tasks
    assert [label for task in tasks for label in task] == MUSIC_ORDER
    why = [(row["task"], row["why"]) for row in MIXTURES]
    of_task = [(n, f"{which} drop") for n in range(3) for which in ("median", "largest")]
    assert why == [*of_task[:2], (0, "median drop of the drum"), *of_task[2:], (3, "median score")]
    assert MIXTURES[2]["labels"] == list(PAIR) and MIXTURES[2]["first"] - MIXTURES[2]["last"] > 6


@pytest.mark.slow
def test_its_sounds_score_as_they_did_with_whole_precision(unpacked):
    examples = unpacked["fine-tuning"].examples()
    for row, example in zip(MIXTURES, examples, strict=True):
        assert (example["labels"], example["why"]) == (row["labels"], row["why"])
        sources = [0] if example["labels"] == list(PAIR) else [0, 1]
        for score, after in (("first", row["task"]), ("last", 3)):
            sdr = np.mean([example["scores"][after][n]["sdr"] for n in sources])
            assert sdr == pytest.approx(row[score], abs=0.05)
        assert len(read_audio(example["mixture"], SAMPLE_RATE)) >= 6 * SAMPLE_RATE


@pytest.mark.slow
def test_all_methods_are_heard_on_the_same_mixtures_and_all_checkpoints_are_there(unpacked):
    for result in unpacked.values():
        assert [result.separator(task).num_classes for task in range(4)] == [5, 10, 15, 20]
        heard = [[path.read_bytes() for path in example["truth"]] for example in result.examples()]
        assert heard == [[path.read_bytes() for path in each["truth"]] for each in unpacked["replay"].examples()]
    drum, flute = unpacked["ContAV-Sep"].examples()[2]["scores"][0]
    assert drum["kind"] == "clean" and flute is None  # the flute is learned in task 2
    assert starter.starter().keys() == unpacked.keys()  # at once


@pytest.mark.slow
def test_it_says_what_notebook_00_says_of_it(unpacked):
    heard = {name: result.examples()[2]["scores"] for name, result in unpacked.items()}
    lost = {
        name: {score: scores[0][0][score] - scores[3][0][score] for score in ("sdr", "sir")}
        for name, scores in heard.items()
    }
    first, last = heard["fine-tuning"][0][0], heard["fine-tuning"][3][0]
    assert (first["kind"], last["kind"]) == ("clean", "leftovers")  # not silent, not noisy: the flute comes along
    assert lost["fine-tuning"]["sir"] > lost["fine-tuning"]["sdr"] > 10
    for name in ("ContAV-Sep", "replay", "upper bound"):
        assert lost[name]["sdr"] < 0.25 * lost["fine-tuning"]["sdr"] and heard[name][3][0]["kind"] == "clean"
    for name in ("fine-tuning", "ContAV-Sep"):  # the flute, in the end
        assert heard[name][3][1]["kind"] == "leftovers"


def test_a_pack_of_another_version_is_refused(monkeypatch):
    monkeypatch.setattr(starter, "_VERSIONS", {"minimusic": 99, "results": 99})
    with pytest.raises(ValueError, match="'minimusic': 99.*contav starter"):
        starter.starter()


def test_the_rule_takes_the_middle_and_the_largest_drop(monkeypatch):
    drops = [5.0, 1.0, 9.0, 3.0, 2.0]
    courses = [Course([f"a/{drop}", f"b/{drop}"], 10.0, 10.0 - drop) for drop in drops]
    unlost = [Course([f"c/{score}", f"d/{score}"], score, score) for score in (1.0, 8.0, 2.0)]
    monkeypatch.setattr(starter, "_courses", lambda store, separators, *_: courses if len(separators) > 1 else unlost)
    spec = SimpleNamespace(clips=torch.zeros(1, 2))
    setup = SimpleNamespace(tasks=[["a", "b"], ["c", "d"]], task_mixtures=[spec, spec], test=None)
    chosen = choose(setup, SimpleNamespace(separator=lambda task: task))
    assert [(row["clips"][0], row["why"]) for row in chosen] == [
        ("a/3.0", "median drop"),
        ("a/9.0", "largest drop"),
        ("c/2.0", "median score"),
    ]


def test_an_experiment_with_these_tasks_is_heard_on_these_mixtures_and_another_one_on_its_own():
    names = [name for row in MIXTURES for name in row["clips"]]
    spec = SimpleNamespace(clips=torch.tensor([[4, 5], [4, 5], [6, 7], [8, 9]]))
    setup = SimpleNamespace(
        tasks=read_json(PACK / "mixtures.json")["tasks"],
        test=SimpleNamespace(ids=["other", *names]),
        config=SimpleNamespace(num_sources=2),
        task_mixtures=[spec],
    )
    assert [setup.test.ids[example.clips[0]] for example in choose_examples(setup)] == names[::2]
    setup.test.ids.remove(names[0])
    assert [example.clips for example in choose_examples(setup)] == [(4, 5), (6, 7)]
