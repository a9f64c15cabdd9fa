"""The drawn players of MiniMUSIC: a score becomes pictures of a musician whose every movement follows the notes."""

from __future__ import annotations

import numpy as np

from contav_lib.minimusic.composition import Score
from contav_lib.minimusic.drawing import keys, percussion, strings_bowed, strings_plucked, winds
from contav_lib.minimusic.drawing.body import Player
from contav_lib.minimusic.drawing.motion import Moment, moments
from contav_lib.minimusic.drawing.stage import Stage

PLAYERS = {
    "accordion": keys.Accordion,
    "acoustic_guitar": strings_plucked.AcousticGuitar,
    "bagpipe": winds.Bagpipe,
    "banjo": strings_plucked.Banjo,
    "bassoon": winds.Bassoon,
    "cello": strings_bowed.Cello,
    "clarinet": winds.Clarinet,
    "drum": percussion.DrumKit,
    "electric_bass": strings_plucked.ElectricBass,
    "erhu": strings_bowed.Erhu,
    "flute": winds.Flute,
    "guzheng": strings_plucked.Guzheng,
    "piano": keys.Piano,
    "pipa": strings_plucked.Pipa,
    "saxophone": winds.Saxophone,
    "trumpet": winds.Trumpet,
    "tuba": winds.Tuba,
    "ukulele": strings_plucked.Ukulele,
    "violin": strings_bowed.Violin,
    "xylophone": percussion.Xylophone,
}


def draw(
    score: Score, rng: np.random.Generator, frame_rate: float = 8.0, size: tuple[int, int] = (160, 120)
) -> np.ndarray:
    """Draw pictures of the score being played.

    Args:
        score: what is played; its label says which instrument.
        rng: chooses the room, the musician's looks, the pose and the camera; the same state draws the same pictures.
        frame_rate: pictures a second; picture k shows the time k / frame_rate.
        size: width and height in pixels, 4 : 3.

    Returns:
        uint8 `[n, height, width, 3]` with n = round(score.duration * frame_rate).

    Raises:
        ValueError: when nobody plays the score's instrument, or the size is not 4 : 3.
    """
    if score.label not in PLAYERS:
        raise ValueError(f"nobody here plays {score.label!r}; there are players for {', '.join(sorted(PLAYERS))}")
    return film(PLAYERS[score.label](rng), moments(score, frame_rate), rng, size)


def film(player: Player, music: list[Moment], rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """Draw one player in a room by chance, a picture for each moment: uint8 `[n, height, width, 3]`."""
    width, height = size
    if width * 3 != height * 4:
        raise ValueError(f"pictures are 4 : 3, such as 160 x 120, not {width} x {height}")
    stage = Stage(rng, size, len(music))
    player.paint_still(stage.canvas(stage.room, player.closeness))
    pictures = np.empty((len(music), height, width, 3), dtype=np.uint8)
    for frame, moment in enumerate(music):
        image = stage.room.copy()
        player.paint_moving(stage.canvas(image, player.closeness), moment)
        pictures[frame] = np.asarray(stage.photograph(image, frame))
    if player.mirrors and rng.random() < 0.5:
        pictures = np.ascontiguousarray(pictures[:, :, ::-1])
    return stage.develop(pictures)
