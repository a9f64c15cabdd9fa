"""The reproduction report: its parameters, a plan in which an experiment fails, the card."""

import json
import shlex

import pytest

from contav_lib.cli import main
from contav_lib.experiments.executors import run_all
from contav_lib.experiments.plans import of_notebooks
from contav_lib.experiments.report import folder_of, write_card
from contav_lib.experiments.reproduction import Parameters, Reproduction
from contav_lib.experiments.result import Failed, NothingStored, Result
from contav_lib.experiments.run import outcome
from contav_lib.utils import paths

SIZES = dict(frames=16, bins=64, width=4, mask_dim=8, hidden=16, heads=2, feed_forward=24)
COUNTS = dict(tasks=2, steps=2, batch_size=2, test_mixtures=1, validation_mixtures=1)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"PROFIEL": "lab"}, "no parameter called 'PROFIEL'; did you mean 'PROFILE'"),
        ({"seeds": 3}, "no parameter called 'seeds'; did you mean 'SEEDS'"),
        ({"PROFILE": "labb"}, "did you mean 'lab'"),
        ({"PROFILE": 3}, "PROFILE=3: PROFILE is text in quotes"),
        ({"SEEDS": "six"}, "SEEDS=.'six'.: SEEDS is a list, even of one, of whole numbers"),
        ({"SEEDS": "[6, 7.5]"}, "SEEDS=.6, 7.5."),
        ({"SEEDS": True}, "SEEDS=.True."),
        ({"OVERRIDES": {5: 1}}, "OVERRIDES={5: 1}: give settings by name"),
        ({"SEEDS": "[6, 6]"}, "each only once"),
        ({"METHODS": "repaly"}, "did you mean 'replay'"),
        ({"SEPARATORS": '["iqury"]'}, "did you mean 'iquery'"),
        ({"SEPARATORS": "[]"}, "give at least one"),
        ({"MEMORY": "[0]"}, "makes no sense without a memory"),
        ({"OVERRIDES": "steps=3"}, "give settings by name"),
        ({"OVERRIDES": '{"setps": 3}'}, "did you mean 'steps'"),
        ({"OVERRIDES": {"seed": 3}}, "give seed by the other parameters"),
        ({"ONLY_STORED": "maybe"}, "ONLY_STORED is True or False"),
        ({"DATASET": "mni"}, "did you mean 'mini'"),
        ({"DATA_ROOT": "/nowhere/at/all"}, "no such folder"),
    ],
)
def test_unknown_and_ill_typed_parameters_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        Parameters.from_names(given)


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ({"SEEDS": "[6,7,8]"}, (6, 7, 8)),  # papermill's -p gives text
        ({"SEEDS": 2}, (0, 1)),
        ({"SEEDS": "2"}, (0, 1)),
        ({"SEEDS": "6 8"}, (6, 8)),
        ({"MEMORY": 4}, (4,)),
        ({"METHODS": "replay,contav"}, ("replay", "contav")),
        ({"OVERRIDES": '{"steps": 3}'}, {"steps": 3}),
        ({"ONLY_STORED": "true"}, True),
    ],
)
def test_text_is_read_as_the_value_that_it_means(given, value):
    [name] = given
    assert getattr(Parameters.from_names(given), name.lower()) == value


def test_what_papermill_writes_is_read_from_the_notebook_known_or_not():
    written = "# Parameters\nSEEDS = [6]\nSEED = 3\n"
    with pytest.raises(ValueError, match="'SEED'; did you mean 'SEEDS'"):
        Parameters.read({"SEEDS": [6], "SEED": 3, "In": ["", "SEEDS = [6, 7, 8]", written]})
    assert Parameters.read({"SEEDS": [6], "other": 3, "In": ["other = 3"]}).seeds == (6,)


def test_the_command_gives_the_same_report(monkeypatch):
    asked = Parameters(profile="smoke", seeds=(6,), overrides={"steps": 3}, only_stored=True)
    typed: list[dict] = []
    monkeypatch.setattr("contav_lib.teaching.notebooks.make_report", lambda given: typed.append(given) or [])
    assert main(shlex.split(asked.command)[1:]) == 0
    again = Parameters.from_names(typed[0])
    assert again.seeds == (6,) and not again.only_stored
    assert folder_of(again) == folder_of(asked) != folder_of(Parameters())


def test_nothing_stored_is_said_in_one_sentence_with_what_to_run_and_how_long_it_takes(home, capsys):
    assert main(["report", "--stored"]) == 1
    said = capsys.readouterr()
    [sentence] = said.err.split("\n")[1:-1]
    assert sentence.startswith(
        "Nothing of this report is stored yet. 99 of 99 experiments are not stored: about 3.8 hours"
    )
    assert sentence.endswith("What runs them: contav report") and not said.out
    shown = NothingStored(sentence)._render_traceback_()
    assert shown == [sentence]  # a notebook shows no traceback


def test_the_papers_rows_are_asked_for_each_with_its_numbers():
    asked = Parameters(seeds=(6,))
    made = [len(rows) for rows in asked.plans.values()]
    assert made == [12 + 3 + 6, 12]  # ContAV-Sep itself stands in all three tables
    assert all(len(rows) == count for rows, count in zip(asked.paper.values(), made, strict=True))
    assert [sum(map(len, asked.table(number).values())) for number in (1, 2, 3)] == [12 + 12, 4, 7]
    assert {config.name for config in of_notebooks("lab", 1)} & {
        config.name for config in Parameters(seeds=1).experiments
    }


@pytest.mark.slow
def test_a_failed_experiment_stops_nothing_and_is_shown_with_its_error(home, video_folder):
    given = dict(profile="smoke", data_root=str(video_folder), methods=["finetune"], separators=["iquery"], seeds=2)
    asked = Parameters(**given, overrides=SIZES | COUNTS)
    good, bad = asked.experiments
    folder = paths.runs() / bad.name
    folder.mkdir(parents=True)
    (folder / "encoder.json").write_text('{"maker": "another <encoder>"}')
    assert asked.to_run().startswith("2 of 2 experiments are not stored")
    made = Reproduction(asked)  # side by side
    assert asked.to_run().startswith("1 of 2 experiments are not stored")
    assert isinstance(outcome(good), Result) and outcome(bad) == Failed(folder) and made.missing == 0
    [(name, failed)] = made.failures.items()
    assert name == "fine-tuning, iquery, seed 1"
    assert "another <encoder>" in failed.last_lines() and "Traceback" in (folder / "failed.txt").read_text()
    assert made.table_1().loc["fine-tuning", ("iquery", "seeds")] == "1" and made.table_2().empty

    card, data = write_card(made, {})
    page, content = card.read_text(), json.loads(data.read_text())
    assert "another &lt;encoder&gt;" in page and "another <encoder>" not in page
    assert content["failed"].keys() == {name} and content["verdicts"] == content["comparisons"] == []
    assert [line["name"] for line in content["class_spectra"]][0].startswith("class spectrum")
    assert content["minutes"] >= 0 and content["machine"]["torch"] and content["results"] == [f"runs/{good.name}"]

    (folder / "encoder.json").unlink()
    assert [run.folder.name for run in run_all(asked.experiments, workers=1, keep_going=True)] == [good.name, bad.name]
    assert isinstance(outcome(bad), Result) and not (folder / "failed.txt").exists()


def test_without_keep_going_a_failed_experiment_ends_the_rest(home, tiny):
    config = tiny()
    (paths.runs() / config.name).mkdir(parents=True)
    (paths.runs() / config.name / "encoder.json").write_text('{"maker": "another"}')
    with pytest.raises(ValueError, match="another"):
        run_all([config], workers=1)
    assert outcome(config) is None
    assert run_all([config], workers=1, keep_going=True) == []
    assert isinstance(outcome(config), Failed)


def test_the_command_line_refuses_what_the_notebook_would(home, capsys):
    assert main(["report", "--profile", "smoke", "--set", "SEPARATOR=iquery"]) == 1
    assert "did you mean 'SEPARATORS'" in capsys.readouterr().err
