"""Every study runs from the command line, and saves what it measured with its command."""

from dataclasses import replace

import pytest
from samples import read_results

from contav_lib import run
from contav_lib.cli import main
from contav_lib.experiments.plans import which_seeds
from contav_lib.experiments.studies import questions
from contav_lib.experiments.studies.generalisation import generalisation

pytestmark = pytest.mark.slow


@pytest.fixture
def small(tiny, monkeypatch):
    """`over_seeds` with small experiments, run here, for processes of their own take long to start."""

    def over_seeds(profile, seeds, rows, **common):
        plan = {
            name: [tiny(steps=2, seed=seed, **settings) for seed in which_seeds(seeds)]
            for name, settings in rows.items()
        }
        for config in sum(plan.values(), []):
            run(config, progress=False)
        return plan

    monkeypatch.setattr("contav_lib.experiments.plans.over_seeds", over_seeds)
    monkeypatch.setattr("contav_lib.experiments.studies.study.over_seeds", over_seeds)


def test_a_study_is_saved_with_its_command_and_seeds(home, small, tmp_path, monkeypatch):
    rows = {"a, without": dict(method="replay"), "a": dict(method="contav")}
    monkeypatch.setitem(questions.STUDIES, "learning", replace(questions.STUDIES["learning"], rows=rows))
    path = tmp_path / "learning.csv"
    assert main(["study", "learning", "--seeds", "6", "7", "--save", str(path)]) == 0
    command, table = read_results(path)
    assert command == f"contav study learning --seeds 6 7 --save {path}"
    assert table.index.tolist() == ["a, without", "a"]
    apart = table["sdr_mean"]["a"] - table["sdr_mean"]["a, without"]
    assert table.loc["a", "sdr_added_difference"] == pytest.approx(apart)
    assert table.loc["a", "sdr_seed_7"] != table.loc["a", "sdr_seed_6"]


def test_a_study_of_conditions_prints_and_saves_its_families(home, small, tmp_path, monkeypatch, capsys):
    rows = {"replay": dict(method="replay"), "ContAV-Sep": dict(method="contav")}
    monkeypatch.setitem(questions.STUDIES, "order", replace(questions.STUDIES["order"], rows=rows))
    path = tmp_path / "order.csv"
    assert main(["study", "order", "--seeds", "2", "--save", str(path)]) == 0
    table = read_results(path)[1]
    apart = table["sdr_mean"]["ContAV-Sep"] - table["sdr_mean"]["replay"]
    assert table.loc["ContAV-Sep", "sdr_vs_replay_difference"] == pytest.approx(apart)
    assert "**ContAV-Sep** against replay, final SDR" in capsys.readouterr().out


@pytest.mark.parametrize("study", ["generalisation", "classes", "representations"])
def test_measurements_of_stored_separators_are_saved(study, home, small, tmp_path, monkeypatch):
    monkeypatch.setattr(questions, "FOUR_METHODS", {"fine-tuning": dict(method="finetune")})
    kinds = {"melody": "validation", "instrument": "test"}  # these data have no melody split
    monkeypatch.setitem(questions.MEASUREMENTS, "generalisation", lambda results: generalisation(results, 4, kinds))
    path = tmp_path / "table.csv"
    assert main(["study", study, "--seeds", "1", "--save", str(path)]) == 0
    command, table = read_results(path)
    assert command == f"contav study {study} --seeds 1 --save {path}"
    assert "fine-tuning" in table.index
