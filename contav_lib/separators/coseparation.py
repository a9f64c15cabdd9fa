"""Co-Separation (Gao and Grauman 2019): a U-Net that is told what to listen for where its map is smallest.

The picture's feature is laid over the bottleneck, and the way up makes the mask. A classifier that hears the separated
sound alone must recognise what it is: a mask that lets other instruments through is punished by it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from contav_lib.audio import EPSILON
from contav_lib.encoders.encoder import OBJECT_SIZE
from contav_lib.losses import separation_loss
from contav_lib.mixtures.batch import Batch
from contav_lib.separators.layers.resnet import ResNet
from contav_lib.separators.layers.unet import check_sides, with_frequency_codes
from contav_lib.separators.separator import LARGEST, Separator, SeparatorOutput, register_separator
from contav_lib.utils.settings import Checked


class Down(nn.Module):
    """Halve both axes."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.leaky_relu(self.norm(self.conv(x)), 0.2)


class Up(nn.Module):
    """Double both axes of a source's own map, joined by the mixture's map of the same size.

    The convolution of two maps side by side is the sum of one convolution each. So the mixture's map, which all of its
    sources share, needs to be convolved only once.
    """

    def __init__(self, own: int, shared: int, outputs: int, last: bool):
        super().__init__()
        self.own = nn.ConvTranspose2d(own, outputs, 4, 2, 1, bias=last)
        self.shared = nn.ConvTranspose2d(shared, outputs, 4, 2, 1, bias=False)
        self.norm = None if last else nn.BatchNorm2d(outputs)

    def forward(self, own: torch.Tensor, shared: torch.Tensor) -> torch.Tensor:
        """`own` `[B*N, C, F', T']`, `shared` `[B, C', F', T']` -> `[B*N, outputs, 2 F', 2 T']`."""
        x = self.own(own).unflatten(0, (len(shared), -1)) + self.shared(shared).unsqueeze(1)
        x = x.flatten(0, 1)
        return x if self.norm is None else functional.relu(self.norm(x))


class ConditionedUNet(nn.Module):
    """The way down once a mixture, the way up once a source.

    `visual_dim` are the values of the feature that is laid over the bottleneck; for the other sizes see `UNet`.
    """

    def __init__(self, width: int, levels: int, visual_dim: int, frequency_codes: int):
        super().__init__()
        channels = [width * min(2**level, 8) for level in range(levels)]
        self.levels, self.frequency_codes = levels, frequency_codes
        inputs = [1 + 2 * frequency_codes, *channels]
        self.down = nn.ModuleList(Down(*sizes) for sizes in zip(inputs, channels, strict=False))
        # From the innermost level outwards: a level's own map is what the level before made, at first the picture's feature.
        made = [*channels[-2::-1], 1]
        self.up = nn.ModuleList(
            Up(own, shared, outputs, last=outputs == 1)
            for own, shared, outputs in zip([visual_dim, *made], reversed(channels), made, strict=False)
        )
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's types lack this argument

    def forward(self, x: torch.Tensor, visual: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """`x` `[B, 1, F, T]`, `visual` `[B, N, V]` -> mask logits `[B, N, F, T]`, and each level's map, `[B, ...]`."""
        check_sides(x, self.levels)
        sources = visual.shape[1]
        x = with_frequency_codes(x, self.frequency_codes).contiguous(memory_format=torch.channels_last)
        downs = []
        for level in self.down:
            x = level(x)
            downs.append(x)
        ups = [visual.flatten(0, 1)[:, :, None, None].expand(-1, -1, *x.shape[2:])]
        for level, shared in zip(self.up, reversed(downs), strict=True):
            ups.append(level(ups[-1], shared))
        ups = [x.unflatten(0, (-1, sources)).flatten(1, 2) for x in ups[1:]]  # a mixture's N * C channels
        return ups[-1], downs + ups[:-1]


@dataclass(frozen=True)
class CoSeparationConfig(Checked):
    """Settings of `CoSeparation`; the defaults are the paper's.

    Attributes:
        width, levels, frequency_codes: the U-Net's (see `ConditionedUNet`).
        visual_dim: values of the projected object feature, and of `audio`.
        classifier_width, classifier_blocks: see `ResNet`. classifier_weight: of its cross-entropy among the losses.
        classifier_reaches_masks: whether what trains the classifier, and CrossSDC through the feature `audio`, trains the masks
            as well, as the authors have it. Through the logarithm its gradient grows as 1 / mask.
        object_dim: values of the object feature.

    Raises:
        ValueError: a size that makes no sense.
    """

    width: int = 64
    levels: int = 7
    frequency_codes: int = 0
    visual_dim: int = 512
    classifier_width: int = 64
    classifier_blocks: int = 2
    classifier_weight: float = 0.05
    classifier_reaches_masks: bool = True
    object_dim: int = OBJECT_SIZE

    def __post_init__(self):
        self.require_range("width", "visual_dim", "classifier_width", "object_dim", least=1, most=LARGEST)
        self.require_range("levels", "classifier_blocks", least=1, most=16)
        self.require_range("frequency_codes", least=0, most=64)
        self.require_range("classifier_weight", least=0)


@register_separator("coseparation")
class CoSeparation(Separator):
    """Co-Separation of any size.

    The picture comes as a frozen object feature; the authors train a ResNet-18 on frames. The feature `audio` for CrossSDC is
    our choice: the classifier's pooled feature of the separated spectrogram, projected to the width of `object`.

    References:
        Gao and Grauman, Co-Separating Sounds of Visual Objects, ICCV 2019.
        Pian et al., Continual Audio-Visual Sound Separation, NeurIPS 2024, section 4 (in a continual setting).
    """

    config: CoSeparationConfig
    config_class = CoSeparationConfig

    def __init__(self, num_classes: int, config: CoSeparationConfig | None = None):
        super().__init__(num_classes, config)
        sizes = self.config
        self.unet = ConditionedUNet(sizes.width, sizes.levels, sizes.visual_dim, sizes.frequency_codes)
        self.object_projection = nn.Linear(sizes.object_dim, sizes.visual_dim)
        self.listener = ResNet(sizes.classifier_width, sizes.classifier_blocks)
        self.audio_projection = nn.Linear(self.listener.features, sizes.visual_dim)
        self.classifier = nn.Linear(self.listener.features, num_classes)

    def forward(
        self, mixture: torch.Tensor, visual: Mapping[str, torch.Tensor], classes: torch.Tensor
    ) -> SeparatorOutput:
        objects = self.object_projection(visual["object"])
        logits, maps = self.unet((mixture + EPSILON).log(), functional.relu(objects))
        masks = logits.float().sigmoid()  # in bfloat16, faint sounds would be lost under the logarithm
        audible = masks if self.config.classifier_reaches_masks else masks.detach()
        separated = (audible * mixture + EPSILON).log()
        heard = self.listener(separated.flatten(0, 1).unsqueeze(1)).unflatten(0, classes.shape)
        return SeparatorOutput(
            masks=masks,
            features={"audio": self.audio_projection(heard), "object": objects},
            intermediate=maps,
            for_losses={"class_logits": self.classifier(heard)},
        )

    def losses(self, batch: Batch, separation: SeparatorOutput) -> dict[str, torch.Tensor]:
        """`separation`, for which masks of sources of one video are summed: together they are its sound; and `classifier`."""
        asked = slice(batch.num_sources)  # a method may have asked about more
        videos, logits = batch.videos[:, asked], separation.for_losses["class_logits"][:, asked]
        same_video = (videos.unsqueeze(2) == videos.unsqueeze(1)).to(separation.masks.dtype)
        summed = torch.einsum("bnm,bmft->bnft", same_video, separation.masks[:, asked])
        recognised = functional.cross_entropy(logits.flatten(0, 1).float(), batch.classes[:, asked].flatten())
        return {
            "separation": separation_loss(summed, batch.ratio_masks, batch.weights),
            "classifier": self.config.classifier_weight * recognised,
        }

    def _grow(self, num_classes: int, generator: torch.Generator | None) -> None:
        """New rows of the classifier are drawn as a linear layer's first rows are."""
        rows, bound = num_classes - self.num_classes, self.classifier.in_features**-0.5
        for name, kept in list(self.classifier.named_parameters()):
            fresh = (2 * torch.rand(rows, *kept.shape[1:], generator=generator) - 1) * bound
            setattr(self.classifier, name, nn.Parameter(torch.cat([kept.detach(), fresh.to(kept)])))
        self.classifier.out_features = num_classes
