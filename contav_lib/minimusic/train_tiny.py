"""Train the two tiny encoders on invented instruments: `python -m contav_lib.minimusic.train_tiny`.

None of MiniMUSIC's 20 classes is drawn or named here (`toys` says what is seen instead), so each of them is new to the
encoders. The object network learns from single pictures which of many toys is seen and how high it plays; the motion
network learns from three pictures in a row when notes begin, how loud they sound and how high. Their last layers before
these answers are the features; the answers are thrown away. Takes some minutes; the same seed gives the same weights on
the same machine.
"""

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.functional import avg_pool2d, cross_entropy
from tqdm import tqdm, trange

from contav_lib.encoders import tiny
from contav_lib.minimusic.composition import Score
from contav_lib.minimusic.toys import draw_toy
from contav_lib.utils.storage import save_tensors

_SEED = 20_241_104
_FRAME_RATE, _SECONDS = 8.0, 3.0
_BATCH = 96
_FAR = 6  # pictures: 0.75 s, the distance of 16 pictures spread over 12 s


@dataclass
class Drawings:
    """K drawn clips of n pictures, and for each picture what the music did since the picture before."""

    pictures: torch.Tensor  # [K, n, 60, 80, 3], uint8
    toys: torch.Tensor  # [K]: the toy's number
    onset: torch.Tensor  # [K, n]: loudness 0 to 1 of the notes that begin
    loudness: torch.Tensor  # [K, n]: of all that sounds
    pitch: torch.Tensor  # [K, n]: mean pitch of what sounds, in octaves from middle C; NaN in silence


def music_of(score: Score, frame_rate: float) -> np.ndarray:
    """Music of a score from one picture to the next: `[3, n]`, onset and loudness (0 to 1) and pitch (octaves)."""
    end = np.arange(round(score.duration * frame_rate))[:, None] / frame_rate
    notes = np.array([(note.start, note.start + note.duration, note.pitch, note.velocity) for note in score.notes]).T
    starts, ends, pitches, loud = notes[0], notes[1], (notes[2] - 60) / 12, notes[3] / 127
    begins = (starts > end - 1 / frame_rate) & (starts <= end)
    sounds = (starts <= end) & (ends > end - 1 / frame_rate)
    heard = (sounds * loud).sum(1)
    pitch = np.where(heard > 0, (sounds * loud * pitches).sum(1) / np.maximum(heard, 1e-6), np.nan)
    return np.stack([(begins * loud).max(1), (sounds * loud).max(1), pitch])


def draw_clip(toy: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw one clip of a toy: small pictures `[n, 60, 80, 3]` uint8, and its music `[3, n]`."""
    frames, score = draw_toy(toy, seed, _SECONDS, _FRAME_RATE)
    pictures = tiny.shrink(torch.from_numpy(frames)) * 255
    return pictures.round().to(torch.uint8).permute(0, 2, 3, 1).numpy(), music_of(score, _FRAME_RATE)


def draw_clips(toys: int, per_toy: int) -> Drawings:
    """Draw clips of every toy, on all cores."""
    jobs = [(toy, seed) for seed in range(per_toy) for toy in range(toys)]
    with ProcessPoolExecutor(os.cpu_count(), initializer=torch.set_num_threads, initargs=(1,)) as pool:
        clips = pool.map(draw_clip, *zip(*jobs, strict=True), chunksize=20)
        pictures, music = zip(*tqdm(clips, "drawing", len(jobs), unit="clip"), strict=True)
    heard = torch.from_numpy(np.stack(music)).float()
    return Drawings(torch.from_numpy(np.stack(pictures)), torch.arange(toys).repeat(per_toy), *heard.unbind(1))


def train_objects(data: Drawings, steps: int) -> tiny.TinyNetwork:
    """Train the object network: which toy, and its pitch, from one picture."""

    def loss(features: torch.Tensor, clips: torch.Tensor, frames: torch.Tensor) -> torch.Tensor:
        answers = heads(features)
        told_apart = cross_entropy(answers[:, 1:], data.toys[clips], label_smoothing=0.1)
        return told_apart + 0.5 * _squared_error(answers[:, :1], data.pitch[clips, frames, None])

    def inputs(clips: torch.Tensor, frames: torch.Tensor) -> torch.Tensor:
        pictures = data.pictures[clips, frames].permute(0, 3, 1, 2).float() / 255
        return tiny.object_input(_augment(pictures, gains=3))

    torch.manual_seed(_SEED)
    network = tiny.TinyNetwork(tiny.OBJECT_SIZE)
    heads = nn.Linear(tiny.OBJECT_SIZE, 1 + int(data.toys.max()) + 1)
    return _train("object", network, heads, inputs, loss, data, steps)


def train_motion(data: Drawings, steps: int) -> tiny.TinyNetwork:
    """Train the motion network: onsets, loudness and pitch at three pictures in a row."""

    def loss(features: torch.Tensor, clips: torch.Tensor, frames: torch.Tensor) -> torch.Tensor:
        answers = heads(features)
        around = _around(frames, length)
        onset, loudness, pitch = (values[clips[:, None], around] for values in (data.onset, data.loudness, data.pitch))
        music = 4 * _squared_error(answers[:, :3], onset) + 2 * _squared_error(answers[:, 3:6], loudness)
        return music + 0.5 * _squared_error(answers[:, 6:], pitch.nanmean(1, keepdim=True))

    def inputs(clips: torch.Tensor, frames: torch.Tensor) -> torch.Tensor:
        pictures = (
            data.pictures[clips[:, None], _around(frames, length)].flatten(0, 1).permute(0, 3, 1, 2).float() / 255
        )
        brightness = tiny.luminance(pictures).unflatten(0, (-1, 3))
        return tiny.motion_input(*_augment(brightness, gains=1).unbind(1))

    torch.manual_seed(_SEED)
    length = data.pictures.shape[1]
    network, heads = tiny.TinyNetwork(tiny.MOTION_SIZE), nn.Linear(tiny.MOTION_SIZE, 7)
    return _train("motion", network, heads, inputs, loss, data, steps)


def _around(frames: torch.Tensor, length: int) -> torch.Tensor:
    """The picture before, each picture and the one after, `[batch, 3]`.

    In a third of the batch they lie far apart, as they do where 16 pictures are to show a whole video.
    """
    stride = torch.where(torch.arange(len(frames)) % 3 == 0, _FAR, 1)
    return (frames[:, None] + stride[:, None] * torch.tensor([-1, 0, 1])).clamp(0, length - 1)


def _train(name, network, heads, inputs, loss, data: Drawings, steps: int) -> tiny.TinyNetwork:
    """Train on what `inputs(clips, frames)` makes, a batch of pictures, by `loss(features, clips, frames)`."""
    parameters = [*network.parameters(), *heads.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=3e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    count, length = data.pictures.shape[:2]
    for step in (bar := trange(steps, desc=f"training {name}")):
        clips, frames = torch.randint(count, (_BATCH,)), torch.randint(length, (_BATCH,))
        value = loss(network(inputs(clips, frames)), clips, frames)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        schedule.step()
        if step % 20 == 0:
            bar.set_postfix(loss=f"{value.item():.3f}")
    return network.eval()


def _squared_error(answers: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """The mean over the values that are known (a pitch in silence is not)."""
    return (answers - wanted)[~wanted.isnan()].square().mean()


def _augment(pictures: torch.Tensor, gains: int) -> torch.Tensor:
    """Other light, noise, sometimes a blur, so that cameras and compression matter little. `[n, channels, 60, 80]`."""
    count = len(pictures)
    pictures = pictures * torch.empty(count, gains, 1, 1).uniform_(0.75, 1.25)
    pictures = pictures + torch.empty(count, 1, 1, 1).uniform_(-0.1, 0.1)
    blurred = avg_pool2d(pictures, 3, stride=1, padding=1, count_include_pad=False)
    pictures = torch.where(torch.rand(count, 1, 1, 1) < 0.3, blurred, pictures)
    return pictures + torch.randn_like(pictures) * torch.empty(count, 1, 1, 1).uniform_(0, 0.03)


def main() -> None:
    """Train from the command line."""
    parser = argparse.ArgumentParser(description="Train the tiny encoders.")
    parser.add_argument("--output", type=Path, default=tiny.WEIGHTS)
    parser.add_argument("--toys", type=int, default=800, help="invented instruments (default: %(default)s)")
    parser.add_argument("--clips", type=int, default=5, help="drawn clips of each (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=800, help="training steps of each network (default: %(default)s)")
    arguments = parser.parse_args()
    data = draw_clips(arguments.toys, arguments.clips)
    networks = {"object": train_objects(data, arguments.steps), "motion": train_motion(data, arguments.steps)}
    tensors = {
        f"{name}.{key}": value.half() if value.is_floating_point() else value
        for name, network in networks.items()
        for key, value in network.state_dict().items()
    }
    metadata = {name: getattr(arguments, name) for name in ("toys", "clips", "steps")}
    metadata["version"] = tiny.TinyEncoder.version
    save_tensors(arguments.output, tensors, metadata)
    print(f"{arguments.output}: {arguments.output.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
