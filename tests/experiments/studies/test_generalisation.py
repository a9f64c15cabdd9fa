"""Final separators on two splits: as tested, paired with their own, never on different mixtures."""

import pytest
from samples import note_threads

from contav_lib import run
from contav_lib.experiments.studies.generalisation import generalisation
from contav_lib.experiments.template import ClassSpectrum
from contav_lib.utils.devices import cpu_threads

KINDS = {"melody": "validation", "instrument": "test"}  # the small data set has no melody split


def test_the_test_split_scores_as_in_the_experiments_own_test(reference, home, monkeypatch):
    count = reference.config["test_mixtures"] * len(reference.tasks)
    noted = note_threads(monkeypatch, ClassSpectrum, "forward")
    with cpu_threads(2):
        table = generalisation({"fine-tuning": [reference]}, count, KINDS)
    assert set(noted) == {1}  # those of the experiment, whatever the process has
    row = table.loc["fine-tuning"]
    for measure in ("sdr", "sdr_improvement"):
        assert row[f"instrument_{measure}"] == pytest.approx(reference.summary()[measure])
    assert row["difference"] == pytest.approx(row["instrument_sdr_improvement"] - row["melody_sdr_improvement"])
    assert [name for name in table.index if name.startswith("class spectrum")] == [
        "class spectrum, both classes told",
        "class spectrum, other class guessed",
        "class spectrum, wanted class only",
    ]


def test_intervals_need_two_seeds_and_a_template_is_the_same_in_both(home, tiny):
    runs = [run(tiny(steps=2, seed=seed), progress=False) for seed in (0, 1)]
    table = generalisation({"a": runs}, 4, KINDS)
    single = generalisation({"a": runs[:1]}, 4, KINDS)
    template = "class spectrum, both classes told"
    assert table.loc["a", "seeds"] == 2 and table["difference"].notna().all() and table["p_holm"].notna().all()
    assert (table["low"] < table["difference"]).all() and (table["difference"] < table["high"]).all()
    assert table.loc[template, "melody_sdr"] == single.loc[template, "melody_sdr"]
    assert single["melody_sdr_ci95"].isna().all() and (table["melody_sdr_ci95"] > 0).all()


def test_results_of_other_classes_are_refused(home, tiny, reference):
    other = run(tiny(steps=2, classes=["banjo", "cello"]), progress=False)
    with pytest.raises(ValueError, match="'b' has other data, classes or num_sources than 'a'"):
        generalisation({"a": [reference], "b": [other]}, 4, KINDS)
