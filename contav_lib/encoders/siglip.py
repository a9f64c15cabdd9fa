"""SigLIP 2: object features as CLIP's, newer: learned pair by pair, with captions and places of things in pictures."""

from typing import ClassVar

import torch

from contav_lib.encoders.pretrained import Pretrained
from contav_lib.utils.registry import ENCODERS


@ENCODERS.register("siglip2")
class Siglip2(Pretrained):
    """The picture half of SigLIP 2 in one of its versions for pictures of a fixed size.

    References:
        Tschannen et al., SigLIP 2: Multilingual Vision-Language Encoders, 2025.
    """

    checkpoint: ClassVar[str] = "google/siglip2-base-patch16-224"
    network_class: ClassVar[str] = "SiglipVisionModel"
    object_dim = 768

    def __init__(self, place: str = ""):
        super().__init__(place)
        self.object_dim = self.network.config.hidden_size

    def objects(self, frames: torch.Tensor) -> torch.Tensor:
        """See `Encoder.objects`."""
        return self.frozen(self.fit(frames), lambda pictures: self.network(pictures).pooler_output)
