"""The sound font that MiniMUSIC is played with, mended for a synthesizer that does not read all of it.

TimGM6mb comes with the package pretty_midi. A sound font (SoundFont 2.04) maps keys to recorded samples by zones. symusic
0.5.9 misreads it in two ways, and each has its remedy here:

- It takes a sample's pitch from the sample's header, where the standard (section 8.1.2, generator 58) lets the zone say
  otherwise, as nearly all zones of this font do: most notes would sound at a wrong pitch. Remedy: a header of its own, with
  the right root key, for every pair of sample and root key.
- It rounds a sample's length down twice and its loop's end once, so that a loop which comes up to the sample's end runs on
  into whatever lies in memory there. Remedy: every sample ends where its wave does, `GUARD` points after the end that its
  header gives.
"""

from functools import cache
from importlib.resources import files
from itertools import pairwise

import numpy as np

from contav_lib.utils.extras import extras

with extras():
    SOUND_FONT = files("pretty_midi") / "TimGM6mb.sf2"
GUARD = 8  # points
HEADER = np.dtype(  # of a sample (section 7.10); places are counted in points from the start of the first sample
    [("name", "S20"), ("start", "<u4"), ("end", "<u4"), ("loop_start", "<u4"), ("loop_end", "<u4"), ("rate", "<u4"),
     ("root_key", "u1"), ("correction", "i1"), ("link", "<u2"), ("type", "<u2")]
)  # fmt: skip
_BAG = np.dtype([("first_generator", "<u2"), ("first_modulator", "<u2")])  # where a zone begins (section 7.7)
_GENERATOR = np.dtype([("operator", "<u2"), ("amount", "<u2")])  # one setting of a zone (section 7.8)
_SAMPLE, _ROOT_KEY = 53, 58  # operators
_NO_KEY = 0xFFFF


@cache
def mended_sound_font() -> bytes:
    """Return the sound font, as a file's content, with right root keys and whole samples."""
    font = bytearray(SOUND_FONT.read_bytes())
    headers = _table(font, b"shdr", HEADER).copy()
    headers["end"][:-1] += GUARD  # the last header says only that there are no more
    generators = _table(font, b"igen", _GENERATOR)
    own: dict[tuple[int, int], int] = {}
    for first, after in pairwise(_table(font, b"ibag", _BAG)["first_generator"].tolist()):
        zone = generators[first:after]
        root_keys = zone["amount"][zone["operator"] == _ROOT_KEY]
        samples = np.flatnonzero(zone["operator"] == _SAMPLE)
        if len(samples) and len(root_keys) and root_keys[0] != _NO_KEY:
            pair = int(zone["amount"][samples[0]]), int(root_keys[0])
            zone["amount"][samples[0]] = own.setdefault(pair, len(headers) - 1 + len(own))
    added = headers[[sample for sample, _ in own]]
    added["root_key"] = [key for _, key in own]
    return _with_headers(font, np.concatenate([headers[:-1], added, headers[-1:]]))


def _table(font: bytearray, name: bytes, kind: np.dtype) -> np.ndarray:
    """The records of a chunk, as a view of the font: a chunk is its name, its size in four bytes, and its content."""
    start = font.index(name) + 8
    return np.frombuffer(font, kind, int.from_bytes(font[start - 4 : start], "little") // kind.itemsize, start)


def _with_headers(font: bytearray, headers: np.ndarray) -> bytes:
    """The font with other sample headers, its last chunk; the sizes of the chunks around it follow."""
    old = _table(font, b"shdr", HEADER)
    grown, whole = headers.nbytes - old.nbytes, bytes(font[: font.index(b"shdr")])
    mended = bytearray(whole + b"shdr" + headers.nbytes.to_bytes(4, "little") + headers.tobytes())
    for place in (4, mended.index(b"pdta") - 4):  # of the whole file, and of the list that holds the headers
        mended[place : place + 4] = (int.from_bytes(mended[place : place + 4], "little") + grown).to_bytes(4, "little")
    return bytes(mended)
