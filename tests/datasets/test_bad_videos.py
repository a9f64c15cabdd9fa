"""Videos that are odd, long or cut off, a disk that is full, and two preparations at once: told, and nothing is lost."""

import errno
import itertools
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from samples import RATE

from contav_lib import media
from contav_lib.datasets.clip import Clip, find_clips
from contav_lib.datasets.packed import Pack, load_corpus
from contav_lib.datasets.prepare import UnusableClips, prepare
from contav_lib.encoders.encoder import Encoder
from contav_lib.media import write_video
from contav_lib.utils.storage import StorageError

NAMES = ["tuba/a", "tuba/b", "violin/a", "violin/b"]


class Grey(Encoder):
    """Features that are the pictures' mean brightness."""

    name, version, weights_hash, longest_side, object_dim, motion_dim = "grey", "1", "", 64, 8, 8
    most = 0  # pictures at once

    def objects(self, frames):
        return frames[..., 0].float().mean((1, 2))[:, None].repeat(1, 8)

    def motion(self, frames):
        self.most = max(self.most, len(frames))
        return self.objects(frames[::2])


def write(path, seconds=3.0, loudness=0.5):
    """A tone under a flickering square."""
    path.parent.mkdir(parents=True, exist_ok=True)
    wave = loudness * np.sin(np.arange(round(seconds * RATE)) / 10)
    pictures = np.random.default_rng(0).integers(0, 255, (max(round(8 * seconds), 1), 48, 64, 3), dtype=np.uint8)
    write_video(path, wave, RATE, pictures, 8.0)


@pytest.fixture
def root(tmp_path):
    for name in NAMES:
        write(tmp_path / f"videos/{name}.mp4")
    return tmp_path / "videos"


def run(root, cache, **options):
    return prepare(find_clips(root), Grey(), cache, progress=False, **options)


def in_another_container(path, **kept: bool):
    """The streams of a file as Matroska, which is read however it ends."""
    import av

    with av.open(str(path)) as source, av.open(str(path.with_suffix(".mkv")), "w") as target:
        streams = {s.index: target.add_stream_from_template(s) for s in source.streams if kept.get(s.type, True)}
        for packet in source.demux():
            if packet.dts is not None and packet.stream_index in streams:
                packet.stream = streams[packet.stream_index]
                target.mux(packet)
    path.unlink()
    return path.with_suffix(".mkv")


def cut(share):
    def change(path):
        path = in_another_container(path)
        path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])

    return change


def not_a_number(path):
    """Samples as floats, one of them infinite."""
    import av

    path.unlink()
    with av.open(str(path.with_suffix(".mkv")), "w") as file:
        video = file.add_stream("libx264", rate=8)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound = file.add_stream("pcm_f32le", rate=RATE, layout="mono")
        wave = np.full((1, 3 * RATE), 0.1, np.float32)
        wave[0, 5000] = np.inf
        frame = av.AudioFrame.from_ndarray(wave, format="flt", layout="mono")
        frame.sample_rate = RATE
        for _ in range(24):
            file.mux(video.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")))
        for packet in [*video.encode(None), *sound.encode(frame), *sound.encode(None)]:
            file.mux(packet)


# What is done to a video, and what is said of it; those that are used nevertheless have a length in seconds.
ODD = {
    "pictures only": (lambda path: in_another_container(path, audio=False), "b.mkv: has no audio stream", None),
    "sound only": (lambda path: in_another_container(path, video=False), "b.mkv: has no video stream", None),
    "a fifth of a second": (lambda path: write(path, 0.2), r"b.mp4: has 0\.\d* s of sound and pictures", None),
    "silence": (lambda path: write(path, loudness=0.0), "b.mp4: is silent", None),
    "no numbers": (not_a_number, "b.mkv: holds samples that are infinite", None),
    "cut off late": (cut(0.6), r"b.mkv: is truncated: .* of 3.\d s; what is there is used", 1.8),
    "cut off early": (cut(0.2), r"b.mkv: has 0\.\d* s of sound and pictures", None),
}


@pytest.mark.parametrize("what", ODD)
def test_odd_videos_are_told_and_the_others_used(root, tmp_path, what):
    change, told, seconds = ODD[what]
    change(root / "violin/b.mp4")
    with pytest.warns(UserWarning) as warned:
        corpus = run(root, tmp_path / "cache", on_unusable="skip")
    texts = "\n".join(str(warning.message) for warning in warned)
    assert re.search(told, texts), texts
    assert sorted(clip.id for clip in corpus.clips) == NAMES[: 4 if seconds else 3]
    assert any(issubclass(warning.category, UnusableClips) for warning in warned) == (seconds is None)
    if seconds:
        assert len(corpus.clips[-1].waveform) / RATE == pytest.approx(seconds, abs=0.5)


def test_three_hours_are_looked_at_in_pieces(tmp_path, monkeypatch):
    seconds, picture = 3 * 3600, np.zeros((8, 8, 3), np.uint8)
    monkeypatch.setattr(media, "read_audio", lambda path, rate: torch.full((seconds * rate,), 0.1))
    monkeypatch.setattr(media, "each_picture", lambda path, rate, side: itertools.repeat(picture, int(seconds * rate)))
    monkeypatch.setattr("contav_lib.datasets.prepare.AUDIO_RATE", 100)
    encoder = Grey()
    [clip] = prepare([Clip("a/a", "a", "train", tmp_path)], encoder, tmp_path, progress=False).clips
    assert len(clip.waveform) == 100 * seconds and len(clip.object) == seconds and len(clip.dense_motion) == 4 * seconds
    assert encoder.most < 200


@pytest.mark.parametrize("trouble", [errno.ENOSPC, errno.EACCES])
def test_what_was_prepared_before_the_disk_refused_is_kept(root, tmp_path, monkeypatch, trouble):
    """A full disk, or no permission to write: told as such, and with room again only the rest is made."""
    saved, save = [], Pack.append

    def refusing(pack, entry, tensors):
        saved.append(entry.id)
        if trouble and len(saved) > 2:
            raise StorageError(f"{entry.id}: could not be written") from OSError(trouble, "refused")
        save(pack, entry, tensors)

    monkeypatch.setattr(Pack, "append", refusing)
    with pytest.raises(StorageError, match="could not be written"):
        run(root, tmp_path / "cache", workers=1)
    assert len(load_corpus(tmp_path / "cache").clips) == 2 and not list(tmp_path.rglob("*.part"))
    saved.clear()
    trouble = 0
    assert len(run(root, tmp_path / "cache").clips) == 4 and len(saved) == 2


def contents(cache):
    return {path.name: path.read_bytes() for path in cache.glob("*.bin")}


def test_two_preparations_at_once_leave_what_one_would(root, tmp_path):
    run(root, tmp_path / "alone")
    code = (
        "import sys; sys.path[:0] = [sys.argv[3], sys.argv[4]]; from pathlib import Path; import test_bad_videos as t\n"
        "t.run(Path(sys.argv[1]), Path(sys.argv[2]))"
    )
    here = str(Path(__file__).parent)
    words = [sys.executable, "-c", code, str(root), str(tmp_path / "both"), here, f"{here}/.."]
    both = [subprocess.Popen(words, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    told = [process.communicate(timeout=120)[1] for process in both]
    assert 0 in [process.returncode for process in both], told
    assert [clip.id for clip in run(root, tmp_path / "both").clips] == NAMES
    assert contents(tmp_path / "both") == contents(tmp_path / "alone")
    assert json.loads((tmp_path / "both/manifest.json").read_text()) == json.loads(
        (tmp_path / "alone/manifest.json").read_text()
    )
