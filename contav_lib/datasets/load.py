"""From the name of a data set to prepared clips."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from contav_lib.datasets.clip import SPLITS
from contav_lib.datasets.corpus import Corpus
from contav_lib.datasets.dataset import Dataset
from contav_lib.datasets.packed import load_corpus
from contav_lib.datasets.prepare import prepare
from contav_lib.encoders.encoder import Encoder, make_encoder
from contav_lib.utils.registry import CLIPS_PER_CLASS, did_you_mean, encoder_parts, encoder_with_versions, open_dataset
from contav_lib.utils.storage import StorageError


def load_data(
    data: str = "mini",
    clips_per_class: tuple[int, int, int] = CLIPS_PER_CLASS,
    encoder: str = "tiny",
    digest: str = "",
    on_unusable: str = "skip",
) -> Corpus:
    """The prepared clips of a data set; made, decoded and encoded on first use, kept for the next.

    Args:
        data: as for `open_dataset`: "mini" for MiniMUSIC, or a folder of videos laid out `<class>/<name>.mp4`.
        clips_per_class: training, validation and test clips a class, for data that are generated.
        encoder: name of the picture encoder, as `encoder_parts` reads it.
        digest: `Dataset.digest` of the content that is meant; "" takes the content as it is.
        on_unusable: as for `prepare`. Data without a digest must be whole: nothing would tell results without a clip apart.

    Raises:
        ValueError: the folder is not there, holds something else than is meant, or unusable files (all are listed).
    """
    dataset = open_dataset(data, clips_per_class)
    found = dataset.digest()
    if digest not in ("", found):
        raise ValueError(
            f"data={data!r}: the videos in this folder have changed since these settings were made (digest {digest}, now "
            f"{found}). Make the settings again (Config.profile) to run with the new videos, or bring the old ones back."
        )
    return _load(dataset.spelling, dataset.clips_per_class, encoder, found, on_unusable if found else "raise")


@lru_cache(maxsize=2)
def _load(data: str, clips_per_class: tuple[int, int, int], encoder: str, _digest: str, on_unusable: str) -> Corpus:
    dataset = open_dataset(data, clips_per_class)
    cache = dataset.prepared(encoder_with_versions(encoder))
    try:  # Making and decoding videos needs PyAV; a machine that only trains from prepared clips has none.
        import av  # noqa: F401
    except ImportError:
        return _only_prepared(cache, dataset.classes, encoder)
    return prepare_dataset(dataset, make_encoder(encoder), cache, on_unusable=on_unusable)


def prepare_dataset(dataset: Dataset, encoder: Encoder, cache: Path, **options: Any) -> Corpus:
    """The clips of a data set as `prepare` gives them; those that can be used are shared out to the splits without the others.

    Args:
        options: as for `prepare`.
    """
    return prepare(dataset.clips(), encoder, cache, share_out=dataset.clips, **options)


def _only_prepared(cache: Path, order: Sequence[str] | None, encoder: str) -> Corpus:
    """Return what is prepared, in the order of the data set's clips: the same tasks and draws as where they were made."""
    try:
        corpus = load_corpus(cache)
    except StorageError as error:
        raise ValueError(
            f"There are no prepared clips in {cache}, and without PyAV none can be made here. Run the same line once on a "
            "machine with the whole kit installed (make run) and copy that folder, or: pip install 'contav-lib[data]'"
        ) from error
    parts = [part for part, _ in dict.fromkeys(encoder_parts(encoder).values())]
    wanted = " ".join("+".join(getattr(part, what) for part in parts) for what in ("name", "version"))
    if not f"{corpus.maker} ".startswith(f"{wanted} "):
        raise ValueError(
            f"{cache} holds features of the encoder {corpus.maker!r}, but encoder={encoder!r} is asked for, {wanted!r}. "
            "Copy the folder that was prepared with it."
        )
    places = {label: place for place, label in enumerate(order or sorted(corpus.classes))}
    clips = corpus.clips
    rows = [row for row, label in enumerate(clips.labels) if label in places]
    rows.sort(key=lambda row: (places[clips.labels[row]], SPLITS.index(clips.splits[row]), clips.ids[row]))
    return replace(corpus, clips=clips.pick(rows))


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
        counts = Counter(corpus.select(split).labels)
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
