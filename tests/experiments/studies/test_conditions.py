"""Plans of other conditions change what they say and nothing else, and ask for the right pairs."""

import pytest

from contav_lib.experiments.plans import FOUR_TASKS, over_seeds
from contav_lib.experiments.studies.questions import CHANGES, FOUR_METHODS, STUDIES


def changed(config, usual):
    """Settings of a config that differ from another's, those of the method beside the rest."""
    mine, others = ({**each.to_json(), **each.to_json()["method_settings"]} for each in (config, usual))
    return {name: mine[name] for name in mine if mine[name] != others[name] and name != "method_settings"}


@pytest.mark.parametrize(("study", "change"), [("sources", dict(num_sources=3)), ("order", dict(shuffle_classes=True))])
def test_sources_and_order_change_one_setting_of_all_methods(study, change):
    usual, other = over_seeds("lab", 2, FOUR_METHODS), STUDIES[study].plan("lab", 2)
    assert list(usual) == list(other) == ["fine-tuning", "replay", "ContAV-Sep", "upper bound"]
    for name, configs in other.items():
        for config, own in zip(configs, usual[name], strict=True):
            assert changed(config, own) == change


def test_the_usual_methods_are_those_of_the_notebooks():
    assert FOUR_METHODS.items() < FOUR_TASKS.items()


def test_the_protocol_changes_one_setting_at_a_time():
    plan, usual = STUDIES["protocol"].plan("lab", 1), over_seeds("lab", 1, FOUR_METHODS)
    for name in ("fine-tuning", "replay", "ContAV-Sep"):
        assert plan[name] == usual[name]  # the profile `lab` has the usual protocol: stored results serve
        for change, settings in CHANGES.items():
            if f"{name}, {change}" in plan:
                assert changed(plan[f"{name}, {change}"][0], plan[name][0]) == settings
    assert len(plan) == 11 and len({configs[0].name for configs in plan.values()}) == 11
    assert all(configs[0].memory_share in (0.25, None) for configs in STUDIES["protocol"].plan("paper", 1).values())


def test_protocols_are_compared_within_a_method_and_between_methods():
    study = STUDIES["protocol"]
    usual, replay = (study.families[prefix].pairs(study.rows) for prefix in ("vs_usual", "vs_replay"))
    assert usual["replay, last weights"] == "replay" and len(usual) == 8
    assert replay == {
        "ContAV-Sep": "replay",
        **{f"ContAV-Sep, {change}": f"replay, {change}" for change in CHANGES},
    }


def test_the_study_of_the_start_moves_the_contrastive_terms_only():
    plan = STUDIES["start"].plan("lab", 1)
    always = plan["contrast always (ContAV-Sep)"][0]
    assert always == over_seeds("lab", 1, FOUR_METHODS)["ContAV-Sep"][0]
    assert changed(plan["contrast in the first task only"][0], always) == dict(contrast_when="first")
    assert changed(plan["contrast in later tasks only"][0], always) == dict(contrast_when="later")
    assert changed(plan["distillation only"][0], always) == dict(instance_weight=0.0, class_weight=0.0)
    assert set(STUDIES["start"].families["vs_distillation"].pairs(plan)) == set(plan) - {"distillation only"}
