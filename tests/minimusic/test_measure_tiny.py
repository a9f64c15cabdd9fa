"""The measurement of the tiny encoders: known features give known answers, and fools are told apart from the trained."""

import measure_tiny
import pytest
import torch

from contav_lib.encoders.tiny import TinyEncoder
from contav_lib.minimusic.composition import INSTRUMENTS

pytestmark = pytest.mark.slow


def test_nearest_mean_accuracy_of_clear_and_of_swapped_classes():
    train = torch.eye(4)[:, None].expand(4, 3, 4) + 0.01 * torch.randn(4, 3, 4, generator=torch.manual_seed(0))
    assert measure_tiny.nearest_mean_accuracy(train, train) == 1
    assert measure_tiny.nearest_mean_accuracy(train, train[[1, 0, 2, 3]]) == 0.5


def test_explained_variance_is_one_for_a_linear_map_and_none_for_noise():
    generator = torch.manual_seed(0)
    features, noise = (torch.randn(60_000, 5, generator=generator, dtype=torch.double) for _ in range(2))
    music = features @ torch.tensor([[1.0, 0], [0, 2], [0, 0], [3, 0], [0, 1]], dtype=torch.double)
    train, test = slice(0, 40_000), slice(40_000, None)
    explained = measure_tiny.explained_variance(features[train], music[train], features[test], music[test])
    assert explained == pytest.approx([1, 1], abs=1e-3)
    explained = measure_tiny.explained_variance(noise[train], music[train], noise[test], music[test])
    assert explained == pytest.approx([0, 0], abs=1e-3)


def test_the_encoders_see_more_than_untrained_networks_and_thumbnails():
    clips = [measure_tiny.draw_class_clip(label, seed) for label in INSTRUMENTS for seed in range(6)]
    trained = measure_tiny.measure(TinyEncoder(), clips)
    for fool in (measure_tiny.thumbnails(), measure_tiny.untrained()):
        seen = measure_tiny.measure(fool, clips)
        assert trained["class"] > seen["class"] + 0.3
        assert trained["onset"] > seen["onset"] and trained["loudness"] > seen["loudness"]
