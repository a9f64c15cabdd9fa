"""One whole training step, at the first task and at a later one with memory and an old model."""

import pytest
import torch
from golden import assert_near, iquery_from_states, load, our_parameter

from contav_lib import audio
from contav_lib.continual.tasks import Task
from contav_lib.methods.contav import ContAV
from contav_lib.mixtures.batch import Batch

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


def make_batch(golden, step: str) -> Batch:
    config = golden.config
    sources = range(config["num_mix"])
    stack = lambda name: torch.stack([golden[name.format(n)] for n in sources], 1)  # noqa: E731
    mixture = audio.warp(golden["mag_mix"] + audio.EPSILON, 256, align_corners=False)
    magnitudes = audio.warp(stack("mags.{}").squeeze(2), 256, align_corners=False)
    classes = stack(step + ".classes.{}")
    # Two sources are the same video exactly when their motion is equal.
    videos = stack("motions.{}").flatten(2).flatten(0, 1).unique(dim=0, return_inverse=True)[1].reshape(classes.shape)
    return Batch(
        mixture=mixture,
        ratio_masks=audio.ratio_masks(magnitudes, mixture),
        weights=audio.loss_weights(mixture),
        visual={
            "object": stack("frames_features.{}"),
            "motion": stack("motions.{}"),
            "motion_mask": stack("motion_masks.{}").bool(),
        },
        classes=classes,
        videos=videos,
        is_old_class=classes < config["args"]["class_num_per_step"]
        if step == "s1"
        else torch.zeros_like(classes).bool(),
    )


def weights_of(golden, prefix: str) -> tuple[dict, dict]:
    return golden.under(f"{prefix}.sound."), golden.under(f"{prefix}.mask.")


def step_losses(golden, step: str, batch_statistics: bool = True):
    """The model after the backward pass, its batch, its answer, the unweighted terms, the total and the method."""
    config = golden.config
    weights = {name: config["args"][f"lam_{theirs}"] for name, theirs in LAMBDAS.items()}
    method = ContAV(**weights, teacher_batch_statistics=batch_statistics)
    old = iquery_from_states(*weights_of(golden, "s0"), config["heads"])
    method.begin_task(Task(index=int(step == "s1"), classes=(), seen=(), clips=(), memory=()), old)
    model = iquery_from_states(*weights_of(golden, step), config["heads"]).train()
    batch = make_batch(golden, step)
    separation = model(batch.mixture, batch.visual, batch.classes)
    terms = model.losses(batch, separation) | method.losses(batch, separation)
    sum(terms.values()).backward()
    of_term = {"instance_aware": "instance_weight", "class_aware": "class_weight"}
    unweighted = {name: term.item() / weights.get(of_term.get(name, name), 1.0) for name, term in terms.items()}
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
    *_, terms, total, method = step_losses(golden, "s1", batch_statistics=False)
    for name in ("distillation", "instance_aware", "class_aware"):
        assert terms[name] == pytest.approx(golden.scalars[f"s1.alt.old_eval.{TERMS[name]}"], abs=1e-5), name
    assert total == pytest.approx(golden.scalars["s1.alt.old_eval.loss"], abs=1e-5)
    assert not method.teacher.separator.training
    assert not any(parameter.requires_grad for parameter in method.teacher.separator.parameters())
    for name, before in weights_of(golden, "s0")[0].items():
        if name.endswith("running_mean"):
            after = dict(method.teacher.separator.named_buffers())[our_parameter(f"sound.{name}", 7)]
            assert torch.equal(after, before)
