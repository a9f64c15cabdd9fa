"""The folder of videos that notebook 07 makes: several containers, and faults of every kind."""

import numpy as np
import pytest

from contav_lib.datasets.load import load_data
from contav_lib.datasets.prepare import UnusableClips
from contav_lib.media import read_audio, read_frames
from contav_lib.minimusic.generate import RATE, make_mini
from contav_lib.minimusic.home_videos import CONTAINERS, make_home_videos
from contav_lib.utils.registry import open_dataset

pytestmark = pytest.mark.slow


def test_home_videos_are_in_several_containers_and_their_faults_are_told(tmp_path, monkeypatch):
    monkeypatch.setenv("CONTAV_HOME", str(tmp_path / "home"))
    mini = make_mini(tmp_path / "mini", (5, 1, 1), progress=False)
    folder = make_home_videos(tmp_path / "videos", mini, count=4)
    for number, suffix in enumerate(CONTAINERS, 1):
        names = folder / f"violin/video {number}{suffix}", mini / f"violin/violin_{number - 1:04d}.mp4"
        packed, whole = (read_audio(path).numpy() for path in names)
        match = np.correlate(np.pad(packed[:RATE], 2000), whole[:RATE], "valid")
        assert match.max() > 0.95 * np.square(whole[:RATE]).sum()  # perhaps later as a whole, as pictures are then, too
        assert abs(len(packed) - len(whole)) < 0.2 * RATE
    assert len(read_frames(folder / "violin/video 3.mov", frame_rate=8)) >= 95
    with pytest.warns(UserWarning, match="cut off.mkv: is truncated"), pytest.warns(UnusableClips):
        corpus = load_data(str(folder), encoder="tiny")
    assert sorted(corpus.unusable) == ["drum/muted", "piano/empty"]
    assert list(corpus.remarks) == ["flute/cut off", "violin/photograph"]
    assert "is truncated: the audio ends after" in corpus.remarks["flute/cut off"]
    assert "loose.mp4" in open_dataset(str(folder)).report()
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.m*")}
    make_home_videos(folder, mini, count=4)
    assert before == {path: path.stat().st_mtime_ns for path in folder.rglob("*.m*")}
