"""Where generated data and results lie; what comes with the kit lies beside the code that reads it."""

import os
from pathlib import Path

_PROJECT = Path(__file__).resolve().parents[2]


def home() -> Path:
    """The folder that holds `data/` and `runs/`.

    The environment variable `CONTAV_HOME` when set; else the project's root, when the package is used from its
    checkout (`pip install -e .`); else the current folder.
    """
    if chosen := os.environ.get("CONTAV_HOME"):
        return Path(chosen).expanduser().resolve()
    return _PROJECT if (_PROJECT / "pyproject.toml").exists() else Path.cwd()


def generated(name: str) -> Path:
    """A folder under `data/` for what the kit makes or downloads (git ignores it)."""
    return home() / "data" / name


def runs() -> Path:
    """The folder of results."""
    return home() / "runs"
