"""Training mixtures are random, and as often old, new, or of one class as is asked."""

from dataclasses import replace

import pytest
import torch
from samples import RATE, SMALL, make_prepared, make_sampler

from contav_lib.mixtures import sampler
from contav_lib.mixtures.clip_store import ClipStore
from contav_lib.mixtures.fixed import fixed_mixtures
from contav_lib.mixtures.sampler import Sampler


@pytest.fixture(params=["few", "many"], autouse=True)
def number_of_clips(request, monkeypatch):
    """Every test draws in both ways."""
    if request.param == "many":
        monkeypatch.setattr(sampler, "_MANY", 0)


def test_a_batch_depends_on_its_seed_and_number_only(make_store):
    store = make_store()
    first, again = make_sampler(store), make_sampler(store)
    again.batch(7, 4)
    assert torch.equal(first.batch(3, 4).mixture, again.batch(3, 4).mixture)
    other_number, other_seed = first.spec(4, 64), make_sampler(store, seed=1).spec(3, 64)
    for other in (other_number, other_seed):
        assert not torch.equal(first.spec(3, 64).clips, other.clips)
        assert not torch.equal(first.spec(3, 64).starts, other.starts)


@pytest.mark.parametrize("same_class_share", [0.0, 1.0])
def test_a_clip_is_never_mixed_with_itself(make_store, same_class_share):
    drawn = make_sampler(make_store(count=3, classes=2), num_sources=3, same_class_share=same_class_share).spec(0, 2000)
    clips = drawn.clips.sort(1).values
    assert (clips[:, 1:] != clips[:, :-1]).all()
    assert clips.flatten().unique().tolist() == list(range(6))


def test_a_clip_is_mixed_with_itself_by_chance_where_that_is_allowed(make_store):
    clips = make_sampler(make_store(count=5, classes=2), same_video=True).spec(0, 20_000).clips
    assert (clips[:, 0] == clips[:, 1]).float().mean().item() == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize("same_class_share", [0.0, 1.0])
def test_a_video_of_several_clips_is_never_mixed_with_itself(same_class_share):
    clips = [replace(make_prepared(k, f"class{k // 6}"), video=f"v{k // 2}") for k in range(12)]
    store = ClipStore(clips, {"class0": 0, "class1": 1}, SMALL)
    assert store.videos.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    made = make_sampler(store, num_sources=3, same_class_share=same_class_share)
    batch, drawn = made.batch(0, 4), made.spec(0, 2000)
    assert torch.equal(batch.videos, made.spec(0, 4).clips // 2)
    for mixed in (drawn.clips, fixed_mixtures(store, (0, 1), 200, 0, 3, same_class=bool(same_class_share)).clips):
        videos = store.videos[mixed].sort(1).values
        assert (videos[:, 1:] != videos[:, :-1]).all() and mixed.unique().tolist() == list(range(12))
    alone = ClipStore(clips[:2], {"class0": 0}, SMALL)
    with pytest.raises(ValueError, match="Mixtures of 2 sources need as many videos; this task has 1"):
        make_sampler(alone)
    with pytest.raises(ValueError, match="Too few clips to mix 2 of class number 0: 1"):
        fixed_mixtures(alone, (0,), 1, 0, same_class=True)


def test_too_few_clips_for_a_mixture_are_refused(make_store):
    with pytest.raises(ValueError, match="Mixtures of 3 sources need as many videos; this task has 2"):
        make_sampler(make_store(count=1, classes=2), num_sources=3)


@pytest.mark.parametrize("share", [0.1, 0.25, 0.6])
def test_the_share_of_memory_is_as_set(make_store, share):
    store = make_store(count=20, classes=4)
    drawn = make_sampler(store, memory=tuple(range(10)), memory_share=share).spec(0, 20_000)
    assert drawn.is_old_class.float().mean().item() == pytest.approx(share, abs=0.025)
    assert torch.equal(drawn.is_old_class, drawn.clips < 10)


@pytest.mark.parametrize(("exemplars", "share"), [(5, 4 / 12.4), (10, 8 / 16.4), (15, 12 / 20.4)])
def test_the_authors_repeats_give_their_shares(make_store, exemplars, share):
    store = make_store(count=45, classes=5, seconds=0.1)
    repeats = dict(clip_repeats=40, exemplar_repeats=800)
    drawn = Sampler(store, range(210), range(210, 210 + exemplars), 2, None, 0.0, 0.0, seed=0, **repeats).spec(
        0, 20_000
    )
    # An exemplar is never mixed with itself, which takes a little off the memory's share.
    assert drawn.is_old_class.float().mean().item() == pytest.approx(share - 0.006, abs=0.008)
    new = drawn.clips[~drawn.is_old_class].bincount(minlength=225)[:210].float()
    assert new.min() > 0.5 * new.mean() and new.max() < 1.6 * new.mean()


def test_only_the_ratio_of_the_repeats_counts(make_store):
    def clips(**repeats):
        return make_sampler(make_store(), memory=(0, 1), **repeats).spec(0, 200).clips

    assert torch.equal(clips(clip_repeats=40, exemplar_repeats=800), clips(clip_repeats=1, exemplar_repeats=20))
    assert not torch.equal(clips(clip_repeats=1, exemplar_repeats=1), clips(clip_repeats=1, exemplar_repeats=20))
    given = dict(memory_share=0.25)
    assert torch.equal(clips(**given, clip_repeats=1, exemplar_repeats=1), clips(**given))


def test_without_memory_all_clips_come_equally_often(make_store):
    drawn = make_sampler(make_store()).spec(0, 12_000)
    assert not drawn.is_old_class.any()
    counts = drawn.clips.flatten().bincount().float() / 24_000
    assert torch.allclose(counts, torch.full_like(counts, 1 / 12), atol=0.01)


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_the_share_of_mixtures_of_one_class(make_store, share):
    store = make_store(count=5, classes=4)
    classes = store.classes[make_sampler(store, same_class_share=share).spec(0, 20_000).clips]
    by_chance = 4 / 19
    alike = (classes[:, 0] == classes[:, 1]).float().mean().item()
    assert alike == pytest.approx(share + (1 - share) * by_chance, abs=0.015)


def test_a_class_with_one_exemplar_is_mixed_with_another(make_store):
    store = make_store(count=3, classes=2)
    drawn = Sampler(store, [3, 4, 5], [0], 2, 0.5, 1.0, 0.0, seed=0).spec(0, 500)
    with_memory = drawn.clips[drawn.is_old_class.any(1)]
    assert len(with_memory) and (store.classes[with_memory].sum(1) == 1).all()


def test_gains_and_crops_stay_in_range(make_store):
    drawn = make_sampler(make_store(), gain=0.5).spec(0, 5000)
    assert 0.5 <= drawn.gains.min() < 0.51 and 1.49 < drawn.gains.max() <= 1.5
    last = 4 * RATE - SMALL.samples
    assert drawn.starts.min() < 50 and last - 50 < drawn.starts.max() <= last
