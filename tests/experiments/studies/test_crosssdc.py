"""The studies' plans differ only where they say so, and what CrossSDC adds is a difference seed by seed."""

from types import SimpleNamespace

import numpy as np
import pytest

from contav_lib import Config
from contav_lib.evaluation.mixture_scores import MixtureScores
from contav_lib.experiments.studies.questions import CONDITIONS, STUDIES, UNCHANGED


def settings(config):
    return config.to_json() | config.to_json()["method_settings"]


def test_the_rows_of_table_2_switch_single_terms():
    plan = {name: settings(configs[0]) for name, configs in STUDIES["terms"].plan("lab", 1).items()}
    full = plan["ContAV-Sep"]
    off = {
        "distillation only": ("instance_weight", "class_weight"),
        "distillation + instance": ("class_weight",),
        "distillation + class": ("instance_weight",),
    }
    for name, terms in off.items():
        assert all(plan[name][term] == 0 < full[term] for term in terms)
        kept = {"distillation", "instance_weight", "class_weight"} - set(terms)
        assert all(plan[name][term] == full[term] for term in kept)


def test_the_profile_lab_has_the_papers_weights():
    """The conditions with more and less weight are named by it."""
    lab = settings(STUDIES["needs"].plan("lab", 1)[UNCHANGED][0])
    paper = settings(Config.profile("paper", method="contav"))
    assert all(lab[name] == paper[name] for name in ("distillation", "instance_weight", "class_weight", "temperature"))
    for condition, factor in (("a third of the paper's weights", 1 / 3), ("three times the paper's weights", 3)):
        changed = CONDITIONS[condition]
        assert all(
            changed[name] == pytest.approx(factor * paper[name], rel=0.11)
            for name in ("instance_weight", "class_weight")
        )


def test_conditions_that_say_twice_are_twice_what_lab_has():
    lab = Config.profile("lab")
    assert CONDITIONS["batches of twice the size"] == dict(batch_size=2 * lab.batch_size)
    assert CONDITIONS["two tasks, twice as long"] == dict(tasks=lab.tasks // 2, steps=2 * lab.steps)


def test_each_condition_is_the_same_with_crosssdc_and_without():
    plan = STUDIES["needs"].plan("lab", 2)
    assert len(plan) == 2 * len(CONDITIONS)
    names = set()
    for condition in CONDITIONS:
        for one, other in zip(plan[condition], plan[f"{condition}, without"], strict=True):
            mine, others = settings(one), settings(other)
            differ = {name for name in mine if mine[name] != others[name]} - {"name", "method_settings"}
            assert (
                differ - {"temperature"} == {"instance_weight", "class_weight"}
                and others["instance_weight"] == others["class_weight"] == 0
            )
            names |= {one.name, other.name}
    assert len(names) == 4 * len(CONDITIONS) - 2 * 3  # three conditions change CrossSDC alone


def test_conditions_can_be_chosen_by_name():
    plan = STUDIES["needs"].plan("lab", 1, ["poor pictures"])
    assert list(plan) == ["poor pictures, without", "poor pictures"]
    assert plan["poor pictures"][0].name == STUDIES["needs"].plan("lab", 1)["poor pictures"][0].name
    with pytest.raises(ValueError, match="condition called 'poor picture'; did you mean 'poor pictures'"):
        STUDIES["needs"].plan("lab", 1, ["poor picture"])


def test_the_study_of_learning_has_one_task_and_pairs_for_every_separator():
    plan = STUDIES["learning"].plan("lab", 1)
    for separator in ("iquery", "coseparation", "soundofpixels"):
        one, other = settings(plan[separator][0]), settings(plan[f"{separator}, without"][0])
        assert one["separator"] == other["separator"] == separator and one["tasks"] == 1 and len(one["classes"]) == 5
        assert {name for name in one if one[name] != other[name]} == {
            "method_settings",
            "instance_weight",
            "class_weight",
        }


def test_what_crosssdc_adds_is_taken_seed_by_seed():
    mixtures = MixtureScores(np.array([["x", "y"]]), np.array([["x", "y"]]), {"sdr": np.zeros((1, 2))})

    def runs(*scores):
        return [
            SimpleNamespace(config={"seed": n}, summary=lambda s=s: {"sdr": s}, mixture_scores=lambda: mixtures)
            for n, s in enumerate(scores)
        ]

    results = {"a, without": runs(1.0, 5.0), "a": runs(2.0, 6.5), "b": runs(0.0, 0.0)}
    added = STUDIES["needs"].families["added"]
    table = added.differences(results)
    assert table.index.tolist() == ["a"]  # b has nothing to be compared with
    assert table.loc["a", "difference"] == pytest.approx(1.25) and table.loc["a", "seeds"] == 2
    wider = added.differences(results | {"b, without": runs(1.0, 1.5)})  # all conditions are one family
    assert wider.loc["a", "p"] == table.loc["a", "p"] and wider.loc["a", "p_holm"] == 2 * table.loc["a", "p_holm"]
