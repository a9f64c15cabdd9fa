"""The authors' iQuery checkpoints and batches, in ours."""

import re

import torch

from contav_lib import Config, audio
from contav_lib.experiments.setup import make_separator
from contav_lib.mixtures.batch import Batch
from contav_lib.separators import Separator
from contav_lib.utils.storage import without_prefix

Weights = dict[str, torch.Tensor]

# The authors' names -> ours, by regular expression. Weights of theirs that no line matches stand idle in their network:
# the first decoder layer never uses its self- and audio attention, the later ones never their motion attention.
UNET_NAMES = [
    (r"bn0\.(.*)", r"input_norm.\1"),
    (r"downconv(\d+)\.(.*)", r"down.{level}.conv.\2"),
    (r"downnorm(\d+)\.(.*)", r"down.{level}.norm.\2"),
    (r"upconv(\d+)\.(.*)", r"up.{innermost}.conv.\2"),
    (r"upnorm(\d+)\.(.*)", r"up.{innermost}.norm.\2"),
]
PREDICTOR_NAMES = [
    (r"transformer\.encoder\.layers\.(\d+)\.self_attn\.(.*)", r"encoder.\1.self_attention.\2"),
    (r"transformer\.encoder\.layers\.(\d+)\.(linear\d\..*)", r"encoder.\1.feed_forward.\2"),
    (r"transformer\.encoder\.layers\.(\d+)\.(norm\d\..*)", r"encoder.\1.\2"),
    (r"transformer\.decoder\.layers\.0\.cross_attn_motion\.(.*)", r"motion_layer.motion_attention.\1"),
    (r"transformer\.decoder\.layers\.0\.(linear\d\..*)", r"motion_layer.feed_forward.\1"),
    (r"transformer\.decoder\.layers\.0\.norm4\.(.*)", r"motion_layer.norm1.\1"),
    (r"transformer\.decoder\.layers\.0\.norm3\.(.*)", r"motion_layer.norm2.\1"),
    (r"transformer\.decoder\.layers\.([1-9]\d*)\.self_attn\.(.*)", r"audio_layers.{later}.self_attention.\2"),
    (r"transformer\.decoder\.layers\.([1-9]\d*)\.multihead_attn\.(.*)", r"audio_layers.{later}.audio_attention.\2"),
    (r"transformer\.decoder\.layers\.([1-9]\d*)\.(linear\d\..*)", r"audio_layers.{later}.feed_forward.\2"),
    (r"transformer\.decoder\.layers\.([1-9]\d*)\.(norm[123]\..*)", r"audio_layers.{later}.\2"),
    (r"transformer\.decoder\.norm\.(.*)", r"norm.\1"),
    (r"query_embed\.(.*)", r"queries.\1"),
    (r"mask_embed\.layers\.(\d)\.(.*)", r"mask_weights.{twice}.\2"),
    (r"down\.(.*)", r"motion_projection.\1"),
    (r"objproj\.(.*)", r"object_projection.\1"),
    (r"input_proj\.(?:0\.)?(.*)", r"input_projection.\1"),
]


def convert(sound: Weights, mask: Weights) -> tuple[int, dict[str, int], Weights]:
    """Number of classes, sizes (as in `IQueryConfig`) and weights of an `IQuery` equal to the authors' two networks."""
    levels = sum(re.fullmatch(r"downconv\d+\.weight", name) is not None for name in sound)
    encoder = {name.split(".")[3] for name in mask if name.startswith("transformer.encoder.layers.")}
    decoder = {name.split(".")[3] for name in mask if name.startswith("transformer.decoder.layers.")}
    num_classes, hidden = mask["query_embed.weight"].shape
    sizes = {
        "width": len(sound["downconv1.weight"]),
        "mask_dim": len(sound["upconv1.weight"]),
        "levels": levels,
        "hidden": hidden,
        "feed_forward": len(mask["transformer.decoder.layers.0.linear1.weight"]),
        "encoder_layers": len(encoder),
        "decoder_layers": len(decoder),
        "object_dim": mask["objproj.weight"].shape[1],
        "motion_dim": mask["down.weight"].shape[1],
    }
    weights = {f"unet.{our_name(name, UNET_NAMES, levels)}": value for name, value in sound.items()}
    for name, value in mask.items():
        if ours := our_name(name, PREDICTOR_NAMES, levels):
            # Theirs are 1 x 1 convolutions over time; a linear layer is the same thing.
            linear = ours in ("motion_projection.weight", "object_projection.weight")
            weights[f"predictor.{ours}"] = value.squeeze(-1) if linear else value
    return num_classes, sizes, weights


def our_name(name: str, table: list[tuple[str, str]], levels: int = 7) -> str | None:
    """Our name of one of the authors' weights; None for one that stands idle in their network."""
    for pattern, ours in table:
        if match := re.fullmatch(pattern, name):
            number = int(match[1]) if match[1].isdigit() else 0
            filled = match.expand(ours)
            return filled.format(level=number - 1, innermost=levels - number, later=number - 1, twice=2 * number)
    return None


def separator_of(config: Config, tensors: Weights, prefix: str = "") -> Separator:
    """The separator of these settings, in train mode, with the authors' weights `<prefix>sound.<...>`, `<prefix>mask.<...>`."""
    networks = (without_prefix(f"{prefix}{network}.", tensors) for network in ("sound", "mask"))
    num_classes, _, weights = convert(*networks)
    separator = make_separator(config, num_classes)
    separator.load_state_dict(weights)
    return separator.train()


def batch_of(config: Config, tensors: Weights, first_new: int) -> Batch:
    """The authors' batch as ours.

    Args:
        config: says how spectrograms are warped.
        tensors: theirs: `mag_mix [B, 1, 512, T]`, and of each source n = 0, 1, ... `mags.n` likewise, `classes.n [B]`,
            `frames_features.n [B, Do]`, `motions.n [B, Dm, S]` and `motion_masks.n [B, S]`, floats, 1 for a padded step.
        first_new: number of the first class of the task at hand; those before it come out of the memory.
    """
    count = sum(name.startswith("mags.") for name in tensors)
    stack = lambda name: torch.stack([tensors[f"{name}.{n}"] for n in range(count)], 1)  # noqa: E731
    mixture = audio.warp(tensors["mag_mix"] + audio.EPSILON, config.bins, config.align_corners)
    magnitudes = audio.warp(stack("mags").squeeze(2), config.bins, config.align_corners)
    classes, motion = stack("classes"), stack("motions")
    # Two sources are the same video exactly when their motion is equal.
    videos = motion.flatten(2).flatten(0, 1).unique(dim=0, return_inverse=True)[1].reshape(classes.shape)
    return Batch(
        mixture=mixture,
        ratio_masks=audio.ratio_masks(magnitudes, mixture),
        weights=audio.loss_weights(mixture),
        visual={"object": stack("frames_features"), "motion": motion, "motion_mask": stack("motion_masks").bool()},
        classes=classes,
        videos=videos,
        is_old_class=classes < first_new,
    )
