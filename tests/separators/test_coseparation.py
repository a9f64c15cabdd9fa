"""Co-Separation: the way up by parts is the paper's, and its two losses."""

import pytest
import torch
from samples import SMALL, make_prepared
from small_separators import inputs, make
from torch.nn import functional

from contav_lib.losses import separation_loss
from contav_lib.mixtures.clip_store import ClipStore
from contav_lib.separators.coseparation import CoSeparation, Up


def some_batch(sources: int = 2):
    store = ClipStore([make_prepared(i, f"class{i}") for i in range(4)], {f"class{i}": i for i in range(4)}, SMALL)
    clips = torch.stack([torch.randperm(4)[:sources] for _ in range(3)])
    return store.batch(store.spec(clips, torch.Generator().manual_seed(0)))


def test_the_full_size_is_the_papers():
    with torch.device("meta"):
        separator = CoSeparation(20)
    down = [level.conv.weight.shape for level in separator.unet.down]
    assert [shape[0] for shape in down] == [64, 128, 256, 512, 512, 512, 512]
    assert all(shape[2:] == (4, 4) for shape in down)
    up = [(level.own.in_channels, level.shared.in_channels, level.own.out_channels) for level in separator.unet.up]
    assert up == [
        (512, 512, 512),
        (512, 512, 512),
        (512, 512, 512),
        (512, 512, 256),
        (256, 256, 128),
        (128, 128, 64),
        (64, 64, 1),
    ]
    resnet18 = sum(parameter.numel() for parameter in separator.listener.parameters())
    assert (
        resnet18 == 11_689_512 - 513_000 - 2 * 64 * 49
    )  # without its last layer, and for one channel in place of three


def test_two_convolutions_are_one_of_both_maps():
    level, sources = Up(5, 3, 4, last=True), 2
    own, shared = torch.randn(3 * sources, 5, 4, 2), torch.randn(3, 3, 4, 2)
    weight = torch.cat([level.own.weight, level.shared.weight])
    both = torch.cat([own, shared.repeat_interleave(sources, 0)], 1)
    expected = functional.conv_transpose2d(both, weight, level.own.bias, 2, 1)
    assert torch.allclose(level(own, shared), expected, atol=1e-5)


def test_the_classifier_hears_the_separated_sound():
    separator, given = make("coseparation").eval(), inputs()
    answer = separator(**given)
    separated = (answer.masks * given["mixture"] + 1e-10).log()
    heard = separator.listener(separated[1, 1][None, None])
    assert torch.allclose(answer.for_losses["class_logits"][1, 1], separator.classifier(heard)[0], atol=1e-5)
    assert torch.allclose(answer.features["audio"][1, 1], separator.audio_projection(heard)[0], atol=1e-5)


def test_losses():
    separator, batch = make("coseparation").eval(), some_batch()
    answer = separator(batch.mixture, batch.visual, batch.classes)
    terms = separator.losses(batch, answer)
    assert terms.keys() == {"separation", "classifier"}
    assert torch.allclose(terms["separation"], separation_loss(answer.masks, batch.ratio_masks, batch.weights))
    log_softmax = answer.for_losses["class_logits"].log_softmax(-1)
    expected = -0.05 * log_softmax.take_along_dim(batch.classes.unsqueeze(2), 2).mean()
    assert torch.allclose(terms["classifier"], expected)


def test_masks_of_one_videos_objects_are_summed():
    separator, batch = make("coseparation").eval(), some_batch(3)
    batch.videos[:, 2] = batch.videos[:, 1]  # the last two are objects of one video
    answer = separator(batch.mixture, batch.visual, batch.classes)
    first, second, third = answer.masks.unbind(1)
    summed = torch.stack([first, second + third, second + third], 1)
    expected = separation_loss(summed, batch.ratio_masks, batch.weights)
    assert torch.allclose(separator.losses(batch, answer)["separation"], expected)


def test_new_classes_are_drawn_as_the_first_ones():
    separator = make("coseparation", classifier_width=8)
    separator.grow(200)
    bound = separator.classifier.in_features**-0.5
    assert separator.classifier.out_features == 200
    fresh = separator.classifier.weight.detach()[5:]
    assert bound * 0.9 < fresh.abs().max() <= bound and fresh.std().item() == pytest.approx(bound / 3**0.5, rel=0.1)
