"""Clips and where they lie: a folder of videos by class, and which clip is for training, validation or test."""

import hashlib
import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path, PurePath
from unicodedata import normalize

from contav_lib.utils.registry import did_you_mean
from contav_lib.utils.storage import StorageError, read_json

# "melody", where there is one: test clips of instruments that are in training, too, so that only their music is new.
SPLITS = ("train", "validation", "test", "melody")
OPTIONAL_SPLIT = "melody"
VIDEO_SUFFIXES = (
    *(".mp4", ".m4v", ".mov", ".3gp", ".mkv", ".webm", ".avi", ".flv", ".wmv"),
    *(".mpg", ".mpeg", ".vob", ".ts", ".mts", ".m2ts"),
)
_HELD_OUT = 0.1  # share of the clips for validation, and again for test, where no lists say


@dataclass(frozen=True)
class Clip:
    """One video of one class."""

    id: str  # "violin/violin_0003"
    label: str  # "violin"
    split: str  # one of `SPLITS`
    path: Path
    video: str = ""  # the name of the whole video, where several clips may be of one; "": that of the clip
    span: tuple[float, float] | None = None  # the seconds of the file that count, part of the id; None: all
    fault: str = ""  # why it can't be used, whatever the file holds


def find_clips(root: str | Path, classes: Sequence[str] | None = None, without: Collection[str] = ()) -> list[Clip]:
    """The clips of a folder laid out as `root/<class>/<name>.mp4` (or another of `VIDEO_SUFFIXES`).

    Where `root/splits/` holds `train.json`, `validation.json` and `test.json` (and perhaps `melody.json`, see `SPLITS`), each
    `{"videos": {"accordion": ["accordion_0000", ...], ...}}`, the clips listed there are taken. Otherwise every video
    is taken, and a hash of its id decides its split: about 80 % training, 10 % validation, 10 % test, at least one of
    each for a class of 3 clips or more. Adding videos later hardly changes where the others belong.

    Links in the folder are followed, wherever they lead (git-annex, DVC, shared disks); the lists can name nothing outside it.
    Names are compared in Unicode's composed form (NFC), so that "café" is one class, whichever system wrote it. Of files that
    differ only in their suffixes, the first by name is taken; the others come as clips with a `fault`.

    Args:
        root: the folder.
        classes: the classes wanted, in the order wanted; all, sorted by name, by default.
        without: ids of clips to leave out; what no lists share out is shared out without them.

    Returns:
        The clips by class, then by split, then by id.

    Raises:
        ValueError: no such folder, no clips, an unknown class, a listed file that is missing, an id that is listed twice,
            a name that leads out of the folder.
    """
    root = Path(root)
    clips = read_folder(root, without)
    if not clips:
        raise ValueError(
            f"{root}: holds no clips. Videos ({', '.join(VIDEO_SUFFIXES)}) belong in one folder per class, "
            f"such as {root / 'violin' / 'violin_0000.mp4'}."
        )
    by_class: dict[str, list[Clip]] = {}
    for clip in sorted(clips, key=lambda clip: (clip.label, SPLITS.index(clip.split), clip.id)):
        by_class.setdefault(clip.label, []).append(clip)
    spellings: dict[str, str] = {}
    for label in by_class:
        if (other := spellings.setdefault(label.casefold(), label)) != label:
            raise ValueError(
                f"{root}: the classes {other!r} and {label!r} differ only in upper and lower case. Give both folders one name "
                "if they are one class, or quite different names if they are two."
            )
    wanted = list(by_class) if classes is None else list(map(composed, classes))
    for label, times in Counter(wanted).items():
        if label not in by_class:
            raise ValueError(f"{root}: has no class {label!r}; {did_you_mean(label, by_class)}")
        if times > 1:
            raise ValueError(f"The class {label!r} is asked for twice; name every class once.")
    return [clip for label in wanted for clip in by_class[label]]


def read_folder(root: Path, without: Collection[str] = ()) -> list[Clip]:
    """The clips of a folder as `find_clips` finds them, in no order; there may be none.

    Raises:
        ValueError: as `find_clips`, for the folder and its lists.
    """
    if not root.is_dir():
        raise ValueError(f"{root}: there is no such folder. Give the folder that holds one folder of videos per class.")
    folders = _class_folders(root)
    closed = [
        Clip(
            str(folder),
            label,
            "train",
            folder,
            fault=f"{folder}: may not be read. Give yourself the right to (chmod u+rx).",
        )
        for label, places in folders.items()
        for folder in places
        if not os.access(folder, os.R_OK | os.X_OK)
    ]
    for clip in closed:
        folders[clip.label].remove(clip.path)
    clips = _listed(root, folders) if (root / "splits").is_dir() else _by_hash(folders, without)
    return [clip for clip in [*closed, *clips] if clip.id not in without]


def misplaced(root: Path) -> list[str]:
    """Paths below `root` of videos that lie beside the class folders, or in folders inside them."""
    found = []
    for folder, inner, files in os.walk(root):
        depth = len(Path(folder).relative_to(root).parts)
        inner[:] = sorted(name for name in inner if not name.startswith(".") and (depth or name != "splits"))
        if depth != 1:
            videos = (name for name in files if name.lower().endswith(VIDEO_SUFFIXES) and not name.startswith("."))
            found += [Path(folder, name).relative_to(root).as_posix() for name in sorted(videos)]
    return found


def passed_over(root: Path) -> Counter[str]:
    """How many files in the class folders are not taken for videos, by suffix; hidden ones are not counted."""
    folders = [folder for places in _class_folders(root).values() for folder in places if os.access(folder, os.R_OK)]
    names = [name for folder in folders for name in os.listdir(folder)]
    suffixes = [os.path.splitext(name)[1].lower() for name in names if not name.startswith(".")]
    return Counter(suffix for suffix in suffixes if suffix not in VIDEO_SUFFIXES)


def _class_folders(root: Path) -> dict[str, list[Path]]:
    """The folders of each class: two where its name is written in both forms of Unicode."""
    folders: dict[str, list[Path]] = {}
    for name in sorted(os.listdir(root)):
        if os.path.isdir(root / name) and not name.startswith(".") and name != "splits":
            folders.setdefault(composed(name), []).append(root / name)
    return folders


def composed(name: str) -> str:
    """The name in Unicode's composed form: macOS writes "é" as two characters, others as one."""
    return normalize("NFC", name)


def inside(root: Path, *parts: str) -> Path:
    """`root/parts...`, refused with a ValueError where it leads out of `root` ("..", an absolute path, a link)."""
    path = root.joinpath(*parts)
    if not path.resolve().is_relative_to(root.resolve()):
        raise _leads_out(root, *parts)
    return path


def _leads_out(root: Path, *parts: str) -> ValueError:
    return ValueError(f"{'/'.join(parts)!r} leads out of the folder {root}; only what lies inside it is read.")


def _listed(root: Path, folders: dict[str, list[Path]]) -> list[Clip]:
    clips: dict[str, list[Clip]] = {}
    missing = []
    videos: dict[str, dict[str, list[Path]]] = {}  # per class
    for split, label, name in _entries(root / "splits"):
        label, name = composed(label), composed(name)
        file = name
        if label not in videos:
            videos[label] = _videos(folders.get(label, ()))
        if name not in videos[label] and name.lower().endswith(VIDEO_SUFFIXES):
            name = name.rpartition(".")[0]
        clip_id = f"{label}/{name}"
        if clip_id in clips:
            raise ValueError(f"{root / 'splits'}: {clip_id!r} is listed twice; a clip belongs to one split, once.")
        if name in videos[label]:
            paths = videos[label][name]
            clips[clip_id] = _clips(clip_id, label, split, [path for path in paths if path.name == file] or paths)
        elif ".." in (parts := PurePath(label, name)).parts or parts.is_absolute():
            raise _leads_out(root, label, name)
        else:
            missing.append(clip_id)
    if missing:
        raise ValueError(
            f"{root}: clips listed in {root / 'splits'} without a video file, {len(missing)}: "
            f"{', '.join(missing[:10])}{' ...' if len(missing) > 10 else ''}. Get them or take them off the lists."
        )
    return list(chain.from_iterable(clips.values()))


def _entries(folder: Path) -> Iterator[tuple[str, str, str]]:
    """(split, class, name) for every clip in the lists."""
    for split in SPLITS:
        path = folder / f"{split}.json"
        if split == OPTIONAL_SPLIT and not path.exists():
            continue
        try:
            videos = read_json(path)["videos"]
            entries = [(split, label, name) for label, names in videos.items() for name in names]
        except (StorageError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f'{path}: is missing or not a list of the form {{"videos": {{"violin": ["violin_0000"]}}}}. Write all three '
                f"lists, or remove the folder {folder} to have the videos shared out by the kit."
            ) from error
        if not all(isinstance(name, str) for _, _, name in entries):
            raise ValueError(f"{path}: names of clips must be texts in quotes.")
        yield from entries


def _by_hash(folders: dict[str, list[Path]], without: Collection[str]) -> list[Clip]:
    clips: list[Clip] = []
    for label, places in folders.items():
        videos = {f"{label}/{name}": paths for name, paths in _videos(places).items()}
        videos = {clip_id: paths for clip_id, paths in videos.items() if clip_id not in without}
        for clip_id, split in _hash_splits(list(videos)).items():
            clips += _clips(clip_id, label, split, videos[clip_id])
    return clips


def _clips(clip_id: str, label: str, split: str, paths: Sequence[Path]) -> list[Clip]:
    """The clip of this id, and one with a fault for every other file that has it, too."""
    first, *others = paths
    fault = f"has the same name as {first.name}, which is taken. Rename or remove one of the two."
    # Their ids are whole paths, which no other clip has.
    return [
        Clip(clip_id, label, split, first),
        *(Clip(str(path), label, split, path, fault=f"{path}: {fault}") for path in others),
    ]


def _videos(folders: Iterable[Path]) -> dict[str, list[Path]]:
    """The videos of one class by name without suffix."""
    videos: dict[str, list[Path]] = {}
    for folder in folders:
        for file in sorted(os.listdir(folder)):
            stem, suffix = os.path.splitext(file)
            if suffix.lower() in VIDEO_SUFFIXES and not file.startswith("."):
                videos.setdefault(composed(stem), []).append(folder / file)
    return videos


def _hash_splits(ids: list[str]) -> dict[str, str]:
    """The split of each clip of one class."""
    if len(ids) < 3:
        return dict.fromkeys(ids, "train")
    draw = {
        clip_id: int(hashlib.sha256(clip_id.encode(errors="surrogateescape")).hexdigest()[:8], 16) / 16**8
        for clip_id in ids
    }
    by_draw = sorted(ids, key=draw.__getitem__)
    tests = sum(draw[clip_id] < _HELD_OUT for clip_id in ids)
    tests = min(max(tests, 1), len(ids) - 2)
    validations = sum(draw[clip_id] < 2 * _HELD_OUT for clip_id in ids) - tests
    validations = min(max(validations, 1), len(ids) - tests - 1)
    held_out = ["test"] * tests + ["validation"] * validations
    return dict(zip_longest(by_draw, held_out, fillvalue="train"))
