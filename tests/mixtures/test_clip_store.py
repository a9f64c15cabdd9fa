"""Batches: how clips are cropped and mixed, and what each source is shown."""

from threading import get_ident

import pytest
import torch
from samples import CLASSES, RATE, SMALL, make_prepared, make_sampler

from contav_lib import audio
from contav_lib.datasets.corpus import KINDS
from contav_lib.datasets.packed import FORMAT, Entry, Pack, Recipe
from contav_lib.mixtures.batch import MixtureSpec
from contav_lib.mixtures.clip_store import ClipStore, with_visual_noise


def spec_of(clips, starts, gains=1.0):
    clips, starts = torch.tensor(clips), torch.tensor(starts)
    return MixtureSpec(clips, starts, torch.full(clips.shape, gains), torch.zeros_like(clips, dtype=torch.bool))


@pytest.mark.parametrize("sources", [2, 3, 4])
def test_shapes(make_store, sources):
    batch = make_sampler(make_store(), memory=(0, 1), num_sources=sources).batch(0, 5)
    assert batch.mixture.shape == batch.weights.shape == (5, 1, SMALL.bins, SMALL.frames)
    assert batch.ratio_masks.shape == (5, sources, SMALL.bins, SMALL.frames)
    assert {name: value.shape for name, value in batch.visual.items()} == {
        "object": (5, sources, 512),
        "motion": (5, sources, 768, 8),
        "motion_mask": (5, sources, 8),
    }
    assert batch.classes.shape == batch.videos.shape == batch.is_old_class.shape == (5, sources)
    assert batch.num_sources == sources and batch.spectrogram is None and batch.sources is None
    kept = make_store().batch(make_sampler(make_store(), num_sources=sources).spec(0, 5), keep_waveforms=True)
    assert kept.sources.shape == (5, sources, SMALL.samples) and kept.spectrogram.shape == (5, 257, SMALL.frames)


def test_the_mixture_is_the_sum_of_its_cropped_and_scaled_sources(make_store):
    store = make_store()
    waveforms = [make_prepared(number, "any").waveform for number in range(12)]
    batch = store.batch(spec_of([[2, 7], [11, 0]], [[100, 2000], [0, 30_000]], gains=0.5), keep_waveforms=True)
    for b, n, clip, start in [(0, 0, 2, 100), (0, 1, 7, 2000), (1, 0, 11, 0), (1, 1, 0, 30_000)]:
        assert torch.allclose(batch.sources[b, n], waveforms[clip][start : start + SMALL.samples] * 0.5 / 2)
    spectrogram = audio.stft(batch.sources.sum(1), SMALL.window, SMALL.hop)
    assert torch.allclose(batch.spectrogram, spectrogram, atol=1e-4)
    warped = audio.warp(spectrogram.abs().unsqueeze(1), SMALL.bins)
    assert torch.allclose(batch.mixture, warped, atol=1e-4)
    sources = audio.warp(audio.stft(batch.sources, SMALL.window, SMALL.hop).abs(), SMALL.bins)
    assert torch.allclose(batch.ratio_masks, (sources / warped).clamp(max=5), rtol=1e-2, atol=1e-3)


def test_what_is_too_loud_is_clipped(make_store):
    batch = make_store().batch(spec_of([[0, 1]], [[0, 0]], gains=4.0), keep_waveforms=True)
    assert batch.sources.abs().max() == 0.5


def test_crops_are_what_was_recorded_up_to_the_last_sample():
    clips = [make_prepared(0, "banjo", seconds=3), make_prepared(1, "cello", seconds=2)]
    store = ClipStore(clips, {"banjo": 0, "cello": 1}, SMALL)
    starts = [len(clips[0].waveform) - SMALL.samples, 7]
    inside = store.batch(spec_of([[0, 1]], [starts]), keep_waveforms=True).sources[0]
    over = store.batch(spec_of([[0, 1]], [[starts[0] + 1, 7]]), keep_waveforms=True).sources[0]  # one sample is tiled
    for heard, clip, start in zip(inside, clips, starts, strict=True):
        assert torch.equal(2 * heard, clip.waveform[start : start + SMALL.samples])
    assert torch.equal(over[0, :-1], inside[0, 1:]) and 2 * over[0, -1] == clips[0].waveform[0]
    assert torch.equal(over[1], inside[1])


def test_short_clips_are_tiled():
    short = make_prepared(0, "banjo", seconds=0.3)
    store = ClipStore([short, make_prepared(1, "cello")], {"banjo": 0, "cello": 1}, SMALL)
    drawn = store.spec(torch.tensor([[0, 1]]), torch.Generator().manual_seed(0))
    assert drawn.starts[0, 0] == 0
    heard = store.batch(drawn, keep_waveforms=True).sources[0, 0] * 2
    assert torch.allclose(heard, short.waveform.repeat(10)[: SMALL.samples])


def test_aligned_motion_is_the_motion_of_the_crop(make_store):
    starts = [[0, 5000], [20_000, 4 * RATE - SMALL.samples]]
    motion = make_store(motion="aligned").batch(spec_of([[0, 1], [5, 9]], starts)).visual["motion"]
    middles = (torch.arange(8) + 0.5) * SMALL.samples / RATE / 8
    expected = torch.tensor(starts)[..., None] / RATE + middles
    # The clips' first motion value is its time; before the first and after the last step the nearest one stands.
    assert torch.allclose(motion[:, :, 0], expected.clamp(0.125, 3.875), atol=1e-4)


def test_aligned_motion_of_a_tiled_clip_starts_again_with_the_sound():
    store = ClipStore(
        [make_prepared(0, "banjo", seconds=0.5), make_prepared(1, "cello")], {"banjo": 0, "cello": 1}, SMALL
    )
    motion = store.batch(spec_of([[0, 1]], [[0, 0]])).visual["motion"][0, 0, 0]
    middles = (torch.arange(8) + 0.5) * SMALL.samples / RATE / 8
    assert torch.allclose(motion, (middles % 0.5).clamp(0.125, 0.375), atol=1e-3)


def test_noise_in_the_pictures_is_as_large_as_asked_and_always_the_same():
    clips = [make_prepared(number, "banjo") for number in range(40)]
    assert with_visual_noise(clips, 0) == clips
    noisy, again = (with_visual_noise(clips, 2.0) for _ in range(2))
    for name in ("object", "motion", "dense_motion"):
        before, after, repeated = (
            torch.stack([getattr(clip, name) for clip in each]) for each in (clips, noisy, again)
        )
        assert torch.equal(after, repeated)
        added = (after - before).flatten(0, 1).std(0) / before.flatten(0, 1).std(0)
        assert added.mean().item() == pytest.approx(2, rel=0.05)
    assert torch.equal(noisy[0].waveform, clips[0].waveform)
    assert torch.equal(with_visual_noise(clips[:1] * 2, 2.0)[0].object, with_visual_noise(clips[:1] * 2, 2.0)[1].object)


def test_whole_motion_is_the_videos(make_store):
    batch = make_store(motion="whole").batch(spec_of([[3, 4]], [[0, 9000]]))
    for n, clip in enumerate((3, 4)):
        assert torch.equal(batch.visual["motion"][0, n].T, make_prepared(clip, "any").motion)


def test_the_object_is_the_strongest_of_three_pictures_round_the_middle(make_store):
    batch = make_store().batch(spec_of([[3, 4]], [[0, 2 * RATE]]))
    first, second = (make_prepared(clip, "any").object for clip in (3, 4))
    assert torch.equal(batch.visual["object"][0, 0], first[:2].amax(0))  # middle at 0.4 s: pictures -1, 0, 1
    assert torch.equal(batch.visual["object"][0, 1], second[1:].amax(0))  # at 2.4 s: pictures 1, 2, 3


def test_memory_is_marked_and_picked(make_store):
    batch = make_sampler(make_store(), memory=(0, 1), memory_share=0.3).batch(0, 40)
    assert torch.equal(batch.is_old_class, batch.videos < 2)
    assert torch.equal(batch.videos.flatten()[batch.memory_index()], batch.videos[batch.is_old_class])
    part = batch[batch.is_old_class.any(1).nonzero().squeeze(1)]
    chosen = (batch.videos < 2).any(1)
    assert 0 < len(part.classes) == chosen.sum() < 40
    assert torch.equal(part.mixture, batch.mixture[chosen])
    assert torch.equal(part.visual["motion"], batch.visual["motion"][chosen])
    assert torch.equal(part.videos, batch.videos[chosen]) and part.is_old_class.any(1).all()


def test_a_specification_can_be_sliced(make_store):
    store = make_store()
    drawn = make_sampler(store).spec(0, 6)
    assert len(drawn) == 6 and len(drawn[2:4]) == 2
    assert torch.allclose(store.batch(drawn[2:4]).mixture, store.batch(drawn).mixture[2:4], atol=1e-5)


def pack_of(folder, clips):
    """The same clips in files."""
    pack = Pack(folder, Recipe(FORMAT, "made", "1", "", RATE, 8.0, 512, 768))
    pack.begin()
    for clip in clips:
        tensors = {kind: getattr(clip, kind).half() for kind in KINDS}
        tensors["waveform"] = (clip.waveform * 32767).round().to(torch.int16)
        pack.append(Entry(clip.id, clip.label, clip.split, clip.video), tensors)
    return pack


@pytest.mark.parametrize("motion", ["aligned", "whole"])
def test_clips_on_disk_give_the_numbers_of_those_in_memory(tmp_path, monkeypatch, motion):
    labels = {label: number for number, label in enumerate(CLASSES)}
    made = [make_prepared(number, CLASSES[number % 4], 0.3 if number == 5 else 2 + number % 3) for number in range(12)]
    pack = pack_of(tmp_path, made)
    clips = pack.clips(list(pack.entries.values())[::-1])
    memory = ClipStore(clips, labels, SMALL, motion)
    copied = ClipStore(list(clips), labels, SMALL, motion)
    monkeypatch.setattr("contav_lib.mixtures.clip_store.IN_MEMORY", 1000)
    disk = ClipStore(clips, labels, SMALL, motion)
    assert (memory.is_on_disk, copied.is_on_disk, disk.is_on_disk) == (False, False, True)
    assert repr(disk).replace("', on disk)", "')") == repr(memory) == repr(copied)
    stores, sampler = (memory, disk, copied), make_sampler(memory, memory=(0, 1))
    threads = set()
    monkeypatch.setattr(disk, "_crops", lambda spec, crops=disk._crops: (threads.add(get_ident()), crops(spec))[1])
    specs = [sampler.spec(number, 4) for number in range(5)]
    for one, two, three in zip(*(store.each(specs) for store in stores), strict=True):
        for name, value in one.tensors().items():
            assert torch.equal(value, two.tensors()[name]) and torch.equal(value, three.tensors()[name])
    assert threads and get_ident() not in threads
    for store in (disk, copied):
        assert torch.equal(store.object_embeddings(), memory.object_embeddings())
        assert torch.equal(store.object_embeddings(torch.tensor([3, 1])), memory.object_embeddings()[[3, 1]])
        assert torch.equal(store.clip_descriptors(), memory.clip_descriptors())
        assert store.nbytes([0, 3]) == memory.nbytes([0, 3])
    parts = disk.batches(sampler.spec(0, 5), 2, keep_waveforms=True)
    assert torch.equal(torch.cat([part.sources for part in parts]), memory.batch(sampler.spec(0, 5), True).sources)
    with pytest.raises(ValueError, match=r"visual_noise=1\.0: needs the clips in memory"):
        with_visual_noise(clips, 1.0)


def test_bad_stores_are_refused():
    with pytest.raises(ValueError, match="at least one clip"):
        ClipStore([], {}, SMALL)
    with pytest.raises(ValueError, match="'aligned' or 'whole', not 'none'"):
        ClipStore([make_prepared(0, CLASSES[0])], {CLASSES[0]: 0}, SMALL, motion="none")


def test_batches_are_the_mixtures_a_few_at_a_time(make_store):
    store = make_store()
    spec = make_sampler(store).spec(0, 5)
    whole, parts = store.batch(spec, keep_waveforms=True), list(store.batches(spec, 2, keep_waveforms=True))
    assert [len(part.classes) for part in parts] == [2, 2, 1]
    assert torch.equal(torch.cat([part.sources for part in parts]), whole.sources)
    assert all(part.sources is None for part in store.batches(spec))


def test_a_store_is_shown_in_one_line(make_store):
    assert repr(make_store(count=3, classes=4)) == (
        "ClipStore(clips=12, classes=4, seconds=48, object=[48, 512], dense_motion=[192, 768], "
        "whole_motion=[12, 8, 768], motion='aligned', device='cpu')"
    )
