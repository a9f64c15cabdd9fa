"""Places of generated data and results; what comes with the kit lies beside the code that reads it."""

import os
from pathlib import Path

_PROJECT = Path(__file__).resolve().parents[2]


def expanded(name: str, text: str) -> Path:
    """The path in a setting or a variable, with `~` written out.

    Raises:
        ValueError: it begins with `~user`, and there is no such user.
    """
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise ValueError(f"{name}={text!r}: there is no home of this user here. Write the path in full.") from error


def home() -> Path:
    """The folder that holds `data/` and `runs/`.

    The environment variable `CONTAV_HOME` when set; else the project's root, when the package is used from its
    checkout (`pip install -e .`); else the current folder.

    Raises:
        ValueError: `CONTAV_HOME` is no folder.
    """
    if chosen := os.environ.get("CONTAV_HOME"):
        folder = expanded("CONTAV_HOME", chosen).resolve()
        try:
            is_other = folder.exists() and not folder.is_dir()
        except OSError as error:  # too long a name
            raise ValueError(f"CONTAV_HOME={chosen!r}: {error.strerror}. Set it to another folder.") from error
        if is_other:
            raise ValueError(
                f"CONTAV_HOME={chosen!r} is a file: set it to a folder where data and results may be written."
            )
        return folder
    return _PROJECT if (_PROJECT / "pyproject.toml").exists() else Path.cwd()


def shared() -> Path | None:
    """The folder of data that others made and that nothing is written into: the variable `CONTAV_DATA`, where it is set.

    Raises:
        ValueError: `CONTAV_DATA` is no folder.
    """
    if not (chosen := os.environ.get("CONTAV_DATA")):
        return None
    folder = expanded("CONTAV_DATA", chosen).resolve()
    if not folder.is_dir():
        raise ValueError(
            f"CONTAV_DATA={chosen!r} is no folder: set it to the whole path of the data that are shared, or unset it to "
            "make data of your own."
        )
    return folder


def shipped(name: str) -> Path:
    """A folder that comes with the kit: in a checkout beside the package; a wheel has it inside (setup.py)."""
    return _PROJECT / name if (_PROJECT / "pyproject.toml").exists() else _PROJECT / "contav_lib" / Path(name).name


def generated(name: str) -> Path:
    """A folder for what the kit makes or downloads: the one that is shared, where it is there, else one under `data/`."""
    folder = shared()
    return folder / name if folder and (folder / name).exists() else home() / "data" / name


def runs() -> Path:
    """The folder of results."""
    return home() / "runs"
