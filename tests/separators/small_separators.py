"""Every separator in the package, small, and something to separate."""

import torch

from contav_lib.separators import Separator, separator_class
from contav_lib.utils.registry import SEPARATORS, import_all

SIZES = {  # of those whose default sizes are the paper's; others are tried with their defaults
    "iquery": dict(width=4, mask_dim=8, levels=4, hidden=16, heads=2, feed_forward=24, decoder_layers=3),
    "coseparation": dict(width=4, levels=4, visual_dim=8, classifier_width=4, classifier_blocks=1),
    "soundofpixels": dict(width=4, mask_dim=8, levels=4),
}
BINS, FRAMES = 64, 32
import_all(SEPARATORS.package)
NAMES = sorted(name for name, cls in SEPARATORS.items() if cls.__module__.startswith("contav_lib."))


def make(name: str, num_classes: int = 5, **options) -> Separator:
    separator = separator_class(name)
    return separator(num_classes, separator.config_class(**SIZES.get(name, {}) | options))


def inputs(mixtures: int = 2, sources: int = 2, num_classes: int = 5) -> dict:
    return dict(
        mixture=torch.rand(mixtures, 1, BINS, FRAMES),
        visual={
            "object": torch.randn(mixtures, sources, 512),
            "motion": torch.randn(mixtures, sources, 768, 8),
            "motion_mask": torch.zeros(mixtures, sources, 8, dtype=torch.bool),
        },
        classes=torch.randint(num_classes, (mixtures, sources)),
    )
