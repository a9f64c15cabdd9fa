"""Pictures that stand still under music are found and told, and those in which a detector finds nothing."""

import numpy as np
import pytest
import torch
from samples import RATE

from contav_lib.cli import main
from contav_lib.datasets.watching import STILL, Watch
from contav_lib.encoders.encoder import Encoder
from contav_lib.media import each_picture, write_video
from contav_lib.utils.registry import ENCODERS

SECONDS, SIZE = 3, (96, 128)


def photograph() -> np.ndarray:
    """Something with edges, shades and noise, `[height, width, 3]` uint8."""
    rng = np.random.default_rng(0)
    shades = rng.normal(size=SIZE).cumsum(0).cumsum(1)
    picture = 200 * (shades - shades.min()) / np.ptp(shades) + rng.uniform(0, 55, SIZE)
    return np.repeat(picture.astype(np.uint8)[..., None], 3, 2)


def film(path, moving: int) -> None:
    """A photograph for three seconds, in which a square of so many pixels goes up and down."""
    pictures = np.stack([photograph()] * (8 * SECONDS))
    for number, picture in enumerate(pictures):
        top = 40 + round(20 * np.sin(number))
        picture[top : top + moving, 60 : 60 + moving] ^= 255
    path.parent.mkdir(parents=True, exist_ok=True)
    write_video(path, 0.5 * np.sin(np.arange(SECONDS * RATE) / 10), RATE, pictures, 8.0)


@pytest.mark.parametrize("moving", [0, 12, 40])
def test_motion_energy_tells_a_still_picture(tmp_path, moving):
    film(tmp_path / "a.mp4", moving)
    watch, pictures = Watch(), list(each_picture(tmp_path / "a.mp4", 8.0))
    assert all(map(np.array_equal, watch.motion(pictures), pictures))
    assert watch.energy > 4 * STILL if moving else watch.energy < STILL / 2
    assert ("still picture" in watch.remark) == (not moving)


@pytest.mark.parametrize("shape", [(1, 1), (5, 40), (17, 9)])
def test_any_size_and_number_of_pictures(shape):
    pictures = [np.full((*shape, 3), value, np.uint8) for value in (0, 30, 0)]
    for count, energy in ((1, 0), (3, 30), (0, 0)):
        watch = Watch()
        assert len(list(watch.motion(pictures[:count]))) == count and watch.energy == pytest.approx(energy)


class Blind(Encoder):
    """Looks for something, and finds it in each second picture."""

    version, weights_hash, longest_side, object_dim, motion_dim = "1", "", 64, 2, 2

    def crop(self, frames, label):
        return frames, torch.arange(len(frames)) % 2 == 0

    def objects(self, frames):
        return torch.zeros(len(frames), 2)

    def motion(self, frames):
        return torch.zeros(len(frames) // 2, 2)


def test_the_report_lists_them(tmp_path, capsys):
    ENCODERS.register("blind")(Blind)
    root = tmp_path / "videos"
    for number in range(3):
        film(root / f"violin/{number}.mp4", moving=12 * (number > 0))
    (root / "metadata.csv").write_text("".join(["file_name,label\n", *(f"violin/{n}.mp4,violin\n" for n in range(3))]))
    words = ["--dataset", "videofolder", "--data", str(root), "--encoder", "blind"]
    assert main(["data", "report", *words]) == 0
    assert "still" not in capsys.readouterr().out  # nothing is looked at yet
    assert main(["data", *words]) == 0
    made = capsys.readouterr().out
    assert main(["data", "report", *words]) == 0
    for printed in (made, capsys.readouterr().out):
        told = dict(line[2:].split(": ", 1) for line in printed.splitlines() if line.startswith("- violin/"))
        assert all(text.endswith("without a detection in 1 of 3 pictures") for text in told.values()) and len(told) == 3
        still = [name for name, text in told.items() if text.startswith("a still picture (motion energy 0.")]
        assert still == ["violin/violin/0.mp4"]
