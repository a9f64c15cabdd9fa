"""Continual audio-visual sound separation: ContAV-Sep, its separators, and the methods it is compared with.

from contav_lib import Config, run
print(run(Config.profile("lab", method="contav")).summary())
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contav_lib.config import Config
    from contav_lib.experiments.compare import compare
    from contav_lib.experiments.executors import run_all
    from contav_lib.experiments.result import Result
    from contav_lib.experiments.run import run
    from contav_lib.inference import separate

# What Apple's GPU can't do is then done on the processor; torch reads this when it is imported.
os.environ.setdefault("PYTORCH_ENABLE_MPS_FALLBACK", "1")

__version__ = "0.1.0"  # pyproject.toml reads it here
__all__ = ["Config", "Result", "compare", "run", "run_all", "separate"]
_HOMES = {
    "compare": "experiments.compare",
    "Config": "config",
    "Result": "experiments.result",
    "run": "experiments.run",
    "run_all": "experiments.executors",
    "separate": "inference",
}


def __getattr__(name: str):
    """Load what is asked for when it is asked for, so that `import contav_lib` itself costs next to nothing."""
    if name not in _HOMES:
        raise AttributeError(f"contav_lib has no {name!r}; it has {', '.join(__all__)}.")
    from contav_lib.utils.extras import extras

    with extras():
        return getattr(import_module(f"contav_lib.{_HOMES[name]}"), name)
