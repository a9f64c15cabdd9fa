"""What the notebooks use to talk with a learner: players to listen with, and checks of answers."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from contav_lib.audio import SAMPLE_RATE
from contav_lib.naming import find_by_name, import_all

LONGEST = 12.0  # seconds of a sound that a player keeps: notebooks hold their sounds, and stay small

Judge = Callable[..., str]
EXERCISES: dict[str, Judge] = {}


class NotYet(Exception):
    """Raised by a judge for a wrong answer; its message says why it is wrong, without giving the answer away."""


def exercise(name: str) -> Callable[[Judge], Judge]:
    """Function decorator: register the judge of the exercise `name`, in a file of `contav_lib/exercises/`.

    A judge takes the answer, and by name whatever else it needs. It returns a sentence that explains why the answer is
    right, or raises `NotYet`.
    """

    def register(judge: Judge) -> Judge:
        EXERCISES[name] = judge
        return judge

    return register


@dataclass(frozen=True)
class Feedback:
    """What a check cell shows."""

    verdict: str  # "Right", "Not yet" or "Waiting"
    text: str

    _LOOKS = {"Right": ("✓", "#0072B2"), "Not yet": ("✗", "#D55E00"), "Waiting": ("…", "#767676")}

    def __repr__(self) -> str:
        return f"{self._LOOKS[self.verdict][0]} {self.verdict}: {self.text}"

    def _repr_html_(self) -> str:
        sign, colour = self._LOOKS[self.verdict]
        return (
            f'<div style="border-left: 5px solid {colour}; padding: 0.4em 0.8em">'
            f'<b style="color: {colour}">{sign} {self.verdict}.</b> {escape(self.text)}</div>'
        )


def check(name: str, answer: object, **given: object) -> Feedback:
    """Say whether an answer to an exercise is right, and if not, why. Never raises for a wrong answer.

    Args:
        name: the exercise's name.
        answer: the learner's; `...` means that there is none yet.
        given: what the judge needs to know beside the answer.

    Raises:
        ValueError: there is no such exercise.
    """
    import_all("contav_lib.exercises")
    judge = find_by_name(EXERCISES, name, "exercise")
    if answer is ...:
        return Feedback("Waiting", "write your answer in place of the three dots, and run the cell again.")
    try:
        return Feedback("Right", judge(answer, **given))
    except NotYet as wrong:
        return Feedback("Not yet", str(wrong))
    except (TypeError, ValueError, AttributeError) as error:
        return Feedback("Not yet", f"this answer is of another kind than the question asks for ({error}).")


def require_number(answer: object) -> float:
    """The answer as a number; `NotYet` for anything else."""
    if isinstance(answer, torch.Tensor | np.ndarray | np.generic) and np.prod(answer.shape) == 1:
        answer = answer.item()
    if isinstance(answer, bool) or not isinstance(answer, int | float):
        raise NotYet(f"a number is asked for, and this is a {type(answer).__name__}.")
    return float(answer)


@dataclass(frozen=True)
class Players:
    """Labelled audio players, side by side."""

    sounds: Mapping[str, bytes]  # FLAC files by label

    def __repr__(self) -> str:
        return f"Players: {', '.join(self.sounds)}"

    def _repr_html_(self) -> str:
        players = "".join(
            f'<figure style="margin: 0"><figcaption>{escape(label)}</figcaption><audio controls preload="metadata" '
            f'style="width: 250px" src="data:audio/flac;base64,{base64.b64encode(flac).decode()}"></audio></figure>'
            for label, flac in self.sounds.items()
        )
        return f'<div style="display: flex; flex-wrap: wrap; gap: 0.8em">{players}</div>'


def listen(sounds: Mapping[str, torch.Tensor | np.ndarray | Path], rate: int = SAMPLE_RATE) -> Players:
    """Labelled players for a few sounds, all made louder or softer by the same factor, so that they can be compared.

    Args:
        sounds: by label; each a waveform `[samples]` or an audio file. Only the first 12 seconds are kept.
        rate: samples a second of the waveforms.

    Raises:
        ValueError: a waveform has more than one dimension, or holds values that are not finite.
    """
    from contav_lib.media import read_audio, write_flac

    waveforms = {}
    for label, sound in sounds.items():
        waveform = read_audio(sound, rate) if isinstance(sound, str | Path) else torch.as_tensor(sound)
        if waveform.ndim != 1 or not waveform.isfinite().all():
            raise ValueError(
                f"{label!r} can't be played: it has shape {tuple(waveform.shape)} and "
                f"{int((~waveform.isfinite()).sum())} samples that are not finite; a waveform is [samples]."
            )
        waveforms[label] = waveform[: int(LONGEST * rate)].detach().cpu().float()
    loudest = max((float(waveform.abs().max()) for waveform in waveforms.values()), default=0.0)
    gain = 0.9 / loudest if loudest > 0 else 1.0
    files = {}
    with TemporaryDirectory() as folder:
        for number, (label, waveform) in enumerate(waveforms.items()):
            path = Path(folder, f"{number}.flac")
            write_flac(path, gain * waveform, rate)
            files[label] = path.read_bytes()
    return Players(files)
