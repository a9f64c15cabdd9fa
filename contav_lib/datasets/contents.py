"""Contents of videos: a hash of each, worked out once and kept until the file is another."""

import hashlib
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from stat import S_ISREG
from typing import Any

from tqdm import tqdm

from contav_lib.datasets.clip import Clip
from contav_lib.utils.ahead import in_order
from contav_lib.utils.storage import StorageError, file_errors, read_json, sweep, write_json


def source_of(path: Path) -> dict[str, int]:
    """Return what tells a changed file from the one it was, without reading it; nothing, where there is no file."""
    with suppress(OSError):  # lost, or a link to nothing
        state = path.stat()
        if S_ISREG(state.st_mode):  # a pipe or a device may be read for ever
            return {"bytes": state.st_size, "modified": state.st_mtime_ns}
    return {}


_MANY = 20_000  # videos, which are looked through once a process
_digests: dict[Path, str] = {}  # of so many, by the file that keeps their hashes


def digest_of(find: Callable[[], Sequence[Clip]], manifest: Path, in_any_order: bool) -> str:
    """A short hash of clips: their ids, which hold class and span, splits and what the files hold.

    Args:
        find: looks for the clips.
        manifest: see `content_hashes`.
        in_any_order: the clips may come in another order; otherwise that is another digest.
    """
    if known := _digests.get(manifest):
        return known
    clips = find()
    hashes = content_hashes(clips, manifest)
    held = [(clip.id, clip.split, hashes[clip.id]) for clip in clips]
    digest = hashlib.sha256(repr(sorted(held) if in_any_order else held).encode()).hexdigest()[:10]
    if len(clips) >= _MANY:
        _digests[manifest] = digest
    return digest


def content_hashes(clips: Sequence[Clip], manifest: Path) -> dict[str, str]:
    """SHA-256 of every clip's video, by id; "" for one that can't be read.

    Args:
        clips: from `find_clips`.
        manifest: the file that keeps the hashes. A video is read again only when its size or its time of change is another.
    """
    known, todo = _read(manifest), []
    entries: dict[str, dict[str, Any]] = {}
    for clip in clips:
        if source := source_of(clip.path):
            entry = known.get(clip.id, {})
            entries[clip.id] = entry if source.items() <= entry.items() else source
            if entries[clip.id] is source:
                todo.append(clip)
    if todo:
        sweep(manifest.parent)
        try:
            # Threads do: reading and hashing release Python's lock.
            hashes = in_order(_sha256, todo, os.cpu_count() or 1)
            for clip, job in tqdm(hashes, "reading videos", len(todo), delay=2, unit="video"):
                entries[clip.id]["sha256"] = job.result()
        finally:
            whole = {clip_id: entry for clip_id, entry in sorted(entries.items()) if entry.get("sha256")}
            with suppress(StorageError):  # where nothing may be written, they are worked out each time
                write_json(manifest, whole)
    return {clip.id: entries.get(clip.id, {}).get("sha256", "") for clip in clips}


def _read(manifest: Path) -> dict[str, dict]:
    """The entries kept by clip id; none where the file is missing or holds something else, for it can be made again."""
    with suppress(StorageError), file_errors(manifest):
        return {clip_id: entry for clip_id, entry in read_json(manifest).items() if len(entry["sha256"]) == 64}
    return {}


def _sha256(clip: Clip) -> str:
    try:
        with clip.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
