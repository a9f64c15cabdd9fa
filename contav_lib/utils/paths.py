"""Where things lie: small files that come with the kit, generated data, and results."""

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


def shipped(name: str) -> Path:
    """A small file that comes with the kit, in the project's `data/` folder."""
    return _PROJECT / "data" / name


def generated(name: str) -> Path:
    """A folder under `data/` for what the kit makes or downloads (git ignores it)."""
    return home() / "data" / name


def runs() -> Path:
    """The folder of results."""
    return home() / "runs"
