"""Frozen separators: only what grows is trained, in iQuery's recipe and beside the low-rank adapters."""

import pytest
import torch
from continual import batch_of, first_task, make_separator, second_task

from contav_lib import Config
from contav_lib.continual.tasks import Task
from contav_lib.methods.adapters import Adapters, LowRank
from contav_lib.methods.freeze import Freeze


def train(chosen, separator, store, task, steps=3):
    """The task up to its end, by AdamW with a weight decay that would shrink all it holds."""
    chosen.begin_task(task, separator)
    separator.grow(len(task.seen), torch.Generator().manual_seed(0))
    chosen.after_growing(task, separator.train())
    optimizer = torch.optim.AdamW(separator.parameters(), lr=0.01, weight_decay=0.5)
    for _ in range(steps):
        separator.train()
        batch = chosen.on_batch(batch_of(store, task))
        separation = separator(batch.mixture, batch.visual, batch.classes)
        terms = separator.losses(batch, separation) | chosen.losses(batch, separation)
        optimizer.zero_grad()
        sum(terms.values()).backward()
        optimizer.step()
        chosen.after_step(separator, None)
    return terms


def state(separator):
    return {name: value.clone() for name, value in separator.state_dict().items()}


def third_task():
    return Task(2, (4, 5), (0, 1, 2, 3, 4, 5), tuple(range(12, 18)), ())


def test_only_the_new_queries_are_trained(make_store):
    store, separator, chosen = make_store(), make_separator(), Freeze()
    before = state(separator)
    task = second_task(store)
    train(chosen, separator, store, task)
    grown = make_separator()
    grown.load_state_dict(before)
    grown.grow(4, torch.Generator().manual_seed(0))
    for name, value in separator.state_dict().items():
        if name == "predictor.queries.weight":
            assert torch.equal(value[:2], before[name])
            assert not torch.isclose(value[2:], grown.state_dict()[name][2:]).any()
        else:
            assert torch.equal(value, before[name]), name  # batch norms' statistics and counters, too
    chosen.end_task(task, separator, None, None)
    assert all(parameter.requires_grad for parameter in separator.parameters())
    separator.train()
    batch = chosen.on_batch(batch_of(store, task))
    separator(batch.mixture, batch.visual, batch.classes)
    norm = "unet.input_norm.running_mean"
    assert not torch.equal(separator.state_dict()[norm], before[norm])  # free again


def test_the_first_task_trains_everything(make_store):
    store, separator = make_store(), make_separator()
    before = state(separator)
    train(Freeze(), separator, store, first_task())
    assert not any(torch.equal(value, before[name]) for name, value in separator.named_parameters())


@pytest.mark.parametrize("separator", ["coseparation", "soundofpixels"])
def test_a_separator_without_queries_is_refused_before_anything_is_trained(separator):
    with pytest.raises(ValueError, match=f"separator '{separator}' has no query for each class"):
        Config.profile("smoke", method="freeze", separator=separator)


def test_adapters_change_weights_by_a_low_rank_update_that_is_merged_at_the_end(make_store):
    store, separator, chosen = make_store(), make_separator(), Adapters(rank=2)
    before, task = state(separator), second_task(store)
    train(chosen, separator, store, task)
    batch = batch_of(store, task)
    masks = separator.eval()(batch.mixture, batch.visual, batch.classes).masks
    chosen.end_task(task, separator, None, None)
    assert (
        separator.state_dict().keys() == before.keys()
        and type(separator.predictor.motion_layer).__name__ == "MotionLayer"
    )
    assert torch.allclose(separator(batch.mixture, batch.visual, batch.classes).masks, masks, atol=1e-5)
    changed = 0
    for name, value in separator.state_dict().items():
        if name == "predictor.queries.weight":
            assert torch.equal(value[:2], before[name])
        elif value.ndim < 2:
            assert torch.equal(value, before[name]), name
        else:
            update = (value - before[name]).flatten(1)
            values = torch.linalg.svdvals(update)
            assert values[0] > 0 and (len(values) <= 2 or values[2] < 1e-3 * values[0]), name
            changed += 1
    assert changed > 20 and all(parameter.requires_grad for parameter in separator.parameters())


def test_a_task_with_adapters_begins_with_the_old_separator(make_store):
    store, separator, task = make_store(), make_separator(), second_task(make_store())
    batch = batch_of(store, task)
    chosen = Adapters()
    chosen.begin_task(task, separator)
    separator.grow(4, torch.Generator().manual_seed(0))
    before = separator.eval()(batch.mixture, batch.visual, batch.classes).masks
    chosen.after_growing(task, separator)
    assert len(chosen.adapters) > 20
    assert torch.allclose(separator(batch.mixture, batch.visual, batch.classes).masks, before, atol=1e-6)


def test_later_updates_are_held_orthogonal_to_earlier_ones(make_store):
    store, separator, chosen = make_store(classes=6), make_separator(), Adapters(rank=2, orthogonality=0.7)
    task = second_task(store)
    assert "orthogonality" not in train(chosen, separator, store, task)  # there is nothing earlier
    second = {name: adapter.down.detach().clone() for name, (_, _, adapter) in chosen.adapters.items()}
    chosen.end_task(task, separator, None, None)
    restored = Adapters(rank=2, orthogonality=0.7)
    restored.load_state_dict(chosen.state_dict())
    terms = train(restored, separator, store, third_task(), steps=1)
    fresh, other = Adapters(rank=2), make_separator(4)
    fresh.begin_task(third_task(), other)
    other.grow(6)
    fresh.after_growing(third_task(), other)
    drawn = {name: adapter.down for name, (_, _, adapter) in fresh.adapters.items()}
    squares = [((rows @ drawn[name].T) ** 2).sum().item() for name, rows in second.items()]
    assert terms["orthogonality"].item() == pytest.approx(0.7 * sum(squares) / len(squares), rel=1e-4)
    assert penalty_after_training(restored) < 0.1 * terms["orthogonality"].item()
    restored.end_task(third_task(), separator, None, None)
    assert all(len(rows) == 2 * len(second[name]) for name, rows in restored.earlier.items())


def penalty_after_training(chosen):
    """What is left of the penalty when it alone is minimised."""
    rows = [adapter.down for _, _, adapter in chosen.adapters.values()]
    optimizer = torch.optim.SGD(rows, lr=0.5)
    for _ in range(100):
        optimizer.zero_grad()
        term = chosen.losses(None, None)["orthogonality"]
        term.backward()
        optimizer.step()
    return term.item()


def test_the_rank_is_at_most_the_weights_own():
    adapter = LowRank(torch.zeros(3, 2, 4, 4), 8, torch.Generator())
    assert adapter.down.shape == (3, 32) and adapter.up.shape == (3, 3)


def test_a_rank_that_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="rank=0"):
        Adapters(rank=0)
