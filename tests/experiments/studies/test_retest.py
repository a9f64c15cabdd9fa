"""Stored separators are asked again, by name and seed, on any split there is."""

from dataclasses import replace

import pytest
import torch

from contav_lib import Config
from contav_lib.experiments.setup import Setup
from contav_lib.experiments.studies.class_forgetting import energy_taken
from contav_lib.experiments.studies.representations import cka_to_end, probe_accuracy
from contav_lib.experiments.studies.retest import by_looks, evaluated, scored_again, setup_of
from contav_lib.mixtures.fixed import fixed_mixtures
from contav_lib.separators import Separator
from contav_lib.utils.devices import cpu_threads


@pytest.mark.parametrize("question", ["same_class", "class_from_vision"])
def test_results_are_asked_again_by_name_and_seed(reference, home, question):
    table = scored_again({"a": [reference], "b": [reference]}, mixtures=4, **{question: True})
    assert table.shape == (2, 1) and table.loc["a"].equals(table.loc["b"]) and table.notna().all(axis=None)


@pytest.mark.parametrize("ask", [evaluated, energy_taken, cka_to_end, probe_accuracy])
def test_threads_are_those_of_the_experiment(reference, home, monkeypatch, ask):
    used = []

    def separated(self, *given):
        used.append(torch.get_num_threads())
        raise InterruptedError

    monkeypatch.setattr(Separator, "__call__", separated)
    test = setup_of(reference).test
    asked = (test, fixed_mixtures(test, range(4), 2, seed=0)) if ask is evaluated else ()
    with cpu_threads(3), pytest.raises(InterruptedError):
        ask(reference, *asked)
    assert used == [reference.config.get("threads", 1)]


def test_what_a_clip_looks_like_takes_the_place_of_its_class(reference, home):
    store = Setup.build(Config.from_json(reference.config)).test
    batch = store.batch(fixed_mixtures(store, range(len(reference.classes)), 12, seed=0))
    seen = by_looks(reference, store)(replace(batch, classes=torch.full_like(batch.classes, -1)))
    nearest = reference.prototypes().recognise(store.object_embeddings()).nearest
    assert seen.classes.tolist() == [[int(nearest[clip]) for clip in clips] for clips in batch.videos.tolist()]
    assert seen.mixture is batch.mixture and seen.visual is batch.visual


def test_a_split_that_is_not_there_is_named(reference, home):
    with pytest.raises(ValueError, match="no clip of the split 'melody'.*MiniMUSIC has it"):
        setup_of(reference).store("melody")
