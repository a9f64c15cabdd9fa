"""Sound of Pixels (Zhao et al. 2018): the sound is split into K maps, and the picture says how to add them up.

Since the picture enters only at the very end, every spot of it can be asked what it sounds like: `where`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from contav_lib.audio import EPSILON
from contav_lib.encoders.encoder import OBJECT_SIZE
from contav_lib.mixtures.batch import Batch
from contav_lib.separators.layers.unet import UNet
from contav_lib.separators.separator import LARGEST, Separator, SeparatorOutput, register_separator
from contav_lib.utils.settings import Checked


@dataclass(frozen=True)
class SoundOfPixelsConfig(Checked):
    """Settings of `SoundOfPixels`; the defaults are the paper's.

    Attributes:
        width, mask_dim, levels, frequency_codes: the U-Net's (see `UNet`); K = `mask_dim`.
        object_dim: values of the object feature.
        target: "binary": a pixel belongs to a source or does not (it is more than half of the mixture), learned by
            cross-entropy; the masks are the probabilities of that. "ratio": the ratio mask, learned by L1.

    Raises:
        ValueError: a size that makes no sense, or an unknown target.
    """

    width: int = 64
    mask_dim: int = 32
    levels: int = 7
    frequency_codes: int = 0
    object_dim: int = OBJECT_SIZE
    target: str = "binary"

    def __post_init__(self):
        self.require_range("width", "mask_dim", "object_dim", least=1, most=LARGEST)
        self.require_range("levels", least=1, most=16)
        self.require_range("frequency_codes", least=0, most=64)
        self.require_one_of("target", ("binary", "ratio"))


@register_separator("soundofpixels")
class SoundOfPixels(Separator):
    """Sound of Pixels of any size.

    The K values that the picture gives say how much of each map belongs to the source; the same K values are its
    feature `object` for CrossSDC. `audio`, our choice, is what the K maps hold on average where the source's mask lets
    sound through, projected. It tells no classes apart, so there is nothing to grow.

    References:
        Zhao et al., The Sound of Pixels, ECCV 2018.
    """

    config: SoundOfPixelsConfig
    config_class = SoundOfPixelsConfig

    def __init__(self, num_classes: int, config: SoundOfPixelsConfig | None = None):
        super().__init__(num_classes, config)
        sizes = self.config
        self.unet = UNet(sizes.width, sizes.mask_dim, sizes.levels, sizes.frequency_codes)
        self.object_projection = nn.Linear(sizes.object_dim, sizes.mask_dim)
        self.audio_projection = nn.Linear(sizes.mask_dim, sizes.mask_dim)
        self.scale = nn.Parameter(torch.ones(sizes.mask_dim))
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(
        self, mixture: torch.Tensor, visual: Mapping[str, torch.Tensor], classes: torch.Tensor
    ) -> SeparatorOutput:
        maps = self.unet((mixture + EPSILON).log())
        mask_features = self.unet.mask_features(maps)
        objects = self.object_projection(visual["object"])
        logits = self._logits(objects, mask_features)
        masks = logits.sigmoid()
        loudness = masks * torch.log1p(mixture)
        share = loudness / (loudness.sum((2, 3), keepdim=True) + EPSILON)
        heard = torch.einsum("bnft,bkft->bnk", share, mask_features)
        return SeparatorOutput(
            masks=masks,
            features={"audio": self.audio_projection(heard), "object": objects},
            intermediate=maps.intermediate,
            for_losses={"mask_logits": logits},
        )

    def where(self, mixture: torch.Tensor, feature_map: torch.Tensor) -> torch.Tensor:
        """Map of where the sound of `[B, 1, F, T]` comes from: each position of the picture is asked for its part of it.

        Args:
            mixture: log-frequency magnitude.
            feature_map: object features of H x W positions, `[B, object_dim, H, W]`.

        Returns:
            The energy that each position's mask lets through, as a share of the mixture's, `[B, H, W]` in 0 .. 1.
        """
        width = self.object_projection.in_features
        if feature_map.ndim != 4 or feature_map.shape[:2] != (len(mixture), width):
            raise ValueError(
                f"A feature map for mixtures {list(mixture.shape)} is [{len(mixture)}, {width}, H, W]; "
                f"this one is {list(feature_map.shape)}."
            )
        maps = self.unet.mask_features(self.unet((mixture + EPSILON).log()))
        energy = []
        for row in feature_map.unbind(2):  # row by row: masks of all positions at once would take much memory
            masks = self._logits(self.object_projection(row.transpose(1, 2)), maps).sigmoid()
            energy.append((masks * mixture).square().sum((2, 3)))
        return torch.stack(energy, 1) / (mixture.square().sum((2, 3)).unsqueeze(2) + EPSILON)

    def _logits(self, objects: torch.Tensor, maps: torch.Tensor) -> torch.Tensor:
        """`[B, N, K]` and `[B, K, F, T]` -> mask logits `[B, N, F, T]`, in float32."""
        parts = objects.sigmoid() * self.scale
        return torch.einsum("bnk,bkft->bnft", parts, maps).float() + self.bias

    def losses(self, batch: Batch, separation: SeparatorOutput) -> dict[str, torch.Tensor]:
        """`separation`: weighted cross-entropy to the binary mask, or weighted L1 to the ratio mask."""
        if self.config.target == "ratio":
            return super().losses(batch, separation)
        logits = separation.for_losses["mask_logits"][:, : batch.num_sources]
        target = (batch.ratio_masks > 0.5).float()
        weights = batch.weights.expand_as(target)
        return {"separation": functional.binary_cross_entropy_with_logits(logits, target, weights)}
