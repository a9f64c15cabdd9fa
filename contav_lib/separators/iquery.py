"""iQuery: instruments as queries (Chen et al. 2023), the paper's main separator.

The U-Net turns the mixture into latent tokens and mask features. One learnable query per class asks the picture what
moves (motion tokens) and the sound what is there (latent tokens); the answer at the wanted class's query is the separated
sound feature, from which the mask's channel weights are made (paper, eq. 4 to 6).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import nn

from contav_lib.encoders.encoder import MOTION_SIZE, OBJECT_SIZE
from contav_lib.separators.layers.attention import Attention, EncoderLayer, FeedForward, sine_positions, step_positions
from contav_lib.separators.layers.unet import UNet
from contav_lib.separators.separator import LARGEST, Separator, SeparatorOutput, register_separator
from contav_lib.utils.settings import Checked


@dataclass(frozen=True)
class IQueryConfig(Checked):
    """Settings of `IQuery`; the defaults are the paper's.

    Attributes:
        width, mask_dim, levels, frequency_codes: the U-Net's (see `UNet`).
        hidden: width D of the transformer. feed_forward: its inner width. heads: of its attention.
        encoder_layers: that look at the sound.
        decoder_layers: the first one looks at motion, all others at the sound; two at least.
        object_dim, motion_dim: values of the object and of the motion feature.
        padding: "masked" leaves padded motion steps out. "added" is the authors' code: the padding mask, a float, is
            added to the attention logits (so padding is favoured) and padding counts in the motion's mean.

    Raises:
        ValueError: a size that makes no sense, or an unknown padding.
    """

    width: int = 64
    mask_dim: int = 32
    levels: int = 7
    frequency_codes: int = 0
    hidden: int = 256
    heads: int = 8
    feed_forward: int = 1024
    encoder_layers: int = 1
    decoder_layers: int = 4
    object_dim: int = OBJECT_SIZE
    motion_dim: int = MOTION_SIZE
    padding: str = "masked"

    def __post_init__(self):
        sizes = ("width", "mask_dim", "hidden", "heads", "feed_forward", "object_dim", "motion_dim")
        self.require_range(*sizes, least=1, most=LARGEST)
        self.require_range("levels", least=1, most=16)
        self.require_range("frequency_codes", "encoder_layers", least=0, most=64)
        self.require_range("decoder_layers", least=2, most=64, why="the first looks at motion, the others at the sound")
        self.require("heads", self.hidden % self.heads == 0, f"must divide hidden={self.hidden}")
        self.require_one_of("padding", ("masked", "added"))


class MotionLayer(nn.Module):
    """First decoder layer: every query looks at the motion tokens of its source."""

    def __init__(self, width: int, heads: int, hidden: int):
        super().__init__()
        self.motion_attention = Attention(width, heads)
        self.feed_forward = FeedForward(width, hidden)
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)

    def forward(
        self,
        target: torch.Tensor,
        query: torch.Tensor,
        motion: torch.Tensor,
        bias: torch.Tensor,
        maps: list[torch.Tensor] | None = None,
    ) -> torch.Tensor:
        """`target`, `query` `[B*N, Q, D]`; `motion` `[B*N, S, D]`; `bias` `[B*N, S]` -> `[B*N, Q, D]`."""
        placed = motion + step_positions(motion.shape[1], motion.shape[2], motion.device)
        target = self.norm1(target + self.motion_attention(target + query, placed, motion, bias, maps))
        return self.norm2(target + self.feed_forward(target))


class AudioLayer(nn.Module):
    """Later decoder layers: the queries of a source look at one another, then at the audio tokens."""

    def __init__(self, width: int, heads: int, hidden: int):
        super().__init__()
        self.self_attention = Attention(width, heads)
        self.audio_attention = Attention(width, heads)
        self.feed_forward = FeedForward(width, hidden)
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        self.norm3 = nn.LayerNorm(width)

    def forward(
        self,
        target: torch.Tensor,
        query: torch.Tensor,
        tokens: torch.Tensor,
        positions: torch.Tensor,
        wanted: torch.Tensor | None = None,
        maps: list[torch.Tensor] | None = None,
    ) -> torch.Tensor:
        """`target`, `query` `[B*N, Q, D]`; `tokens` `[B, L, D]`; `positions` `[L, D]` -> `[B*N, Q, D]`.

        With `wanted` `[B*N]`, only that query of each source is answered (all are listened to): `[B*N, 1, D]`.
        """
        placed, values = target + query, target
        if wanted is not None:
            target, query = pick(target, wanted), pick(query, wanted)
        target = self.norm1(target + self.self_attention(target + query, placed, values))
        # The N sources of a mixture ask the same tokens, so their queries stand side by side in one attention call.
        asking = (target + query).unflatten(0, (len(tokens), -1)).flatten(1, 2)
        heard = self.audio_attention(asking, tokens + positions, tokens, maps=maps)
        target = self.norm2(target + heard.reshape(target.shape))
        return self.norm3(target + self.feed_forward(target))


def pick(rows: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """`[R, Q, D]` and one index a row `[R]` -> `[R, 1, D]`."""
    return rows.gather(1, wanted[:, None, None].expand(-1, 1, rows.shape[-1]))


class Prediction(NamedTuple):
    """Output of the predictor; D = hidden width."""

    weights: torch.Tensor  # of the mask features' channels [B, N, M]
    audio: torch.Tensor  # separated sound feature f_a [B, N, D]
    object: torch.Tensor  # projected object feature f_o [B, N, D]
    motion: torch.Tensor  # projected motion feature f_m, mean over time [B, N, D]
    tokens: torch.Tensor  # audio tokens after the encoder [B, L, D]
    layers: list[torch.Tensor]  # decoder layers' targets [B, N, Q, D]; the last one holds the wanted query only
    attention: list[torch.Tensor]  # of the wanted query, where asked for: to motion, to audio tokens; [B, N, heads, L]


class Predictor(nn.Module):
    """The audio-visual transformer: latent tokens, picture and class in, the weights of the mask features out.

    `latent_dim` are the channels of the U-Net's latent map; there are Q = `num_classes` queries.
    """

    def __init__(self, latent_dim: int, num_classes: int, config: IQueryConfig):
        super().__init__()
        hidden, layer_sizes = config.hidden, (config.hidden, config.heads, config.feed_forward)
        self.padding = config.padding
        self.input_projection = nn.Conv2d(latent_dim, hidden, 1) if latent_dim != hidden else nn.Identity()
        self.object_projection = nn.Linear(config.object_dim, hidden)
        self.motion_projection = nn.Linear(config.motion_dim, hidden)
        self.queries = nn.Embedding(num_classes, hidden)
        self.encoder = nn.ModuleList(EncoderLayer(*layer_sizes) for _ in range(config.encoder_layers))
        self.motion_layer = MotionLayer(*layer_sizes)
        self.audio_layers = nn.ModuleList(AudioLayer(*layer_sizes) for _ in range(config.decoder_layers - 1))
        self.norm = nn.LayerNorm(hidden)
        self.mask_weights = nn.Sequential(
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, config.mask_dim),
        )

    def forward(
        self,
        latent: torch.Tensor,
        visual: Mapping[str, torch.Tensor],
        classes: torch.Tensor,
        keep_attention: bool = False,
    ) -> Prediction:
        """`latent` `[B, C, F', T']`; `visual`, `classes` as in `Separator.forward`."""
        maps: list[torch.Tensor] | None = [] if keep_attention else None
        sources = classes.shape[1]
        wanted = classes.flatten()
        objects = self.object_projection(visual["object"])
        motion = self.motion_projection(visual["motion"].transpose(2, 3))
        padded = visual["motion_mask"]

        tokens, positions = self._encode(latent)
        query = self.queries.weight.expand(len(wanted), -1, -1)
        slot = nn.functional.one_hot(wanted, query.shape[1]).to(objects.dtype).unsqueeze(-1)
        target = slot * objects.flatten(0, 1).unsqueeze(1)  # zero but for the wanted class's slot, which holds f_o
        bias = (~padded if self.padding == "masked" else padded.to(motion.dtype)).flatten(0, 1)
        target = self.motion_layer(target, query, motion.flatten(0, 1), bias, maps)
        layers = [target]
        for layer in self.audio_layers[:-1]:
            layers.append(target := layer(target, query, tokens, positions))
        # Of the last layer only the wanted query's answer is used, so only that one is worked out.
        layers.append(self.audio_layers[-1](target, query, tokens, positions, wanted, maps))

        audio = self.norm(layers[-1]).unflatten(0, (-1, sources)).squeeze(2)
        weights = self.mask_weights(audio)
        present = (~padded if self.padding == "masked" else torch.ones_like(padded)).to(motion.dtype)
        mean_motion = (motion * present.unsqueeze(-1)).sum(2) / present.sum(2, keepdim=True).clamp(min=1)
        layers = [layer.unflatten(0, (-1, sources)) for layer in layers]
        attention = self._of_wanted(maps, wanted, sources)
        return Prediction(weights, audio, objects, mean_motion, tokens, layers, attention)

    @staticmethod
    def _of_wanted(maps: list[torch.Tensor] | None, wanted: torch.Tensor, sources: int) -> list[torch.Tensor]:
        """The two attention maps as `[B, N, heads, L]`: of all queries of every source, and of the wanted ones side by side."""
        if maps is None:
            return []
        to_motion, to_audio = maps
        to_motion = to_motion.take_along_dim(wanted[:, None, None, None], 2).squeeze(2)
        return [to_motion.unflatten(0, (-1, sources)), to_audio.transpose(1, 2)]

    def _encode(self, latent: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        latent = self.input_projection(latent)
        width, rows, columns = latent.shape[1:]
        positions = sine_positions(rows, columns, width, latent.device)
        tokens = latent.flatten(2).transpose(1, 2)
        for layer in self.encoder:
            tokens = layer(tokens, positions)
        return tokens, positions


@register_separator("iquery")
class IQuery(Separator):
    """iQuery of any size: the U-Net and the audio-visual transformer.

    References:
        Chen et al., iQuery: Instruments as Queries for Audio-Visual Sound Separation, CVPR 2023.
        Pian et al., Continual Audio-Visual Sound Separation, NeurIPS 2024, section 3.2.
    """

    config: IQueryConfig
    config_class = IQueryConfig
    modality_pairs = (("audio", "motion"), ("audio", "object"), ("motion", "object"))
    class_queries = True

    def __init__(self, num_classes: int, config: IQueryConfig | None = None):
        super().__init__(num_classes, config)
        sizes = self.config
        self.unet = UNet(sizes.width, sizes.mask_dim, sizes.levels, sizes.frequency_codes)
        self.predictor = Predictor(4 * sizes.width, num_classes, sizes)

    def forward(
        self, mixture: torch.Tensor, visual: Mapping[str, torch.Tensor], classes: torch.Tensor
    ) -> SeparatorOutput:
        maps = self.unet(torch.log1p(mixture))
        prediction = self.predictor(maps.latent, visual, classes, self.keep_attention)
        return SeparatorOutput(
            masks=self.unet.mix(maps, prediction.weights).float().sigmoid(),  # bfloat16 is too coarse near 1
            features={"audio": prediction.audio, "object": prediction.object, "motion": prediction.motion},
            intermediate=[*maps.intermediate, prediction.tokens],
            attention=prediction.attention,
        )

    def _grow(self, num_classes: int, generator: torch.Generator | None) -> None:
        """New query rows are drawn from N(0, 1), as an embedding's first rows are."""
        old = self.predictor.queries.weight.detach()
        fresh = torch.randn(num_classes - len(old), old.shape[1], generator=generator).to(old)
        self.predictor.queries = nn.Embedding.from_pretrained(torch.cat([old, fresh]), freeze=False)
