"""Files are written and read back faithfully, and every unusable file is named with what is wrong."""

import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
import torch

from contav_lib.media import MediaError, read_audio, read_frames, write_flac, write_video

RATE = 11025


def tone(seconds: float, rate: int = RATE, pitch: float = 440.0) -> np.ndarray:
    return (0.4 * np.sin(2 * np.pi * pitch * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def grey_frames(count: int) -> np.ndarray:
    """Pictures whose brightness is their number: 20, 30, 40 ..."""
    levels = (20 + 10 * np.arange(count)).astype(np.uint8)
    return np.broadcast_to(levels[:, None, None, None], (count, 48, 64, 3)).copy()


def write_streams(path, *, audio=None, rate=RATE, layout="mono", frames=None, times=None, options=None) -> None:
    """A file with just the streams given; `times` are the pictures' times in thousandths of a second."""
    import av

    with av.open(str(path), "w", options=options or {}) as container:
        video = sound = None
        if frames is not None:
            video = container.add_stream("libx264", rate=8)
            video.width, video.height, video.pix_fmt = frames.shape[2], frames.shape[1], "yuv420p"
            video.codec_context.time_base = Fraction(1, 1000)
        if audio is not None:
            sound = container.add_stream("aac", rate=rate, layout=layout)
        for number, picture in enumerate(frames if frames is not None else ()):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = (times[number] if times else 125 * number), Fraction(1, 1000)
            container.mux(video.encode(frame))
        if video:
            container.mux(video.encode(None))
        if sound:
            block = av.AudioFrame.from_ndarray(np.atleast_2d(audio), format="fltp", layout=layout)
            block.sample_rate, block.pts, block.time_base = rate, 0, Fraction(1, rate)
            container.mux(sound.encode(block))
            container.mux(sound.encode(None))


def brightness(frames: torch.Tensor) -> list[int]:
    return (frames.float().mean((1, 2, 3)) / 10).round().int().mul(10).tolist()


def test_a_video_comes_back_in_time_and_alike(tmp_path):
    rng = np.random.default_rng(0)
    swells = np.repeat(rng.random(60), RATE // 20).astype(np.float32)
    wave = tone(len(swells) / RATE)[: len(swells)] * swells
    write_video(tmp_path / "clip.mp4", torch.from_numpy(wave), RATE, torch.from_numpy(grey_frames(16)), 8.0)
    heard = read_audio(tmp_path / "clip.mp4").numpy()
    assert heard.dtype == np.float32 and abs(len(heard) - len(wave)) < 0.1 * RATE
    assert np.corrcoef(heard[: len(wave)], wave)[0, 1] > 0.99  # a delay of the codec would show here
    seen = read_frames(tmp_path / "clip.mp4", 8.0)
    assert seen.dtype == torch.uint8 and seen.shape == (16, 48, 64, 3)
    assert brightness(seen) == list(range(20, 180, 10))
    assert not list(tmp_path.glob("*.part")) and not list(tmp_path.glob(".*"))


def test_flac_is_exact_to_16_bits(tmp_path):
    wave = tone(0.5)
    write_flac(tmp_path / "a.flac", wave, RATE)
    assert np.abs(read_audio(tmp_path / "a.flac").numpy() - wave).max() < 1e-4


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
def test_any_sampling_rate_is_resampled(tmp_path, rate):
    write_flac(tmp_path / "a.flac", tone(1.0, rate), rate)
    heard = read_audio(tmp_path / "a.flac").numpy()
    assert len(heard) == RATE
    assert np.corrcoef(heard[200:-200], tone(1.0)[200:-200])[0, 1] > 0.999


def test_stereo_becomes_the_mean_of_its_channels(tmp_path):
    left = tone(1.0, 44100)
    write_streams(tmp_path / "a.mp4", audio=np.stack([left, 0 * left]), rate=44100, layout="stereo")
    heard = read_audio(tmp_path / "a.mp4").numpy()
    assert heard.ndim == 1
    assert np.abs(heard[2000:8000]).max() == pytest.approx(0.2, abs=0.02)


def test_frames_are_the_nearest_in_time(tmp_path):
    write_streams(tmp_path / "a.mp4", frames=grey_frames(4), times=[0, 100, 600, 1100])
    assert brightness(read_frames(tmp_path / "a.mp4", 5.0))[:5] == [20, 30, 40, 40, 40]  # at 0, 0.2, 0.4, 0.6, 0.8 s


def test_times_count_from_the_first_frame(tmp_path):
    write_streams(tmp_path / "a.mkv", frames=grey_frames(8), times=[2000 + 125 * k for k in range(8)])
    assert brightness(read_frames(tmp_path / "a.mkv", 4.0)) == [20, 40, 60, 80]


def test_a_lower_native_rate_repeats_frames(tmp_path):
    write_video(tmp_path / "a.mp4", tone(2.0), RATE, grey_frames(4), 2.0)
    seen = brightness(read_frames(tmp_path / "a.mp4", 8.0))
    assert sorted(set(seen)) == [20, 30, 40, 50] and seen == sorted(seen) and len(seen) >= 14


@pytest.mark.parametrize("frame_rate", [0.5, 1.0, 8.0])
def test_a_one_frame_video_gives_one_frame(tmp_path, frame_rate):
    write_video(tmp_path / "a.mp4", tone(1.0), RATE, grey_frames(1), 8.0)
    assert brightness(read_frames(tmp_path / "a.mp4", frame_rate)) == [20]


def test_large_frames_are_made_smaller(tmp_path):
    write_video(tmp_path / "a.mp4", tone(1.0), RATE, grey_frames(4), 8.0)
    assert read_frames(tmp_path / "a.mp4", 8.0, longest_side=32).shape[1:] == (24, 32, 3)
    assert read_frames(tmp_path / "a.mp4", 8.0, longest_side=320).shape[1:] == (48, 64, 3)


def _fails_both_ways(path, *words):
    for read in (read_audio, lambda path: read_frames(path, 8.0)):
        with pytest.raises(MediaError) as caught:
            read(path)
        for word in (path.name, *words):
            assert word in str(caught.value)


def test_a_missing_file(tmp_path):
    _fails_both_ways(tmp_path / "nothing.mp4", "does not exist")


def test_a_folder(tmp_path):
    _fails_both_ways(tmp_path, "is a folder")


def test_an_empty_file(tmp_path):
    (tmp_path / "empty.mp4").touch()
    _fails_both_ways(tmp_path / "empty.mp4", "is empty")


def test_a_text_file_named_mp4(tmp_path):
    (tmp_path / "text.mp4").write_text("This is not a video.\n" * 50)
    _fails_both_ways(tmp_path / "text.mp4", "not a media file")


def test_a_play_list_is_not_followed(tmp_path):
    write_video(tmp_path / "real.mp4", tone(1.0), RATE, grey_frames(8), 8.0)
    (tmp_path / "list.mp4").write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{tmp_path / 'real.mp4'}\n")
    _fails_both_ways(tmp_path / "list.mp4", "not a media file")


@pytest.mark.parametrize("options", [{}, {"movflags": "+faststart"}])
def test_a_truncated_video(tmp_path, options):
    """Cut before the index at the end nothing can be read; with the index in front what is there is, and that is said."""
    noise = np.random.default_rng(0).integers(0, 255, (64, 48, 64, 3), dtype=np.uint8)
    write_streams(tmp_path / "whole.mp4", audio=tone(8.0), frames=noise, options=options)
    content = (tmp_path / "whole.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(content[: len(content) // 2])
    if not options:
        return _fails_both_ways(tmp_path / "cut.mp4", "truncated")
    for read, whole in ((read_audio, 8 * RATE), (lambda path: read_frames(path, 8.0), 64)):
        with pytest.warns(UserWarning, match=r"cut\.mp4: is truncated: .* of 8\.\d s; what is there is used"):
            assert 0.3 * whole < len(read(tmp_path / "cut.mp4")) < 0.7 * whole


def test_a_video_without_sound(tmp_path):
    write_streams(tmp_path / "mute.mp4", frames=grey_frames(4))
    assert len(read_frames(tmp_path / "mute.mp4", 8.0)) == 4
    with pytest.raises(MediaError, match=r"mute\.mp4: has no audio stream"):
        read_audio(tmp_path / "mute.mp4")


def test_sound_without_a_video(tmp_path):
    write_streams(tmp_path / "blind.mp4", audio=tone(1.0))
    assert len(read_audio(tmp_path / "blind.mp4")) >= RATE
    with pytest.raises(MediaError, match=r"blind\.mp4: has no video stream"):
        read_frames(tmp_path / "blind.mp4", 8.0)


@pytest.mark.parametrize(
    ("frames", "wave", "words"),
    [
        (grey_frames(2)[:, :47], tone(1.0), "even width and height"),
        (grey_frames(2).astype(np.float32), tone(1.0), "must be uint8"),
        (grey_frames(0), tone(1.0), "must be uint8"),
        (grey_frames(2), tone(1.0)[None], "one channel"),
        (grey_frames(2), tone(0.0), "not empty"),
    ],
)
def test_unfit_content_is_not_written(tmp_path, frames, wave, words):
    with pytest.raises(ValueError, match=words):
        write_video(tmp_path / "a.mp4", wave, RATE, frames, 8.0)
    assert not list(tmp_path.iterdir())


def test_a_failing_write_keeps_the_old_file(tmp_path):
    write_flac(tmp_path / "a.flac", tone(0.2), RATE)
    before = (tmp_path / "a.flac").read_bytes()
    with pytest.raises(ValueError, match=r"a\.flac: .* sampling rate"):
        write_flac(tmp_path / "a.flac", tone(0.2), 10**9)
    with pytest.raises(ValueError, match=r"a\.mp4: .* sampling rate"):
        write_video(tmp_path / "a.mp4", tone(0.2), 11000, grey_frames(2), 8.0)  # no rate of AAC's
    assert (tmp_path / "a.flac").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.flac"]


def test_the_decoder_is_imported_only_when_used():
    code = "import sys, contav_lib.media; assert 'av' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
