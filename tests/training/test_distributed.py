"""One experiment on two processes: the numbers of one process, whatever the method; and what happens when one dies."""

import os
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
import torch
from samples import SMALL, assert_equal_weights, make_prepared, new_home
from torch import nn

from contav_lib import Config, Result, run
from contav_lib.evaluation.evaluate import evaluate, validation_sdr
from contav_lib.methods import all_methods
from contav_lib.mixtures.clip_store import ClipStore
from contav_lib.separators import load_separator, save_separator
from contav_lib.separators.iquery import IQuery, IQueryConfig
from contav_lib.training.distributed import launch
from contav_lib.training.history import read_history
from contav_lib.training.trainer import Trainer
from contav_lib.utils import paths
from contav_lib.utils.ranks import rank
from contav_lib.utils.storage import load_tensors, save_tensors

pytestmark = pytest.mark.slow


def comparable(patch: pytest.MonkeyPatch) -> None:
    """Let two processes be able to learn what one does, but for rounding.

    Batch norms stay in eval mode, for on the CPU torch can't take their statistics over processes. AdamW divides by 1e-4 or
    more: of a gradient that is 0 but for rounding, as a key's bias has it under a softmax, it would make a whole step.
    """

    def train(separator, mode=True):
        nn.Module.train(separator, mode)
        for module in separator.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        return separator

    patch.setattr(IQuery, "train", train)
    patch.setattr(torch.optim, "AdamW", partial(torch.optim.AdamW, eps=1e-4))


def learn(configs) -> None:
    with pytest.MonkeyPatch.context() as patch:
        comparable(patch)
        for config in configs:
            run(config, progress=False)


def losses_of(result: Result) -> torch.Tensor:
    records = [record for record in read_history(result.folder / "history.jsonl") if record["kind"] == "train"]
    return torch.tensor([value for record in records for value in record["losses"].values()])


def furthest(one: Result, other: Result) -> tuple[float, float]:
    """Largest difference of two results' losses, and of the weights after each task."""
    apart = []
    for task in range(len(one.tasks)):
        mine, theirs = (result.separator(task).state_dict() for result in (one, other))
        apart += [float((value - theirs[name]).abs().max()) for name, value in mine.items()]
    return float((losses_of(one) - losses_of(other)).abs().max()), max(apart)


def experiment(tiny, method: str, processes: int) -> Config:
    """Twenty steps, ten of them with a memory; as many mixtures a step as can't be shared out evenly."""
    # EWF's own way of asking makes old and new masks equal at first, where rounding decides the gradient of their distance.
    ways = dict(old_queries="new_picture") if method in ("lwf", "plop", "ewf") else {}
    sizes = dict(steps=10, batch_size=5, select_on="last", validations=1, record_every=1)
    return tiny(method=method, processes=processes, **ways, **sizes)


@pytest.fixture(scope="module")
def results(tiny, _prepared, tmp_path_factory) -> dict[str, tuple[Result, Result]]:
    """By method: what one process learned and what two did, batch norms frozen."""
    names = [method.name for method in all_methods()]
    one, two = ([experiment(tiny, name, processes) for name in names] for processes in (1, 2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONTAV_HOME", str(new_home(_prepared, tmp_path_factory.mktemp("two") / "home")))
        learn(one)
        launch(2, learn, two)
        pairs = zip(one, two, strict=True)
        return {name: tuple(run(config) for config in pair) for name, pair in zip(names, pairs, strict=True)}


@pytest.mark.parametrize("method", [method.name for method in all_methods()])
def test_two_processes_learn_what_one_learns(results, method):
    one, two = results[method]
    assert one.folder.name != two.folder.name
    losses, weights = furthest(one, two)
    # PLOP begins where old and new maps are equal: what is left of the gradient there is rounding, divided by small lengths.
    assert losses < 1e-5 and weights < (1e-4 if method == "plop" else 1e-5)


def score(folder: Path, output: Path) -> None:
    store = ClipStore([make_prepared(number, "drum") for number in range(12)], {"drum": 0}, SMALL)
    spec = store.spec(
        torch.arange(12).repeat(6).view(-1, 2), torch.Generator().manual_seed(0)
    )  # 36: batches of 16, 16, 4
    spec.gains[3] = 0  # a silent mixture
    separator = load_separator(folder)
    scores = evaluate(separator, store, spec)
    save_tensors(
        output,
        {**{name: values.nan_to_num(-99) for name, values in scores.items()}},
        validation_sdr(separator, store, spec),
    )


def test_shared_scores_are_equal_to_the_last_digit(tmp_path):
    path, outputs = tmp_path / "separator.safetensors", (tmp_path / "one", tmp_path / "two")
    sizes = dict(width=4, mask_dim=8, levels=4, hidden=16, heads=2, feed_forward=24, decoder_layers=2)
    save_separator(path, IQuery(2, IQueryConfig(**sizes)), ["drum", "flute"])
    score(path, outputs[0])
    launch(2, score, path, outputs[1])
    (one, validated), (two, also) = map(load_tensors, outputs)
    assert validated == also and -30 < validated < 30
    assert len(one["sdr"]) == 36 and (one["sdr"] > -99).sum() == 70
    assert all(torch.equal(values, two[name]) for name, values in one.items())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(processes=3), "processes=3"),  # there are two mixtures a step
        (dict(processes=2, device="cuda:0"), "device='cuda:0'"),
    ],
)
def test_what_processes_cannot_share_is_refused(home, tiny, settings, message):
    with pytest.raises(ValueError, match=message):
        run(tiny(**settings), progress=False)


def test_processes_that_were_not_asked_for_are_refused(home, tiny, monkeypatch):
    monkeypatch.setattr("contav_lib.experiments.run.started", lambda: 2)
    with pytest.raises(ValueError, match="2 processes were started, but these settings say processes=1"):
        run(tiny(), progress=False)


def test_the_command_runs_on_processes_that_torchrun_starts(home, tiny):
    sizes = [f"{name}={value}" for name, value in dict(tasks=2, steps=2, frames=16, bins=64, width=4).items()]
    line = [
        "-m",
        "contav_lib",
        "run",
        "--profile",
        "smoke",
        "--method",
        "finetune",
        "--set",
        f"data={tiny().data}",
        *sizes,
    ]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    ended = subprocess.run([*torchrun, *line], capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("Everything about it: ") == 1
    assert Result(Path(ended.stdout.split("Everything about it: ")[1].strip())).config["processes"] == 2


def learn_until_one_dies(config) -> None:
    """The second process is killed, as by the system when memory is short, when the fourth step's checkpoint is due."""
    save = Trainer._save

    def saves(trainer, task, done, *rest):
        if rank() == 1 and (task.index, done) == (1, 4):
            os.kill(os.getpid(), signal.SIGKILL)
        save(trainer, task, done, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "_save", saves)
        run(config, progress=False)


def test_a_process_that_dies_ends_the_others_and_the_run_goes_on_from_its_checkpoint(home, tiny, tmp_path):
    config = tiny(processes=2)
    with pytest.raises(ChildProcessError, match="What was done is kept"):
        launch(2, learn_until_one_dies, config)
    progress = paths.runs() / config.name / "progress.safetensors"
    assert time.time() - progress.stat().st_mtime < 30
    assert load_tensors(progress)[1]["task"] == 1
    resumed = run(config, progress=False)
    shutil.move(resumed.folder, tmp_path / "resumed")
    assert_equal_weights(run(config, progress=False), Result(tmp_path / "resumed"))
