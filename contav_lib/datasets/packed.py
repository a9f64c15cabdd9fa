"""The folder of prepared clips: files that only grow, read by mapping them into memory, and a list of what lies where.

`waveform.bin`, `object.bin`, `motion.bin` and `dense_motion.bin` hold the tensors of all clips, one behind the other and
nothing else; `clips.jsonl` has a line for each clip, written after its tensors; `manifest.json` says how all were made. A
process may be killed at any time: a line that is not whole does not count, nor does what lies behind the last clip with a
line. Of two lines of one clip the later one holds.
"""

import json
import mmap
import shutil
import warnings
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import reduce
from math import prod
from operator import add, le
from pathlib import Path
from typing import Any, NamedTuple

import torch
from tqdm.auto import tqdm

from contav_lib.datasets.corpus import IN_MEMORY, KINDS, Clips, Corpus, Ragged
from contav_lib.encoders.encoder import maker
from contav_lib.utils.shapes import shape_of
from contav_lib.utils.storage import WRITE_HINT, StorageError, file_errors, read_json, write_json

FORMAT = 2  # changes when the content of the files does
MANIFEST, LIST = "manifest.json", "clips.jsonl"


@dataclass(frozen=True)
class Recipe:
    """All that decides what prepared clips hold, apart from their videos."""

    format: int
    encoder: str
    encoder_version: str
    weights_hash: str
    audio_rate: int  # Hz
    frame_rate: float  # pictures a second for motion
    object_dim: int
    motion_dim: int

    @property
    def maker(self) -> str:
        """Name of what made the features, as `Encoder.maker` says it."""
        return maker(self.encoder, self.encoder_version, self.weights_hash)

    def form(self, kind: str) -> tuple[torch.dtype, tuple[int, ...]]:
        """Type of the values of one of `KINDS`, and shape of what a clip has several of."""
        if kind == "waveform":
            return torch.int16, ()
        return torch.float16, (self.object_dim if kind == "object" else self.motion_dim,)


class Entry(NamedTuple):
    """A line of the list of clips."""

    id: str
    label: str
    split: str
    video: str
    bytes: int = -1  # of the video file, by which another one is known,
    modified: int = -1  # and when it was changed last, in nanoseconds
    problem: str = ""  # why it can't be used
    starts: Sequence[int] = (0,) * len(
        KINDS
    )  # where its tensors begin, in samples or features; all 0 where it has none
    lengths: Sequence[int] = (0,) * len(KINDS)  # of its tensors
    checksum: int = 0  # CRC-32 of its tensors
    remark: str = ""  # what is odd about it, though it is used


class Pack:
    """A folder of prepared clips, read or begun.

    Attributes:
        folder, recipe: where it is, and how its clips are made.
        entries: what is there, by id, in the order in which it was prepared.
        damaged: ids of clips that were there, but whose tensors are damaged or lost.
        is_begun: whether the folder is there and of this recipe.
    """

    def __init__(self, folder: Path, recipe: Recipe):
        self.folder, self.recipe = folder, recipe
        self.entries: dict[str, Entry] = {}
        self.damaged: set[str] = set()
        self._ends = [0] * len(KINDS)  # of what is in use of the files
        self._listed = 0  # bytes of the list that are in use
        self.is_begun = False

    @classmethod
    def open(cls, folder: Path) -> "Pack":
        """Find out how the clips of a folder are made; `read` says which they are.

        Raises:
            StorageError: it has no manifest, or a damaged one.
            ValueError: it is of another version of the kit.
        """
        path = folder / MANIFEST
        content = read_json(path)
        with file_errors(path):
            recipe = content["recipe"]
            if recipe["format"] == FORMAT:
                pack = cls(folder, Recipe(**recipe))
                pack.is_begun = True
                return pack
        raise ValueError(f"{path}: is of another version of the kit. Prepare the clips again.")

    @property
    def nbytes(self) -> int:
        """Bytes of all tensors."""
        return sum(end * self._row_bytes(kind) for kind, end in zip(KINDS, self._ends, strict=True))

    def begin(self) -> None:
        """Make the folder, or empty it for another recipe: who reads the old files at the time keeps them."""
        with _writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            for name in (LIST, *map(_file_of, KINDS)):
                (self.folder / name).unlink(missing_ok=True)
            for old in {path.parent for path in self.folder.glob("*/*.safetensors")}:  # of version 1: a file a clip
                shutil.rmtree(old)
            (self.folder / LIST).touch()
        write_json(self.folder / MANIFEST, {"recipe": asdict(self.recipe)})
        self.is_begun = True

    def read(self) -> None:
        """Read the list; where this raises a StorageError, what comes before the damaged line is known."""
        path = self.folder / LIST
        with file_errors(path):
            with path.open("rb") as file:
                lines = file.readlines()
            there = self._rows_there()  # after the list: a line is written when its tensors are there
            for number, line in enumerate(lines, 1):
                if not line.endswith(b"\n"):  # a process was killed while it wrote
                    break
                try:
                    entry, ends = _parse(line)
                except (TypeError, ValueError) as error:
                    raise ValueError(f"line {number}: {error}") from error
                self._listed += len(line)
                self.damaged.discard(entry.id)
                self.entries[entry.id] = entry
                if all(map(le, ends, there)):
                    self._ends = list(map(max, self._ends, ends))
                else:
                    self.lose([entry.id])

    def check(self, progress: bool = False) -> None:
        """Read all tensors and compare them with their checksums; those that differ are `damaged`."""
        entries = list(self.entries.values())
        parts = self.clips(entries).parts.values()
        bar = tqdm(entries, "checking clips", delay=2, disable=not progress, unit="clip")
        for number, entry in enumerate(bar):
            if _checksum([part.raw(number) for part in parts]) != entry.checksum:
                self.lose([entry.id])
            for part in parts:
                part.forget()

    def lose(self, ids: Iterable[str]) -> None:
        """Take clips for damaged."""
        for name in ids:
            if self.entries.pop(name, None):
                self.damaged.add(name)

    def clips(self, entries: Sequence[Entry]) -> Clips:
        """The clips of these entries; nothing is read yet."""
        names = ("id", "label", "split", "video")
        columns: list[list[Any]] = [[getattr(entry, name) for entry in entries] for name in names]
        columns.append([2 / self.recipe.frame_rate] * len(entries))
        places = torch.tensor([[entry.starts, entry.lengths] for entry in entries], dtype=torch.int64)
        parts = {}
        for kind, (starts, lengths) in zip(KINDS, places.reshape(-1, 2, len(KINDS)).permute(2, 1, 0), strict=True):
            values, file = self._map(kind)
            parts[kind] = Ragged(values, starts.contiguous(), lengths.contiguous(), file)
        return Clips(parts, *columns)

    def tensors(self, entry: Entry) -> dict[str, torch.Tensor]:
        """The tensors of one clip as they are kept, views of the files."""
        return {kind: part.raw(0) for kind, part in self.clips([entry]).parts.items()}

    def append(self, entry: Entry, tensors: Mapping[str, torch.Tensor]) -> None:
        """Add a clip; where its tensors lie is filled in.

        Raises:
            StorageError: the disk is full or refuses; what is there already is untouched.
        """
        rows = [tensors[kind] for kind in KINDS]
        for kind, tensor, end in zip(KINDS, rows, self._ends, strict=True):
            dtype, shape = self.recipe.form(kind)
            if (tensor.dtype, tensor.shape[1:]) != (dtype, shape):
                raise ValueError(
                    f"{self.recipe.maker}: gave {kind} of {shape_of(tensor)}, {tensor.dtype}; [..., {shape}] was promised."
                )
            self._write(_file_of(kind), end * self._row_bytes(kind), tensor.numpy().tobytes())
        lengths = tuple(map(len, rows))
        self.note([entry._replace(starts=tuple(self._ends), lengths=lengths, checksum=_checksum(rows))])
        self._ends = list(map(add, self._ends, lengths))

    def note(self, entries: Iterable[Entry]) -> None:
        """Write into the list what is new about clips, apart from their tensors.

        Raises:
            StorageError: the disk is full or refuses.
        """
        entries = list(entries)
        lines = "".join(f"{json.dumps(entry)}\n" for entry in entries).encode()
        if lines:
            self._write(LIST, self._listed, lines)
            self._listed += len(lines)
            self.entries |= {entry.id: entry for entry in entries}

    def _write(self, name: str, end: int, content: bytes) -> None:
        path = self.folder / name
        with _writing(path), path.open("ab") as file:
            file.truncate(end)  # what a killed process left half-written
            file.write(content)

    def _row_bytes(self, kind: str) -> int:
        dtype, shape = self.recipe.form(kind)
        return dtype.itemsize * prod(shape)

    def _rows_there(self) -> list[int]:
        """How many rows each file has."""
        paths = [(kind, self.folder / _file_of(kind)) for kind in KINDS]
        return [path.stat().st_size // self._row_bytes(kind) if path.is_file() else 0 for kind, path in paths]

    def _map(self, kind: str) -> tuple[torch.Tensor, mmap.mmap | None]:
        """All rows of a file, and its map."""
        dtype, shape = self.recipe.form(kind)
        path = self.folder / _file_of(kind)
        with file_errors(path), warnings.catch_warnings():
            if not path.is_file() or not path.stat().st_size:
                return torch.empty(0, *shape, dtype=dtype), None
            # Read-only, for a map that could be written to is refused where it is larger than the memory. Torch warns of it.
            warnings.filterwarnings("ignore", "The given buffer is not writable")
            with path.open("rb") as file:
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            count = len(mapped) // self._row_bytes(kind) * prod(shape)
            return torch.frombuffer(mapped, dtype=dtype, count=count).view(-1, *shape), mapped


def load_corpus(cache: str | Path) -> Corpus:
    """All prepared clips of a cache folder. Needs no videos and no decoder.

    Raises:
        StorageError: the folder has no manifest, or what it says is damaged.
        ValueError: clips are missing or damaged, or of another version of the kit.
    """
    pack = Pack.open(Path(cache))
    pack.read()
    if pack.nbytes <= IN_MEMORY:
        pack.check()
    if pack.damaged:
        raise ValueError(
            f"{cache}: the prepared clips {some(pack.damaged)} are missing or damaged. Prepare the clips again: only these "
            "are made anew."
        )
    entries = sorted(entry for entry in pack.entries.values() if not entry.problem)
    return Corpus(pack.clips(entries), pack.recipe.audio_rate, {}, pack.recipe.maker, remarks(entries))


def remarks(entries: Iterable[Entry]) -> dict[str, str]:
    """What is odd about clips that are used, by id; of the others nothing."""
    return {entry.id: entry.remark for entry in entries if entry.remark}


def remarks_in(cache: Path) -> dict[str, str]:
    """The `remarks` of all prepared clips of a folder; nothing where none are prepared."""
    if not (cache / MANIFEST).exists():
        return {}
    pack = Pack.open(cache)
    pack.read()
    return remarks(pack.entries.values())


def some(ids: Collection[str]) -> str:
    """The first few of many ids."""
    return ", ".join(sorted(ids)[:10]) + (f" and {len(ids) - 10} others" if len(ids) > 10 else "")


def _file_of(kind: str) -> str:
    return f"{kind}.bin"


def _parse(line: bytes) -> tuple[Entry, list[int]]:
    """An entry of the list, and where its tensors end."""
    entry = Entry(*json.loads(line))
    entry = entry._replace(starts=tuple(entry.starts), lengths=tuple(entry.lengths))
    ends = list(map(add, entry.starts, entry.lengths))
    if not all(isinstance(name, str) for name in (*entry[:4], entry.problem, entry.remark)) or len(ends) != len(KINDS):
        raise ValueError("is no entry")
    if min(*entry.starts, *entry.lengths) < 0:
        raise ValueError("has a place below 0")
    return entry, ends


def _checksum(tensors: Iterable[torch.Tensor]) -> int:
    return reduce(lambda before, tensor: zlib.crc32(tensor.numpy().data, before), tensors, 0)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(f"Could not write {path}: {error}. What is prepared is kept. {WRITE_HINT}") from error
