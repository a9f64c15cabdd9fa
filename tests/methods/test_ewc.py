"""EWC: the Fisher information against closed forms, the penalty and its gradient against arithmetic."""

import pytest
import torch
from continual import batch_of, first_task, learning, losses, second_task
from torch import nn

from contav_lib.continual.tasks import Task
from contav_lib.methods.ewc import EWC, estimate_fisher, normalised, penalty
from contav_lib.separators import SeparatorOutput


class Linear(nn.Module):
    """`w . x` with the loss `(w . x - y)^2 / 2`: its gradient at one example is `(w . x - y) x`."""

    def __init__(self, weights: torch.Tensor):
        super().__init__()
        self.w = nn.Parameter(weights)

    def forward(self, mixture, visual, classes):
        return SeparatorOutput(masks=mixture @ self.w, features={})

    def losses(self, batch, separation):
        return {"squared": (separation.masks - batch.targets).square().sum() / 2}


class Example:
    def __init__(self, x, y):
        self.mixture, self.targets, self.visual, self.classes = x, y, {}, None


def test_the_fisher_of_a_linear_model_is_the_closed_form():
    generator = torch.Generator().manual_seed(1)
    w, x, y = (torch.randn(size, generator=generator) for size in (5, (40, 5), 40))
    fisher = estimate_fisher(Linear(w.clone()), [Example(x[i : i + 1], y[i : i + 1]) for i in range(40)])
    expected = ((x @ w - y)[:, None] * x).square().mean(0)  # mean over examples of the squared gradient
    assert torch.allclose(fisher["w"], expected, rtol=1e-5)
    of_the_mean = ((x @ w - y)[:, None] * x).mean(0).square()
    assert not torch.allclose(fisher["w"], of_the_mean, rtol=0.1)  # not the squared gradient of a batch's mean
    assert normalised(fisher)["w"].mean().item() == pytest.approx(1)


def test_where_no_weight_matters_the_fisher_stays_zero():
    fisher = {"a": torch.zeros(3), "b": torch.zeros(2, 2)}
    assert all(torch.equal(value, fisher[name]) for name, value in normalised(fisher).items())


def test_the_penalty_is_zero_at_the_anchor_and_pulls_towards_it():
    anchor = {"a": torch.tensor([1.0, 2.0]), "b": torch.tensor([[3.0]])}
    fisher = {"a": torch.tensor([4.0, 0.5]), "b": torch.tensor([[2.0]])}
    at_anchor = [(name, value.clone().requires_grad_()) for name, value in anchor.items()]
    assert penalty(at_anchor, fisher, anchor) == 0
    moved = [("a", torch.tensor([2.0, 0.0], requires_grad=True)), ("b", torch.tensor([[2.5]], requires_grad=True))]
    total = penalty(moved, fisher, anchor)
    assert total.item() == pytest.approx(4 * 1 + 0.5 * 4 + 2 * 0.25)
    total.backward()
    assert torch.allclose(moved[0][1].grad, torch.tensor([8.0, -2.0]))  # 2 F (w - anchor)
    assert torch.allclose(moved[1][1].grad, torch.tensor([[-2.0]]))


def test_rows_that_were_added_are_free():
    anchor, fisher = {"a": torch.zeros(2, 3)}, {"a": torch.ones(2, 3)}
    grown = torch.tensor([[1.0] * 3, [0.0] * 3, [9.0] * 3], requires_grad=True)
    penalty([("a", grown)], fisher, anchor).backward()
    assert torch.equal(grown.grad[2], torch.zeros(3)) and torch.equal(grown.grad[0], torch.full((3,), 2.0))


def test_several_penalties_are_one(make_store, monkeypatch):
    """`sum of F_k (w - a_k)^2` and the one that is kept have the same gradient everywhere."""
    tables = [{"w": torch.tensor([1.0, 3.0])}, {"w": torch.tensor([2.0, 0.0])}]
    given = iter([{"w": table["w"].clone()} for table in tables])
    monkeypatch.setattr("contav_lib.methods.ewc.estimate_fisher", lambda *_: next(given))
    monkeypatch.setattr("contav_lib.methods.ewc.normalised", lambda fisher: fisher)
    anchors = [torch.tensor([1.0, 1.0]), torch.tensor([4.0, -1.0])]
    chosen = EWC()
    for number, anchor in enumerate(anchors):
        chosen.end_task(Task(number, (), (), (), ()), Linear(anchor.clone()), None, None)
    w = torch.tensor([0.3, 0.7], requires_grad=True)
    penalty([("w", w)], chosen.fisher, chosen.anchor).backward()
    expected = sum(2 * table["w"] * (w.detach() - anchor) for table, anchor in zip(tables, anchors, strict=True))
    assert torch.allclose(w.grad, expected)


def test_it_holds_the_weights_that_mattered(make_store):
    store = make_store()
    task = second_task(store)
    chosen, separator = learning("ewc", task, strength=2.0, mixtures=4)
    assert losses(chosen, separator, batch_of(store, task)) == {}  # nothing to hold on to yet
    chosen.end_task(first_task(), separator, lambda number: batch_of(store, first_task()), None)
    assert losses(chosen, separator, batch_of(store, task))["anchor"] == 0
    with torch.no_grad():
        for parameter in separator.parameters():
            parameter += 0.5
    # strength / 2 x mean F (which is 1) x 0.25 a weight
    expected = 0.25 * sum(parameter.numel() for parameter in separator.parameters())
    assert losses(chosen, separator, batch_of(store, task))["anchor"].item() == pytest.approx(expected, rel=1e-4)
    assert separator.training


@pytest.mark.parametrize("settings", [dict(mixtures=0), dict(strength=-0.1)])
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        EWC(**settings)
