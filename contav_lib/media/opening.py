"""Media files opened and their frames decoded, with an error that names the file where that fails."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Literal

from contav_lib.utils.extras import extras

# Named, because FFmpeg would also follow play lists (plain text) to other files and to the network.
_CONTAINERS = (
    "mov,mp4,m4a,matroska,webm,avi,mpegts,mpeg,flv,asf,mxf,dv,nut,rm,ivf,"  # pictures, most with sound
    "flac,wav,w64,ogg,mp3,aac,ac3,eac3,aiff,caf,au,amr,ape,tta,wv"  # sound
)
# How files of common containers begin: what starts so and does not open was cut off or damaged.
_FIRST_BYTES = (
    b"\x1aE\xdf\xa3",
    b"RIFF",
    b"fLaC",
    b"OggS",
    b"ID3",
    b"FLV\x01",
    b"0&\xb2u",
    b"FORM",
    b"caff",
    b"\0\0\1\xba",
)
_MOV_ATOMS = (b"ftyp", b"moov", b"mdat", b"free", b"wide")  # bytes 4 to 7 of a .mp4 or .mov
_AGAIN = "Copy or download it again."
_LEAST = 0.9  # share of a file that must be there
_SHORTFALL = 0.5  # seconds that may be missing at the end: containers round their durations
_DAMAGE = 0.1  # share of a stream's packets that may be damaged


class MediaError(ValueError):
    """Error of a media file that can't be used; the message names the file and what is wrong with it."""


_remarks: ContextVar[list[str] | None] = ContextVar("_remarks", default=None)


def remark(path: str | Path, text: str) -> None:
    """Warn of what is odd about a file that is used all the same."""
    noted = _remarks.get()
    if noted is not None:
        noted.append(text)
    warnings.warn(f"{path}: {text}", stacklevel=3)


@contextmanager
def remarks_noted() -> Iterator[list[str]]:
    """Context manager: the texts of all remarks that this thread makes meanwhile."""
    noted: list[str] = []
    before = _remarks.set(noted)
    try:
        yield noted
    finally:
        _remarks.reset(before)


@contextmanager
def opened(path: str | Path) -> Iterator:
    """The file's container; FFmpeg's errors, while opening or reading, become a `MediaError` that names the file."""
    with extras():
        import av

    path = Path(path)
    if not path.is_file():
        kind = "is a folder, not a media file" if path.is_dir() else "is a pipe or a device, not a media file"
        raise MediaError(f"{path}: {kind if path.exists() else 'does not exist'}.")
    if not path.stat().st_size:
        raise MediaError(f"{path}: is empty (0 bytes). {_AGAIN}")
    try:
        options = {"format_whitelist": _CONTAINERS, "protocol_whitelist": "file"}
        container = av.open(str(path.resolve()), options=options, metadata_errors="ignore")
    except av.FFmpegError as error:
        raise _unreadable(path) from error
    with container:
        try:
            yield container
        except (av.FFmpegError, IndexError) as error:  # IndexError: a damaged packet of a stream that is not there
            raise MediaError(f"{path}: is truncated or damaged ({error}). {_AGAIN}") from error


def streams_of(path: str | Path, container, kind: Literal["audio", "video"]) -> list:
    """The streams of one kind that an open file has, without pictures that are only a cover.

    Raises:
        MediaError: there is none, or none whose codec is known.
    """
    from av.stream import Disposition

    found = [stream for stream in container.streams if stream.type == kind]
    found = [stream for stream in found if not stream.disposition & Disposition.attached_pic]
    if not found:
        raise MediaError(
            f"{path}: has no {kind} stream. Choose a file with {'sound' if kind == 'audio' else 'pictures'}."
        )
    known = [stream for stream in found if stream.codec_context]
    if not known:
        name = Path(path)
        raise MediaError(
            f"{path}: the codec of its {kind} stream is not known here, or the file was cut off. {_AGAIN} If a player "
            f'plays it, convert it: ffmpeg -i "{name.name}" "{name.stem}_converted.mp4"'
        )
    return known


def decoded(path: str | Path, stream) -> Iterator[tuple]:
    """Decode one stream of an open file: (frame, its time stamp in seconds or None, how many seconds it lasts).

    A few damaged packets are left out, with a warning. Of a file that was cut off what is there is given, with a warning, too.

    Raises:
        MediaError: nothing can be decoded, or much is damaged.
    """
    import av

    packets, damaged, end = 0, 0, None
    late = 0.0
    # Raw AAC has no time stamps: FFmpeg makes them up, by the first sampling rate for all.
    counted = stream.container.format.name == "aac"
    for packet in stream.container.demux(stream):
        if not packets and stream.container.format.name == "avi" and None not in (packet.pts, packet.dts):
            # AVI doesn't say when a picture is shown; FFmpeg's guess is late by a delay.
            late = float((packet.pts - packet.dts) * packet.time_base)
        packets += bool(packet.size)
        try:
            frames = packet.decode()
        except av.InvalidDataError:
            damaged += end is not None  # before the first frame it is a cut: pictures that lack the one they change
            continue
        for frame in frames:
            if stream.type == "audio":
                seconds = frame.samples / frame.sample_rate
            else:
                seconds = float(frame.duration * frame.time_base if frame.duration else 1 / (stream.average_rate or 25))
            stamp = None if frame.time is None or counted else frame.time - late
            end = (end or 0.0 if stamp is None else stamp) + seconds
            yield frame, stamp, seconds
    if end is None:
        raise MediaError(f"{path}: nothing in its {stream.type} stream can be decoded. {_AGAIN}")
    cut = _cut_short(path, stream, packets, end)
    if cut:
        remark(path, f"is truncated: {cut}; what is there is used. {_AGAIN}")
    if damaged:
        told = f"{damaged} of {packets} packets of its {stream.type} stream are damaged"
        if damaged > _DAMAGE * packets:
            raise MediaError(f"{path}: {told}. {_AGAIN}")
        remark(path, f"{told}; the rest is used.")


def _unreadable(path: Path) -> MediaError:
    with path.open("rb") as file:
        head = file.read(16)
    if head.startswith(_FIRST_BYTES) or head[4:8] in _MOV_ATOMS:
        return MediaError(f"{path}: is truncated or damaged: its beginning or end is missing. {_AGAIN}")
    return MediaError(
        f"{path}: is not a media file that can be read, whatever its name says. If a player plays it, put it into another "
        f'container: ffmpeg -i "{path.name}" -c copy "{path.stem}_copy.mp4"'
    )


def _cut_short(path: str | Path, stream, packets: int, end: float) -> str:
    """How a stream that ends at `end`, in seconds, was cut off, in words; "" where it was not."""
    path = Path(path)
    if short := _short_of_bytes(path):
        return short
    if stream.duration:
        start, promised = (float((value or 0) * stream.time_base) for value in (stream.start_time, stream.duration))
    else:  # Matroska's counts from 0, wherever the streams begin
        start, promised = 0.0, (stream.container.duration or 0) / 1e6
    least = start + _LEAST * promised - _SHORTFALL
    # It is whole where all its packets are there, or where another stream reaches the end: a last picture may stand still.
    if end >= least or (packets >= stream.frames if stream.frames else _last_stamp(path) >= least):
        return ""
    return f"the {stream.type} ends after {end - start:.1f} of {promised:.1f} s"


def _short_of_bytes(path: Path) -> str:
    """What FFmpeg doesn't notice: RIFF (WAV, AVI) that is smaller than it says, Ogg whose last page is missing."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(8)
        file.seek(max(0, size - 65_307))  # bytes of the largest page
        page = file.read().rpartition(b"OggS")[2]
    promised = int.from_bytes(head[4:], "little")
    unknown = 0xFFFFFFFF  # a recorder's, that could not go back
    if head.startswith(b"RIFF") and size < _LEAST * promised and promised != unknown:
        return f"it has {size:,} of {promised:,} bytes"
    if head.startswith(b"OggS") and not (page[1:2] and page[1] & 4):
        return "its last page is missing"
    return ""


def _last_stamp(path: str | Path) -> float:
    """The latest time stamp in a file, in seconds."""
    with opened(path) as container:
        stamps = (float(packet.pts * packet.time_base) for packet in container.demux() if packet.pts is not None)
        return max(stamps, default=0.0)
