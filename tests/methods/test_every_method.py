"""What holds for all methods alike: no effect without weight or without a past, and a state that survives every stop."""

from dataclasses import fields

import pytest
import torch
from continual import batch_of, first_task, losses, make_separator, old_batch, second_task

from contav_lib import Config, run
from contav_lib.methods import method, method_class
from contav_lib.utils.storage import load_tensors, without_prefix

pytestmark = pytest.mark.slow

method_class("finetune")  # so that all are registered
METHODS = sorted(name for name, cls in method.METHODS.items() if cls.__module__.startswith("contav_lib"))
# Methods whose settings make other methods of them.
VARIANTS = [
    (name, dict(old_queries=old_queries))
    for name in ("lwf", "plop", "ewf")
    for old_queries in ("new_picture", "prototype")
]
ALL = [*((name, {}) for name in METHODS), *VARIANTS]
# The settings that weigh a method's terms in the second task.
WEIGHTS: dict[str, tuple[str, ...]] = {
    "avcil": ("distillation", "instance_weight", "class_weight", "attention"),
    "contav": ("distillation", "instance_weight", "class_weight"),
    "der": ("distillation",),
    "ewc": ("strength",),
    "ewf": ("distillation",),
    "lwf": ("distillation",),
    "plop": ("distillation", "pod"),
}
WITHOUT_TERMS = ("adapters", "finetune", "freeze", "joint", "replay", "scratch")  # in the second task
OF_KIT = (*WEIGHTS, *WITHOUT_TERMS)  # what is said of these need not hold for methods to come


class Stop(Exception):
    """Stands for a crash in the middle of training."""


def go_through(chosen, task, separator, store):
    """Three steps of a task that has begun, which change nothing, and its end."""
    batch, remembered = batch_of(store, task), lambda number: old_batch(store)
    for _ in range(3):
        chosen.on_batch(batch)
        chosen.after_step(separator, remembered)
    chosen.end_task(task, separator, lambda number: batch, remembered)


def course(config, **options):
    """Losses and scores of a run, and its last checkpoint."""
    result = run(config, progress=False, **options)
    history = [{key: value for key, value in r.items() if key != "seconds"} for r in result.history()]
    return history, load_tensors(result.folder / f"checkpoints/task_{len(result.tasks)}.safetensors")[0]


@pytest.mark.parametrize("name", OF_KIT)
def test_with_one_task_every_method_is_fine_tuning(home, tiny, name):
    # ContAV-Sep's contrastive terms work on the first task's own features, too: eq. 13 without an old model.
    off = dict(instance_weight=0, class_weight=0) if name == "contav" else {}
    history, weights = course(tiny(method=name, tasks=1, **off))
    expected, expected_weights = course(tiny(method="finetune", tasks=1))
    assert history == expected
    learned = without_prefix("separator.", expected_weights)
    assert all(torch.equal(value, weights[f"separator.{key}"]) for key, value in learned.items())


@pytest.mark.parametrize("name", WEIGHTS)
def test_without_weight_no_term_is_added_and_nobody_is_asked(make_store, name):
    store, first = make_store(), first_task()
    task, terms = second_task(store), []
    for weight in (0, 1):
        chosen, separator = method_class(name)(**dict.fromkeys(WEIGHTS[name], weight)), make_separator()
        chosen.begin_task(first, separator)
        go_through(chosen, first, separator, store)
        chosen.begin_task(task, separator)
        separator.grow(len(task.seen))
        chosen.after_growing(task, separator)
        batch = batch_of(store, task, share=0.7)
        terms.append(losses(chosen, separator, batch))
        assert (chosen.on_batch(batch) is batch) or weight
    assert terms[0] == {} and terms[1]


@pytest.mark.parametrize("name", [*WEIGHTS, "adapters"])
def test_a_negative_weight_is_refused(name):
    for weight in WEIGHTS.get(name, ("orthogonality",)):
        with pytest.raises(ValueError, match=f"{weight}=-0.1: {weight} can't be negative"):
            Config.profile("lab", method=name, **{weight: -0.1})


@pytest.mark.parametrize(
    ("name", "settings", "exemplars"),
    [(*one, 1) for one in ALL] + [(*one, 0) for one in ALL if not method_class(one[0]).needs_memory],
    ids=str,
)
def test_stopped_and_resumed_it_learns_the_same_bit_for_bit(home, tiny, name, settings, exemplars):
    # Stopped in the third task, where what two earlier tasks have left is used.
    config = tiny(method=name, exemplars=exemplars, tasks=3, same_class_share=0.0, steps=4, **settings)

    def stop(record):
        if (record["kind"], record["task"], record["step"]) == ("train", 2, 4):
            raise Stop

    with pytest.raises(Stop):
        run(config, progress=False, callbacks=[stop])
    history, kept = course(config)
    expected_history, expected = course(config, fresh=True)
    assert history == expected_history and kept.keys() == expected.keys()
    assert all(torch.equal(value, expected[key]) for key, value in kept.items())


@pytest.mark.parametrize(("name", "settings"), ALL, ids=str)
def test_the_state_is_all_there_is_to_keep(make_store, name, settings):
    """A fresh method that was given the state says the same as the one that has been through the first task."""
    store, separator = make_store(), make_separator()
    first = first_task()
    old = method_class(name)(**settings)
    old.begin_task(first, separator)
    go_through(old, first, separator, store)
    new = method_class(name)(**settings)
    new.load_state_dict({key: value.clone() for key, value in old.state_dict().items()})

    task, terms = second_task(store), []
    weights = {key: value.clone() for key, value in separator.state_dict().items()}
    for chosen in (old, new):
        fresh = make_separator()
        fresh.load_state_dict(weights)
        chosen.begin_task(task, fresh)
        fresh.grow(4, torch.Generator().manual_seed(0))
        chosen.after_growing(task, fresh)
        with torch.no_grad():
            for parameter in fresh.parameters():
                parameter += 0.01
        terms.append(losses(chosen, fresh.eval(), batch_of(store, task, share=0.7)))
    assert terms[0].keys() == terms[1].keys()
    assert bool(terms[0]) == (name in WEIGHTS) or name not in OF_KIT
    assert all(torch.equal(value, terms[1][key]) for key, value in terms[0].items())


@pytest.mark.parametrize("name", METHODS)
def test_every_setting_of_a_method_is_explained(name):
    documented = "".join(cls.__doc__ for cls in method_class(name).__mro__ if cls.__module__.startswith("contav_lib"))
    missing = [
        entry.name for entry in fields(method_class(name)) if f"{entry.name}:" not in documented.replace(",", ":")
    ]
    assert not missing


@pytest.mark.parametrize("name", ["avcil", "der"])
def test_a_method_that_needs_memory_says_so(name):
    with pytest.raises(ValueError, match=f"exemplars=0: method '{name}' makes no sense without a memory"):
        Config.profile("lab", method=name, exemplars=0)
