"""Between two records, no training step waits for a GPU; seen without one, see `waiting`."""

from contextlib import nullcontext

import pytest
import torch
from waiting import NoWaiting, between_records

from contav_lib import Config
from contav_lib.experiments.setup import Setup, make_method, make_separator
from contav_lib.separators import separator
from contav_lib.training import optimizers, trainer
from contav_lib.training.history import History, TermRecorder

META = torch.device("meta")
CASES = {  # what the other methods do in a step, these do, too; DER++ waits where it stores a mixture, a few times a task
    "iquery": dict(method="contav"),
    "Co-Separation": dict(method="contav", separator="coseparation"),
    "Sound of Pixels": dict(method="contav", separator="soundofpixels"),
    "AV-CIL": dict(method="avcil"),
    "LwF": dict(method="lwf", old_queries="prototype", exemplars=1),
    "PLOP": dict(method="plop", old_queries="new_picture"),
    "EWC": dict(method="ewc", mixtures=1),
    "frozen": dict(method="freeze"),
    "adapters": dict(method="adapters"),
}


@pytest.fixture
def on_meta(home, tmp_path, monkeypatch):
    """`on_meta(config)`: learn all tasks on the device "meta", where nothing can be measured; the steps that were watched."""
    monkeypatch.setattr(separator, "mixed_precision", lambda device: nullcontext())  # there is none on "meta"
    for name in ("Adam", "AdamW"):
        plain = getattr(torch.optim, name)
        unfused = lambda weights, fused, plain=plain, **settings: plain(weights, **settings)  # noqa: E731
        monkeypatch.setattr(optimizers.torch.optim, name, unfused)
    monkeypatch.setattr(TermRecorder, "flush", lambda recorder: ({}, None))
    monkeypatch.setattr(trainer.Trainer, "_weights_are_finite", lambda self: True)
    monkeypatch.setattr(trainer, "validation_sdr", lambda *_: 0.0)

    def learn(config) -> list[int]:
        watched = between_records(monkeypatch, NoWaiting)
        setup, method = Setup.build(config, META), make_method(config)
        learner = make_separator(config, 1, setup.corpus)
        history = History(tmp_path / "history.jsonl")
        for task, mixtures in zip(setup.schedule, setup.selection_mixtures, strict=True):
            work = trainer.Trainer(config, learner, method, setup.train, setup.validation, tmp_path, history)
            work.learn(task, mixtures)
        return watched

    return learn


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_no_step_waits_for_the_device(on_meta, video_folder, case):
    sizes = dict(tasks=2, steps=3, record_every=3, validations=1, checkpoint_every=4, batch_size=2, frames=16, bins=64)
    assert len(on_meta(Config.profile("smoke", data=str(video_folder), width=4, **sizes, **CASES[case]))) == 6


@pytest.mark.parametrize(
    "waits",
    [
        lambda there: torch.zeros(2).to(there.device),
        lambda there: there.copy_(torch.zeros(3)),
        lambda there: there[torch.tensor([0, 2])],
        lambda there: there[there > 0],
        lambda there: there.sum().item(),
        lambda there: there.cpu(),
    ],
    ids=["copy", "copy in place", "index of the CPU", "mask as an index", "number", "back"],
)
def test_what_would_wait_is_found(waits):
    with NoWaiting(), pytest.raises((AssertionError, RuntimeError, NotImplementedError)):
        waits(torch.empty(3, device=META))
