"""Duets: several players on one stage, with the true sound and place of each."""

import numpy as np
import pytest
import torch

from contav_lib.media import read_audio, read_frames
from contav_lib.minimusic.drawing.stage import SCENE, Stage
from contav_lib.minimusic.duets import FIRST, SIZE, make_duet
from contav_lib.minimusic.generate import BLOCK, RATE, SPLITS, make_clip
from contav_lib.utils.storage import read_json


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("duets")


@pytest.fixture(scope="module")
def duet(folder):
    return make_duet(folder, ["flute", "drum"], number=2)


def test_the_sound_is_the_sum_of_the_stems_and_the_mean_of_the_solos(duet, tmp_path):
    stems = [read_audio(file, RATE) for file in duet.stems]
    for label, clip, stem in zip(duet.labels, duet.clips, stems, strict=True):
        make_clip(tmp_path, label, clip)
        alone = read_audio(tmp_path / label / f"{label}_{clip}.mp4", RATE)[: len(stem)]
        assert torch.corrcoef(torch.stack([alone, 2 * stem]))[0, 1] > 0.98  # AAC on one side, FLAC on the other
        assert float(alone.std()) == pytest.approx(float(2 * stem.std()), rel=0.03)
    together = read_audio(duet.video, RATE)[: len(stems[0])]
    assert torch.corrcoef(torch.stack([together, sum(stems)]))[0, 1] > 0.98


def test_what_moves_lies_in_the_boxes(duet):
    frames = read_frames(duet.video, 8.0)
    assert tuple(frames.shape) == (96, SIZE[1], SIZE[0], 3) and duet.boxes.shape == (2, 96, 4)
    moving = frames[1:].float().sub(frames[:-1]).abs().mean((0, 3)).numpy()
    inside = np.zeros(moving.shape, bool)
    for left, top, right, bottom in duet.boxes[:, 48].clip(min=0).astype(int):
        inside[top:bottom, left:right] = True
    assert moving[inside].mean() > 3 * moving[~inside].mean()
    assert duet.boxes[0, :, 0].max() < duet.boxes[1, :, 0].min()  # from left to right


def test_the_same_seed_makes_the_same_duet_and_the_file_says_what_it_is(duet, folder, tmp_path):
    again = make_duet(tmp_path, ["flute", "drum"], number=2)
    assert torch.equal(read_frames(again.video, 8.0), read_frames(duet.video, 8.0))
    truth = read_json(duet.video.with_suffix(".json"))
    assert np.allclose(truth["boxes"], duet.boxes, atol=0.01) and truth["labels"] == duet.labels
    assert all((folder / name).is_file() for name in [truth["video"], *truth["stems"]])
    assert min(duet.clips) >= FIRST > SPLITS.index("test") * BLOCK  # specimens of the test split, far from its own


def test_a_box_is_where_the_scene_was_painted():
    stage = Stage(np.random.default_rng(0), SIZE, 5)
    place = (40.0, 30.0, 0.5)
    image = stage.room.copy()
    scene = stage._whole(image).placed(*place[:2], 0, place[2])
    scene.box(0, 0, *SCENE, (255, 0, 255))
    shown = np.asarray(stage.photograph(image, 3)).astype(int)
    light = np.asarray(stage._light).reshape(3, 256)[[0, 2], 255]
    rows, columns = np.nonzero((shown[..., 1] < 10) & (shown[..., 0] >= light[0] - 3) & (shown[..., 2] >= light[1] - 3))
    assert np.allclose(stage.box(place, 3), [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], atol=1.5)


@pytest.mark.parametrize(("labels", "number"), [([], 0), (["flute"] * 4, 0), (["lute"], 0), (["flute"], 100)])
def test_what_can_not_be_made(tmp_path, labels, number):
    with pytest.raises(ValueError, match="one to 3 of accordion.*0 to 99"):
        make_duet(tmp_path, labels, number)
    assert not list(tmp_path.iterdir())
