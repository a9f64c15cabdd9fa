"""Sound of Pixels: the mask's formula, its two targets, and where the sound comes from."""

import pytest
import torch
from samples import SMALL, make_prepared
from small_separators import inputs, make
from torch.nn import functional

from contav_lib.mixtures.clip_store import ClipStore
from contav_lib.separators.separator import Separator
from contav_lib.separators.soundofpixels import SoundOfPixels


@pytest.fixture
def batch():
    store = ClipStore([make_prepared(i, f"class{i}") for i in range(4)], {f"class{i}": i for i in range(4)}, SMALL)
    return store.batch(store.spec(torch.tensor([[0, 1], [2, 3]]), torch.Generator().manual_seed(0)))


def test_the_full_size_is_the_papers():
    with torch.device("meta"):
        separator = SoundOfPixels(20)
    assert separator.config.mask_dim == len(separator.scale) == 32 and separator.unet.levels == 7


def test_the_mask_by_hand():
    separator, given = make("soundofpixels").eval(), inputs()
    separator.scale.data.uniform_(-1, 1)
    separator.bias.data.fill_(0.3)
    maps = separator.unet.mask_features(separator.unet((given["mixture"] + 1e-10).log()))
    seen = torch.sigmoid(separator.object_projection(given["visual"]["object"][1, 0]))
    expected = sum(separator.scale[k] * seen[k] * maps[1, k] for k in range(8)) + 0.3
    assert torch.allclose(separator(**given).masks[1, 0], expected.sigmoid(), atol=1e-5)


def test_what_is_heard_is_the_mean_map_where_the_mask_lets_sound_through():
    separator, given = make("soundofpixels").eval(), inputs()
    answer = separator(**given)
    maps = separator.unet.mask_features(separator.unet((given["mixture"] + 1e-10).log()))
    weight = answer.masks[0, 1] * torch.log1p(given["mixture"][0, 0])
    mean = (weight * maps[0]).sum((1, 2)) / weight.sum()
    assert torch.allclose(answer.features["audio"][0, 1], separator.audio_projection(mean), atol=1e-5)


def test_binary_masks_are_learned_by_cross_entropy(batch):
    separator = make("soundofpixels").eval()
    answer = separator(batch.mixture, batch.visual, batch.classes)
    mine = (batch.ratio_masks > 0.5).float()
    expected = functional.binary_cross_entropy(answer.masks, mine, weight=batch.weights.expand_as(mine))
    assert torch.allclose(separator.losses(batch, answer)["separation"], expected, atol=1e-5)


def test_cross_entropy_stays_finite_where_the_answer_is_wrong_beyond_doubt(batch):
    separator = make("soundofpixels").eval()
    separator.bias.data.fill_(200.0)
    separator.losses(batch, separator(batch.mixture, batch.visual, batch.classes))["separation"].backward()
    assert separator.bias.grad.isfinite() and separator.bias.grad > 0


def test_ratio_masks_are_learned_as_by_all_others(batch):
    separator = make("soundofpixels", target="ratio").eval()
    answer = separator(batch.mixture, batch.visual, batch.classes)
    assert separator.losses(batch, answer) == Separator.losses(separator, batch, answer)


def test_another_target_is_refused():
    with pytest.raises(ValueError, match="target='soft': known are: binary, ratio"):
        make("soundofpixels", target="soft")


def test_every_position_is_asked_as_a_source_would_be():
    separator, given = make("soundofpixels").eval(), inputs(sources=1)
    feature_map = torch.randn(2, 512, 3, 4)
    feature_map[1, :, 2, 1] = given["visual"]["object"][1, 0]
    energy = separator.where(given["mixture"], feature_map)
    assert energy.shape == (2, 3, 4) and energy.min() >= 0 and energy.max() <= 1
    mixture, mask = given["mixture"][1, 0], separator(**given).masks[1, 0]
    assert energy[1, 2, 1].item() == pytest.approx(
        ((mask * mixture).square().sum() / mixture.square().sum()).item(), 1e-4
    )


@pytest.mark.parametrize("shape", [(2, 300, 3, 4), (3, 512, 3, 4), (2, 512, 3)])
def test_a_feature_map_that_does_not_fit_is_refused(shape):
    with pytest.raises(ValueError, match=r"for mixtures \[2, 1, 64, 32\] is \[2, 512, H, W\]; this one is \["):
        make("soundofpixels").where(inputs()["mixture"], torch.randn(shape))
