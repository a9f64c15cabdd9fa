"""What a command line says when something goes wrong, and its exit status."""

from concurrent.futures.process import BrokenProcessPool

import pytest

from contav_lib.cli import Failed, command_line
from contav_lib.experiments import compare as comparison
from contav_lib.experiments import search
from contav_lib.teaching import notebooks as reproduce
from contav_lib.training.trainer import NonFiniteLoss
from contav_lib.utils.storage import StorageError


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (None, 0, ""),
        (ValueError("no such profile"), 1, "no such profile"),
        (StorageError("the disk is full"), 1, "the disk is full"),
        (NonFiniteLoss("at step 3"), 1, "at step 3"),
        (Failed("notebook 3"), 1, "notebook 3\nWhat was done is kept: run the same command to go on."),
        (
            BrokenProcessPool("a process died"),
            1,
            "a process died\nWhat was done is kept: run the same command to go on.",
        ),
        (KeyboardInterrupt(), 130, "Stopped. What was done is kept: run the same command to go on."),
    ],
    ids=repr,
)
def test_errors_are_told_in_words(capsys, error, status, text):
    @command_line
    def main(arguments=None):
        if error is not None:
            raise error

    assert main([]) == status
    assert capsys.readouterr().err.strip() == text


@pytest.mark.parametrize("fault", [KeyError("here"), RuntimeError("shapes don't fit")], ids=repr)
def test_a_fault_of_the_kit_keeps_its_traceback(fault):
    @command_line
    def main(arguments=None):
        raise fault

    with pytest.raises(type(fault)):
        main([])


@pytest.mark.parametrize(
    ("module", "work"), [(comparison, "run_comparison"), (search, "search"), (reproduce, "reproduce")]
)
def test_every_program_can_be_stopped(module, work, monkeypatch, capsys):
    def stopped(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, work, stopped)
    assert module.main(["--profile", "smoke"]) == 130
    assert "run the same command to go on" in capsys.readouterr().err
