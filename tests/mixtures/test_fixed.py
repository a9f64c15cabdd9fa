"""Fixed mixtures stay fixed."""

import pytest
import torch

from contav_lib.mixtures.fixed import fixed_mixtures


def test_mixtures_depend_on_classes_and_seed_only(make_store):
    store = make_store()
    torch.manual_seed(1)
    one = fixed_mixtures(store, (0, 1, 2), 10, seed=5)
    torch.manual_seed(2)
    two = fixed_mixtures(store, (0, 1, 2), 10, seed=5)
    for name in ("clips", "starts", "gains", "is_old_class"):
        assert torch.equal(getattr(one, name), getattr(two, name))
    assert (one.gains == 1).all() and not one.is_old_class.any()
    assert not torch.equal(fixed_mixtures(store, (0, 1, 2), 10, seed=6).clips, one.clips)


def test_every_class_comes_first_equally_often_and_is_mixed_with_others(make_store):
    store = make_store()
    classes = store.classes[fixed_mixtures(store, (1, 2, 3), 12, seed=0, num_sources=3).clips]
    assert classes[:, 0].bincount().tolist() == [0, 4, 4, 4]
    assert all(sorted(row) == [1, 2, 3] for row in classes.tolist())


def test_mixtures_of_one_class(make_store):
    store = make_store()
    drawn = fixed_mixtures(store, (0, 2), 10, seed=0, same_class=True)
    classes = store.classes[drawn.clips]
    assert (classes[:, 0] == classes[:, 1]).all() and (drawn.clips[:, 0] != drawn.clips[:, 1]).all()
    alone = fixed_mixtures(store, (2,), 10, seed=0).clips  # a task with a single class
    assert (store.classes[alone] == 2).all() and (alone[:, 0] != alone[:, 1]).all()


def test_too_few_clips_are_told(make_store):
    with pytest.raises(ValueError, match="Too few clips to mix 2 of class number 1: 1"):
        fixed_mixtures(make_store(count=1), (1, 2), 4, seed=0, same_class=True)
    with pytest.raises(ValueError, match="too few clips"):
        fixed_mixtures(make_store(count=1), (1,), 4, seed=0)
