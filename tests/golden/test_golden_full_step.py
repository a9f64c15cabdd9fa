"""One whole training step, at the first task and at a later one with memory and an old model."""

import pytest
import torch
from golden import assert_near, load, our_parameter, recorded, released
from official import batch_of, separator_of

from contav_lib.continual.tasks import Task
from contav_lib.experiments.setup import make_method

LAMBDAS = {"distillation": "mask_distl", "instance_weight": "ins_contra", "class_weight": "cls_contra"}
TERMS = {
    "separation": "separation_loss",
    "instance_aware": "instance_loss",
    "class_aware": "class_loss",
    "distillation": "distill_loss",
}


@pytest.fixture
def golden(golden_folder):
    return load(golden_folder, "full_step")


def step_losses(golden, step: str, **changes):
    """The model after the backward pass, its batch, its answer, the unweighted terms, the total and the method."""
    config = released(golden, **changes)
    method, (weights, inputs) = make_method(config), recorded(golden, step)
    assert {ours: golden.config["args"][f"lam_{theirs}"] for ours, theirs in LAMBDAS.items()}.items() <= vars(
        method
    ).items()
    old = separator_of(config, weights, "old_" if step == "s1" else "")
    method.begin_task(Task(index=int(step == "s1"), classes=(), seen=(), clips=(), memory=()), old)
    model = separator_of(config, weights)
    batch = batch_of(config, inputs, old.num_classes if step == "s1" else 0)
    separation = model(batch.mixture, batch.visual, batch.classes)
    terms = model.losses(batch, separation) | method.losses(batch, separation)
    sum(terms.values()).backward()
    of_term = {"instance_aware": "instance_weight", "class_aware": "class_weight"}
    unweighted = {name: term.item() / getattr(method, of_term.get(name, name), 1.0) for name, term in terms.items()}
    return model, batch, separation, unweighted, sum(terms.values()).item(), method


@pytest.mark.parametrize("step", ["s0", "s1"])
def test_training_step(golden, step):
    model, batch, separation, terms, total, method = step_losses(golden, step)
    scalars = golden.scalars
    for n in range(golden.config["num_mix"]):
        assert_near(batch.ratio_masks[:, n, ::2, ::2], golden[f"gt_masks_s2.{n}"].squeeze(1))
        mask = batch.ratio_masks[:, n].double()
        assert [mask.mean().item(), mask.norm().item()] == pytest.approx(scalars[f"gt_masks.{n}.mean_l2"], rel=1e-5)
        mask = separation.masks[:, n].double()
        assert_near(mask[:, ::2, ::2], golden[f"{step}.pred_masks_s2.{n}"].squeeze(1))
        expected = scalars[f"{step}.pred_masks.{n}.mean_l2_std"]
        assert [mask.mean().item(), mask.norm().item(), mask.std().item()] == pytest.approx(expected, rel=1e-5)
    assert_near(batch.weights[:, :, ::4, ::4], golden["weight_s4"])
    for name, theirs in TERMS.items():
        expected = scalars[f"{step}.{theirs}"]
        if expected is None:
            assert name not in terms
        else:
            assert terms[name] == pytest.approx(expected, abs=1e-5), name
    assert total == pytest.approx(scalars[f"{step}.loss"], abs=1e-5)

    parameters = dict(model.named_parameters())
    compared = set()
    for theirs, expected in scalars[f"{step}.all_grad_norms"].items():
        ours = our_parameter(theirs, model.unet.levels)
        if expected is None:
            assert ours is None, f"{theirs} has no gradient in the authors' network, {ours} in ours"
        else:
            assert parameters[ours].grad.norm().item() == pytest.approx(expected, rel=1e-3), ours
            compared.add(ours)
    assert compared == parameters.keys()
    for theirs, expected in golden.under(f"{step}.grad.").items():
        ours = parameters[our_parameter(theirs, model.unet.levels)]
        assert (ours.grad - expected.reshape(ours.shape)).norm() <= 1e-3 * expected.norm(), theirs
    buffers = dict(model.named_buffers())
    for theirs, expected in golden.under(f"{step}.after.sound.").items():
        assert_near(buffers[our_parameter(f"sound.{theirs}", model.unet.levels)], expected)
    buffers = dict(method.teacher.separator.named_buffers()) if step == "s1" else {}
    for theirs, expected in golden.under(f"{step}.after.old_sound.").items():
        assert_near(buffers[our_parameter(f"sound.{theirs}", model.unet.levels)], expected)


def test_a_frozen_old_model(golden):
    """The kit's default: the old model in eval mode, unlike the authors' code."""
    *_, terms, total, method = step_losses(golden, "s1", teacher_batch_statistics=False)
    for name in ("distillation", "instance_aware", "class_aware"):
        assert terms[name] == pytest.approx(golden.scalars[f"s1.alt.old_eval.{TERMS[name]}"], abs=1e-5), name
    assert total == pytest.approx(golden.scalars["s1.alt.old_eval.loss"], abs=1e-5)
    assert not method.teacher.separator.training
    assert not any(parameter.requires_grad for parameter in method.teacher.separator.parameters())
    for name, before in golden.under("s0.sound.").items():
        if name.endswith("running_mean"):
            after = dict(method.teacher.separator.named_buffers())[our_parameter(f"sound.{name}", 7)]
            assert torch.equal(after, before)
