"""Methods: found by name, named terms, and an old model that is asked no more than it must be."""

from dataclasses import dataclass

import pytest
import torch
from continual import batch_of, first_task, learning, losses, make_separator, old_batch, second_task

from contav_lib import Config, run
from contav_lib.continual.tasks import Task
from contav_lib.experiments.setup import make_method
from contav_lib.methods import Method, method_class, register_method
from contav_lib.methods.contav import ContAV
from contav_lib.methods.teacher import Teacher
from contav_lib.separators.iquery import IQuery
from contav_lib.utils.storage import load_tensors


@pytest.fixture
def asked(monkeypatch):
    """How many mixtures the old model was shown, call by call."""
    sizes = []
    forward = IQuery.forward

    def counting(self, mixture, visual, classes):
        if not next(self.parameters()).requires_grad:
            sizes.append(len(mixture))
        return forward(self, mixture, visual, classes)

    monkeypatch.setattr(IQuery, "forward", counting)
    return sizes


def test_a_new_method_needs_one_registered_class_only(home, tiny, monkeypatch):
    method_class("contav")  # so that the methods that come with the kit are registered
    ended = []

    @register_method("quiet")
    @dataclass
    class Quiet(Method):
        quietness: float = 0.5

        def __post_init__(self):
            self.steps = torch.zeros(())

        def losses(self, batch, separation):
            return {"quiet": self.quietness * separation.masks.mean()}

        def after_step(self, separator, remembered):
            self.steps += 1

        def end_task(self, task, separator, batches, remembered):
            ended.append((task.index, separator.num_classes, batches(0).classes.shape))

        def state_dict(self):
            return {"steps": self.steps}

        def load_state_dict(self, state):
            self.steps = state["steps"]

    config = tiny(method="quiet", quietness=0.25)
    assert make_method(config) == Quiet(0.25) and method_class("quiet") is Quiet
    result = run(config, progress=False)
    assert ended == [(0, 2, (2, 2)), (1, 4, (2, 2))]
    kept, _ = load_tensors(result.folder / "checkpoints/task_2.safetensors")
    assert kept["method.steps"] == 12
    train = [record["losses"] for record in result.history() if record["kind"] == "train"]
    assert all(terms.keys() == {"separation", "quiet"} and 0 < terms["quiet"] < 0.25 for terms in train)
    with pytest.raises(ValueError, match="'quietnes'; did you mean 'quietness'"):
        tiny(method="quiet", quietnes=1)


def test_plain_methods_add_nothing_to_the_separators_loss(make_store):
    store, separator = make_store(), make_separator(4)
    batch = batch_of(store, second_task(store))
    for name in ("finetune", "replay", "joint"):
        assert method_class(name)().on_batch(batch) is batch
        assert losses(method_class(name)(), separator, batch) == {}


def test_what_the_schedule_learns_from_a_method():
    assert {
        name: (method_class(name).exemplars, method_class(name).joint)
        for name in ("finetune", "replay", "joint", "contav")
    } == {
        "finetune": (0, False),
        "replay": (1, False),
        "joint": (0, True),
        "contav": (1, False),
    }


def test_the_teacher_is_a_frozen_copy_in_eval_mode(make_store):
    store, separator = make_store(), make_separator().train()
    teacher = Teacher(separator)
    assert separator.training and all(parameter.requires_grad for parameter in separator.parameters())
    assert not any(module.training for module in teacher.separator.modules())
    assert not any(parameter.requires_grad for parameter in teacher.separator.parameters())
    before = {key: value.clone() for key, value in teacher.separator.state_dict().items()}
    with torch.no_grad():
        for parameter in separator.parameters():
            parameter += 1
    teacher(batch_of(store, second_task(store)))
    assert all(torch.equal(value, before[key]) for key, value in teacher.separator.state_dict().items())


def test_the_teacher_says_what_the_old_model_would_have_said(make_store):
    store, separator = make_store(), make_separator().eval()
    batch = batch_of(store, second_task(store))
    old = Teacher(separator)(batch)
    assert torch.equal(old.places, batch.is_old_class.flatten().nonzero().squeeze(1)) and len(old.places) > 1
    known = torch.where(batch.is_old_class, batch.classes, 0)
    whole = separator(batch.mixture, batch.visual, known)
    assert torch.allclose(old.masks, whole.masks[batch.is_old_class], atol=1e-5) and not old.masks.requires_grad
    for name, value in old.features.items():
        assert torch.allclose(value, whole.features[name][batch.is_old_class], atol=1e-4)


def test_what_the_teacher_says_is_shown_in_one_line_of_shapes(make_store):
    store = make_store()
    old = Teacher(make_separator())(batch_of(store, second_task(store)))
    count = len(old.places)
    shown = repr(old)
    assert shown.startswith(f"TeacherOutput(places=[{count}], masks=[{count}, 32, 32], features={{audio: [{count}, 16]")
    assert "\n" not in shown and "tensor" not in shown


def test_the_teacher_hears_only_mixtures_with_memory(make_store, asked):
    store = make_store()
    task = second_task(store)
    chosen, separator = learning("contav", task)
    batch = batch_of(store, task, share=0.2)
    with_memory = int(batch.is_old_class.any(1).sum())
    assert 0 < with_memory < 12
    terms = losses(chosen, separator, batch)
    assert asked == [with_memory] and terms.keys() == {"distillation", "instance_aware", "class_aware"}


def test_without_memory_in_the_batch_nobody_is_asked(make_store, asked):
    store = make_store()
    task = second_task(store)
    chosen, separator = learning("contav", task)
    terms = losses(chosen, separator, batch_of(store, Task(1, task.classes, task.seen, task.clips, ()), share=None))
    assert asked == [] and terms.keys() == {"instance_aware", "class_aware"}


def test_no_mask_is_distilled_while_nothing_has_changed(make_store):
    store = make_store()
    chosen, separator = learning("contav", second_task(store), grow=False)
    batch, separator = old_batch(store), separator.eval()
    assert losses(chosen, separator, batch)["distillation"].item() == pytest.approx(0, abs=1e-6)
    with torch.no_grad():
        for parameter in separator.parameters():
            parameter += 0.1
    assert losses(chosen, separator, batch)["distillation"] > 1e-6


def test_the_first_task_has_no_teacher(make_store):
    chosen = ContAV()
    chosen.begin_task(Task(0, (0, 1), (0, 1), tuple(range(6)), ()), make_separator())
    assert chosen.teacher is None


def test_batch_statistics_are_the_authors_oversight(make_store, asked):
    store = make_store()
    task = second_task(store)
    chosen, separator = learning("contav", task, teacher_batch_statistics=True)
    assert chosen.teacher.separator.training
    losses(chosen, separator, batch_of(store, task, share=0.2))
    assert asked == [12]


@pytest.mark.parametrize(
    ("setting", "left_out"),
    [("distillation", "distillation"), ("instance_weight", "instance_aware"), ("class_weight", "class_aware")],
)
def test_a_weight_of_zero_leaves_its_term_out(make_store, setting, left_out):
    store = make_store()
    task = second_task(store)
    chosen, separator = learning("contav", task, **{setting: 0})
    terms = losses(chosen, separator, batch_of(store, task))
    assert terms.keys() == {"distillation", "instance_aware", "class_aware"} - {left_out}


def test_weights_scale_their_terms_only(make_store):
    store = make_store()
    task = second_task(store)
    chosen, separator = learning("contav", task)
    separator.eval()
    batch = batch_of(store, task)
    once = losses(chosen, separator, batch)
    chosen.distillation, chosen.instance_weight, chosen.class_weight = 0.6, 0.2, 0.6
    twice = losses(chosen, separator, batch)
    for name, value in once.items():
        assert twice[name].item() == pytest.approx(value.item() * 2, rel=1e-5)


@pytest.mark.parametrize(
    ("when", "in_first", "in_second"), [("always", True, True), ("first", True, False), ("later", False, True)]
)
def test_contrastive_terms_may_be_of_the_first_task_only_or_of_the_later_ones(make_store, when, in_first, in_second):
    store, contrast = make_store(), {"instance_aware", "class_aware"}
    for task, there in ((first_task(), in_first), (second_task(store), in_second)):
        chosen, separator = learning("contav", task, contrast_when=when)
        terms = losses(chosen, separator, batch_of(store, task))
        assert terms.keys() - {"distillation"} == (contrast if there else set())
        assert ("distillation" in terms) == (task.index == 1)


def test_without_contrast_in_a_task_and_without_distillation_nobody_is_asked(make_store, asked):
    store = make_store()
    task = second_task(store)
    chosen, separator = learning("contav", task, contrast_when="first", distillation=0)
    assert losses(chosen, separator, batch_of(store, task)) == {} and asked == []


@pytest.mark.parametrize("settings", [dict(temperature=0), dict(temperature=-1)])
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        Config.profile("lab", **settings)
