"""Readers and writers of media files: a file to a waveform and pictures, and back.

PyAV is imported only when a file is read or written: training from prepared clips needs no decoder.
"""

from contav_lib.media.opening import MediaError, remark, remarks_noted
from contav_lib.media.pictures import each_picture, read_frames
from contav_lib.media.sound import SILENCE, loudest, read_audio
from contav_lib.media.writing import write_flac, write_video

__all__ = [
    "SILENCE",
    "MediaError",
    "each_picture",
    "loudest",
    "read_audio",
    "read_frames",
    "remark",
    "remarks_noted",
    "write_flac",
    "write_video",
]
