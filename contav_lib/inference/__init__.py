"""Use of a learned separator on videos: whole, of any length, one player a video or several in one."""

from contav_lib.inference.separation import separate
from contav_lib.inference.stems import SeparationResult

__all__ = ["SeparationResult", "separate"]
