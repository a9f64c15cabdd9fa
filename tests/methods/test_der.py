"""DER: mixtures of exemplars stored with the masks of their time, and trained on beside every batch."""

import pytest
import torch
from continual import batch_of, first_task, losses, make_separator, second_task

from contav_lib.methods.der import DER
from contav_lib.tasks import Task

FIRST = first_task()


def after_first_task(bank, **settings):
    separator, chosen = make_separator(), DER(**settings)
    chosen.begin_task(FIRST, separator)
    kept = Task(0, (0, 1), (0, 1), FIRST.kept, ())
    chosen.end_task(FIRST, separator, lambda number: batch_of(bank, FIRST), lambda number: batch_of(bank, kept))
    return chosen, separator


def test_what_is_stored_are_mixtures_of_exemplars_and_their_masks(make_bank):
    bank = make_bank()
    chosen, separator = after_first_task(bank, stored=30)
    assert chosen.masks.shape == (30, 2, 32, 32) and set(chosen.mixtures.videos.flatten().tolist()) == set(FIRST.kept)
    separator.eval()
    again = separator(chosen.mixtures.mixture, chosen.mixtures.visual, chosen.mixtures.classes).masks
    assert torch.allclose(chosen.masks, again, atol=1e-5) and not chosen.masks.requires_grad


def test_stored_mixtures_stand_behind_every_batch_and_the_separator_learns_them_too(make_bank):
    bank = make_bank()
    chosen, separator = after_first_task(bank, replayed=3)
    task = second_task(bank)
    chosen.begin_task(task, separator)
    batch = batch_of(bank, task)
    longer = chosen.prepare(batch)
    assert len(longer.mixture) == 15 and torch.equal(longer.mixture[:12], batch.mixture)
    stored = chosen.mixtures[chosen.chosen]
    assert torch.equal(longer.ratio_masks[12:], stored.ratio_masks) and torch.equal(longer.videos[12:], stored.videos)
    draws = [chosen.chosen.tolist()]
    for _ in range(5):
        chosen.after_step(separator)
        chosen.prepare(batch)
        draws.append(chosen.chosen.tolist())
    assert len({tuple(draw) for draw in draws}) > 1


def test_the_term_is_the_weighted_distance_from_the_stored_masks(make_bank):
    bank = make_bank()
    chosen, separator = after_first_task(bank, replayed=3, distillation=0.5)
    task = second_task(bank)
    chosen.begin_task(task, separator)
    separator.eval()
    batch = batch_of(bank, task)
    assert losses(chosen, separator, batch_of(bank, FIRST))["distillation"] < 1e-6
    with torch.no_grad():
        for parameter in separator.parameters():
            parameter += 0.05
    separator.grow(4)
    longer = chosen.prepare(batch)
    masks = separator(longer.mixture, longer.visual, longer.classes).masks[12:]
    apart = (longer.weights[12:] * (masks - chosen.masks[chosen.chosen]).abs()).mean()
    assert losses(chosen, separator, batch)["distillation"].item() == pytest.approx(0.5 * apart.item(), rel=1e-5)
    assert apart > 1e-4


@pytest.mark.parametrize("settings", [dict(stored=0), dict(replayed=0)])
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        DER(**settings)
