"""The pictures of a video, upright, at even times."""

from collections.abc import Callable, Iterator
from itertools import repeat
from math import ceil
from pathlib import Path

import numpy as np
import torch

from contav_lib.media.clock import Clock
from contav_lib.media.opening import decoded, opened, streams_of

_STILL = 0.5  # seconds after which a picture stands still until the next one, however near that is


def read_frames(path: str | Path, frame_rate: float, longest_side: int | None = None) -> torch.Tensor:
    """Read all pictures of `each_picture` at once: `[n, height, width, 3]`, uint8 RGB, n at least 1."""
    return torch.from_numpy(np.stack(list(each_picture(path, frame_rate, longest_side))))


def each_picture(path: str | Path, frame_rate: float, longest_side: int | None = None) -> Iterator[np.ndarray]:
    """Read the pictures of a video one after another, one every `1 / frame_rate` seconds: the nearest in time.

    They count from the moment at which the first picture or sound begins, as `read_audio` does, and last until the last picture
    ends; one of more than half a second stands still until the next. Pictures are turned upright, and their pixels are square.

    Args:
        path: a video file.
        frame_rate: pictures a second wanted. Where the video has fewer, pictures repeat.
        longest_side: larger pictures are made smaller, to this many pixels on the longer side.

    Yields:
        Pictures `[height, width, 3]`, uint8 RGB, all of one size, at least one.

    Raises:
        MediaError: the file does not exist, is empty, not media, or has no pictures.
    """
    if frame_rate <= 0:
        raise ValueError(f"frame_rate is {frame_rate}; it must be above 0 frames a second.")
    with opened(path) as container:
        stream = streams_of(path, container, "video")[0]
        stream.thread_count = 1
        to_rgb = _rgb_converter(stream, longest_side)
        given = 0
        for frame, end in _timed(path, stream):
            wanted = ceil(end * frame_rate - 1e-6) - given  # of the moments 0, 1 / frame_rate, 2 / frame_rate ...
            if wanted > 0:
                yield from repeat(to_rgb(frame), wanted)
                given += wanted


def _timed(path: str | Path, stream) -> Iterator[tuple]:
    """Every frame with the time, in seconds, until which it is the one to show."""
    clock = Clock(path, stream.container, "video")
    before, start, end = None, 0.0, 0.0
    for frame, stamp, seconds in decoded(path, stream):
        time = clock.time(stamp, end)
        if before is not None:
            yield before, time if time - start > _STILL + 1e-6 else (start + time) / 2
        before, start, end = frame, time, time + seconds
    yield before, end


def _rgb_converter(stream, longest_side: int | None) -> Callable:
    """A function from PyAV's frame to RGB `[height, width, 3]`; one converter serves all frames of a video."""
    from av.video.reformatter import VideoReformatter

    reformatter = VideoReformatter()
    size: dict[str, int] = {}

    def to_rgb(frame) -> np.ndarray:
        if not size:  # the first frame's size is that of all
            width, height = frame.width * float(stream.sample_aspect_ratio or 1), frame.height
            scale = min(1.0, longest_side / max(width, height)) if longest_side else 1.0
            size.update(width=max(1, round(width * scale)), height=max(1, round(height * scale)))
        return _upright(reformatter.reformat(frame, **size, format="rgb24", threads=1).to_ndarray(), frame)

    return to_rgb


def _upright(picture: np.ndarray, frame) -> np.ndarray:
    """The picture turned and mirrored as its display matrix says: a phone notes there how it was held."""
    from av.sidedata.sidedata import SideDataContainer

    # Not `frame.side_data`: the frame would keep it, and it the frame, until Python looks for such rings.
    for side in SideDataContainer(frame):  # type: ignore[call-arg]  # PyAV's stubs don't know how it is made
        if side.type.name == "DISPLAYMATRIX":
            # x' = a x + c y, y' = b x + d y
            (a, b, _), (c, d, _), _ = np.frombuffer(memoryview(side), np.int32).reshape(3, 3)
            if abs(b) > abs(a):
                picture, a, d = picture.swapaxes(0, 1), c, b
            picture = picture[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1]
    return np.ascontiguousarray(picture)
