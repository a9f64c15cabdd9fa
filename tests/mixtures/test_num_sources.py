"""More than two sources, from the settings to the scores."""

import pytest
import torch

from contav_lib import Config, run
from contav_lib.evaluation.metrics import SCORES

pytestmark = pytest.mark.slow

SEPARATORS = {
    "iquery": dict(mask_dim=8, hidden=16, heads=2, feed_forward=24),
    "coseparation": dict(visual_dim=8, classifier_width=4),
    "soundofpixels": dict(mask_dim=8),
}


@pytest.mark.parametrize("separator", SEPARATORS)
@pytest.mark.parametrize("sources", [3, 4])
def test_an_experiment_with_more_sources(home, video_folder, separator, sources):
    config = Config.profile(
        "smoke",
        data=str(video_folder),
        method="contav",
        separator=separator,
        num_sources=sources,
        tasks=2,
        steps=2,
        batch_size=2,
        test_mixtures=2,
        validation_mixtures=2,
        frames=32,
        bins=64,
        width=4,
        **SEPARATORS[separator],
    )
    result = run(config, progress=False)
    for score in SCORES:
        matrix = torch.tensor(result.matrix(score))
        assert matrix[1].isfinite().all() and matrix[0, 0].isfinite()
    assert all(len(example["separated"][1]) == sources for example in result.examples())


@pytest.mark.parametrize("sources", [2, 3, 4])
def test_sources_sum_to_the_mixture_and_masks_share_it(make_store, sources):
    store = make_store(classes=4)
    clips = torch.stack([torch.randperm(12)[:sources] for _ in range(3)])
    batch = store.batch(store.spec(clips, torch.Generator().manual_seed(0)), keep_waveforms=True)
    assert batch.num_sources == sources == batch.sources.shape[1]
    loudest = batch.sources.abs().amax()
    assert loudest <= 1 / sources + 1e-6  # each is divided by their number
    assert batch.ratio_masks.sum(1).mean() >= 1 - 1e-3  # magnitudes of the parts are at least the whole's
