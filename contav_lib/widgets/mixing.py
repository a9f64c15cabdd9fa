"""What a mixing desk computes: clips mixed, any of their pictures shown, any class asked for, separated and scored."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from contav_lib import audio
from contav_lib.analysis.pictures import LONGEST, pictures_in, pictures_of
from contav_lib.config import Config
from contav_lib.datasets.corpus import Clips, PreparedClip
from contav_lib.datasets.prepare import FRAME_RATE, look
from contav_lib.encoders.encoder import make_encoder
from contav_lib.evaluation.metrics import SCORES, is_audible, score_sources
from contav_lib.evaluation.whole import crop_starts, overlap_add
from contav_lib.experiments.examples import LENGTH
from contav_lib.experiments.result import Result, check_encoder_of
from contav_lib.experiments.setup import Setup, spectrogram_of
from contav_lib.experiments.starter import is_of_starter, starter_clips
from contav_lib.media import SILENCE, MediaError, loudest, read_audio
from contav_lib.mixtures.batch import MixtureSpec
from contav_lib.mixtures.clip_store import MOTION_STEPS, ClipStore
from contav_lib.separators import Separator
from contav_lib.utils.devices import cpu_threads
from contav_lib.utils.registry import did_you_mean
from contav_lib.widgets.base import jpeg

FEWEST, MOST = 2, 4  # sounds in a mixture
SOFTEST = -30.0  # dB, the lowest gain; the highest is 0, so that no sound is clipped
OWN = "your file: "  # what the id of a clip that is no test clip begins with
_MOST_OWN = 8  # files of the user's that are kept, and those that sound
_SHARED = (
    "data",
    "data_digest",
    "clips_per_class",
    "encoder",
    "visual_noise",
)  # what all results of a desk have in common

# Of the fields of a slot, as they come from a page; Python's True is a number, but no slot.
_KINDS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("clip", "asked"), (str,)),
    **dict.fromkeys(("start", "gain"), (int, float)),
    **dict.fromkeys(("looks", "motion"), (int,)),
    "mute": (bool,),
}


@dataclass(frozen=True)
class Slot:
    """One sound of a mixture, and what the separator is told of it.

    Attributes:
        clip: id of a test clip, or of a file of the user's. start: of its crop, in seconds.
        gain: in dB, `SOFTEST` to 0. mute: not in the mixture, but asked for all the same.
        looks, motion: the slots whose pictures give these features; -1 stands for none.
        asked: label of the class that is asked for.
    """

    clip: str
    start: float
    gain: float
    mute: bool
    looks: int
    motion: int
    asked: str


@dataclass(frozen=True, eq=False)
class Separated:
    """What came of a mixture of N sounds.

    Attributes:
        mixture: `[L]`. truth, sounds: the sources as they stand in it, and what was separated, `[N, L]`.
        masks: `[N, F, T]`. spectrogram: magnitude of the mixture, `[F, T]`; of several crops, faded like the sounds.
        scores: `metrics.SCORES` by name, `[N]`, NaN for a silent sound; those of the others are scored as if it were not there.
        latest: the last start in each clip from which all of it can be heard, in seconds.
    """

    mixture: torch.Tensor
    truth: torch.Tensor
    sounds: torch.Tensor
    masks: torch.Tensor
    spectrogram: torch.Tensor
    scores: dict[str, torch.Tensor]
    latest: list[float]


class Mixer:
    """Checkpoints, the test clips of their data, and files of the user's.

    Args:
        results: by name, of experiments on the same data and features; others than the first one's are left out.

    Attributes:
        results: by name. left_out: names of those left out. of_starter: whether the clips are those of the starter pack.
        labels: of the clips, by id.
        classes: labels of all classes of the results.
    """

    def __init__(self, results: Mapping[str, Result]):
        configs = {name: Config.from_json(result.config) for name, result in results.items()}
        first = next(iter(configs.values()))
        same = [
            name for name, one in configs.items() if all(getattr(one, key) == getattr(first, key) for key in _SHARED)
        ]
        self.results = {name: results[name] for name in same}
        self.left_out = [name for name in results if name not in same]
        self.classes = list(dict.fromkeys(label for result in self.results.values() for label in result.classes))
        self._configs = configs
        self._first = first
        self.of_starter = is_of_starter(self.results[same[0]])  # then the other data need not be made
        self._clips = Clips.of(starter_clips() if self.of_starter else Setup.build(first).clips("test"))
        self._place = {name: place for place, name in enumerate(self._clips.ids)}
        self._own: dict[str, PreparedClip] = {}
        self._pictures: dict[str, Sequence[np.ndarray]] = {}  # of files of the user's
        self._separator = lru_cache(maxsize=4)(self._load)
        self._store = lru_cache(maxsize=4)(self._make_store)

    @property
    def labels(self) -> dict[str, str]:
        return dict(zip(self._clips.ids, self._clips.labels, strict=True)) | dict.fromkeys(self._own, "")

    def known(self, name: str, task: int) -> list[str]:
        """Labels of the classes that a result's separator has learned after a task (from 0)."""
        return [label for part in self.results[name].tasks[: task + 1] for label in part]

    def slots(self, given: Any) -> list[Slot]:
        """Check slots that are given as dicts.

        Raises:
            ValueError: they make no sense.
        """
        if not isinstance(given, list) or not FEWEST <= len(given) <= MOST:
            raise ValueError(f"A mixture has {FEWEST} to {MOST} slots, in a list.")
        for slot in given:
            if not isinstance(slot, dict) or set(slot) != set(_KINDS):
                raise ValueError(f"A slot is a dict of {', '.join(_KINDS)}.")
            for name, kinds in _KINDS.items():
                if type(slot[name]) not in kinds:
                    raise ValueError(f"{name}={slot[name]!r}: a value of this type makes no sense here.")
            if slot["clip"] not in self._place and slot["clip"] not in self._own:
                raise ValueError(f"There is no test clip {slot['clip']!r}; {did_you_mean(slot['clip'], self._place)}")
            if slot["asked"] not in self.classes:
                raise ValueError(f"There is no class {slot['asked']!r}; {did_you_mean(slot['asked'], self.classes)}")
            if not (0 <= slot["start"] < 1e6 and SOFTEST <= slot["gain"] <= 0):
                raise ValueError(f"start is 0 or more seconds, and gain {SOFTEST:g} to 0 dB.")
            if not all(-1 <= slot[name] < len(given) for name in ("looks", "motion")):
                raise ValueError("looks and motion are numbers of slots, or -1.")
        return [Slot(**slot) for slot in given]

    @torch.inference_mode()
    def separate(self, name: str, task: int, slots: list[Slot], whole: bool = False) -> Separated:
        """Mix the slots, and separate the mixture by a result's separator as it was after a task (from 0).

        Args:
            name: of the result.
            task: after which.
            slots: of the mixture.
            whole: as long as the examples, put together of crops as in `separate_whole`; else one crop, as in training.

        Raises:
            ValueError: a class is asked for that it has not learned. StorageError: its checkpoint is missing or damaged.
        """
        known, config = self.known(name, task), self._configs[name]
        for slot in slots:
            if slot.asked not in known:
                raise ValueError(
                    f"After task {task + 1}, {name} can't be asked for {slot.asked!r}: it has learned {', '.join(known)}. "
                    "Ask for one of these, or take a later task."
                )
        sizes = spectrogram_of(config)
        store, lengths = self._store(name, tuple(slot.clip for slot in slots))
        crop = sizes.hop * (sizes.frames - 1)  # what comes back of it
        length = max(LENGTH, crop) if whole else crop
        last = [max(0, clip - length - (sizes.samples - crop)) for clip in lengths]
        starts = [min(round(slot.start * audio.SAMPLE_RATE), at) for slot, at in zip(slots, last, strict=True)]
        crops = crop_starts(length, crop)
        gains = torch.tensor([0.0 if slot.mute else 10 ** (slot.gain / 20) for slot in slots])
        every = (len(crops), len(slots))
        spec = MixtureSpec(
            clips=torch.arange(len(slots)).expand(every),
            starts=torch.tensor(starts) + crops.unsqueeze(1),
            gains=gains.expand(every),
            is_old_class=torch.zeros(every, dtype=torch.bool),
        )
        batch = store.batch(spec, keep_waveforms=True)
        visual = {
            **batch.visual,
            "object": _picked(batch.visual["object"], [slot.looks for slot in slots]),
            "motion": _picked(batch.visual["motion"], [slot.motion for slot in slots]),
        }
        asked = torch.tensor([known.index(slot.asked) for slot in slots]).expand(every)
        with cpu_threads(config.threads):  # as it was learned, or the last digits would be others
            masks = self._separator(name, task)(batch.mixture, visual, asked).masks
        assert batch.spectrogram is not None and batch.sources is not None  # kept
        pieces = audio.reconstruct(batch.spectrogram, masks, sizes.window, sizes.hop, sizes.align_corners)
        sounds = overlap_add(pieces, crops)[:, :length]
        truth = overlap_add(batch.sources[..., :crop], crops)[:, :length]
        columns = crops // sizes.hop  # where each crop's spectrogram begins, to a hop
        spectrogram = overlap_add(batch.mixture[:, 0], columns)
        masks = overlap_add(masks.flatten(1, 2), columns).unflatten(0, masks.shape[1:3])
        latest = [at / audio.SAMPLE_RATE for at in last]
        return Separated(truth.sum(0), truth, sounds, masks, spectrogram, _scores(truth, sounds), latest)

    def recognise(self, name: str, task: int, clip: str) -> str:
        """Label of the learned class whose looks a clip's are nearest to; the first one where its looks are not known."""
        looks = self._store(name, (clip,))[0].object_embeddings()
        return self.known(name, task)[int(self.results[name].prototypes(task).recognise(looks).nearest)]

    def add(self, name: str, content: bytes, sounding: Collection[str]) -> tuple[str, str]:
        """Take a file of the user's, any with sound; of many the first ones are forgotten.

        Args:
            name: what it is called; nothing is opened by it.
            content: its bytes.
            sounding: ids of clips that must not be forgotten.

        Returns:
            the id of the new clip, and why its pictures are not seen, "" where they are.

        Raises:
            MediaError: it can't be read, or is silent.
        """
        clip, remark = f"{OWN}{name}", ""
        with TemporaryDirectory() as folder:
            path = Path(folder, "file")
            path.write_bytes(content)
            try:
                waveform = read_audio(path, audio.SAMPLE_RATE)[: LONGEST * audio.SAMPLE_RATE]
            except MediaError as error:
                raise MediaError(str(error).replace(str(path), name)) from None
            if loudest(waveform) < SILENCE:
                raise MediaError(f"{name}: nothing but silence; there is nothing to mix.")
            lengths = {"object": 1, "motion": MOTION_STEPS, "dense_motion": 1}
            seen: dict[str, Any] = {
                kind: torch.zeros(n, self._clips.parts[kind].shape[1]) for kind, n in lengths.items()
            }
            pictures: Sequence[np.ndarray] = []
            try:
                encoder = make_encoder(self._first.encoder)
                check_encoder_of(next(iter(self.results.values())).folder, encoder.maker)
                seen = {kind: values.float() for kind, values in look(path, encoder, span=(0, LONGEST)).items()}
                pictures = pictures_in(path)
            except (ImportError, ValueError, OSError) as error:
                remark = f"The separator is shown no picture of it. {str(error).replace(str(path), name)}"
        forgotten = [old for old in self._own if old not in sounding][: max(0, len(self._own) + 1 - _MOST_OWN)]
        self._own = {old: kept for old, kept in self._own.items() if old not in forgotten}
        self._store.cache_clear()  # it may hold a file of the same name
        self._own[clip] = PreparedClip(clip, "", "test", waveform, **seen, motion_step=2 / FRAME_RATE)
        self._pictures[clip] = pictures
        return clip, remark

    def picture(self, clip: str, second: float) -> bytes:
        """A small picture of a clip at a moment, as JPEG; nothing where its video is not there."""
        own, first = self._pictures.get(clip), self._first
        pictures = pictures_of(first.data, first.clips_per_class, clip) if own is None else own
        return jpeg(pictures[min(int(second), len(pictures) - 1)]) if pictures else b""

    def _make_store(self, name: str, chosen: tuple[str, ...]) -> tuple[ClipStore, list[int]]:
        """A store of clips, and their lengths in samples."""
        clips = [self._own[clip] if clip in self._own else self._clips[self._place[clip]] for clip in chosen]
        numbers = dict.fromkeys((clip.label for clip in clips), 0)  # of classes; what is asked for is said by the slots
        config = self._configs[name]
        return ClipStore(clips, numbers, spectrogram_of(config), config.motion), [len(clip.waveform) for clip in clips]

    def _load(self, name: str, task: int) -> Separator:
        return self.results[name].separator(task)


def _picked(values: torch.Tensor, slots: Iterable[int]) -> torch.Tensor:
    """Features `[1, N, ...]` of other slots, zeros for -1."""
    return torch.cat([values, torch.zeros_like(values[:, :1])], 1)[:, list(slots)]


def _scores(truth: torch.Tensor, sounds: torch.Tensor) -> dict[str, torch.Tensor]:
    heard = is_audible(truth) & is_audible(sounds)
    scores = {name: torch.full((len(truth),), float("nan"), dtype=torch.float64) for name in SCORES}
    if heard.any():
        for name, values in score_sources(truth[None, heard], sounds[None, heard], truth.sum(0)[None]).items():
            scores[name][heard] = values[0]
    return scores
