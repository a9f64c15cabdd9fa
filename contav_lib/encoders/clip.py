"""CLIP: what a picture shows, as a vector that lies near those of sentences which describe it; the paper's object features."""

from typing import ClassVar

import torch

from contav_lib.encoders.encoder import OBJECT_SIZE
from contav_lib.encoders.pretrained import Pretrained
from contav_lib.utils.registry import ENCODERS


@ENCODERS.register("clip")
class Clip(Pretrained):
    """The picture half of CLIP, projected into the space that it shares with text.

    References:
        Radford et al., Learning Transferable Visual Models From Natural Language Supervision, ICML 2021.
    """

    checkpoint: ClassVar[str] = "openai/clip-vit-base-patch32"
    network_class: ClassVar[str] = "CLIPVisionModelWithProjection"
    object_dim = OBJECT_SIZE

    def __init__(self, place: str = ""):
        super().__init__(place)
        self.object_dim = self.network.config.projection_dim

    def objects(self, frames: torch.Tensor) -> torch.Tensor:
        """See `Encoder.objects`."""
        return self.frozen(self.fit(frames), lambda pictures: self.network(pictures).image_embeds)
