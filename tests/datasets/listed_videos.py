"""Small folders of lists and empty videos, for tests of the data sets that are made of lists."""

from pathlib import Path


def make_folder(root: Path, lists: dict[str, str | bytes], videos=()) -> Path:
    """A folder with lists of these contents, and empty video files."""
    root.mkdir(parents=True, exist_ok=True)
    for name, content in lists.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    for name in videos:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def youtube_id(label: str, number: int) -> str:
    """An id of 11 characters."""
    return f"{label[:7]:_<7}{number:04d}"


def splits_of(clips) -> dict[str, list[str]]:
    """Ids of videos by split."""
    found: dict[str, list[str]] = {}
    for clip in clips:
        found.setdefault(clip.split, []).append(clip.video)
    return found
