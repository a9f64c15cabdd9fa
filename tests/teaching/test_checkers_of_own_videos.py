"""The checker of notebook 07 that asks for a number, and the clock of its exercise against the kit's own."""

import numpy as np
import pytest
import torch

from contav_lib.media import read_frames, write_video
from contav_lib.teaching.behaviour import CODED
from contav_lib.teaching.check import check


def test_the_shorter_of_sound_and_pictures_counts():
    given = dict(heard=12, shown=9.5)
    assert check("seconds that are kept", 9.5, **given).verdict == "Right"
    assert "look at" in check("seconds that are kept", 12, **given).text
    assert "made up" in check("seconds that are kept", 10.75, **given).text


@pytest.mark.parametrize("rate", [3.0, 8.0, 20.0])
def test_pictures_are_chosen_as_the_kit_chooses_them(tmp_path, rate):
    greys = [
        20 * number for number in range(12)
    ]  # pictures that tell their number, 10 a second; ties go to the later one
    pictures = [np.full((32, 32, 3), grey, np.uint8) for grey in greys]
    write_video(tmp_path / "video.mp4", 0.1 * np.sin(np.arange(13230)), 11025, pictures, 10)
    read = read_frames(tmp_path / "video.mp4", rate).float().mean((1, 2, 3))
    nearest = CODED["pictures on the clock"].reference(torch.arange(12) / 10 - 1e-4, 0.0, rate, len(read))
    assert (read - torch.tensor(greys)[nearest]).abs().max() < 8
