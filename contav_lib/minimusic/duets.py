"""Duets and trios: several of MiniMUSIC's players on one stage, with the sound and the place of each.

The players are those of test clips that the data set itself never makes (`FIRST`): no training has heard their specimens.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from contav_lib.media import write_flac, write_video
from contav_lib.minimusic.drawing import PLAYERS
from contav_lib.minimusic.drawing.motion import moments
from contav_lib.minimusic.drawing.stage import SCENE, Place, Stage
from contav_lib.minimusic.generate import BLOCK, FRAME_RATE, RATE, SECONDS, SPLITS, perform
from contav_lib.utils.storage import write_json

FIRST = (
    SPLITS.index("test") * BLOCK + BLOCK // 2
)  # clip number of the first player of duet 0; `Duet.clips` has the others
MOST = 3  # players on a stage
SIZE = (320, 240)  # so that a player half as large has as many pixels as one alone
SCALES = {1: (0.7, 0.9), 2: (0.48, 0.6), 3: (0.36, 0.42)}  # of the players, by their number


@dataclass(frozen=True, eq=False)
class Duet:
    """A video of several players, and the truth about it.

    Attributes:
        video: the file; all are heard, each as loud as in `stems`.
        labels: the instruments, from left to right.
        stems: a FLAC file a player: what of the video's sound is its own. Their sum is the sound.
        clips: numbers of the players' clips; `generate.make_clip` makes each of them as a video of its own.
        boxes: left, top, right and bottom in pixels of each player's own scene, that which a video of its own would show:
            `[players, frames, 4]`; they may reach a little beyond the picture's edges.
    """

    video: Path
    labels: list[str]
    stems: list[Path]
    clips: list[int]
    boxes: np.ndarray


def make_duet(folder: Path, labels: Sequence[str], number: int = 0, seed: int = 0, walk: float = 0.0) -> Duet:
    """Make the video `<number>_<label>_<label>.mp4`, a FLAC file a player, and a JSON file with the truth, in a folder.

    Args:
        folder: made if need be.
        labels: one to three instruments, from left to right; one may play twice.
        number: other numbers have other music, players and rooms; 0 to 99.
        seed: of the data set.
        walk: how far the first player walks to and fro, in widths of its own scene.

    Raises:
        ValueError: an unknown instrument, too many, or a number out of range.
    """
    if not 1 <= len(labels) <= MOST or not set(labels) <= PLAYERS.keys() or not 0 <= number < 100:
        raise ValueError(
            f"labels={list(labels)!r}, number={number!r}: one to {MOST} of {', '.join(PLAYERS)}, and 0 to 99."
        )
    clips = [FIRST + MOST * number + place for place in range(len(labels))]
    scores, sounds, chances = zip(
        *(perform(label, clip, seed) for label, clip in zip(labels, clips, strict=True)), strict=True
    )
    rng = np.random.default_rng([seed, *map(list(PLAYERS).index, labels), *clips])
    frames = round(SECONDS * FRAME_RATE)
    players = [PLAYERS[label](chance) for label, chance in zip(labels, chances, strict=True)]
    music = [moments(score, FRAME_RATE) for score in scores]
    stage = Stage(rng, SIZE, frames)
    ways = _ways(rng, len(labels), frames, walk)
    pictures = np.empty((frames, SIZE[1], SIZE[0], 3), np.uint8)
    for frame in range(frames):
        image = stage.room.copy()
        for player, notes, way in zip(players, music, ways, strict=True):
            canvas = stage.canvas(image, player.closeness, way[frame])
            player.paint_still(canvas)
            player.paint_moving(canvas, notes[frame])
        pictures[frame] = np.asarray(stage.photograph(image, frame))
    boxes = np.array([[stage.box(place, frame) for frame, place in enumerate(way)] for way in ways])
    stems = np.stack(sounds) / len(sounds)
    path = Path(folder, f"{number:02d}_{'_'.join(labels)}")
    files = [path.with_name(f"{path.name}.{place + 1}.flac") for place in range(len(labels))]
    for file, stem in zip(files, stems, strict=True):
        write_flac(file, stem, RATE)
    write_video(path.with_suffix(".mp4"), stems.sum(0), RATE, stage.develop(pictures), FRAME_RATE)
    duet = Duet(path.with_suffix(".mp4"), list(labels), files, clips, boxes)
    truth = {
        "labels": duet.labels,
        "stems": [file.name for file in files],
        "clips": clips,
        "boxes": boxes.round(2).tolist(),
    }
    write_json(path.with_suffix(".json"), {"video": duet.video.name, "frame_rate": FRAME_RATE, **truth})
    return duet


def _ways(rng: np.random.Generator, count: int, frames: int, walk: float) -> list[list[Place]]:
    """The place of each player's scene in every picture: side by side, feet at the lower edge; the first one may walk."""
    ways = []
    for number in range(count):
        scale = rng.uniform(*SCALES[count])
        width, height = np.multiply(SCENE, scale)
        middle = SCENE[0] * (number + 0.5 + rng.uniform(-0.08, 0.08)) / count
        left = np.clip(middle - width / 2, -0.1 * width, SCENE[0] - 0.9 * width)
        top = SCENE[1] - height * rng.uniform(0.94, 1.0)
        swing = walk * width * np.sin(np.linspace(0, 2 * np.pi, frames)) * (number == 0)
        ways.append([(float(left + step), float(top), float(scale)) for step in swing])
    return ways
