"""A batch taken apart, put together, and asked one question more."""

import torch
from samples import make_sampler

from contav_lib.mixtures.batch import Batch
from contav_lib.mixtures.sampler import Sampler


def batches(store, count=2, size=5):
    sampler = Sampler(store, range(2, 12), (0, 1), 2, 0.3, 0.0, 0.5, seed=0)
    return [sampler.batch(number, size) for number in range(count)]


def assert_same(one: Batch, other: Batch):
    mine, others = one.tensors(), other.tensors()
    assert mine.keys() == others.keys() and all(torch.equal(value, others[name]) for name, value in mine.items())


def test_rows_are_picked_everywhere(make_store):
    (batch,) = batches(make_store(), 1)
    part = batch[torch.tensor([3, 1])]
    for name, value in batch.tensors().items():
        assert torch.equal(part.tensors()[name], value[[3, 1]]), name
    assert_same(batch[1:3], batch[torch.tensor([1, 2])])


def test_waveforms_are_picked_too(make_store):
    store = make_store()
    batch = store.batch(store.spec(torch.tensor([[0, 3], [1, 4]]), torch.Generator()), keep_waveforms=True)
    part = batch[1:]
    assert torch.equal(part.sources, batch.sources[1:]) and torch.equal(part.spectrogram, batch.spectrogram[1:])


def test_batches_stand_one_behind_the_other(make_store):
    first, second = batches(make_store())
    both = first.cat(second)
    assert_same(both[:5], first)
    assert_same(both[5:], second)


def test_tensors_are_all_there_is(make_store):
    (batch,) = batches(make_store(), 1)
    assert_same(Batch.from_tensors(batch.tensors()), batch)


def test_a_question_is_one_column_more_and_no_source(make_store):
    (batch,) = batches(make_store(), 1)
    asked = batch.with_query(torch.tensor([0, 1, 0, 1, 0]))
    assert asked.num_sources == 2 and asked.ratio_masks is batch.ratio_masks
    assert asked.classes[:, 2].tolist() == [0, 1, 0, 1, 0] and asked.is_old_class[:, 2].all()
    assert torch.equal(asked.videos[:, 2], batch.videos[:, 0])
    assert len(asked.memory_index()) == len(batch.memory_index()) + 5


def test_a_question_can_come_with_a_picture_of_its_own(make_store):
    (batch,) = batches(make_store(), 1)
    seen = {name: torch.ones_like(value[:, :1]) for name, value in batch.visual.items()}
    asked = batch.with_query(torch.tensor([0, 1, 0, 1, 0]), seen)
    for name, value in batch.visual.items():
        assert torch.equal(asked.visual[name], torch.cat([value, seen[name]], 1))


def test_a_batch_is_shown_in_one_line_of_shapes(make_store):
    batch = make_store().batch(make_sampler(make_store()).spec(0, 3))
    assert repr(batch) == (
        "Batch(mixture=[3, 1, 32, 32], ratio_masks=[3, 2, 32, 32], weights=[3, 1, 32, 32], "
        "visual={object: [3, 2, 512], motion: [3, 2, 768, 8], motion_mask: [3, 2, 8]}, "
        "classes=[3, 2], videos=[3, 2], is_old_class=[3, 2])"
    )


def test_a_specification_is_shown_in_one_line_of_shapes(make_store):
    spec = make_sampler(make_store()).spec(0, 3)
    assert repr(spec) == "MixtureSpec(clips=[3, 2], starts=[3, 2], gains=[3, 2], is_old_class=[3, 2])"
