"""Two small networks that stand in for CLIP and VideoMAE on the embedded data set.

They were trained once, on invented instruments only (`python -m contav_lib.minimusic.train_tiny`): a class of the data set
is as new to them as to the separator. `python tests/measure_tiny.py` measures what they see of the 20 classes.
"""

import hashlib
from importlib.resources import files
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import interpolate

from contav_lib.encoders.encoder import MOTION_SIZE, OBJECT_SIZE, Encoder, in_pairs
from contav_lib.utils.registry import ENCODERS
from contav_lib.utils.storage import load_tensors, without_prefix

WEIGHTS = Path(str(files("contav_lib.encoders") / "tiny.safetensors"))  # comes with the package
_HEIGHT, _WIDTH = 60, 80  # all that the networks see of a picture


class TinyNetwork(nn.Module):
    """Five convolutions, then one linear layer on what responded (strongest, mean) and on where it did.

    Input `[n, 3, 60, 80]`; output `[n, features]`, standardised: each feature has about zero mean and unit variance.
    """

    def __init__(self, features: int, widths: tuple[int, ...] = (16, 32, 64, 96)):
        super().__init__()
        layers, before = [], 3
        for width in widths:
            layers += [nn.Conv2d(before, width, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
            before = width
        layers += [nn.Conv2d(before, 128, 3, padding=1, bias=False), nn.BatchNorm2d(128), nn.ReLU()]
        self.convolutions = nn.Sequential(*layers)
        self.places = nn.Conv2d(128, 16, 1)
        self.project = nn.Linear(2 * 128 + 16 * 4 * 5, features)
        self.standardise = nn.BatchNorm1d(features, affine=False)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        responses = self.convolutions(pictures)
        places = self.places(responses).flatten(1)
        summary = torch.cat([responses.amax((2, 3)), responses.mean((2, 3)), places], dim=1)
        return self.standardise(self.project(summary))


def shrink(frames: torch.Tensor) -> torch.Tensor:
    """Frames `[n, height, width, 3]` uint8 -> small pictures `[n, 3, 60, 80]`, 0 to 1."""
    # On bytes, as this is several times faster than on floats.
    return interpolate(frames.permute(0, 3, 1, 2), (_HEIGHT, _WIDTH), mode="bilinear", antialias=True).float() / 255


def luminance(pictures: torch.Tensor) -> torch.Tensor:
    """The brightness `[n, 60, 80]` of small pictures `[n, 3, 60, 80]`."""
    red, green, blue = pictures.unbind(1)
    return 0.299 * red + 0.587 * green + 0.114 * blue


def object_input(pictures: torch.Tensor) -> torch.Tensor:
    """Small pictures `[n, 3, 60, 80]` -> the object network's input of the same shape, -2 to 2."""
    return (pictures - 0.5) * 4


def motion_input(before: torch.Tensor, now: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
    """Three brightnesses `[n, 60, 80]` -> the motion network's input `[n, 3, 60, 80]`: a picture and how it changes."""
    return torch.stack([(now - 0.5) * 4, (now - before) * 8, (after - now) * 8], dim=1)


@ENCODERS.register("tiny")
class TinyEncoder(Encoder):
    """The `Encoder` of the embedded data set.

    Args:
        weights: a file that `contav_lib.minimusic.train_tiny` wrote; the one that comes with the kit by default.
    """

    version = "2"
    longest_side = 160
    object_dim, motion_dim = OBJECT_SIZE, MOTION_SIZE

    def __init__(self, weights: str | Path | None = None):
        path = Path(weights) if weights else WEIGHTS
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing. Make it with: python -m contav_lib.minimusic.train_tiny")
        self.weights_hash = hashlib.sha256(path.read_bytes()).hexdigest()
        stored, _ = load_tensors(path)
        self._object_network = _frozen(TinyNetwork(self.object_dim), without_prefix("object.", stored))
        self._motion_network = _frozen(TinyNetwork(self.motion_dim), without_prefix("motion.", stored))

    @torch.no_grad()
    def objects(self, frames: torch.Tensor) -> torch.Tensor:
        return self._object_network(object_input(shrink(frames)))

    @torch.no_grad()
    def motion(self, frames: torch.Tensor) -> torch.Tensor:
        """See `Encoder.motion`. Each step looks at its 2 frames and the one before them."""
        brightness = luminance(shrink(in_pairs(frames)))
        now, after = brightness[0::2], brightness[1::2]
        before = torch.cat([now[:1], after[:-1]])
        return self._motion_network(motion_input(before, now, after))


def _frozen(network: TinyNetwork, weights: dict[str, torch.Tensor]) -> TinyNetwork:
    network.load_state_dict(weights)  # stored as float16, computed in float32
    return network.eval().requires_grad_(False)
