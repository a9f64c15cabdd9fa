"""Experiments by name and seed, and those of the notebooks."""

import pytest

from contav_lib import run
from contav_lib.experiments import plans


@pytest.mark.parametrize(("seeds", "numbers"), [(3, [0, 1, 2]), ([6, 8], [6, 8])])
def test_seeds_count_from_zero_or_are_chosen(seeds, numbers):
    plan = plans.over_seeds("smoke", seeds, plans.FOUR_TASKS)
    assert [config.seed for config in plan["replay"]] == numbers


def test_notebooks_share_experiments():
    names = [config.name for config in plans.of_notebooks("smoke", 2)]
    of_other_separators = 2  # once each; iQuery's is among the others
    assert len(names) == len(set(names)) == 2 * (2 + 5) + of_other_separators


def test_distillation_only_takes_out_one_part():
    plan = plans.over_seeds("smoke", 1, plans.FOUR_TASKS)
    full, part = (plan[name][0].method_settings for name in ("ContAV-Sep", "distillation only"))
    assert part == full | {"instance_weight": 0.0, "class_weight": 0.0}


@pytest.mark.parametrize("seeds", [0, [], [1, 1], 1.5, ["a"]])
def test_what_names_no_seeds_is_refused(seeds):
    with pytest.raises(ValueError, match="seeds=.*: give at least one seed, and each only once"):
        plans.single_task("smoke", seeds)


def test_run_plan_gives_results_in_the_plans_order(tiny, home):
    plan = {"second": [tiny(seed=1, tasks=1)], "first": [tiny(seed=0, tasks=1)]}
    for configs in plan.values():
        run(configs[0], progress=False)  # stored results are fetched without worker processes
    results = plans.run_plan(plan)
    assert {name: runs[0].config["seed"] for name, runs in results.items()} == {"second": 1, "first": 0}
