"""Invented instruments: the same number is the same toy, and none of the 20 classes takes part in drawing one."""

import numpy as np
import pytest

from contav_lib.minimusic import composition as score
from contav_lib.minimusic import drawing as player
from contav_lib.minimusic import train_tiny
from contav_lib.minimusic.drawing import motion
from contav_lib.minimusic.toys import GESTURES, POSES, Toy, draw_toy


def toy(number: int) -> Toy:
    return Toy(number, np.random.default_rng(0))


class Forbidden(dict):
    """A table whose every use is an error."""

    def _refuse(self, *_):
        raise AssertionError("one of the 20 classes was asked for")

    __getitem__ = __iter__ = __contains__ = __len__ = get = keys = items = values = _refuse


def test_the_same_toy_and_seed_are_the_same_clip():
    pictures, music = draw_toy(3, 1, 2.0)
    again, same_music = draw_toy(3, 1, 2.0)
    assert pictures.shape == (16, 120, 160, 3) and pictures.dtype == np.uint8
    assert np.array_equal(pictures, again) and music == same_music


def test_another_seed_is_another_clip_of_the_same_toy():
    (pictures, music), (others, other_music) = draw_toy(3, 1, 2.0), draw_toy(3, 2, 2.0)
    assert not np.array_equal(pictures, others) and music != other_music
    one, two = (Toy(3, np.random.default_rng(seed)) for seed in (1, 2))
    assert one.shapes == two.shapes and one.compass == two.compass and one.place == two.place
    assert one.look != two.look


def test_toys_differ():
    toys = [toy(number) for number in range(200)]
    assert len({tuple(made.shapes) for made in toys}) == 200
    assert {made.pose for made in toys} == set(POSES) and {made.gesture for made in toys} == set(GESTURES)
    lengths, lowest = np.array([(made.length, made.compass[0]) for made in toys]).T
    assert np.corrcoef(lengths, lowest)[0, 1] < -0.5  # large things sound low


def test_pictures_move_with_the_music():
    """They change more where a note begins than where none does; clips in which notes always or never begin don't count."""
    more = []
    for number in range(24):
        pictures, music = draw_toy(number, 0, 4.0)
        change = np.abs(np.diff(pictures[:, ::4, ::4].astype(float), axis=0)).mean((1, 2, 3))
        begins = train_tiny.music_of(music, 8.0)[0, 1:] > 0
        if 0 < begins.sum() < len(begins):
            more.append(change[begins].mean() > change[~begins].mean())
    assert len(more) > 12 and np.mean(more) > 0.9


def test_none_of_the_20_classes_takes_part(monkeypatch):
    expected, _ = train_tiny.draw_clip(7, 0)
    forbidden = Forbidden()
    for module, name in ((score, "INSTRUMENTS"), (motion, "INSTRUMENTS"), (player, "PLAYERS")):
        monkeypatch.setattr(module, name, forbidden)
    monkeypatch.setattr(player, "draw", forbidden._refuse)
    monkeypatch.setattr(score, "compose", forbidden._refuse)
    for name in ("keys", "percussion", "strings_bowed", "strings_plucked", "winds"):
        monkeypatch.setattr(player, name, None)
    with pytest.raises(AssertionError, match="one of the 20 classes"):
        score.INSTRUMENTS["violin"]
    pictures, _ = train_tiny.draw_clip(7, 0)
    assert np.array_equal(pictures, expected)
    assert train_tiny.draw_clips(6, 1).pictures.shape == (6, 24, 60, 80, 3)


def test_training_knows_no_class_by_name():
    names = set(vars(train_tiny)) | set(train_tiny.Drawings.__annotations__)
    assert not names & {"INSTRUMENTS", "PLAYERS", "compose", "draw", "labels"}
