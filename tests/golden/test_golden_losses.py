"""Every loss term and its gradients against the authors' numbers."""

import pytest
import torch
from golden import assert_near, load

from contav_lib import audio, losses
from contav_lib.separators.iquery import IQuery


@pytest.fixture
def golden(golden_folder):
    return load(golden_folder, "losses")


def stacked(golden, step: str, what: str) -> torch.Tensor:
    """A quantity of all sources, `[B, N, ...]`."""
    return torch.stack([golden[f"{step}.{what}.{n}"] for n in range(golden.config["N"])], 1)


@pytest.mark.parametrize("step", ["step0", "step1", "step1_nomem"])
def test_all_terms(golden, step):
    config, scalars = golden.config, golden.scalars
    mixture = golden[f"{step}.mag_mix"]
    masks = stacked(golden, step, "pred").squeeze(2)
    targets = audio.ratio_masks(stacked(golden, step, "mags").squeeze(2), mixture)
    weights = audio.loss_weights(mixture)
    assert_near(targets, stacked(golden, step, "gt_masks").squeeze(2))
    assert_near(weights, golden[f"{step}.weight"])
    separation = losses.separation_loss(masks, targets, weights)
    assert separation.item() == pytest.approx(scalars[f"{step}.separation_loss"], abs=1e-5)
    for n, expected in enumerate(scalars[f"{step}.separation_terms"]):
        term = losses.separation_loss(masks[:, n : n + 1], targets[:, n : n + 1], weights)
        assert term.item() == pytest.approx(expected, abs=1e-5)

    leaves = {
        "audio": stacked(golden, step, "sep").requires_grad_(),
        "motion": stacked(golden, step, "motion").requires_grad_(),
        "object": stacked(golden, step, "obj"),
    }
    classes = stacked(golden, step, "classes")
    # In these files two sources are the same video exactly when their motion features are equal.
    videos = leaves["motion"].detach().flatten(0, 1).unique(dim=0, return_inverse=True)[1].reshape(classes.shape)
    memory = old = distillation = None
    if f"{step}.memory_index" in golden:
        source, mixture_index = golden[f"{step}.memory_index"].T
        memory = mixture_index * config["N"] + source
        theirs = {"audio": "sep", "motion": "motion", "object": "obj"}
        old = {name: golden[f"{step}.old_{theirs[name]}"] for name in theirs}
        old_masks = golden[f"{step}.old_pred"].squeeze(1)
        distillation = losses.mask_distillation(
            masks.flatten(0, 1)[memory], old_masks, weights.squeeze(1)[mixture_index]
        )
        assert distillation.item() == pytest.approx(scalars[f"{step}.distill_loss"], abs=1e-5)
    else:
        assert scalars[f"{step}.distill_loss"] is None

    rows, same_video, same_class = losses.cross_task_rows(leaves, classes, videos, memory, old)
    order = authors_order(classes, memory, golden.config)
    assert_near(torch.nn.functional.normalize(rows["audio"], dim=1)[order], golden[f"{step}.feat_sound_norm"])
    assert_near(same_video[order][:, order].float(), golden[f"{step}.equal_instance"])
    assert_near(same_class[order][:, order].float(), golden[f"{step}.equal_class"])
    compare = dict(pairs=IQuery.modality_pairs, temperature=config["temperature"])
    instance_weight = losses.cross_modal_similarity(rows, same_video, **compare)
    by_class = losses.cross_modal_similarity(rows, same_class, **compare)
    assert instance_weight.item() == pytest.approx(scalars[f"{step}.instance_loss"], abs=1e-5)
    assert by_class.item() == pytest.approx(scalars[f"{step}.class_loss"], abs=1e-5)

    total = separation + config["lam_ins"] * instance_weight + config["lam_cls"] * by_class
    if distillation is not None:
        total = total + config["lam_mask"] * distillation
    assert total.item() == pytest.approx(scalars[f"{step}.total"], abs=1e-5)
    total.backward()
    for name, theirs in (("audio", "sep"), ("motion", "motion")):
        expected = stacked(golden, step, f"grad.{theirs}")
        assert_near(leaves[name].grad, expected)
        assert leaves[name].grad.norm().item() == pytest.approx(expected.norm().item(), rel=1e-3)


def authors_order(classes: torch.Tensor, memory: torch.Tensor | None, config: dict) -> torch.Tensor:
    """Which of our rows stands at each of their places (the order makes no difference to a loss).

    Theirs go source by source, new clips first; ours mixture by mixture, then the old model's rows.
    """
    ours = torch.arange(classes.numel()).reshape(classes.shape)
    by_source = ours.T.flatten()
    if memory is None:
        return by_source
    new = by_source[~torch.isin(by_source, memory)]
    return torch.cat([new, memory, classes.numel() + torch.arange(len(memory))])
