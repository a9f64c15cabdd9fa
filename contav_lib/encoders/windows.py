"""Features of each place of a picture: a picture encoder is asked about one window after another."""

import torch

from contav_lib.encoders.encoder import Encoder


@torch.no_grad()
def feature_map(
    encoder: Encoder, frames: torch.Tensor, window: tuple[int, int], places: tuple[int, int]
) -> torch.Tensor:
    """Object features of windows that slide over pictures.

    Args:
        encoder: a frozen picture encoder.
        frames: `[n, height, width, 3]`, uint8 RGB.
        window: its height and width in pixels; about as large as what should be recognised.
        places: rows and columns of windows, spread evenly from border to border.

    Returns:
        `[n, object_dim, rows, columns]`, as `SoundOfPixels.where` takes it.

    Raises:
        ValueError: the window is larger than the pictures.
    """
    count, height, width, _ = frames.shape
    if window[0] > height or window[1] > width:
        raise ValueError(
            f"A window of {window[0]} x {window[1]} pixels doesn't fit into pictures of {height} x {width}."
        )
    tops = torch.linspace(0, height - window[0], places[0]).round().long()
    lefts = torch.linspace(0, width - window[1], places[1]).round().long()
    every = frames.unfold(1, window[0], 1).unfold(2, window[1], 1)
    windows = every[:, tops[:, None], lefts]  # [n, rows, columns, 3, h, w]
    features = encoder.objects(windows.flatten(0, 2).permute(0, 2, 3, 1))
    return features.unflatten(0, (count, *places)).permute(0, 3, 1, 2)
