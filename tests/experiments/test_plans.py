"""The plan of the lessons' experiments."""

import pytest

from contav_lib import run
from contav_lib.experiments import plans as lesson_plan


def test_seeds_count_from_zero():
    plan = lesson_plan.forgetting("smoke", 3)
    assert [config.seed for config in plan["replay"]] == [0, 1, 2]


def test_seeds_can_be_chosen():
    assert [config.seed for config in lesson_plan.ablation("smoke", [6, 8])["replay"]] == [6, 8]


def test_notebooks_share_the_replay_experiments():
    forgetting, ablation = lesson_plan.forgetting("smoke", 2), lesson_plan.ablation("smoke", 2)
    assert forgetting["replay"] == ablation["replay"]
    names = [config.name for config in lesson_plan.all_lessons("smoke", 2)]
    of_other_separators = 2  # once each; iQuery's is among the others
    assert len(names) == len(set(names)) == 2 * (2 + 3 + 3 - 1) + of_other_separators


def test_ablation_takes_out_one_part_at_a_time():
    settings = {name: configs[0].method_settings for name, configs in lesson_plan.ablation("smoke", 1).items()}
    full = settings["ContAV-Sep"]
    assert settings["distillation only"] == full | {"instance_weight": 0.0, "class_weight": 0.0}


@pytest.mark.parametrize("seeds", [0, [], [1, 1], 1.5, ["a"]])
def test_what_names_no_seeds_is_refused(seeds):
    with pytest.raises(ValueError, match="seeds=.*: give at least one seed, and each only once"):
        lesson_plan.forgetting("smoke", seeds)


def test_run_plan_gives_results_in_the_plans_order(tiny, home):
    plan = {"second": [tiny(seed=1, tasks=1)], "first": [tiny(seed=0, tasks=1)]}
    for configs in plan.values():
        run(configs[0], progress=False)  # stored results are fetched without worker processes
    results = lesson_plan.run_plan(plan)
    assert {name: runs[0].config["seed"] for name, runs in results.items()} == {"second": 1, "first": 0}
