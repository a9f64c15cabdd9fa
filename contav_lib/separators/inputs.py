"""What a separator is given must fit together: a look at the shapes before the first convolution fails in its own words."""

from collections.abc import Mapping

import torch


def check_inputs(
    mixture: torch.Tensor,
    visual: Mapping[str, torch.Tensor],
    classes: torch.Tensor,
    num_classes: int,
    widths: Mapping[str, int],
) -> None:
    """Raise a ValueError that gives both shapes where they don't fit.

    Only shapes are compared, so a GPU is never waited for. That classes are known is checked on the CPU only, since
    their values would have to come from the GPU.

    Args:
        mixture, visual, classes: see `Separator.forward`.
        num_classes: classes the separator knows.
        widths: values a feature of the modalities that it needs, such as `{"object": 512}`.
    """
    if mixture.ndim != 4 or mixture.shape[1] != 1 or not len(mixture):
        raise ValueError(f"A mixture is [B, 1, F, T]; this one is {shape(mixture)}.")
    if classes.ndim != 2 or classes.shape[0] != mixture.shape[0]:
        raise ValueError(
            f"Classes are [B, N], one row a mixture; these are {shape(classes)} for mixtures {shape(mixture)}."
        )
    if not classes.shape[1]:
        raise ValueError(
            f"No source is asked for: classes are {shape(classes)} for mixtures {shape(mixture)}. Ask for one or more."
        )
    for name, width in widths.items():
        if name not in visual:
            raise ValueError(f"This separator looks at {name!r}; it was shown {sorted(visual) or 'nothing'}.")
        if visual[name].ndim < 3 or visual[name].shape[2] != width:
            raise ValueError(
                f"visual[{name!r}] is {shape(visual[name])}, but this separator was made for features of {width} values, "
                f"{shape(classes)[:-1]}, {width}{', S' if name == 'motion' else ''}]: use the encoder it was trained with."
            )
    for name, value in visual.items():
        if value.shape[:2] != classes.shape:
            raise ValueError(
                f"visual[{name!r}] is {shape(value)} and classes are {shape(classes)}: "
                "both begin with [B, N], one entry a source."
            )
    if "motion" in widths:
        steps, padding = visual["motion"].shape[3:], visual.get("motion_mask")
        if padding is None or padding.shape[2:] != steps:
            given = "missing" if padding is None else shape(padding)
            raise ValueError(
                f"visual['motion_mask'] is {given}, but visual['motion'] is {shape(visual['motion'])}: "
                "they have as many steps, [B, N, S] and [B, N, D, S]."
            )
    if classes.device.type == "cpu" and not (classes.min() >= 0 and classes.max() < num_classes):
        raise ValueError(
            f"This separator has learned {num_classes} classes, number 0 to {num_classes - 1}; it was asked for "
            f"{int(classes.min())} to {int(classes.max())}. Make room for new ones with grow() and train it."
        )


def shape(tensor: torch.Tensor) -> str:
    """A tensor's shape as it is written in this kit: `[2, 1, 128, 32]`."""
    return str(list(tensor.shape))
