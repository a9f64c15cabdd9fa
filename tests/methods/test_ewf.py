"""EWF: fused weights against hand arithmetic, and what a share of 0 or 1 must leave as it was."""

from math import sqrt

import pytest
import torch
from continual import batch_of, learning, make_separator, second_task

from contav_lib.methods.ewf import balance, fuse


def test_the_share_of_the_new_weights():
    assert balance(5, 5) == pytest.approx(sqrt(0.5)) and balance(15, 5) == pytest.approx(0.5)
    assert balance(0, 5) == 1  # nothing old to keep


def test_weights_and_statistics_are_fused_and_new_rows_and_counters_kept():
    old = {"w": torch.tensor([1.0, 2.0]), "rows": torch.tensor([[4.0, 0.0]]), "mean": torch.tensor(8.0),
           "count": torch.tensor(3)}  # fmt: skip
    new = {"w": torch.tensor([3.0, -2.0]), "rows": torch.tensor([[0.0, 8.0], [5.0, 6.0]]), "mean": torch.tensor(0.0),
           "count": torch.tensor(10)}  # fmt: skip
    fused = fuse(old, new, 0.25)
    assert torch.equal(fused["w"], torch.tensor([1.5, 1.0]))  # 0.25 new + 0.75 old
    assert torch.equal(fused["rows"], torch.tensor([[3.0, 2.0], [5.0, 6.0]]))
    assert fused["mean"] == 6 and fused["count"] == 10
    assert torch.equal(new["w"], torch.tensor([3.0, -2.0]))  # what was given is untouched


@pytest.mark.parametrize("share", [0, 1])
def test_at_the_ends_the_outputs_are_the_old_or_the_new_ones(make_store, share):
    store, old = make_store(), make_separator()
    batch = batch_of(store, second_task(store))
    for _ in range(3):  # running statistics other than the first ones
        old.train()(batch.mixture, batch.visual, batch.classes.clamp(max=1))
    new = make_separator()
    new.load_state_dict(old.state_dict())
    with torch.no_grad():
        for parameter in new.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    new.train()(batch.mixture, batch.visual, batch.classes.clamp(max=1))
    old, new = old.eval(), new.eval()
    classes = batch.classes.clamp(max=1)
    before = [separator(batch.mixture, batch.visual, classes).masks for separator in (old, new)]
    assert not torch.allclose(*before, atol=1e-3)
    new.load_state_dict(fuse(old.state_dict(), new.state_dict(), share))
    assert torch.allclose(new(batch.mixture, batch.visual, classes).masks, before[share], atol=1e-5)


@pytest.mark.parametrize("old_queries", ["plain", "new_picture"])
def test_the_fusion_comes_after_the_task(make_store, old_queries):
    store = make_store()
    task = second_task(store)
    chosen, separator = learning("ewf", task, old_queries=old_queries)
    with torch.no_grad():
        for parameter in separator.parameters():
            parameter.fill_(1.0)
    old = chosen.endpoint
    chosen.end_task(task, separator, None, None)
    share = sqrt(0.5)
    for name, value in separator.named_parameters():
        rows = value[: len(old[name])]
        assert torch.allclose(rows, share + (1 - share) * old[name], atol=1e-6), name
        assert (value[len(old[name]) :] == 1).all()


def test_with_nothing_of_the_new_weights_a_grown_separator_answers_as_when_it_had_just_grown(make_store, monkeypatch):
    store = make_store()
    task = second_task(store)
    chosen, separator = learning("ewf", task)
    batch, old = batch_of(store, task), chosen.endpoint
    before = separator.eval()(batch.mixture, batch.visual, batch.classes).masks
    with torch.no_grad():
        for name, parameter in separator.named_parameters():  # not the rows that growing added
            parameter[: len(old[name])] += 0.1 * torch.randn_like(old[name])
    assert not torch.allclose(separator(batch.mixture, batch.visual, batch.classes).masks, before, atol=1e-3)
    monkeypatch.setattr("contav_lib.methods.ewf.balance", lambda old, new: 0.0)
    chosen.end_task(task, separator, None, None)
    assert torch.allclose(separator(batch.mixture, batch.visual, batch.classes).masks, before, atol=1e-5)
