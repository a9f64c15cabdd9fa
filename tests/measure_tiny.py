"""Measure what the tiny encoders see of MiniMUSIC's classes: `python tests/measure_tiny.py`.

Clips of all 20 classes are drawn apart from the data set. Two questions: how often the mean object feature of a clip is
nearest to the mean of its own class, and how well a linear map of the motion features follows the music. Untrained
networks and thumbnails of a few pixels answer the same questions: features worth having must do better.
"""

import argparse
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import adaptive_avg_pool2d, normalize

from contav_lib.encoders.tiny import MOTION_SIZE, OBJECT_SIZE, TinyEncoder, TinyNetwork, shrink
from contav_lib.minimusic.composition import INSTRUMENTS, compose
from contav_lib.minimusic.drawing import draw
from contav_lib.minimusic.train_tiny import music_of

_APART = 611_953  # part of every seed here, so that no clip of the data set is drawn
_FRAME_RATE, _SECONDS, _PENALTY = 8, 4.0, 300.0
_THUMBNAIL = 8, 10  # pixels, height and width


@dataclass
class Sight:
    """Ways to see: both take frames `[n, height, width, 3]` uint8 and return features, `[n, .]` and `[n / 2, .]`."""

    objects: Callable[[torch.Tensor], torch.Tensor]
    motion: Callable[[torch.Tensor], torch.Tensor]


def thumbnails() -> Sight:
    """Colours of 8 x 10 pixels, and how much each changes within a motion step."""

    def objects(frames: torch.Tensor) -> torch.Tensor:
        return adaptive_avg_pool2d(shrink(frames), _THUMBNAIL).flatten(1)

    def motion(frames: torch.Tensor) -> torch.Tensor:
        small = objects(frames)
        change = small.diff(dim=0, prepend=small[:1]).abs()
        return torch.cat([change[0::2], change[1::2]], dim=1)

    return Sight(objects, motion)


def untrained(seed: int = 0) -> TinyEncoder:
    """A tiny encoder with the weights that training begins with."""
    torch.manual_seed(seed)
    encoder = TinyEncoder()
    encoder._object_network, encoder._motion_network = TinyNetwork(OBJECT_SIZE).eval(), TinyNetwork(MOTION_SIZE).eval()
    return encoder


def draw_class_clip(label: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw a clip of a class: frames `[n, 120, 160, 3]` uint8, and onset and loudness a step, `[n / 2, 2]`."""
    rng = np.random.default_rng([_APART, seed, list(INSTRUMENTS).index(label)])
    score = compose(label, rng, _SECONDS)
    music = music_of(score, _FRAME_RATE)[:2].reshape(2, -1, 2).max(2)
    return draw(score, rng, _FRAME_RATE), music.T


def nearest_mean_accuracy(train: torch.Tensor, test: torch.Tensor) -> float:
    """Fraction of test clips nearest to their own class's mean by cosine; `[classes, clips, features]` each.

    Features are standardised by the training clips first, so that no feature counts more for its unit.
    """
    mean, spread = train.mean((0, 1)), train.std((0, 1)) + 1e-6
    means = normalize(normalize((train - mean) / spread, dim=2).mean(1), dim=1)
    guesses = ((test - mean) / spread @ means.T).argmax(2)
    return (guesses == torch.arange(len(test))[:, None]).double().mean().item()


def explained_variance(
    train: torch.Tensor, music: torch.Tensor, test: torch.Tensor, played: torch.Tensor
) -> list[float]:
    """R^2 of ridge regression for each column of the music; features `[steps, features]`, music `[steps, columns]`."""
    mean, spread, level = train.mean(0), train.std(0) + 1e-6, music.mean(0)
    x, new = ((features - mean) / spread for features in (train, test))
    weights = torch.linalg.solve(x.T @ x + _PENALTY * torch.eye(x.shape[1], dtype=x.dtype), x.T @ (music - level))
    left = (new @ weights + level - played).square().sum(0)
    return (1 - left / (played - played.mean(0)).square().sum(0)).tolist()


@torch.no_grad()
def measure(sight: Sight | TinyEncoder, clips: list[tuple[np.ndarray, np.ndarray]]) -> dict[str, float]:
    """Measure accuracy (0 to 1) and R^2 of onset and loudness; `clips`: class after class, half of each for training."""
    frames = [torch.from_numpy(pictures) for pictures, _ in clips]
    looks = torch.stack([sight.objects(pictures[::_FRAME_RATE]).mean(0) for pictures in frames])
    moves = torch.stack([sight.motion(pictures) for pictures in frames])
    music = torch.from_numpy(np.stack([music for _, music in clips]))

    def halves(values: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return values.double().unflatten(0, (len(INSTRUMENTS), -1)).chunk(2, dim=1)

    (moved, moves), (heard, played) = ((half.flatten(0, 2) for half in halves(v)) for v in (moves, music))
    onset, loudness = explained_variance(moved, heard, moves, played)
    return {"class": nearest_mean_accuracy(*halves(looks)), "onset": onset, "loudness": loudness}


def main() -> None:
    """Measure from the command line."""
    parser = argparse.ArgumentParser(description="Measure what the tiny encoders see of the 20 classes.")
    parser.add_argument("--clips", type=int, default=20, help="drawn clips a class, half for training (default: 20)")
    parser.add_argument("--weights", type=Path, nargs="*", default=[], help="other weights to measure as well")
    arguments = parser.parse_args()
    jobs = [(label, seed) for label in INSTRUMENTS for seed in range(arguments.clips)]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        clips = list(pool.map(draw_class_clip, *zip(*jobs, strict=True), chunksize=10))
    sights: dict[str, Sight | TinyEncoder]
    sights = {"thumbnails": thumbnails(), "untrained": untrained(), "tiny": TinyEncoder()}
    sights |= {str(path): TinyEncoder(path) for path in arguments.weights}
    print("class: accuracy of the nearest class mean; onset, loudness: R^2 of ridge regression")
    for name, sight in sights.items():
        print(f"{name:12}", *(f"{key} {value:.2f}" for key, value in measure(sight, clips).items()), sep="  ")


if __name__ == "__main__":
    main()
