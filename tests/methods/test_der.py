"""DER++: mixtures of exemplars stored on the way with the masks of their time, in place of mixtures of memory sources."""

import pytest
import torch
from continual import batch_of, first_task, losses, make_separator, old_batch, second_task

from contav_lib.continual.tasks import Task
from contav_lib.methods import der
from contav_lib.methods.der import DER
from contav_lib.mixtures.sampler import Sampler

FIRST = first_task()


def kept_batch(store, number=0):
    """Mixtures of the first task's exemplars."""
    return Sampler(store, (), FIRST.kept, 2, None, 0.0, 0.0, seed=0).batch(number, 3)


@pytest.fixture
def eight(monkeypatch):
    """A small store."""
    monkeypatch.setattr(der, "STORED", 8)


def after_first_task(store, steps=30, **settings):
    """Method and separator after steps of the first task, in each of which all weights grow by 0.001."""
    separator, chosen = make_separator(), DER(**settings)
    chosen.begin_task(FIRST, separator)
    for _ in range(steps):
        chosen.on_batch(batch_of(store, FIRST))
        with torch.no_grad():
            for parameter in separator.parameters():
                parameter += 0.001
        chosen.after_step(separator, lambda number: kept_batch(store, number))
    chosen.end_task(FIRST, separator, None, None)
    return chosen, separator


def test_what_is_stored_are_mixtures_of_exemplars_with_the_masks_of_their_time(make_store, eight):
    store = make_store()
    torch.manual_seed(0)
    start = {name: value.clone() for name, value in make_separator().state_dict().items()}
    torch.manual_seed(0)
    chosen, _ = after_first_task(store, steps=30)
    assert chosen.masks.shape == (8, 2, 32, 32) and len(chosen.mixtures.mixture) == 8
    assert set(chosen.mixtures.videos.flatten().tolist()) == set(FIRST.kept) and not chosen.masks.requires_grad
    # Each row's masks are those that the separator gave at a step in which this row's mixture was offered.
    separator, found = make_separator(), {}
    separator.load_state_dict(start)
    for step in range(1, 31):
        with torch.no_grad():
            for parameter in separator.parameters():
                parameter += 0.001
        offered = kept_batch(store, step)[:1]
        masks = separator.eval()(offered.mixture, offered.visual, offered.classes).masks
        for row in range(8):
            same = torch.equal(chosen.mixtures.mixture[row], offered.mixture[0])
            if same and torch.allclose(chosen.masks[row], masks[0], atol=1e-5):
                found[row] = step
    assert len(found) == 8 and max(found.values()) > 8  # some of the first eight gave way to later ones


def test_every_mixture_offered_is_kept_with_the_same_chance(monkeypatch):
    """Reservoir sampling: of 40 offered 10 are kept; in 200 repetitions each about 50 times."""
    monkeypatch.setattr(der, "STORED", 10)
    counts = torch.zeros(40)
    for repetition in range(200):
        chosen = DER()
        chosen.begin_task(FIRST, None)
        chosen.num_sources, chosen.step = 2, 1_000 * repetition
        kept = [None] * 10
        chosen._store = lambda place, mixture, separator, kept=kept: kept.__setitem__(place, int(mixture))
        for number in range(40):
            chosen.after_step(None, lambda _, number=number: Offered(number))
        counts[kept] += 1
    assert counts.sum() == 2_000 and counts.min() > 25 and counts.max() < 80  # 50 +- 4 standard deviations of 6.1


class Offered:
    """Stands for a batch of one mixture of the first task's exemplars."""

    classes = torch.tensor([[0, 1]])

    def __init__(self, number):
        self.number = number

    def __getitem__(self, rows):
        return self.number


def test_a_batch_has_as_many_old_sources_as_replay_has(make_store, eight):
    store = make_store()
    chosen, separator = after_first_task(store)
    task = second_task(store)
    chosen.begin_task(task, separator)
    sampler = Sampler(store, task.clips, task.memory, 2, 0.4, 0.0, 0.0, seed=0)
    counts, replaced = [], 0
    for number in range(100):
        batch = sampler.batch(number, 12)
        mixed = chosen.on_batch(batch)
        assert len(mixed.mixture) == 12
        counts.append([int((one.classes < 2).sum()) for one in (batch, mixed)])
        stored, replaced = mixed[12 - len(chosen.chosen) :], replaced + len(chosen.chosen)
        assert torch.equal(stored.ratio_masks, chosen.mixtures[chosen.chosen].ratio_masks)
        assert not mixed[: 12 - len(chosen.chosen)].is_old_class.all(1).any()  # all others hold something new
        chosen.after_step(separator, lambda number: kept_batch(store))
    replay, own = torch.tensor(counts).sum(0).tolist()
    assert replay == own and replay == pytest.approx(0.4 * 100 * 24, rel=0.1) and replaced > 50


def test_stored_mixtures_are_drawn_anew_every_step(make_store):
    store = make_store()
    chosen, separator = after_first_task(store)
    chosen.begin_task(second_task(store), separator)
    draws = []
    for _ in range(5):
        chosen.on_batch(old_batch(store))
        draws.append(tuple(chosen.chosen.tolist()))
        chosen.after_step(separator, lambda number: kept_batch(store))
    assert len(set(draws)) > 1 and len(draws[0]) == 12


def test_what_this_task_stores_is_not_replayed_in_it(make_store):
    store = make_store()
    chosen, separator = DER(), make_separator()
    chosen.begin_task(FIRST, separator)
    batch = old_batch(store)
    for _ in range(3):
        assert chosen.on_batch(batch) is batch and chosen.losses(batch, None) == {}
        chosen.after_step(separator, lambda number: kept_batch(store))
    assert len(chosen.masks) == 3


def test_with_too_few_exemplars_to_mix_nothing_is_stored(make_store):
    store = make_store()
    chosen, separator = DER(), make_separator()
    chosen.begin_task(Task(0, (0,), (0,), (0, 1, 2), (), kept=(0,)), separator)
    chosen.on_batch(batch_of(store, FIRST))
    chosen.after_step(separator, None)
    assert chosen.mixtures is None


def test_the_term_is_the_weighted_distance_from_the_stored_masks(make_store):
    store = make_store()
    chosen, separator = after_first_task(store, distillation=0.5)
    task = second_task(store)
    chosen.begin_task(task, separator)
    separator.grow(4)
    separator.eval()
    batch = batch_of(store, task, share=0.7)
    mixed = chosen.on_batch(batch)
    count = len(chosen.chosen)
    masks = separator(mixed.mixture, mixed.visual, mixed.classes).masks[-count:]
    apart = (mixed.weights[-count:] * (masks - chosen.masks[chosen.chosen]).abs()).mean()
    assert losses(chosen, separator, batch)["distillation"].item() == pytest.approx(0.5 * apart.item(), rel=1e-5)
    assert apart > 1e-4 and count > 1


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="distillation=-1"):
        DER(distillation=-1)
