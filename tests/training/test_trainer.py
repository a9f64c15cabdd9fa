"""The training loop: what stops it, what a stop can't hurt, and what is kept."""

import errno
import hashlib
import json
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from samples import CLASSES

from contav_lib import Config, run
from contav_lib.config import FROM_ENCODER
from contav_lib.continual.tasks import Task
from contav_lib.experiments.setup import make_separator
from contav_lib.methods import Method, method_class, register_method
from contav_lib.separators import Separator
from contav_lib.training.history import read_history
from contav_lib.training.optimizers import Optimizers
from contav_lib.training.trainer import NonFiniteLoss
from contav_lib.utils import paths, storage
from contav_lib.utils.storage import StorageError, load_tensors, read_json

pytestmark = pytest.mark.slow

# Runs the experiment given as JSON and kills itself, as `kill -9` does, when a given record is written.
KILLED = """
import json, os, signal, sys
import torch
from contav_lib import Config, run
torch.set_num_threads(1)
settings, kind, task, step = json.loads(sys.argv[1])
def kill(record):
    if (record["kind"], record["task"], record["step"]) == (kind, task, step):
        os.kill(os.getpid(), signal.SIGKILL)
run(Config.profile("smoke", **settings), callbacks=[kill], progress=False)
"""


def contents(folder):
    """All of a result that must not depend on stops: checkpoints, course, scores."""
    checkpoints = {path.name: load_tensors(path) for path in sorted((folder / "checkpoints").iterdir())}
    history = [
        {key: value for key, value in r.items() if key != "seconds"} for r in read_history(folder / "history.jsonl")
    ]
    scores = {key: value for key, value in read_json(folder / "matrix.json").items() if key != "minutes"}
    return checkpoints, history, scores, read_json(folder / "mixtures.json")


def assert_same(one, other):
    (checkpoints, *rest), (others, *others_rest) = contents(one), contents(other)
    assert rest == others_rest and checkpoints.keys() == others.keys() == {"task_1.safetensors", "task_2.safetensors"}
    for name, (tensors, metadata) in checkpoints.items():
        assert metadata == others[name][1] and tensors.keys() == others[name][0].keys()
        assert all(torch.equal(value, others[name][0][key]) for key, value in tensors.items())
    assert not list(one.rglob("*.part")) and not (one / "progress.safetensors").exists()


def killed(config, *point):
    settings = config.to_json()
    for made in ("name_of_profile", "results_version", "data_digest"):
        del settings[made]
    settings |= settings.pop("separator_settings") | settings.pop("method_settings")
    settings = {name: value for name, value in settings.items() if name not in FROM_ENCODER}
    command = [sys.executable, "-c", KILLED, json.dumps([settings, *point])]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert (paths.runs() / config.name / "history.jsonl").exists()


def test_killed_in_both_tasks_and_resumed_it_ends_as_if_never_stopped(home, tiny, reference):
    config = tiny()
    killed(config, "train", 0, 4)  # just before the checkpoint of step 4
    folder = paths.runs() / config.name
    assert load_tensors(folder / "progress.safetensors")[1]["step"] == 2
    killed(config, "validation", 1, 6)  # the last thing before the second task's end
    assert load_tensors(folder / "progress.safetensors")[1] | {"best_sdr": 0} == {"task": 1, "step": 4, "best_sdr": 0}
    result = run(config, progress=False)
    assert_same(result.folder, reference.folder)
    assert result.summary() == reference.summary()


@pytest.mark.parametrize("point", [("train", 0, 2), ("test", 0, 6), ("validation", 1, 3), ("test", 1, 6)], ids=str)
def test_stopped_by_hand_at_any_point_and_resumed(home, tiny, reference, point):
    def stop(record):
        if (record["kind"], record["task"], record["step"]) == point:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tiny(), callbacks=[stop], progress=False)
    assert_same(run(tiny(), progress=False).folder, reference.folder)


@pytest.mark.parametrize(
    "metadata", [{"task": 0}, {"classes": ["tuba"]}, {"task": 0, "step": 2, "best_sdr": None}, [], 3]
)
def test_progress_of_something_else_is_named_and_made_anew(home, tiny, reference, metadata, capsys):
    path = paths.runs() / tiny().name / "progress.safetensors"
    storage.save_tensors(path, {"separator.weight": torch.zeros(3)}, metadata)
    assert_same(run(tiny(), progress=False).folder, reference.folder)
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{path} is damaged: ") and line.endswith("Task 1 begins anew.")


def spoilt(tensors: dict, part: str) -> dict:
    """A progress file's tensors, one of which fits nowhere: found when all before it is loaded."""
    return {name: value.flatten()[:0] if name.startswith(part) else value for name, value in tensors.items()}


@pytest.mark.parametrize("part", ["a bit", "separator.", "optimizers.", "a nan"])
def test_damaged_progress_is_named_and_the_task_begins_anew(home, tiny, reference, part, capsys):
    killed(tiny(), "validation", 1, 6)
    path = paths.runs() / tiny().name / "progress.safetensors"
    tensors, metadata = load_tensors(path)
    if part == "a bit":
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    elif part == "a nan":
        storage.save_tensors(path, tensors | {"best.nothing": torch.tensor(float("nan"))}, metadata)
    else:
        storage.save_tensors(path, spoilt(tensors, part), metadata)
    capsys.readouterr()
    assert_same(run(tiny(), progress=False).folder, reference.folder)
    assert capsys.readouterr().out.endswith("Task 2 begins anew.\n")


def test_a_foreign_history_is_put_aside_and_the_task_begins_anew(home, tiny, reference, capsys):
    killed(tiny(), "validation", 0, 3)
    path = paths.runs() / tiny().name / "history.jsonl"
    path.write_text("no record\n")
    capsys.readouterr()
    assert_same(run(tiny(), progress=False).folder, reference.folder)
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{path} is damaged") and line.endswith("The task at hand begins anew.")
    assert path.with_name("history.damaged.jsonl").read_text() == "no record\n"


def test_progress_that_cannot_be_opened_is_left_alone(home, tiny):
    path = paths.runs() / tiny().name / "progress.safetensors"
    path.mkdir(parents=True)
    with pytest.raises(StorageError, match=r"progress\.safetensors is missing, damaged"):
        run(tiny(), progress=False)
    assert path.is_dir()


@pytest.mark.parametrize("which", [1, 4])
def test_a_full_disk_during_a_checkpoint_loses_nothing(home, tiny, reference, monkeypatch, which):
    """The disk is full at the first checkpoint of the first task, then at the last of the second."""
    written = []

    def nearly_full(path, content):
        if path.name.startswith(f".{hashlib.sha256(file.name.encode()).hexdigest()[:16]}."):  # its temporary name
            written.append(path)
            if len(written) == which:
                write(path, content[: len(content) // 2])
                raise OSError(errno.ENOSPC, "No space left on device")
        write(path, content)

    write = Path.write_bytes
    config, file = tiny(), paths.runs() / tiny().name / "progress.safetensors"
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", nearly_full)
        with pytest.raises(StorageError, match=r"Could not write .*progress\.safetensors.*No space left.*run again"):
            run(config, progress=False)
    if which == 1:
        assert not file.exists()
    else:
        assert load_tensors(file)[1]["step"] == 2 and load_tensors(file)[1]["task"] == 1
    assert not list(file.parent.rglob("*.part"))
    assert_same(run(config, progress=False).folder, reference.folder)


@pytest.fixture
def broken(monkeypatch):
    """A method whose added term or whose gradient becomes infinite at the second task's step 3 (counted from 0)."""
    method_class("finetune")

    class Explodes(torch.autograd.Function):
        """1 on the way forward, infinite on the way back."""

        @staticmethod
        def forward(ctx, x):
            return torch.ones(())

        @staticmethod
        def backward(ctx, gradient):
            return torch.tensor(float("inf"))

    @register_method("broken")
    @dataclass
    class Broken(Method):
        where: str = "term"
        at: int = 3

        def begin_task(self, task, separator):
            self.task, self.step = task.index, 0

        def losses(self, batch, separation):
            terms = {}
            mean = separation.masks.mean()
            if (self.task, self.step) == (1, self.at):
                terms["bad"] = Explodes.apply(mean) if self.where == "gradient" else mean / 0
            else:
                terms["bad"] = mean
            self.step += 1
            return terms


def test_a_term_that_is_not_finite_stops_and_names_step_term_and_clips(home, tiny, broken):
    config = tiny(method="broken")
    with pytest.raises(
        NonFiniteLoss, match=r"At step 3 of task 2, the loss term 'bad' is not finite.*learning_rate"
    ) as error:
        run(config, progress=False)
    named = str(error.value).split("mixed: ")[1].split(". Listen")[0].split(", ")
    assert 2 <= len(named) <= 4
    assert all(name.split("/")[0] in CLASSES[2:] and name.split("/")[1].startswith("train") for name in named)
    # The weights were broken at step 3; the checkpoint of step 2 is the last one.
    tensors, at = load_tensors(paths.runs() / config.name / "progress.safetensors")
    assert (at["task"], at["step"]) == (1, 2) and all(value.isfinite().all() for value in tensors.values())
    assert not (paths.runs() / config.name / "checkpoints/task_2.safetensors").exists()


@pytest.mark.parametrize("step", [3, 5])
def test_weights_broken_by_a_gradient_are_never_kept(home, tiny, broken, step):
    """Step 3 is the last before a checkpoint, step 5 the last of all: no later loss would show what happened."""
    config = tiny(method="broken", where="gradient", at=step)
    with pytest.raises(NonFiniteLoss, match=rf"At step {step} of task 2, the gradient is not finite"):
        run(config, progress=False)
    tensors, at = load_tensors(paths.runs() / config.name / "progress.safetensors")
    assert at["step"] == step - 1 and all(value.isfinite().all() for value in tensors.values())
    assert not (paths.runs() / config.name / "checkpoints/task_2.safetensors").exists()


@pytest.mark.parametrize(("select_on", "chosen"), [("seen", (0, 2)), ("new", (0, 2)), ("last", (1, 3))])
def test_the_best_weights_on_validation_are_kept_or_the_last(home, tiny, monkeypatch, select_on, chosen):
    scores = iter([5.0, 1.0, 2.0, 2.0])
    seen = []

    def validated(separator, store, draw):
        seen.append({key: value.clone() for key, value in separator.state_dict().items()})
        return next(scores)

    monkeypatch.setattr("contav_lib.training.trainer.validation_sdr", validated)
    result = run(tiny(select_on=select_on), progress=False)
    for task, best in enumerate(chosen):  # the earlier of two equals
        kept = result.separator(task).state_dict()
        assert all(torch.equal(kept[key], value) for key, value in seen[best].items())


@pytest.mark.parametrize(("select_on", "old_are_seen"), [("seen", True), ("last", True), ("new", False)])
def test_weights_are_chosen_on_mixtures_of_all_classes_seen_or_of_the_new_ones(
    home, tiny, monkeypatch, select_on, old_are_seen
):
    classes = []

    def validated(separator, store, draw):
        classes.append(set(store.classes[draw.clips].flatten().tolist()))
        return 0.0

    monkeypatch.setattr("contav_lib.training.trainer.validation_sdr", validated)
    run(tiny(method="finetune", select_on=select_on, validation_mixtures=8), progress=False)
    assert classes[0] == {0, 1} and classes[-1] == ({0, 1, 2, 3} if old_are_seen else {2, 3})


def test_a_new_start_has_the_first_tasks_learning_rate(tiny):
    later = Task(1, (2, 3), (0, 1, 2, 3), (), ())
    assert [tiny(method=name).starts_fresh(later) for name in ("scratch", "replay")] == [True, False]
    assert tiny(method="replay").starts_fresh(Task(0, (0, 1), (0, 1), (), ()))


def test_the_history_tells_the_course(reference):
    records = reference.history()
    at = [(record["kind"], record["step"]) for record in records if record["task"] == 1]
    assert at == [
        ("train", 2),
        ("train", 3),
        ("validation", 3),
        ("train", 4),
        ("train", 6),
        ("validation", 6),
        ("test", 6),
    ]
    terms = [set(record["losses"]) for record in records if record["kind"] == "train" and record["task"] == 1]
    assert set().union(*terms) == {"separation", "distillation", "instance_aware", "class_aware"}


def test_learning_rates_follow_their_schedules(tiny):
    def rates(**settings):
        config = tiny(learning_rate=1.0, later_learning_rate=0.5, warmup_steps=2, **settings)
        optimizers = Optimizers(config, make_separator(config, 2), 10, first_task=True)
        later = Optimizers(config, make_separator(config, 2), 10, first_task=False)
        for ours, halved in zip(optimizers._rates, later._rates, strict=True):
            assert [halved(step) for step in range(10)] == pytest.approx([ours(step) / 2 for step in range(10)])
        return [[rate(step) for step in range(10)] for rate in optimizers._rates]

    unet, predictor = rates(schedule="paper")
    assert unet == pytest.approx([1] * 3 + [0.1] * 2 + [0.01] * 5) and predictor == pytest.approx([1] * 8 + [0.1] * 2)
    unet, predictor = rates(schedule="released", epochs=5)  # of two steps: one epoch late
    assert unet == pytest.approx([1] * 5 + [0.1] * 2 + [0.01] * 3) and predictor == pytest.approx([1] * 8 + [0.1] * 2)
    (cosine,) = rates(schedule="cosine")
    assert cosine[:3] == pytest.approx([0.5, 1, 1]) and cosine[6] == pytest.approx(0.5)
    assert all(after < before for before, after in zip(cosine[2:], cosine[3:], strict=False)) and cosine[-1] > 0


@pytest.mark.parametrize("schedule", ["paper", "cosine"])
def test_optimizers_saved_and_loaded_go_on_alike(tiny, schedule):
    config = tiny(schedule=schedule)

    def step(separator, optimizers, number):
        torch.manual_seed(number)
        sum((parameter * torch.randn_like(parameter)).sum() for parameter in separator.parameters()).backward()
        optimizers.step(number)

    torch.manual_seed(0)
    one, other = make_separator(config, 2), make_separator(config, 2)
    first = Optimizers(config, one, 6, first_task=True)
    for number in range(3):
        step(one, first, number)
    second = Optimizers(config, other, 6, first_task=True)
    other.load_state_dict(one.state_dict())
    second.load_state_dict({key: value.clone() for key, value in first.state_dict().items()})
    for number in range(3, 6):
        step(one, first, number)
        step(other, second, number)
    assert all(torch.equal(value, other.state_dict()[key]) for key, value in one.state_dict().items())


def test_fused_steps_equal_plain_ones():
    config = Config.profile("lab")
    torch.manual_seed(0)
    one = make_separator(config, 2)
    other = make_separator(config, 2)
    other.load_state_dict(one.state_dict())
    ours = Optimizers(config, one, 6, first_task=True)
    theirs = torch.optim.AdamW(other.parameters(), weight_decay=config.weight_decay, fused=False, foreach=False)
    for number in range(3):
        for mine, plain in zip(one.parameters(), other.parameters(), strict=True):
            mine.grad = 1e-3 * torch.randn_like(mine)
            plain.grad = mine.grad.clone()
        ours.step(number)
        theirs.param_groups[0]["lr"] = config.learning_rate * (number + 1) / config.warmup_steps
        theirs.step()
    for mine, plain in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.allclose(mine, plain, rtol=0, atol=1e-6)


def test_two_terms_of_one_name_are_refused(home, tiny, monkeypatch):
    method_class("contav")

    @register_method("shadow")
    @dataclass
    class Shadow(Method):
        def losses(self, batch, separation):
            return {"separation": separation.masks.mean()}

    with pytest.raises(ValueError, match="'shadow' names a loss term 'separation', as separator 'iquery' does"):
        run(tiny(method="shadow"), progress=False)


def test_a_compiled_separator_learns_the_same_under_another_name(home, tiny, reference, monkeypatch):
    plain, compiled = Separator.compile, []

    def compile_eagerly(separator):
        compiled.append(separator)
        plain(separator, fullgraph=True, backend="eager")  # so that not even rounding differs

    monkeypatch.setattr(Separator, "compile", compile_eagerly)
    result = run(tiny(compile=True), progress=False)
    assert len(compiled) == 2 and result.folder.name != reference.folder.name
    assert_same(result.folder, reference.folder)
