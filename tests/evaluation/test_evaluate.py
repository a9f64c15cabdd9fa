"""Mixtures are separated and scored, and a visual ablation changes nothing but what is seen."""

from functools import partialmethod
from math import isnan

import pytest
import torch
from samples import SMALL, make_prepared

from contav_lib.evaluation.ablations import VISUAL_ABLATIONS
from contav_lib.evaluation.evaluate import evaluate, separate_batch, validation_sdr
from contav_lib.evaluation.metrics import SCORES
from contav_lib.mixtures.batch import MixtureSpec
from contav_lib.mixtures.clip_store import ClipStore
from contav_lib.mixtures.fixed import fixed_mixtures
from contav_lib.separators import SeparatorOutput


class Oracle(torch.nn.Module):
    """Answers with the masks it was given, row by row."""

    def __init__(self, masks):
        super().__init__()
        self.masks, self.at = masks, 0

    def forward(self, mixture, visual, classes):
        rows = slice(self.at, self.at + len(mixture))
        self.at += len(mixture)
        return SeparatorOutput(self.masks[rows], {})


def test_scores_of_all_mixtures_whatever_the_chunks(make_store, monkeypatch):
    store = make_store()
    drawn = fixed_mixtures(store, (0, 1, 2, 3), 5, seed=0)
    masks = store.batch(drawn).ratio_masks
    scores = evaluate(Oracle(masks), store, drawn)
    assert tuple(scores) == SCORES and all(value.shape == (5, 2) for value in scores.values())
    assert (scores["sdr"] > evaluate(Oracle(masks.flip(1)), store, drawn)["sdr"]).all()
    monkeypatch.setattr(ClipStore, "batches", partialmethod(ClipStore.batches, size=2))
    again = evaluate(Oracle(masks), store, drawn)
    assert all(torch.allclose(again[name], value, atol=1e-3) for name, value in scores.items())
    assert validation_sdr(Oracle(masks), store, drawn) == pytest.approx(scores["sdr"].mean().item(), abs=1e-3)


def test_separated_waveforms_have_the_length_of_the_reconstruction(make_store):
    store = make_store()
    batch = store.batch(fixed_mixtures(store, (0, 1), 2, seed=0), keep_waveforms=True)
    heard = separate_batch(Oracle(batch.ratio_masks), batch, store)
    assert heard.shape == (2, 2, store.spectrogram.hop * (store.spectrogram.frames - 1))


def test_a_silent_crop_has_no_score(make_store):
    clips = [make_prepared(number, "banjo") for number in range(2)]
    clips[1].waveform.zero_()
    store = ClipStore(clips, {"banjo": 0}, SMALL)
    drawn = fixed_mixtures(store, (0,), 2, seed=0)
    assert evaluate(Oracle(store.batch(drawn).ratio_masks), store, drawn)["sdr"].isnan().all()


def test_validation_leaves_silence_out(make_store, monkeypatch):
    """Also where all of a chunk is silent; where all of all is, there is no score."""
    clips = [make_prepared(number, f"class{number // 2}") for number in range(8)]
    for clip in clips[:4]:
        clip.waveform.zero_()
    store = ClipStore(clips, {f"class{number}": number for number in range(4)}, SMALL)
    silent, loud = (fixed_mixtures(store, classes, 2, seed=0) for classes in ((0, 1), (2, 3)))
    both = MixtureSpec(*(torch.cat([vars(silent)[name], vars(loud)[name]]) for name in vars(silent)))
    monkeypatch.setattr(ClipStore, "batches", partialmethod(ClipStore.batches, size=2))
    alone, mixed, nothing = (
        validation_sdr(Oracle(store.batch(spec).ratio_masks), store, spec) for spec in (loud, both, silent)
    )
    assert mixed == alone and isnan(nothing)


def test_ablations_change_the_picture_and_nothing_else(make_store):
    store = make_store()
    batch = store.batch(fixed_mixtures(store, (0, 1, 2), 3, seed=0))
    assert VISUAL_ABLATIONS["everything given"] is None
    changed = {
        "object swapped": ["object"],
        "motion swapped": ["motion"],
        "object and motion swapped": ["object", "motion"],
    }
    for name, modalities in changed.items():
        seen = VISUAL_ABLATIONS[name](batch)
        for modality, value in batch.visual.items():
            expected = value.flip(1) if modality in modalities else value
            assert torch.equal(seen.visual[modality], expected)
        assert torch.equal(seen.classes, batch.classes) and torch.equal(seen.mixture, batch.mixture)
    blind = VISUAL_ABLATIONS["no picture"](batch).visual
    assert not blind["object"].any() and not blind["motion"].any() and not blind["motion_mask"].any()
