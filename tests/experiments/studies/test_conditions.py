"""Plans of other conditions change what they say and nothing else, and ask for the right pairs."""

import pytest

from contav_lib.experiments.plans import forgetting
from contav_lib.experiments.studies import conditions


def changed(config, usual):
    """Settings of a config that differ from another's, those of the method beside the rest."""
    mine, others = ({**each.to_json(), **each.to_json()["method_settings"]} for each in (config, usual))
    return {name: mine[name] for name in mine if mine[name] != others[name] and name != "method_settings"}


@pytest.mark.parametrize(
    ("plan", "change"),
    [(conditions.sources, dict(num_sources=3)), (conditions.order, dict(shuffle_classes=True))],
)
def test_sources_and_order_change_one_setting_of_all_methods(plan, change):
    usual, other = conditions.methods("lab", 2), plan("lab", 2)
    assert list(usual) == list(other) == ["fine-tuning", "replay", "ContAV-Sep", "upper bound"]
    for name, configs in other.items():
        for config, own in zip(configs, usual[name], strict=True):
            assert changed(config, own) == change


def test_the_usual_methods_are_those_of_the_notebooks():
    plan = conditions.methods("lab", 1)
    for name, configs in forgetting("lab", 1).items():
        assert plan[name] == configs


def test_the_protocol_changes_one_setting_at_a_time():
    plan, usual = conditions.protocol("lab", 1), conditions.methods("lab", 1)
    for name in ("fine-tuning", "replay", "ContAV-Sep"):
        assert plan[name] == usual[name]  # the profile `lab` has the usual protocol: stored results serve
        for change, settings in conditions.CHANGES.items():
            if f"{name}, {change}" in plan:
                assert changed(plan[f"{name}, {change}"][0], plan[name][0]) == settings
    assert len(plan) == 11 and len({configs[0].name for configs in plan.values()}) == 11
    assert all(configs[0].memory_share in (0.25, None) for configs in conditions.protocol("paper", 1).values())


def test_protocols_are_compared_within_a_method_and_between_methods():
    families = conditions.against_usual(conditions.protocol("lab", 1))
    assert families["vs_usual"].pairs["replay, last weights"] == "replay" and len(families["vs_usual"].pairs) == 8
    assert families["vs_replay"].pairs == {
        "ContAV-Sep": "replay",
        **{f"ContAV-Sep, {change}": f"replay, {change}" for change in conditions.CHANGES},
    }


def test_the_study_of_the_start_moves_the_contrastive_terms_only():
    plan = conditions.start("lab", 1)
    always = plan["contrast always (ContAV-Sep)"][0]
    assert always == conditions.methods("lab", 1)["ContAV-Sep"][0]
    assert changed(plan["contrast in the first task only"][0], always) == dict(contrast_when="first")
    assert changed(plan["contrast in later tasks only"][0], always) == dict(contrast_when="later")
    assert changed(plan["distillation only"][0], always) == dict(instance_weight=0.0, class_weight=0.0)
    assert set(conditions.against_distillation(plan)["vs_distillation"].pairs) == set(plan) - {"distillation only"}
