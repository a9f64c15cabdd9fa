"""From the name of a data set to prepared clips."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from contav_lib.datasets.prepare import Corpus
from contav_lib.minimusic import MINIMUSIC_VERSION
from contav_lib.utils import paths
from contav_lib.utils.registry import did_you_mean
from contav_lib.utils.storage import StorageError

# The order in which the authors' code learns the 20 classes of MUSIC-21 that it uses, five a task.
MUSIC_ORDER = (
    "accordion bagpipe bassoon clarinet drum "
    "flute piano saxophone tuba violin "
    "xylophone acoustic_guitar banjo cello electric_bass "
    "erhu guzheng pipa trumpet ukulele"
).split()


def load_data(data: str = "mini", clips_per_class: tuple[int, int, int] = (36, 6, 8)) -> Corpus:
    """The prepared clips of a data set; made, decoded and encoded on first use, kept for the next.

    Args:
        data: "mini" for MiniMUSIC, or a folder of videos laid out `<class>/<name>.mp4`.
        clips_per_class: training, validation and test clips a class; for "mini" only.

    Raises:
        ValueError: the folder is not there, or holds unusable files (all are listed).
    """
    return _load(data, tuple(clips_per_class), "" if data == "mini" else digest(data))


def require_clips(corpus: Corpus, needed: Mapping[str, Mapping[str, int]]) -> None:
    """Make sure that there are enough clips to mix.

    Args:
        needed: how many clips, by split and class.

    Raises:
        ValueError: an unknown class (the nearest are given), or too few clips; the message names all that is lacking.
    """
    lacking: dict[str, list[str]] = {}
    known = corpus.classes
    for split, classes in needed.items():
        counts = Counter(clip.label for clip in corpus.select(split))
        for label, number in classes.items():
            if label not in known:
                raise ValueError(f"There is no class {label!r} in the data; {did_you_mean(label, known)}")
            if counts[label] < number:
                lacking.setdefault(label, []).append(f"{counts[label]} of at least {number} for {split}")
    if lacking:
        listing = "\n".join(f"- {label!r}: {', '.join(parts)}" for label, parts in lacking.items())
        raise ValueError(
            f"There are too few clips to mix:\n{listing}\nAdd videos of these classes (3 or more of a class are shared out to "
            "training, validation and test, unless lists in splits/ say which goes where), leave the classes out with "
            "classes=[...], or choose fewer tasks: classes are mixed within their task."
        )


def whole_path(data: str) -> str:
    """The name of a data set: "mini", or the same path for every way to write where a folder lies.

    Raises:
        ValueError: there is no name at all.
    """
    if not data.strip():
        raise ValueError(f"data={data!r}: give 'mini' or a folder of videos, <class>/<name>.mp4.")
    return data if data == "mini" else str(Path(data).expanduser().resolve())


def videos_folder(data: str, clips_per_class: tuple[int, int, int]) -> Path:
    """Where the videos of a data set lie, or will lie."""
    if data == "mini":
        return paths.generated("-".join(map(str, ("minimusic", MINIMUSIC_VERSION, *clips_per_class))))
    return Path(whole_path(data))


def digest(folder: str) -> str:
    """A short hash of what a folder holds (names and sizes of all files): other videos are another data set.

    Raises:
        ValueError: there is no such folder.
    """
    root = Path(whole_path(folder))
    if not root.is_dir():
        raise ValueError(
            f"data={folder!r}: there is no such folder. Give 'mini' or a folder of videos, <class>/<name>.mp4."
        )
    files = sorted((str(path.relative_to(root)), path.stat().st_size) for path in root.rglob("*") if path.is_file())
    return hashlib.sha256(repr(files).encode()).hexdigest()[:10]


@lru_cache(maxsize=2)
def _load(data: str, clips_per_class: tuple[int, int, int], _digest: str) -> Corpus:
    # Making and decoding videos needs PyAV and the renderer; a machine that only trains from prepared clips has neither.
    videos = videos_folder(data, clips_per_class)
    if data == "mini":
        cache = paths.generated(f"{videos.name}-prepared")
    else:
        place = hashlib.sha256(str(videos).encode()).hexdigest()[:6]  # two folders may have the same name
        cache = paths.generated(f"{videos.name}-{place}-prepared")
    try:
        import av  # noqa: F401
    except ImportError:
        return _only_prepared(cache)
    from contav_lib.datasets.clip import find_clips
    from contav_lib.datasets.prepare import prepare
    from contav_lib.encoders.tiny import TinyEncoder
    from contav_lib.minimusic.generate import make_mini

    if data == "mini":
        make_mini(videos, clips_per_class)
    clips = find_clips(videos, MUSIC_ORDER if data == "mini" else None)
    return prepare(clips, TinyEncoder(), cache)


def _only_prepared(cache: Path) -> Corpus:
    from contav_lib.datasets.prepare import load_corpus

    try:
        return load_corpus(cache)
    except StorageError as error:
        raise ValueError(
            f"There are no prepared clips in {cache}, and without PyAV none can be made here. Run the same line once on a "
            "machine with the whole kit installed (make run) and copy that folder, or: pip install 'contav-lib[data]'"
        ) from error
