"""A limit to the time: experiments stop at a checkpoint, say what is left, and end as if they had never stopped."""

from itertools import count
from types import SimpleNamespace

import numpy as np
import pytest
from samples import assert_equal_weights

from contav_lib import Result, cli, run, run_all
from contav_lib.experiments.result import failure_file
from contav_lib.training.history import steps_done
from contav_lib.utils import paths, time_limit
from contav_lib.utils.time_limit import Stopped, time_is_over

pytestmark = pytest.mark.slow
ONE = 1 / 60  # minutes


@pytest.fixture
def ticking(monkeypatch) -> None:
    """Whenever somebody looks at the clock, a second has gone by."""
    monkeypatch.setattr(time_limit, "time", SimpleNamespace(time=count().__next__))


def course(result: Result) -> list[dict]:
    return [{key: value for key, value in record.items() if key != "seconds"} for record in result.history()]


@pytest.mark.parametrize("seconds", [1, 2, 3, 5])  # the clock is looked at after every record, and before measuring
def test_an_experiment_that_is_stopped_again_and_again_ends_as_one_that_never_was(
    home, tiny, reference, ticking, seconds
):
    config, calls = tiny(), 0
    while True:
        done, calls = steps_done(paths.runs() / config.name), calls + 1
        try:
            with time_limit.time_limit(seconds * ONE):
                result = run(config, progress=False)
            break
        except Stopped as stop:
            assert "The time is over" in str(stop)
            left = steps_done(paths.runs() / config.name)
            assert left > done or "is measured" in str(stop)
    assert calls > 1 and not time_is_over()
    assert_equal_weights(result, reference)
    assert course(result) == course(reference)
    np.testing.assert_array_equal(result.matrix(), reference.matrix())


def test_workers_stop_too_and_what_is_left_is_told(home, tiny):
    configs = [tiny(seed=seed, method="finetune") for seed in (1, 2)]
    with pytest.raises(Stopped, match="2 of 2 experiments are left, 24 training steps"), time_limit.time_limit(1e-9):
        run_all(configs, workers=2, keep_going=True)
    assert not any(failure_file(paths.runs() / config.name).exists() for config in configs)
    assert all(result.learned == 2 for result in run_all(configs, workers=2))


def test_the_command_goes_on_where_the_time_ended(home, video_folder, ticking, capsys):
    rows = ["--profile", "smoke", "--data", str(video_folder), "--seeds", "1", "--rows", "fine-tuning", "--minutes"]
    assert cli.main(["compare", *rows, str(ONE)]) == 75
    told = capsys.readouterr().err
    assert "1 of 1 experiments are left" in told and "run the same command to go on" in told
    assert cli.main(["compare", *rows]) == 0  # 9.5 minutes
    assert "fine-tuning" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (["--minutes", "0"], 1, "minutes=0.0 must be above 0"),
        (["--minutes", "1", "--cluster", "tcp://127.0.0.1:9"], 2, "leave out --cluster"),
        (["--rows", "replai"], 1, "no row called 'replai'; did you mean 'replay'"),
        (["--rows", "replay", "--exemplars", "2"], 2, "leave out --exemplars"),
    ],
)
def test_options_that_make_no_sense_are_told(home, capsys, options, status, message):
    try:
        returned = cli.main(["compare", "--profile", "smoke", *options])
    except SystemExit as ended:
        returned = ended.code
    assert returned == status and message in capsys.readouterr().err
