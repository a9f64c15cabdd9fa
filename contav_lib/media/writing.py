"""Videos and sounds written: whole, or not at all."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path

import numpy as np

from contav_lib.utils.extras import extras
from contav_lib.utils.storage import write_atomically


def write_video(path: str | Path, waveform, rate: int, frames, frame_rate: float) -> None:
    """Write an `.mp4` with H.264 pictures and AAC sound; the file appears only when it is complete.

    Args:
        path: where to write; an existing file is replaced.
        waveform: `[samples]`, float in [-1, 1] (louder is clipped), an array or tensor.
        rate: sampling rate in Hz, one that AAC knows (8,000, 11,025, 16,000, 22,050, 44,100, 48,000 ...).
        frames: `[n, height, width, 3]`, uint8 RGB, an array or tensor, or n such pictures one after another, all of one size;
            height and width are even.
        frame_rate: pictures a second.
    """
    with extras():
        import av

    pictures: Iterator[np.ndarray] = map(np.asarray, frames)
    first = next(pictures, np.empty(0, np.uint8))
    if first.ndim != 3 or first.shape[-1] != 3 or first.dtype != np.uint8 or 0 in first.shape:
        raise ValueError(f"frames are {first.dtype} {list(first.shape)}; they must be uint8, [height, width, 3] each.")
    height, width = first.shape[:2]
    if height % 2 or width % 2:
        raise ValueError(f"frames are {width} x {height}; H.264 needs an even width and height.")

    sound = _audio_frame(waveform, rate, "fltp")

    def fill(container) -> None:
        video = container.add_stream("libx264", rate=Fraction(frame_rate).limit_denominator(1001))
        video.width, video.height, video.pix_fmt, video.thread_count = width, height, "yuv420p", 1
        video.options = {"preset": "ultrafast", "crf": "23"}
        audio = container.add_stream("aac", rate=rate, layout="mono")
        for picture in chain([first], pictures):
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
