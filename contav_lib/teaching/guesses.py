"""Guesses that a learner makes before a result is seen, and that stand beside it afterwards."""

from math import isfinite
from numbers import Real
from pathlib import Path

from contav_lib.teaching.check import Feedback
from contav_lib.utils import paths
from contav_lib.utils.storage import StorageError, read_json, write_json

Said = float | str
_made: dict[str, Said] = {}  # in this session


def predict(question: str, guess: object) -> Feedback:
    """Note down a guess, a number or a few words, for `reveal`; `...` means that there is none yet.

    It is kept in `runs/guesses.json`, so that it is there after a restart and in other notebooks; where nothing can be
    written, for this session only.
    """
    if guess is ...:
        return Feedback("Waiting", "put your guess in place of the three dots before you go on. Nobody marks it.")
    _made[question] = _said(guess)
    try:
        write_json(_file(), _all())
    except OSError:
        return Feedback("Noted", f"{_text(_made[question])}; for this session only, as nothing can be written here.")
    return Feedback("Noted", f"{_text(_made[question])}. Go on and see.")


def reveal(question: str, result: object, unit: str = "") -> Feedback:
    """Show what came out beside the guess that `predict` noted down, if there is one.

    Args:
        question: as it was given to `predict`.
        result: a number or a few words.
        unit: of both, where they are numbers: "dB", "%".
    """
    result, guess = _said(result), _all().get(question)
    if guess is None:
        return Feedback("Result", f"{_text(result, unit)}. No guess was noted down: make one before you look.")
    both = f"you guessed {_text(guess, unit)}, it is {_text(result, unit)}"
    if isinstance(guess, str) or isinstance(result, str):
        return Feedback("Result", f"{both}.")
    return Feedback("Result", f"{both}: {_text(abs(result - guess), unit)} apart.")


def _said(value: object) -> Said:
    is_number = isinstance(value, Real) and not isinstance(value, bool) and isfinite(value)
    return float(value) if is_number else str(value).strip()  # type: ignore[arg-type]


def _text(said: Said, unit: str = "") -> str:
    if isinstance(said, str):
        return f'"{said}"'
    return f"{round(said, 2 if abs(said) < 10 else 1) + 0.0:g} {unit}".strip()  # + 0.0 makes 0 of -0


def _file() -> Path:
    return paths.runs() / "guesses.json"


def _all() -> dict[str, Said]:
    """All guesses, those of other notebooks too; a file that can't be read counts as none."""
    try:
        kept = read_json(_file())
    except StorageError:
        kept = {}
    return ({name: _said(guess) for name, guess in kept.items()} if isinstance(kept, dict) else {}) | _made
