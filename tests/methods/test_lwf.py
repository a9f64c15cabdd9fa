"""LwF: old classes are asked about in every mixture, and their masks kept."""

import pytest
import torch
from continual import batch_of, learning, losses, old_batch, second_task

from contav_lib.tasks import Task


def test_every_mixture_gets_one_question_about_an_old_class(make_bank):
    bank = make_bank()
    task = second_task(bank)
    chosen, _ = learning("lwf", task)
    batch = batch_of(bank, task)
    asked = chosen.prepare(batch)
    assert asked.num_sources == batch.num_sources == 2 and asked.classes.shape == (12, 3)
    assert torch.equal(asked.classes[:, :2], batch.classes)
    assert set(asked.classes[:, 2].tolist()) == {0, 1}  # both old classes have their turn
    assert asked.is_memory[:, 2].all() and torch.equal(asked.is_memory[:, :2], batch.is_memory)
    for name, value in batch.visual.items():
        assert torch.equal(asked.visual[name][:, :2], value) and torch.equal(asked.visual[name][:, 2], value[:, 0])


@pytest.mark.parametrize("memory", [(), (0, 4)])
def test_the_term_is_the_weighted_distance_from_the_old_masks(make_bank, memory):
    bank = make_bank()
    task = Task(1, (2, 3), (0, 1, 2, 3), tuple(range(6, 12)), memory)
    chosen, separator = learning("lwf", task, distillation=0.7)
    with torch.no_grad():
        for parameter in separator.parameters():
            parameter += 0.05
    separator.eval()
    batch = chosen.prepare(batch_of(bank, task))
    new = separator(batch.mixture, batch.visual, batch.classes).masks
    old = chosen.teacher.separator(batch.mixture, batch.visual, batch.classes.clamp(max=1)).masks
    apart = [
        (batch.weights[b, 0] * (new[b, n] - old[b, n]).abs()).mean()
        for b, n in batch.is_memory.nonzero().tolist()  # remembered sources and questions
    ]
    assert len(apart) == 12 + int(batch.is_memory[:, :2].sum()) and (len(apart) > 12) == bool(memory)
    term = losses(chosen, separator, batch_of(bank, task))["distillation"]
    assert term.item() == pytest.approx(0.7 * torch.stack(apart).mean().item(), rel=1e-5) and term > 0


def test_nothing_is_lost_while_nothing_has_changed(make_bank):
    bank = make_bank()
    chosen, separator = learning("lwf", second_task(bank), grow=False)
    assert losses(chosen, separator.eval(), old_batch(bank))["distillation"].item() == pytest.approx(0, abs=1e-6)
