"""A folder of videos as people have them: clips of MiniMUSIC in several containers, with a few that can't be used."""

import os
import shutil
from pathlib import Path

import numpy as np

from contav_lib.media import each_picture, read_audio, write_video
from contav_lib.minimusic.generate import FRAME_RATE, RATE
from contav_lib.utils.extras import extras
from contav_lib.utils.storage import write_atomically

LABELS = ("flute", "drum", "violin", "piano")
CONTAINERS = {".mp4": "mp4", ".mkv": "matroska", ".mov": "mov", ".ts": "mpegts"}  # suffixes, and FFmpeg's names


def make_home_videos(folder: Path, videos: Path, count: int = 8, labels: tuple[str, ...] = LABELS) -> Path:
    """Fill `folder/<class>/` with clips of MiniMUSIC's training, in turn in each of `CONTAINERS`, and with faults; return it.

    The faults: a video cut off half-way, one without sound, one that shows a photograph, an empty file, notes, and a video
    beside the class folders. What is there already stays.

    Args:
        folder: made if need be.
        videos: where MiniMUSIC lies (`Dataset.videos`).
        count: clips a class.
        labels: four classes at least.
    """
    clips = {label: sorted((videos / label).glob("*.mp4"))[: count + 1] for label in labels}
    for label, paths in clips.items():
        for number, path in enumerate(paths[:count]):
            suffix = list(CONTAINERS)[number % len(CONTAINERS)]
            _repack(path, folder / label / f"video {number + 1}{suffix}")
    one, two, three, four, *_ = labels
    cut = folder / one / "cut off.mkv"
    if not cut.exists():
        _repack(clips[one][-1], cut)
        os.truncate(cut, cut.stat().st_size // 2)
    silent, still = (folder / name / f"{what}.mp4" for name, what in ((two, "muted"), (three, "photograph")))
    pictures = {path: list(each_picture(clips[path.parent.name][-1], FRAME_RATE, 160)) for path in (silent, still)}
    sound = read_audio(clips[three][-1], RATE)
    if not silent.exists():
        write_video(
            silent, np.zeros(len(pictures[silent]) * RATE // round(FRAME_RATE)), RATE, pictures[silent], FRAME_RATE
        )
    if not still.exists():
        write_video(still, sound, RATE, [pictures[still][0]] * len(pictures[still]), FRAME_RATE)
    for path in (folder / four / "empty.mov", folder / one / "notes.txt"):
        if not path.exists():
            path.touch()
    if not (folder / "loose.mp4").exists():
        shutil.copyfile(clips[four][-1], folder / "loose.mp4")
    return folder


def _repack(source: Path, target: Path) -> None:
    """Put the streams of a video into another container, as they are."""
    with extras():
        import av

    def write(part: Path) -> None:
        with av.open(str(source)) as found, av.open(str(part), "w", format=CONTAINERS[target.suffix]) as made:
            streams = [made.add_stream_from_template(stream) for stream in found.streams]
            for packet in found.demux():
                if packet.size:
                    packet.stream = streams[packet.stream.index]
                    made.mux(packet)

    if not target.exists():
        write_atomically(target, write)
