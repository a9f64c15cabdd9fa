"""Files that are either whole or not there: atomic writes of JSON and of named tensors (safetensors, never pickle)."""

import hashlib
import json
import os
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from tqdm import tqdm

from contav_lib.utils import paths
from contav_lib.utils.ranks import rank

# What helps when a file can't be written.
WRITE_HINT = (
    "Free some disk space or choose another folder (data and results go to the folder that the variable CONTAV_HOME names), "
    "then run again: it goes on from the last complete file."
)
# What reading a damaged file may raise.
_OF_DAMAGE = (
    ArithmeticError,
    AttributeError,
    LookupError,
    OSError,
    RuntimeError,
    SafetensorError,
    TypeError,
    ValueError,
)
_BLANK = "0" * 32  # stands for a file's digest while this is worked out

_MACHINE = re.sub(r"\W", "-", socket.gethostname())[:64]


class StorageError(OSError):
    """Error of a file that could not be written or read; the message says which and what to do."""


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file in one step: `write` fills a temporary one beside `path`, which is then moved into place.

    Whatever happens in between (a crash, a full disk), `path` holds either its old content or the new one. Of several processes
    that run one experiment the first writes, for all.

    Raises:
        StorageError: the file system refused, or the place is shared; the old file, if any, is untouched.
    """
    if rank() > 0:
        return
    require_own(path)
    if not path.name or os.path.isdir(path):
        raise StorageError(f"Could not write {str(path)!r}: give the name of a file, not of a folder.")
    # As short as it can be told apart, for the file's own name may be as long as names can be.
    digest = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]
    temporary = path.with_name(f".{digest}.{_MACHINE}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        temporary.chmod(0o644)  # some writers make private files; a shared cache must be readable
        os.replace(temporary, path)
    except OSError as error:
        raise StorageError(
            f"Could not write {path}: {error}. What was there before is untouched. {WRITE_HINT}"
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def require_own(path: Path) -> None:
    """Refuse to write into what is shared.

    Raises:
        StorageError: the path lies in the folder that `CONTAV_DATA` names.
    """
    if (folder := paths.shared()) and path.resolve().is_relative_to(folder):
        raise StorageError(
            f"{path} would have to be written: what is there is not whole, or not for these settings. CONTAV_DATA={folder} is "
            "only read. Whoever keeps it completes it there (CONTAV_HOME set to the folder above it, CONTAV_DATA not "
            "set); unset CONTAV_DATA to make data of your own."
        )


def sweep(folder: Path) -> None:
    """Remove the half-written files that killed processes of this machine left in a folder and below it."""
    for path in folder.rglob(".*.part"):
        owner = re.fullmatch(rf"\.[0-9a-f]{{16}}\.{_MACHINE}\.(\d{{1,9}})\.part", path.name)
        if owner and not _is_alive(int(owner[1])):
            path.unlink(missing_ok=True)


def _is_alive(process: int) -> bool:
    if os.name == "nt":  # where asking would end it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is another user's
        return True
    return True


@contextmanager
def only_one(path: Path, what: str) -> Iterator[None]:
    """Context manager: wait until no other process is in it with the same lock file, and keep others waiting meanwhile.

    Args:
        path: the lock file, removed at the end.
        what: what is being done, as in "Another process <what>".

    Raises:
        StorageError: the file can't be made, or its place is shared.
    """
    require_own(path)
    lock = FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        tqdm.write(f"Another process {what}: waiting for it.")
        lock.acquire()
    except OSError as error:
        raise StorageError(f"Could not write to {path.parent}: {error}. {WRITE_HINT}") from error
    try:
        yield
    finally:
        with suppress(OSError):  # while it is held: who waits for a file that is gone begins anew
            path.unlink()
        lock.release()


def write_json(path: Path, content: Any) -> None:
    """Write strict JSON atomically; NaN is refused (write None).

    A file that holds just this already is left alone, so that finished data can lie where nothing may be written.
    """
    text = (json.dumps(content, indent=1, allow_nan=False) + "\n").encode()
    if not (os.path.isfile(path) and path.read_bytes() == text):
        write_atomically(path, lambda temporary: temporary.write_bytes(text))


@contextmanager
def file_errors(path: Path, hint: str = "Remove it and run again to have it made anew.") -> Iterator[None]:
    """Context manager: turn any error while reading or parsing `path` into a StorageError that names the file.

    Raises:
        StorageError: the file can't be read, or its content is not of the form that the code expects.
    """
    try:
        yield
    except StorageError:  # of a reader within, which has said all this
        raise
    except _OF_DAMAGE as error:
        raise StorageError(
            f"{path} is missing, damaged, or not a file of this kit ({type(error).__name__}: {error}). {hint}"
        ) from error


@contextmanager
def process_errors() -> Iterator[None]:
    """Context manager for what starts processes: they need shared memory, and a temporary folder for their queues.

    Raises:
        StorageError: one of the two is missing, full or can't be written.
    """
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"Could not start processes that work side by side: {error}. They need shared memory (/dev/shm on Linux) and a "
            "folder for temporary files with some room: set the variable TMPDIR to one. "
            "Or run one experiment after the other, by run(config) or `contav run`."
        ) from error


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        StorageError: the file is missing or not valid JSON.
    """
    with file_errors(path):
        return json.loads(path.read_bytes())  # in any UTF, with a byte order mark or without


def save_tensors(path: Path, tensors: Mapping[str, torch.Tensor], metadata: Any) -> None:
    """Write named tensors and a JSON-able `metadata` into one safetensors file, with a digest of all its bytes, atomically."""
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    blank = save(whole, {"contav": f"{json.dumps(metadata)} {_BLANK}"})
    content = blank.replace(_BLANK.encode(), _digest(blank).encode(), 1)
    write_atomically(path, lambda temporary: temporary.write_bytes(content))


def load_tensors(path: Path, device: torch.device | str = "cpu") -> tuple[dict[str, torch.Tensor], Any]:
    """Read what `save_tensors` wrote: the tensors by name, and the metadata.

    Raises:
        StorageError: the file is missing, damaged, holds numbers that are not finite, or was not written by `save_tensors`.
    """
    metadata = read_metadata(path)
    with file_errors(path), safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        for name, tensor in tensors.items():
            if not tensor.isfinite().all():
                raise ValueError(f"{name!r} holds numbers that are not finite")
        # Copies: where a tensor lies in the file decides how it is aligned, and that decides the last digit of some products.
        return {name: tensor.to(device, copy=True) for name, tensor in tensors.items()}, metadata


def read_metadata(path: Path) -> Any:
    """Read the metadata of a file of `save_tensors`, all of whose bytes must be as they were written.

    A file of an earlier version has no digest: it need only have all its bytes.

    Raises:
        StorageError: as `load_tensors`.
    """
    with file_errors(path), safe_open(path, framework="pt") as file:
        text = (file.metadata() or {})["contav"]
        metadata, end = json.JSONDecoder().raw_decode(text)
        digest = text[end:].strip()
        if digest and _digest(path.read_bytes().replace(digest.encode(), _BLANK.encode(), 1)) != digest:
            raise ValueError("its content is no longer what was written")
        return metadata


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=len(_BLANK) // 2).hexdigest()


def with_prefix(prefix: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the same tensors under `prefix + name`."""
    return {prefix + name: tensor for name, tensor in tensors.items()}


def without_prefix(prefix: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the tensors whose names start with `prefix`, under the rest of their names."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
