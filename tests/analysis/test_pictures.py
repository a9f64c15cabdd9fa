"""Small pictures of clips: read from a video, or drawn where MiniMUSIC's are not made yet."""

import numpy as np

from contav_lib.analysis.pictures import pictures_in, pictures_of
from contav_lib.minimusic.generate import make_clip


def test_a_player_is_drawn_as_the_video_shows_it(tmp_path, monkeypatch):
    monkeypatch.setenv("CONTAV_HOME", str(tmp_path))
    drawn = pictures_of("mini", (1, 1, 1), "drum/drum_2001")
    assert not list(tmp_path.iterdir())  # nothing was made for it
    make_clip(tmp_path, "drum", 2001)
    seen = pictures_in(tmp_path / "drum" / "drum_2001.mp4")
    assert len(seen) == len(drawn) == 12
    differences = np.abs(np.array(seen, dtype=float)[:, None] - np.array(drawn)).mean((2, 3, 4))
    assert (differences.argmin(1) == np.arange(12)).all()  # the same moment is the nearest
    assert differences.diagonal().max() < 6  # the video is compressed


def test_a_clip_that_is_not_there_has_no_picture(video_folder):
    assert len(pictures_of(str(video_folder), (1, 1, 1), "drum/nobody")) == 0
    assert len(pictures_of("mini", (1, 1, 1), "drum/nobody")) == 0
