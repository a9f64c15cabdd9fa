"""LwF: what the old model is asked, and that its masks are kept."""

import pytest
import torch
from continual import batch_of, first_task, learning, losses, make_separator, old_batch, second_task

from contav_lib.continual.tasks import Task
from contav_lib.methods.lwf import LwF, mean_looks


def test_every_mixture_gets_one_question_about_an_old_class(make_store):
    store = make_store()
    task = second_task(store)
    chosen, _ = learning("lwf", task, old_queries="new_picture")
    batch = batch_of(store, task)
    asked = chosen.on_batch(batch)
    assert asked.num_sources == batch.num_sources == 2 and asked.classes.shape == (12, 3)
    assert torch.equal(asked.classes[:, :2], batch.classes)
    assert set(asked.classes[:, 2].tolist()) == {0, 1}  # both old classes have their turn
    assert asked.is_old_class[:, 2].all() and torch.equal(asked.is_old_class[:, :2], batch.is_old_class)
    for name, value in batch.visual.items():
        assert torch.equal(asked.visual[name][:, :2], value) and torch.equal(asked.visual[name][:, 2], value[:, 0])


@pytest.mark.parametrize("memory", [(), (0, 4)])
def test_the_term_is_the_weighted_distance_from_the_old_masks(make_store, memory):
    store = make_store()
    task = Task(1, (2, 3), (0, 1, 2, 3), tuple(range(6, 12)), memory)
    chosen, separator = learning("lwf", task, old_queries="new_picture", distillation=0.7)
    with torch.no_grad():
        for parameter in separator.parameters():
            parameter += 0.05
    separator.eval()
    batch = chosen.on_batch(batch_of(store, task))
    new = separator(batch.mixture, batch.visual, batch.classes).masks
    old = chosen.teacher.separator(batch.mixture, batch.visual, batch.classes.clamp(max=1)).masks
    apart = [
        (batch.weights[b, 0] * (new[b, n] - old[b, n]).abs()).mean()
        for b, n in batch.is_old_class.nonzero().tolist()  # remembered sources and questions
    ]
    assert len(apart) == 12 + int(batch.is_old_class[:, :2].sum()) and (len(apart) > 12) == bool(memory)
    term = losses(chosen, separator, batch_of(store, task))["distillation"]
    assert term.item() == pytest.approx(0.7 * torch.stack(apart).mean().item(), rel=1e-5) and term > 0


def test_nothing_is_lost_while_nothing_has_changed(make_store):
    store = make_store()
    chosen, separator = learning("lwf", second_task(store), grow=False)
    assert losses(chosen, separator.eval(), old_batch(store))["distillation"].item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("memory", [(), (0, 4)])
def test_plain_holds_all_masks_of_the_batch_to_those_of_the_separator_before_its_first_step(make_store, memory):
    store = make_store()
    task = Task(1, (2, 3), (0, 1, 2, 3), tuple(range(6, 12)), memory)
    chosen, separator = learning("lwf", task, distillation=0.7)
    batch = batch_of(store, task)
    asked = chosen.on_batch(batch)
    assert torch.equal(asked.classes, batch.classes) and asked.is_old_class.all()
    separator.eval()
    before = separator(batch.mixture, batch.visual, batch.classes).masks.detach()
    assert losses(chosen, separator, batch)["distillation"].item() == pytest.approx(0, abs=1e-6)
    with torch.no_grad():
        for parameter in separator.parameters():
            parameter += 0.05
    after = separator(batch.mixture, batch.visual, batch.classes).masks
    expected = 0.7 * (batch.weights * (after - before).abs()).mean().item()
    assert losses(chosen, separator, batch)["distillation"].item() == pytest.approx(expected, rel=1e-5) and expected > 0


def test_mean_looks_are_means_over_sources_of_a_class_and_over_time(make_store):
    store = make_store()
    batch = batch_of(store, second_task(store))
    batch.visual["motion_mask"][:, :, 5:] = True  # padding
    looks = mean_looks([batch[:5], batch[5:]], (2, 3, 4))
    for row, number in enumerate((2, 3)):
        of_class = batch.classes == number
        assert torch.allclose(looks["object"][row], batch.visual["object"][of_class].mean(0), atol=1e-5)
        motion = batch.visual["motion"][of_class][..., :5].mean((0, 2))
        assert torch.allclose(looks["motion"][row], motion, atol=1e-5)
    assert not looks["object"][2].any() and not looks["motion"][2].any()  # class 4 does not occur


def test_prototype_asks_with_what_the_old_class_looked_like(make_store):
    store, separator, chosen = make_store(), make_separator(), LwF(old_queries="prototype")
    first, task = first_task(), second_task(store)
    chosen.begin_task(first, separator)
    chosen.end_task(first, separator, lambda number: batch_of(store, first), None)
    assert chosen.looks["object"].shape == (2, 512) and chosen.looks["motion"].shape == (2, 768)
    chosen.begin_task(task, separator)
    batch = batch_of(store, task)
    asked = chosen.on_batch(batch)
    old = asked.classes[:, 2]
    assert set(old.tolist()) == {0, 1} and torch.equal(asked.visual["object"][:, 2], chosen.looks["object"][old])
    assert torch.equal(asked.visual["motion"][:, 2], chosen.looks["motion"][old].unsqueeze(2).expand(-1, -1, 8))
    assert not asked.visual["motion_mask"][:, 2].any()
    for name, value in batch.visual.items():
        assert torch.equal(asked.visual[name][:, :2], value)
    before = {name: value.clone() for name, value in chosen.looks.items()}
    chosen.end_task(task, separator, lambda number: batch, None)
    for name, value in before.items():
        assert len(chosen.looks[name]) == 4 and torch.equal(chosen.looks[name][:2], value)


def test_an_unknown_question_names_the_nearest():
    with pytest.raises(ValueError, match="old_queries='prototypes'.*did you mean 'prototype'"):
        LwF(old_queries="prototypes")
