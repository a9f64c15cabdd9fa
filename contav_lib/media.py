"""Readers and writers of media files: a file to a waveform and frames, and back.

PyAV is imported only when a file is read or written: training from prepared clips needs no decoder.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from contav_lib.utils._torchaudio import torchaudio
from contav_lib.utils.extras import extras
from contav_lib.utils.storage import write_atomically

# Named, because FFmpeg would also follow play lists (plain text) to other files and to the network.
_CONTAINERS = "mov,mp4,m4a,matroska,webm,avi,flac,wav,ogg,mp3"
# How the files of these containers begin: what starts so and does not open was cut off or damaged.
_FIRST_BYTES = (b"\x1aE\xdf\xa3", b"RIFF", b"fLaC", b"OggS", b"ID3")
_MOV_ATOMS = (b"ftyp", b"moov", b"mdat", b"free", b"wide")  # bytes 4 to 7 of a .mp4 or .mov
_AGAIN = "Copy or download it again."
_SHORTFALL = 0.5  # seconds that may be missing at the end: containers round their durations


class MediaError(ValueError):
    """Error of a media file that can't be used; the message names the file and what is wrong with it."""


def read_audio(path: str | Path, rate: int = 11025) -> torch.Tensor:
    """Read the sound of a media file.

    Args:
        path: a video or audio file.
        rate: the sampling rate wanted, in Hz.

    Returns:
        A mono waveform `[samples]`, float32 in [-1, 1]: the mean of the channels, resampled to `rate`.

    Raises:
        MediaError: the file does not exist, is empty, not media, truncated, or has no sound.
    """
    with extras():
        import av

    with _opened(path) as container:
        if not container.streams.audio:
            raise MediaError(f"{path}: has no audio stream. Choose a file with sound.")
        stream = container.streams.audio[0]
        native_rate = stream.rate
        to_float = av.AudioResampler(format="fltp", rate=native_rate)
        blocks = [
            block.to_ndarray().mean(axis=0, dtype=np.float32)
            for frame in container.decode(stream)
            for block in to_float.resample(frame)
        ]
        if not blocks:
            raise MediaError(f"{path}: its audio stream holds no samples.")
        waveform = torch.from_numpy(np.concatenate(blocks))
        _check_length(path, stream, len(waveform) / native_rate)
    if native_rate == rate:
        return waveform
    return torchaudio.functional.resample(waveform, native_rate, rate)


def read_frames(path: str | Path, frame_rate: float, longest_side: int | None = None) -> torch.Tensor:
    """Read the pictures of a video, one every `1 / frame_rate` seconds from its first frame on: the nearest in time.

    Args:
        path: a video file.
        frame_rate: pictures a second wanted. Where the video has fewer, pictures repeat.
        longest_side: larger pictures are made smaller, to this many pixels on the longer side.

    Returns:
        Frames `[n, height, width, 3]`, uint8 RGB, at least one.

    Raises:
        MediaError: the file does not exist, is empty, not media, truncated, or has no pictures.
    """
    if frame_rate <= 0:
        raise ValueError(f"frame_rate is {frame_rate}; it must be above 0 frames a second.")
    with _opened(path) as container:
        if not container.streams.video:
            raise MediaError(f"{path}: has no video stream. Choose a file with pictures.")
        stream = container.streams.video[0]
        stream.thread_count = 1
        to_rgb = _rgb_converter(longest_side)
        pictures: list[np.ndarray] = []
        end = 0.0
        for (frame, time), (_, end) in pairwise(_timed_frames(container, stream)):
            # This frame serves the moments 0, 1 / frame_rate, 2 / frame_rate ... nearer to it than to the next one.
            wanted = int(np.ceil((time + end) / 2 * frame_rate)) - len(pictures)
            if wanted > 0:
                pictures += [to_rgb(frame)] * wanted
        if not pictures:
            raise MediaError(f"{path}: its video stream holds no frames.")
        _check_length(path, stream, end)
    return torch.from_numpy(np.stack(pictures))


def _timed_frames(container, stream) -> Iterator[tuple]:
    """Every frame with its time in seconds since the first; at last (None, the end of the last frame)."""
    step = float(1 / (stream.average_rate or 25))
    first: float | None = None
    time = 0.0
    for frame in container.decode(stream):
        if first is None:
            first = frame.time or 0.0
        else:
            time = time + step if frame.time is None else frame.time - first
        yield frame, time
    if first is not None:
        yield None, time + step


def _rgb_converter(longest_side: int | None) -> Callable:
    """A function from PyAV's frame to RGB `[height, width, 3]`; one converter serves all frames of a video."""
    from av.video.reformatter import VideoReformatter

    reformatter = VideoReformatter()

    def to_rgb(frame) -> np.ndarray:
        scale = min(1.0, longest_side / max(frame.width, frame.height)) if longest_side else 1.0
        width, height = max(1, round(frame.width * scale)), max(1, round(frame.height * scale))
        return reformatter.reformat(frame, width=width, height=height, format="rgb24", threads=1).to_ndarray()

    return to_rgb


def write_video(path: str | Path, waveform, rate: int, frames, frame_rate: float) -> None:
    """Write an `.mp4` with H.264 pictures and AAC sound; the file appears only when it is complete.

    Args:
        path: where to write; an existing file is replaced.
        waveform: `[samples]`, float in [-1, 1] (louder is clipped), an array or tensor.
        rate: sampling rate in Hz, one that AAC knows (8,000, 11,025, 16,000, 22,050, 44,100, 48,000 ...).
        frames: `[n, height, width, 3]`, uint8 RGB, an array or tensor; height and width are even.
        frame_rate: pictures a second.
    """
    with extras():
        import av

    frames = np.asarray(frames)
    if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8 or 0 in frames.shape:
        raise ValueError(f"frames are {frames.dtype} {list(frames.shape)}; they must be uint8 [n, height, width, 3].")
    height, width = frames.shape[1:3]
    if height % 2 or width % 2:
        raise ValueError(f"frames are {width} x {height}; H.264 needs an even width and height.")

    sound = _audio_frame(waveform, rate, "fltp")

    def fill(container) -> None:
        video = container.add_stream("libx264", rate=Fraction(frame_rate).limit_denominator(1001))
        video.width, video.height, video.pix_fmt, video.thread_count = width, height, "yuv420p", 1
        video.options = {"preset": "ultrafast", "crf": "23"}
        audio = container.add_stream("aac", rate=rate, layout="mono")
        for picture in frames:
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode(None))
        container.mux(audio.encode(sound))
        container.mux(audio.encode(None))

    _write(Path(path), "mp4", fill)


def write_flac(path: str | Path, waveform, rate: int) -> None:
    """Write a waveform `[samples]`, float in [-1, 1] (louder is clipped), as 16-bit FLAC; `read_audio` reads it."""
    sound = _audio_frame(waveform, rate, "s16")

    def fill(container) -> None:
        stream = container.add_stream("flac", rate=rate, layout="mono")
        container.mux(stream.encode(sound))
        container.mux(stream.encode(None))

    _write(Path(path), "flac", fill)


def _write(path: Path, container_format: str, fill: Callable) -> None:
    """`fill` a new container; the file appears only when it is complete."""
    with extras():
        import av

    def write(part: Path) -> None:
        try:
            with av.open(str(part), "w", format=container_format) as container:
                fill(container)
        except av.ArgumentError as error:
            raise ValueError(f"{path}: the encoder refuses these settings; is the sampling rate usual?") from error

    write_atomically(path, write)


def _audio_frame(waveform, rate: int, sample_format: str):
    with extras():
        import av

    samples = np.asarray(waveform, dtype=np.float32)
    if samples.ndim != 1 or not len(samples):
        raise ValueError(f"the waveform has shape {list(samples.shape)}; it must be [samples], one channel, not empty.")
    samples = np.clip(samples, -1, 1)
    if sample_format == "s16":
        samples = np.round(samples * 32767).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[None]), format=sample_format, layout="mono")
    # With a time stamp the container notes AAC's lead-in: readers skip it, and sound and pictures stay together.
    frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), 0
    return frame


@contextmanager
def _opened(path: str | Path) -> Iterator:
    """The file's container; FFmpeg's errors, while opening or reading, become a `MediaError` that names the file."""
    with extras():
        import av

    path = Path(path)
    if not path.is_file():
        raise MediaError(f"{path}: does not exist." if not path.exists() else f"{path}: is a folder, not a media file.")
    if not path.stat().st_size:
        raise MediaError(f"{path}: is empty (0 bytes). {_AGAIN}")
    try:
        options = {"format_whitelist": _CONTAINERS, "protocol_whitelist": "file"}
        container = av.open(str(path.resolve()), options=options)
    except av.FFmpegError as error:
        raise _unreadable(path) from error
    with container:
        try:
            yield container
        except av.FFmpegError as error:
            raise MediaError(f"{path}: is truncated or damaged ({error.strerror}). {_AGAIN}") from error


def _unreadable(path: Path) -> MediaError:
    with path.open("rb") as file:
        head = file.read(16)
    if head.startswith(_FIRST_BYTES) or head[4:8] in _MOV_ATOMS:
        return MediaError(f"{path}: is truncated or damaged: its beginning or end is missing. {_AGAIN}")
    return MediaError(f"{path}: is not a media file that can be read, whatever its name says.")


def _check_length(path: str | Path, stream, seconds: float) -> None:
    """A stream that ends well before the length its file promises was cut off."""
    promised = float(stream.duration * stream.time_base) if stream.duration else 0.0
    if seconds < 0.9 * promised - _SHORTFALL:
        raise MediaError(
            f"{path}: is truncated: the {stream.type} ends after {seconds:.1f} of {promised:.1f} s. {_AGAIN}"
        )
