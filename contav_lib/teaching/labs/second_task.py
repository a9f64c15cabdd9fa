"""A second task that is learned in seconds, from the starter pack's state after the first: what labs can train in class."""

import shutil
from typing import Any

from contav_lib.config import Config
from contav_lib.datasets.minimusic import MUSIC_ORDER
from contav_lib.experiments.result import Result, checkpoint_file
from contav_lib.experiments.run import experiment_lock, run
from contav_lib.experiments.starter import PROFILE, starter
from contav_lib.utils import paths
from contav_lib.utils.storage import write_atomically

STATE = "ContAV-Sep"  # whose separator all begin with: it has learned task 1 with all that labs take away or change
SMALL: dict[str, Any] = dict(
    classes=tuple(MUSIC_ORDER[:10]),
    tasks=2,
    steps=60,
    warmup_steps=20,
    validations=1,
    validation_mixtures=2,  # nothing is selected by them
    select_on="last",
)


def second_task(fresh: bool = False, **settings: Any) -> Result:
    """Learn task 2 from a separator that has learned task 1, in `SMALL` settings, or return the stored result.

    Results lie in `runs/labs/`, apart from those of `run`: their names don't say that task 1 was learned by other settings.
    The state is of one seed: another `seed` has other exemplars, other batches and other first weights of the new queries.

    Args:
        fresh: learn again though a result is stored, as for a method whose code has changed.
        settings: as for `Config.profile`: `method`, `memory_share`, `seed`, ...

    Raises:
        ValueError: settings that make no sense.
        StorageError: the starter pack is missing or damaged.
    """
    config = Config.profile(PROFILE, **SMALL | settings)
    runs = paths.runs() / "labs"
    folder = runs / config.name
    learned = checkpoint_file(folder, 0)
    with experiment_lock(folder):
        if fresh:
            shutil.rmtree(folder, ignore_errors=True)
        if not learned.exists():
            state = checkpoint_file(starter([STATE])[STATE].folder, 0).read_bytes()
            write_atomically(learned, lambda part: part.write_bytes(state))
    return run(config, progress=False, runs=runs)
