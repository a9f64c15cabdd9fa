"""Clips are decoded and encoded once; every change, damage and unusable file is noticed."""

import json
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from contav_lib import media
from contav_lib.datasets import packed
from contav_lib.datasets import prepare as preparing
from contav_lib.datasets.clip import Clip, find_clips
from contav_lib.datasets.corpus import KINDS
from contav_lib.datasets.packed import load_corpus
from contav_lib.datasets.prepare import prepare, prepare_part
from contav_lib.encoders.encoder import Encoder, make_encoder
from contav_lib.media import MediaError, write_flac, write_video
from contav_lib.utils.storage import StorageError

RATE = 11025


class GreyEncoder(Encoder):
    """Features that are the pictures' mean brightness: easy to predict."""

    name, version, weights_hash, longest_side = "grey", "1", "0" * 64, 64
    object_dim, motion_dim = 512, 768

    def objects(self, frames):
        return frames.float().mean((1, 2, 3))[:, None].repeat(1, 512)

    def motion(self, frames):
        assert len(frames) % 2 == 0
        return frames.float().mean((1, 2, 3))[0::2, None].repeat(1, 768)


def write_clip(path, seconds=3.0, frame_rate=8.0, frames=None, loudness=0.5):
    """A tone, and pictures that grow brighter by 10 from one to the next."""
    path.parent.mkdir(parents=True, exist_ok=True)
    wave = loudness * np.sin(2 * np.pi * 440 * np.arange(round(seconds * RATE)) / RATE)
    count = frames or round(seconds * frame_rate)
    pictures = np.broadcast_to((10 * np.arange(count) % 250).astype(np.uint8)[:, None, None, None], (count, 48, 64, 3))
    write_video(path, wave, RATE, pictures, frame_rate)


@pytest.fixture
def root(tmp_path):
    for name in ("tuba/a", "tuba/b", "violin/a", "violin/b"):
        write_clip(tmp_path / "videos" / f"{name}.mp4")
    return tmp_path / "videos"


@pytest.fixture
def no_decoding(monkeypatch):
    """Call it, and from then on any decoding fails."""

    def forbidden(path, *arguments):
        raise AssertionError(f"{path} was decoded")

    def start():
        monkeypatch.setattr(media, "read_audio", forbidden)
        monkeypatch.setattr(media, "read_frames", forbidden)

    return start


@pytest.fixture
def decoded(monkeypatch):
    """The names of the files whose sound was read, in order."""
    names = []

    def noting(path, *arguments):
        names.append(f"{path.parent.name}/{path.stem}")
        return read_audio(path, *arguments)

    read_audio = media.read_audio
    monkeypatch.setattr(media, "read_audio", noting)
    return names


def run(root, cache, encoder=None, **options):
    return prepare(find_clips(root), encoder or GreyEncoder(), cache, progress=False, **options)


def content(cache):
    """The bytes of all files in a cache, by name."""
    return {path.name: path.read_bytes() for path in cache.iterdir()}


def test_a_prepared_clip_holds_what_was_seen_and_heard(root, tmp_path):
    corpus = run(root, tmp_path / "cache")
    assert corpus.classes == ["tuba", "violin"] and [clip.id for clip in corpus.clips][0] == "tuba/a"
    clip = corpus.clips[0]
    assert (clip.label, clip.split, clip.motion_step) == ("tuba", "train", 0.25)
    assert clip.waveform.dtype == torch.float32 and abs(len(clip.waveform) - 3 * RATE) < 2048
    assert clip.waveform[1000:30000].abs().max() == pytest.approx(0.5, abs=0.05)
    assert clip.object.shape == (3, 512) and clip.motion.shape == (8, 768) and clip.dense_motion.shape == (12, 768)
    assert clip.object[:, 0].tolist() == pytest.approx([0, 80, 160], abs=4)  # pictures 0, 8 and 16
    assert clip.dense_motion[:, 0].tolist() == pytest.approx(range(0, 240, 20), abs=4)  # pictures 0, 2, 4 ...
    assert clip.motion[:, 0].tolist() == pytest.approx([0, 30, 60, 90, 120, 150, 180, 210], abs=15)


def test_of_a_clip_with_a_span_only_that_is_prepared(root, tmp_path):
    path = root / "tuba/a.mp4"
    part = Clip("tuba/a_1-2", "tuba", "train", path, video="a", span=(1, 2))
    [clip] = prepare([part], GreyEncoder(), tmp_path / "cache", progress=False).clips
    assert clip.video == "a" and len(clip.waveform) == RATE
    assert clip.object[:, 0].tolist() == pytest.approx([80], abs=4)  # picture 8
    assert clip.dense_motion[:, 0].tolist() == pytest.approx(range(80, 160, 20), abs=4)
    assert clip.motion[:, 0].tolist() == pytest.approx([80, 90, 100, 110, 120, 130, 140, 150], abs=10)
    [again] = load_corpus(tmp_path / "cache").clips
    assert again.video == "a" and torch.equal(again.waveform, clip.waveform)
    with pytest.raises(MediaError, match=r"a\.mp4: its sound ends before the part that is wanted, \(7, 9\) s"):
        prepare([replace(part, span=(7, 9), id="tuba/a_7-9")], GreyEncoder(), tmp_path / "cache", progress=False)


def test_a_second_run_decodes_nothing(root, tmp_path, no_decoding):
    first = run(root, tmp_path / "cache")
    no_decoding()
    second = run(root, tmp_path / "cache")
    for one, other in zip(first.clips, second.clips, strict=True):
        assert torch.equal(one.waveform, other.waveform) and torch.equal(one.dense_motion, other.dense_motion)


def test_the_number_of_workers_changes_nothing(root, tmp_path):
    run(root, tmp_path / "one", workers=1)
    run(root, tmp_path / "three", workers=3)
    assert content(tmp_path / "one") == content(tmp_path / "three")


def test_prepared_clips_load_without_videos_or_decoder(root, tmp_path):
    run(root, tmp_path / "cache")
    code = (
        "import sys; from contav_lib.datasets.packed import load_corpus\n"
        f"corpus = load_corpus({str(tmp_path / 'cache')!r})\n"
        "assert len(corpus.clips) == 4 and 'av' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_an_interrupted_run_goes_on(root, tmp_path, monkeypatch, decoded):
    class Interrupted(GreyEncoder):
        calls = 0

        def objects(self, frames):
            self.calls += 1
            if self.calls == 3:
                raise KeyboardInterrupt
            return super().objects(frames)

    with pytest.raises(KeyboardInterrupt):
        run(root, tmp_path / "cache", Interrupted(), workers=1)
    decoded.clear()
    assert len(run(root, tmp_path / "cache").clips) == 4
    assert 1 <= len(decoded) <= 2


def test_what_a_killed_run_left_is_gone_on_with_to_the_same_end(root, tmp_path, decoded):
    """As after SIGKILL at any moment: the list ends within a line, and tensors without a line lie behind the others."""
    run(root, tmp_path / "cache")
    whole = content(tmp_path / "cache")
    lines = whole["clips.jsonl"].splitlines(keepends=True)
    for left in range(4):
        (tmp_path / "cache/clips.jsonl").write_bytes(b"".join(lines[:left]) + lines[left][: 7 * left])
        (tmp_path / "cache/object.bin").write_bytes(whole["object.bin"][: (left * 3 + 2) * 1024])
        decoded.clear()
        run(root, tmp_path / "cache", workers=1)
        assert decoded == ["tuba/a", "tuba/b", "violin/a", "violin/b"][left:] and content(tmp_path / "cache") == whole


def test_a_killed_process_is_gone_on_with(root, tmp_path):
    run(root, tmp_path / "whole")
    code = (
        "import os, signal, sys; from contav_lib.datasets import packed; sys.path.insert(0, sys.argv[1])\n"
        "from test_prepare import *\n"
        "noted = packed.Pack.note\n"
        "def note(pack, entries):\n"
        "    if len(pack.entries) == 2: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    noted(pack, entries)\n"
        "packed.Pack.note = note; run(Path(sys.argv[2]), Path(sys.argv[3]))\n"
    )
    arguments = [str(Path(__file__).parent), str(root), str(tmp_path / "cache")]
    killed = subprocess.run([sys.executable, "-c", code, *arguments], timeout=120)
    assert killed.returncode == -signal.SIGKILL and content(tmp_path / "cache").keys() >= {
        "clips.jsonl",
        "waveform.bin",
    }
    run(root, tmp_path / "cache")
    assert content(tmp_path / "cache") == content(tmp_path / "whole")


def flip(path, place):
    """Change one byte of a file."""
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "again"),
    [
        (lambda cache: flip(cache / "waveform.bin", -100), ["violin/b"]),
        (lambda cache: flip(cache / "motion.bin", 1), ["tuba/a"]),
        (lambda cache: (cache / "object.bin").write_bytes(b"1" * 6000), ["tuba/a", "tuba/b", "violin/a", "violin/b"]),
        (lambda cache: (cache / "dense_motion.bin").unlink(), ["tuba/a", "tuba/b", "violin/a", "violin/b"]),
    ],
)
def test_what_is_damaged_or_lost_is_named_and_made_again(root, tmp_path, decoded, damage, again):
    before = list(run(root, tmp_path / "cache").clips)
    damage(tmp_path / "cache")
    with pytest.raises(ValueError, match=f"clips {', '.join(again)} are missing or damaged"):
        load_corpus(tmp_path / "cache")
    decoded.clear()
    with pytest.warns(UserWarning, match=f"{', '.join(again)} missing or damaged"):
        after = run(root, tmp_path / "cache", workers=1).clips
    assert decoded == again
    for kind in KINDS:
        assert all(torch.equal(getattr(one, kind), getattr(two, kind)) for one, two in zip(before, after, strict=True))
    assert load_corpus(tmp_path / "cache").clips.ids == [clip.id for clip in before]


def test_too_many_clips_are_compared_only_when_asked(root, tmp_path, monkeypatch, decoded):
    run(root, tmp_path / "cache")
    flip(tmp_path / "cache/waveform.bin", -100)
    for module in (packed, preparing):
        monkeypatch.setattr(module, "IN_MEMORY", 1000)
    decoded.clear()
    assert len(run(root, tmp_path / "cache").clips) == len(load_corpus(tmp_path / "cache").clips) == 4
    assert not decoded
    with pytest.warns(UserWarning, match="violin/b missing or damaged"):
        run(root, tmp_path / "cache", check=True)
    assert decoded == ["violin/b"]


def test_a_damaged_manifest_is_said_and_made_again(root, tmp_path, decoded):
    run(root, tmp_path / "cache")
    (tmp_path / "cache/manifest.json").write_text('{"recipe": ')
    decoded.clear()
    with pytest.warns(UserWarning, match=r"manifest\.json is damaged .* all clips are prepared again"):
        run(root, tmp_path / "cache")
    assert len(decoded) == 4


def test_clips_of_another_version_are_made_again_and_their_files_removed(root, tmp_path, decoded):
    (tmp_path / "cache/tuba").mkdir(parents=True)
    (tmp_path / "cache/tuba/a.safetensors").write_bytes(b"1")
    (tmp_path / "cache/manifest.json").write_text('{"recipe": {"format": 1}, "clips": {}}')
    with pytest.raises(ValueError, match="of another version of the kit"):
        load_corpus(tmp_path / "cache")
    with pytest.warns(UserWarning, match=r"of another version .* all clips are prepared again"):
        run(root, tmp_path / "cache")
    assert len(decoded) == 4 and not (tmp_path / "cache/tuba").exists()


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"[]\n",
        b'{"id": 3}\n',
        b"\xff\xfe\n",
        b'["tuba/b", "tuba", "train", "", 1, 1, "", [0, 0, 0], [1, 1, 1], 0]\n',
        b'["tuba/b", "tuba", "train", "", 1, 1, "", [0, 0, 0, -1], [1, 1, 1, 1], 0]\n',
        b'["tuba/b", 3, "train", "", 1, 1, "", [0, 0, 0, 0], [1, 1, 1, 1], 0]\n',
        b'["tuba/b", "tuba", "train", "", 1, 1, "", [0, 0, 0, "1"], [1, 1, 1, 1], 0]\n',
    ],
)
def test_a_damaged_line_is_said_and_what_comes_after_made_again(root, tmp_path, decoded, line):
    run(root, tmp_path / "cache")
    whole = content(tmp_path / "cache")
    first, _, *others = whole["clips.jsonl"].splitlines(keepends=True)
    (tmp_path / "cache/clips.jsonl").write_bytes(b"".join([first, line, *others]))
    with pytest.raises(StorageError, match=r"clips\.jsonl is .*damaged.* line 2"):
        load_corpus(tmp_path / "cache")
    decoded.clear()
    with pytest.warns(UserWarning, match=r"clips\.jsonl is damaged .*line 2.* all clips but the first 1"):
        run(root, tmp_path / "cache", workers=1)
    assert decoded == ["tuba/b", "violin/a", "violin/b"] and content(tmp_path / "cache") == whole


@pytest.mark.parametrize("content", ["[]", "{}", '{"recipe": {}, "clips": {}}', '{"recipe": 3, "clips": {"a": 1}}'])
def test_another_manifest_is_told_with_its_name(tmp_path, content):
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(StorageError, match=r"manifest\.json is missing, damaged"):
        load_corpus(tmp_path)


def test_a_changed_video_is_prepared_again(root, tmp_path, decoded):
    run(root, tmp_path / "cache")
    write_clip(root / "violin/a.mp4", seconds=2.0)
    decoded.clear()
    assert len(run(root, tmp_path / "cache").clips[2].object) == 2
    assert decoded == ["violin/a"]


@pytest.mark.parametrize(
    ("change", "rates"),
    [
        ({"version": "2"}, {}),
        ({"weights_hash": "1" * 64}, {}),
        ({"name": "other"}, {}),
        ({}, {"FRAME_RATE": 4.0}),
        ({}, {"AUDIO_RATE": 8000}),
    ],
)
def test_another_encoder_or_rate_prepares_all_again(root, tmp_path, monkeypatch, decoded, change, rates):
    run(root, tmp_path / "cache")
    decoded.clear()
    encoder = GreyEncoder()
    for name, value in change.items():
        setattr(encoder, name, value)
    for name, value in rates.items():
        monkeypatch.setattr(preparing, name, value)
    corpus = run(root, tmp_path / "cache", encoder)
    assert len(decoded) == 4
    assert corpus.clips[0].motion_step == 2 / rates.get("FRAME_RATE", 8.0)


def test_new_split_lists_need_no_decoding(root, tmp_path, no_decoding):
    run(root, tmp_path / "cache")
    (root / "splits").mkdir()
    for split, name in (("train", "a"), ("validation", "b"), ("test", None)):
        videos = {label: [name] for label in ("tuba", "violin")} if name else {}
        (root / "splits" / f"{split}.json").write_text(json.dumps({"videos": videos}))
    no_decoding()
    corpus = run(root, tmp_path / "cache")
    assert [clip.id for clip in corpus.select("validation")] == ["tuba/b", "violin/b"]
    assert [clip.id for clip in load_corpus(tmp_path / "cache").select("validation", ["tuba"])] == ["tuba/b"]


def test_select_and_describe(root, tmp_path):
    corpus = run(root, tmp_path / "cache")
    assert [clip.id for clip in corpus.select(labels=["violin"])] == ["violin/a", "violin/b"]
    with pytest.raises(ValueError, match="no split 'tests'"):
        corpus.select("tests")
    lines = corpus.describe().splitlines()
    assert lines[0].split() == ["class", "train", "valid.", "test", "minutes"]
    assert [line.split() for line in lines[1:]] == [
        ["tuba", "2", "0", "0", "0.1"],
        ["violin", "2", "0", "0", "0.1"],
        ["all", "4", "0", "0", "0.2"],
    ]


def test_short_and_slow_videos(tmp_path, monkeypatch):
    monkeypatch.setattr(preparing, "MIN_SECONDS", 0.2)
    write_clip(tmp_path / "videos/tuba/one_frame.mp4", frames=1)
    write_clip(tmp_path / "videos/tuba/slow.mp4", frame_rate=2.0)
    with pytest.warns(UserWarning, match=r"one_frame\.mp4: 3\.\d s of sound, 0\.2 s of pictures; the shorter counts"):
        one, slow = run(tmp_path / "videos", tmp_path / "cache").clips
    assert len(one.waveform) == pytest.approx(0.25 * RATE, abs=1)
    assert one.object.shape == (1, 512) and one.motion.shape == (8, 768) and one.dense_motion.shape == (1, 768)
    assert len(slow.object) == 3 and len(slow.dense_motion) in (11, 12)
    monkeypatch.setattr(preparing, "MIN_SECONDS", 1.0)
    with pytest.raises(MediaError, match=r"1 of 2 clips .*\n- .*one_frame\.mp4: has 0\.25 s .*less than 1\.0 s"):
        run(tmp_path / "videos", tmp_path / "cache")
    assert [clip.id for clip in load_corpus(tmp_path / "cache").clips] == ["tuba/slow"]


def test_a_long_video_is_looked_at_piece_by_piece(tmp_path, monkeypatch):
    ramp = np.broadcast_to(np.arange(240, dtype=np.uint8)[:, None, None, None], (240, 48, 64, 3))
    (tmp_path / "videos/tuba").mkdir(parents=True)
    write_video(tmp_path / "videos/tuba/long.mp4", np.full(30 * RATE, 0.1), RATE, ramp, 8.0)
    whole = run(tmp_path / "videos", tmp_path / "whole", make_encoder("tiny")).clips[0]
    monkeypatch.setattr(preparing, "_PIECE", 32)
    pieces = run(tmp_path / "videos", tmp_path / "pieces", make_encoder("tiny")).clips[0]
    assert torch.allclose(pieces.object, whole.object, atol=2e-3)
    assert torch.allclose(pieces.dense_motion, whole.dense_motion, atol=2e-3)

    class Counting(GreyEncoder):
        most = 0

        def motion(self, frames):
            self.most = max(self.most, len(frames))
            return super().motion(frames)

    encoder = Counting()
    grey = run(tmp_path / "videos", tmp_path / "grey", encoder).clips[0]
    assert encoder.most == 32 + 16
    assert grey.object[:, 0].tolist() == pytest.approx(range(0, 240, 8), abs=2)
    assert grey.dense_motion[:, 0].tolist() == pytest.approx(range(0, 240, 2), abs=2)
    assert grey.motion[:, 0].tolist() == pytest.approx(np.linspace(0, 239, 16)[::2], abs=5)  # thinned out to every 4th


def test_all_unusable_files_are_listed_at_once(root, tmp_path, decoded):
    write_clip(root / "violin/silent.mp4", loudness=0.0)
    (root / "violin/text.mp4").write_text("not a video\n" * 20)
    (root / "tuba/empty.mp4").touch()
    write_flac(root / "tuba/sound.flac", np.full(RATE, 0.1), RATE)
    (root / "tuba/sound.flac").rename(root / "tuba/sound.mp4")
    (root / "tuba/cut.mp4").write_bytes((root / "tuba/a.mp4").read_bytes()[:3000])
    with pytest.raises(MediaError) as caught:
        run(root, tmp_path / "cache")
    text = str(caught.value)
    assert text.startswith("5 of 9 clips cannot be used")
    for words in ("silent.mp4: is silent", "text.mp4: is not a media", "empty.mp4: is empty", "cut.mp4: is truncated"):
        assert words in text
    assert "sound.mp4: has no video stream" in text

    decoded.clear()
    with pytest.warns(UserWarning, match="5 of 9 clips cannot be used"):
        corpus = run(root, tmp_path / "cache", on_unusable="skip")
    assert sorted(clip.id for clip in corpus.clips) == ["tuba/a", "tuba/b", "violin/a", "violin/b"]
    assert "tuba/a" not in decoded and "violin/b" not in decoded  # the good ones were prepared before the error came
    assert len(load_corpus(tmp_path / "cache").clips) == 4


def test_a_clip_that_went_bad_is_not_loaded_from_the_cache(root, tmp_path):
    run(root, tmp_path / "cache")
    (root / "tuba/a.mp4").write_bytes(b"")
    with pytest.warns(UserWarning, match=r"a\.mp4: is empty"):
        run(root, tmp_path / "cache", on_unusable="skip")
    assert [clip.id for clip in load_corpus(tmp_path / "cache").clips] == ["tuba/b", "violin/a", "violin/b"]


def test_an_unknown_choice_for_errors(root, tmp_path):
    with pytest.raises(ValueError, match="on_unusable is 'ignore'"):
        run(root, tmp_path / "cache", on_unusable="ignore")


def test_what_is_wrong_with_a_video_is_remembered_until_it_changes(root, tmp_path, decoded):
    write_clip(root / "violin/c.mp4", loudness=0.0)
    for _ in range(2):
        with pytest.warns(UserWarning, match=r"c\.mp4: is silent from beginning to end"):
            corpus = run(root, tmp_path / "cache", on_unusable="skip")
        assert len(corpus.clips) == 4
    assert decoded.count("violin/c") == 1
    write_clip(root / "violin/c.mp4", seconds=2.5)
    assert len(run(root, tmp_path / "cache").clips) == 5


def test_parts_prepared_on_several_machines_are_put_together(root, tmp_path, no_decoding):
    write_clip(root / "tuba/c.mp4", loudness=0.0)
    write_clip(root / "violin/c.mp4", seconds=0.5)
    options = dict(on_unusable="skip")
    with pytest.warns(UserWarning, match="2 of 6 clips cannot be used"):
        run(root, tmp_path / "alone", **options)
    clips = find_clips(root)
    for part in (3, 1):
        prepare_part(clips, GreyEncoder(), tmp_path / "cache", part, 3, progress=False)
    with pytest.raises(ValueError, match="2 of 3 is not there"):
        run(root, tmp_path / "cache", **options)
    prepare_part(clips, GreyEncoder(), tmp_path / "cache", 2, 3, progress=False)
    no_decoding()
    with pytest.warns(UserWarning, match="2 of 6 clips cannot be used"):
        corpus = run(root, tmp_path / "cache", **options)
    assert sorted(corpus.clips.ids) == ["tuba/a", "tuba/b", "violin/a", "violin/b"]
    assert content(tmp_path / "cache") == content(tmp_path / "alone")
    with pytest.raises(ValueError, match="no part 4 of 3"):
        prepare_part(clips, GreyEncoder(), tmp_path / "cache", 4, 3)


def test_of_a_part_that_was_damaged_on_its_way_only_what_is_whole_is_taken(root, tmp_path, decoded):
    run(root, tmp_path / "alone")
    clips = find_clips(root)
    for part in (1, 2):
        prepare_part(clips, GreyEncoder(), tmp_path / "cache", part, 2, progress=False)
    flip(tmp_path / "cache/part-1-of-2/waveform.bin", 100)
    decoded.clear()
    run(root, tmp_path / "cache")
    assert len(decoded) == 1
    assert content(tmp_path / "cache") == content(tmp_path / "alone")


def test_parts_hold_what_is_not_prepared_yet(root, tmp_path, decoded):
    run(root, tmp_path / "cache")
    write_clip(root / "violin/c.mp4", seconds=2.5)
    decoded.clear()
    for part in (1, 2):
        prepare_part(find_clips(root), GreyEncoder(), tmp_path / "cache", part, 2, progress=False)
    assert decoded == ["violin/c"]
    assert len(run(root, tmp_path / "cache").clips) == 5 and len(decoded) == 1


def test_what_another_process_prepares_is_waited_for(root, tmp_path, decoded, capsys):
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(lambda _: run(root, tmp_path / "cache", workers=1).clips.ids, range(2))
    assert one == other and len(one) == len(decoded) == 4
    assert "Another process prepares clips in" in capsys.readouterr().out
