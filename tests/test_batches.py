"""Batches: what is drawn, how it is cropped and mixed, and what each source is shown."""

import pytest
import torch
from samples import CLASSES, RATE, SMALL, make_prepared

from contav_lib import audio
from contav_lib.mixtures.clip_store import ClipStore, MixtureSpec, Sampler, with_visual_noise


def sampler(bank, memory=(), **options):
    clips = [place for place in range(len(bank)) if place not in memory]
    settings = dict(num_sources=2, memory_share=None, same_class_share=0.0, gain=0.5, seed=0) | options
    return Sampler(bank, clips, memory, **settings)


def draw_of(clips, starts, gains=1.0):
    clips, starts = torch.tensor(clips), torch.tensor(starts)
    return MixtureSpec(clips, starts, torch.full(clips.shape, gains), torch.zeros_like(clips, dtype=torch.bool))


@pytest.mark.parametrize("sources", [2, 3, 4])
def test_shapes(make_bank, sources):
    batch = sampler(make_bank(), memory=(0, 1), num_sources=sources).batch(0, 5)
    assert batch.mixture.shape == batch.weights.shape == (5, 1, SMALL.bins, SMALL.frames)
    assert batch.ratio_masks.shape == (5, sources, SMALL.bins, SMALL.frames)
    assert {name: value.shape for name, value in batch.visual.items()} == {
        "object": (5, sources, 512),
        "motion": (5, sources, 768, 8),
        "motion_mask": (5, sources, 8),
    }
    assert batch.classes.shape == batch.videos.shape == batch.is_old_class.shape == (5, sources)
    assert batch.num_sources == sources and batch.spectrogram is None and batch.sources is None
    kept = make_bank().batch(sampler(make_bank(), num_sources=sources).draw(0, 5), keep_waveforms=True)
    assert kept.sources.shape == (5, sources, SMALL.samples) and kept.spectrogram.shape == (5, 257, SMALL.frames)


def test_a_batch_depends_on_its_seed_and_number_only(make_bank):
    bank = make_bank()
    first, again = sampler(bank), sampler(bank)
    again.batch(7, 4)
    assert torch.equal(first.batch(3, 4).mixture, again.batch(3, 4).mixture)
    other_number, other_seed = first.draw(4, 64), sampler(bank, seed=1).draw(3, 64)
    for other in (other_number, other_seed):
        assert not torch.equal(first.draw(3, 64).clips, other.clips)
        assert not torch.equal(first.draw(3, 64).starts, other.starts)


@pytest.mark.parametrize("same_class_share", [0.0, 1.0])
def test_a_clip_is_never_mixed_with_itself(make_bank, same_class_share):
    drawn = sampler(make_bank(count=3, classes=2), num_sources=3, same_class_share=same_class_share).draw(0, 2000)
    clips = drawn.clips.sort(1).values
    assert (clips[:, 1:] != clips[:, :-1]).all()
    assert clips.flatten().unique().tolist() == list(range(6))


def test_too_few_clips_for_a_mixture_are_refused(make_bank):
    with pytest.raises(ValueError, match="Mixtures of 3 sources need as many clips; this task has 2"):
        sampler(make_bank(count=1, classes=2), num_sources=3)


@pytest.mark.parametrize("share", [0.1, 0.25, 0.6])
def test_the_share_of_memory_is_as_set(make_bank, share):
    bank = make_bank(count=20, classes=4)
    drawn = sampler(bank, memory=tuple(range(10)), memory_share=share).draw(0, 20_000)
    assert drawn.is_old_class.float().mean().item() == pytest.approx(share, abs=0.025)
    assert torch.equal(drawn.is_old_class, drawn.clips < 10)


@pytest.mark.parametrize(("exemplars", "share"), [(5, 4 / 12.4), (10, 8 / 16.4), (15, 12 / 20.4)])
def test_the_authors_repeats_give_their_shares(make_bank, exemplars, share):
    bank = make_bank(count=45, classes=5, seconds=0.1)
    repeats = dict(clip_repeats=40, exemplar_repeats=800)
    drawn = Sampler(bank, range(210), range(210, 210 + exemplars), 2, None, 0.0, 0.0, seed=0, **repeats).draw(0, 20_000)
    # An exemplar is never mixed with itself, which takes a little off the memory's share.
    assert drawn.is_old_class.float().mean().item() == pytest.approx(share - 0.006, abs=0.008)
    new = drawn.clips[~drawn.is_old_class].bincount(minlength=225)[:210].float()
    assert new.min() > 0.5 * new.mean() and new.max() < 1.6 * new.mean()


def test_only_the_ratio_of_the_repeats_counts(make_bank):
    def draw(**repeats):
        return sampler(make_bank(), memory=(0, 1), **repeats).draw(0, 200).clips

    assert torch.equal(draw(clip_repeats=40, exemplar_repeats=800), draw(clip_repeats=1, exemplar_repeats=20))
    assert not torch.equal(draw(clip_repeats=1, exemplar_repeats=1), draw(clip_repeats=1, exemplar_repeats=20))
    given = dict(memory_share=0.25)
    assert torch.equal(draw(**given, clip_repeats=1, exemplar_repeats=1), draw(**given))


def test_without_memory_all_clips_come_equally_often(make_bank):
    drawn = sampler(make_bank()).draw(0, 12_000)
    assert not drawn.is_old_class.any()
    counts = drawn.clips.flatten().bincount().float() / 24_000
    assert torch.allclose(counts, torch.full_like(counts, 1 / 12), atol=0.01)


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_the_share_of_mixtures_of_one_class(make_bank, share):
    bank = make_bank(count=5, classes=4)
    classes = bank.classes[sampler(bank, same_class_share=share).draw(0, 20_000).clips]
    by_chance = 4 / 19
    alike = (classes[:, 0] == classes[:, 1]).float().mean().item()
    assert alike == pytest.approx(share + (1 - share) * by_chance, abs=0.015)


def test_a_class_with_one_exemplar_is_mixed_with_another(make_bank):
    bank = make_bank(count=3, classes=2)
    drawn = Sampler(bank, [3, 4, 5], [0], 2, 0.5, 1.0, 0.0, seed=0).draw(0, 500)
    with_memory = drawn.clips[drawn.is_old_class.any(1)]
    assert len(with_memory) and (bank.classes[with_memory].sum(1) == 1).all()


def test_gains_and_crops_stay_in_range(make_bank):
    drawn = sampler(make_bank(), gain=0.5).draw(0, 5000)
    assert 0.5 <= drawn.gains.min() < 0.51 and 1.49 < drawn.gains.max() <= 1.5
    last = 4 * RATE - SMALL.samples
    assert drawn.starts.min() < 50 and last - 50 < drawn.starts.max() <= last


def test_the_mixture_is_the_sum_of_its_cropped_and_scaled_sources(make_bank):
    bank = make_bank()
    waveforms = [make_prepared(number, "any").waveform for number in range(12)]
    batch = bank.batch(draw_of([[2, 7], [11, 0]], [[100, 2000], [0, 30_000]], gains=0.5), keep_waveforms=True)
    for b, n, clip, start in [(0, 0, 2, 100), (0, 1, 7, 2000), (1, 0, 11, 0), (1, 1, 0, 30_000)]:
        assert torch.allclose(batch.sources[b, n], waveforms[clip][start : start + SMALL.samples] * 0.5 / 2)
    spectrogram = audio.stft(batch.sources.sum(1), SMALL.window, SMALL.hop)
    assert torch.allclose(batch.spectrogram, spectrogram, atol=1e-4)
    warped = audio.warp(spectrogram.abs().unsqueeze(1), SMALL.bins)
    assert torch.allclose(batch.mixture, warped, atol=1e-4)
    sources = audio.warp(audio.stft(batch.sources, SMALL.window, SMALL.hop).abs(), SMALL.bins)
    assert torch.allclose(batch.ratio_masks, (sources / warped).clamp(max=5), rtol=1e-2, atol=1e-3)


def test_what_is_too_loud_is_clipped(make_bank):
    batch = make_bank().batch(draw_of([[0, 1]], [[0, 0]], gains=4.0), keep_waveforms=True)
    assert batch.sources.abs().max() == 0.5


def test_crops_are_what_was_recorded_up_to_the_last_sample():
    clips = [make_prepared(0, "banjo", seconds=3), make_prepared(1, "cello", seconds=2)]
    bank = ClipStore(clips, {"banjo": 0, "cello": 1}, SMALL)
    starts = [len(clips[0].waveform) - SMALL.samples, 7]
    inside = bank.batch(draw_of([[0, 1]], [starts]), keep_waveforms=True).sources[0]
    over = bank.batch(draw_of([[0, 1]], [[starts[0] + 1, 7]]), keep_waveforms=True).sources[0]  # one sample is tiled
    for heard, clip, start in zip(inside, clips, starts, strict=True):
        assert torch.equal(2 * heard, clip.waveform[start : start + SMALL.samples])
    assert torch.equal(over[0, :-1], inside[0, 1:]) and 2 * over[0, -1] == clips[0].waveform[0]
    assert torch.equal(over[1], inside[1])


def test_short_clips_are_tiled():
    short = make_prepared(0, "banjo", seconds=0.3)
    bank = ClipStore([short, make_prepared(1, "cello")], {"banjo": 0, "cello": 1}, SMALL)
    drawn = bank.draw(torch.tensor([[0, 1]]), torch.Generator().manual_seed(0))
    assert drawn.starts[0, 0] == 0
    heard = bank.batch(drawn, keep_waveforms=True).sources[0, 0] * 2
    assert torch.allclose(heard, short.waveform.repeat(10)[: SMALL.samples])


def test_aligned_motion_is_the_motion_of_the_crop(make_bank):
    starts = [[0, 5000], [20_000, 4 * RATE - SMALL.samples]]
    motion = make_bank(motion="aligned").batch(draw_of([[0, 1], [5, 9]], starts)).visual["motion"]
    middles = (torch.arange(8) + 0.5) * SMALL.samples / RATE / 8
    expected = torch.tensor(starts)[..., None] / RATE + middles
    # The clips' first motion value is its time; before the first and after the last step the nearest one stands.
    assert torch.allclose(motion[:, :, 0], expected.clamp(0.125, 3.875), atol=1e-4)


def test_aligned_motion_of_a_tiled_clip_starts_again_with_the_sound():
    bank = ClipStore(
        [make_prepared(0, "banjo", seconds=0.5), make_prepared(1, "cello")], {"banjo": 0, "cello": 1}, SMALL
    )
    motion = bank.batch(draw_of([[0, 1]], [[0, 0]])).visual["motion"][0, 0, 0]
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


def test_whole_motion_is_the_videos(make_bank):
    batch = make_bank(motion="whole").batch(draw_of([[3, 4]], [[0, 9000]]))
    for n, clip in enumerate((3, 4)):
        assert torch.equal(batch.visual["motion"][0, n].T, make_prepared(clip, "any").motion)


def test_the_object_is_the_strongest_of_three_pictures_round_the_middle(make_bank):
    batch = make_bank().batch(draw_of([[3, 4]], [[0, 2 * RATE]]))
    first, second = (make_prepared(clip, "any").object for clip in (3, 4))
    assert torch.equal(batch.visual["object"][0, 0], first[:2].amax(0))  # middle at 0.4 s: pictures -1, 0, 1
    assert torch.equal(batch.visual["object"][0, 1], second[1:].amax(0))  # at 2.4 s: pictures 1, 2, 3


def test_memory_is_marked_and_picked(make_bank):
    batch = sampler(make_bank(), memory=(0, 1), memory_share=0.3).batch(0, 40)
    assert torch.equal(batch.is_old_class, batch.videos < 2)
    assert torch.equal(batch.videos.flatten()[batch.memory_index()], batch.videos[batch.is_old_class])
    part = batch[batch.is_old_class.any(1).nonzero().squeeze(1)]
    chosen = (batch.videos < 2).any(1)
    assert 0 < len(part.classes) == chosen.sum() < 40
    assert torch.equal(part.mixture, batch.mixture[chosen])
    assert torch.equal(part.visual["motion"], batch.visual["motion"][chosen])
    assert torch.equal(part.videos, batch.videos[chosen]) and part.is_old_class.any(1).all()


def test_a_draw_can_be_sliced(make_bank):
    bank = make_bank()
    drawn = sampler(bank).draw(0, 6)
    assert len(drawn) == 6 and len(drawn[2:4]) == 2
    assert torch.allclose(bank.batch(drawn[2:4]).mixture, bank.batch(drawn).mixture[2:4], atol=1e-5)


def test_bad_banks_are_refused():
    with pytest.raises(ValueError, match="at least one clip"):
        ClipStore([], {}, SMALL)
    with pytest.raises(ValueError, match="'aligned' or 'whole', not 'none'"):
        ClipStore([make_prepared(0, CLASSES[0])], {CLASSES[0]: 0}, SMALL, motion="none")
