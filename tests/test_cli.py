"""The command line: what it reads, what it says when something goes wrong, and its exit status."""

import io
import json
import subprocess
import sys
from argparse import ArgumentParser
from concurrent.futures.process import BrokenProcessPool

import pytest

import contav_lib
from contav_lib import cli
from contav_lib.cli.options import add_options, seeds_given, setting
from contav_lib.experiments.plans import which_seeds
from contav_lib.teaching.notebooks import NotebookFailed
from contav_lib.training.trainer import NonFiniteLoss
from contav_lib.utils.storage import StorageError

KEPT = "What was done is kept: run the same command to go on."


@pytest.fixture
def failing(monkeypatch):
    """`failing(error)`: the command `run` raises it."""

    def make(error):
        def run(parser, arguments):
            """Run one experiment."""
            if error is not None:
                raise error

        monkeypatch.setitem(cli.COMMANDS, "run", run)

    return make


def while_a_module_was_loaded() -> ImportError:
    """What compiled modules make of Ctrl-C."""
    error = ImportError("initialization failed")
    error.__cause__ = KeyboardInterrupt()
    return error


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (None, 0, ""),
        (ValueError("no such profile"), 1, "no such profile"),
        (StorageError("the disk is full"), 1, "the disk is full"),
        (NonFiniteLoss("at step 3"), 1, "at step 3"),
        (NotebookFailed("notebook 3"), 1, f"notebook 3\n{KEPT}"),
        (BrokenProcessPool("a process died"), 1, f"a process died\n{KEPT}"),
        (KeyboardInterrupt(), 130, f"Stopped. {KEPT}"),
        (while_a_module_was_loaded(), 130, f"Stopped. {KEPT}"),
        (
            ModuleNotFoundError("No module named 'av'", name="av"),
            1,
            "This part of the kit needs av, which is not installed: pip install 'contav-lib[data]'",
        ),
    ],
    ids=repr,
)
def test_errors_are_told_in_words(failing, capsys, error, status, text):
    failing(error)
    assert cli.main(["run"]) == status
    assert capsys.readouterr().err.strip() == text


@pytest.mark.parametrize(
    "fault",
    [KeyError("here"), RuntimeError("shapes don't fit"), ModuleNotFoundError("of another", name="abc")],
    ids=repr,
)
def test_a_fault_of_the_kit_keeps_its_traceback(failing, fault):
    failing(fault)
    with pytest.raises(type(fault)):
        cli.main(["run"])


@pytest.mark.parametrize(
    ("command", "work"),
    [
        ("run", "contav_lib.experiments.run.run"),
        ("compare", "contav_lib.experiments.compare.run_comparison"),
        ("search", "contav_lib.experiments.search.search"),
        ("reproduce", "contav_lib.teaching.notebooks.reproduce"),
    ],
)
def test_every_command_can_be_stopped(command, work, monkeypatch, capsys):
    def stopped(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(work, stopped)
    assert cli.main([command, "--profile", "smoke"]) == 130
    assert "run the same command to go on" in capsys.readouterr().err


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_has_help(name, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main([name, "--help"])
    assert ended.value.code == 0
    assert f"usage: contav {name}" in capsys.readouterr().out


def test_help_lists_the_commands_and_is_cheap():
    code = "import sys\nfrom contav_lib.cli import main\ntry:\n    main([])\nfinally:\n    assert 'torch' not in sys.modules"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert shown.returncode == 0, shown.stderr
    assert all(f"\n  {name} " in shown.stdout for name in cli.COMMANDS)


def test_version_is_the_packages(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"contav {contav_lib.__version__}\n"


def test_an_unknown_command_is_refused(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["compere"])
    assert ended.value.code == 2 and "compare" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a=600", 600),
        ("a=0.5", 0.5),
        ("a=true", True),
        ("a=None", None),
        ('a=["drum", "flute"]', ["drum", "flute"]),
        ("a=(36, 6, 8)", (36, 6, 8)),
        ("a=coseparation", "coseparation"),
        ("a=x=1", "x=1"),
        ("a=__import__('os')", "__import__('os')"),
        ("a=", ""),
    ],
)
def test_settings_are_read_as_values_or_as_text(text, value):
    assert setting(text) == ("a", value)


@pytest.mark.parametrize("text", ["steps", "=600"])
def test_a_setting_without_name_or_value_is_explained(text, capsys):
    assert cli.main(["run", "--set", text]) == 1
    assert "name=value" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "seeds"),
    [("", [0, 1, 2]), ("2", [0, 1]), ("6 8", [6, 8]), ("6-8", [6, 7, 8]), ("6-6", [6]), ("6-7 9", [6, 7, 9])],
)
def test_one_number_on_the_command_line_is_how_many_and_several_are_which(words, seeds):
    parser = ArgumentParser()
    add_options(parser, "seeds")
    chosen = parser.parse_args(["--seeds", *words.split()] if words else [])
    assert which_seeds(seeds_given(chosen.seeds)) == seeds


@pytest.mark.parametrize("words", ["six", "6-", "8-6", "6 6-7", "1.5"])
def test_seeds_that_make_no_sense_are_refused(words, capsys):
    assert cli.main(["compare", "--profile", "smoke", "--seeds", *words.split()]) == 1
    assert "seeds" in capsys.readouterr().err


def test_a_terminal_without_a_letter_does_not_end_a_command(monkeypatch):
    def run(parser, arguments):
        """Print a table."""
        print("1.0 ± 0.5")

    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setitem(cli.COMMANDS, "run", run)
    assert cli.main(["run"]) == 0
    terminal.flush()
    assert terminal.buffer.getvalue().split() == [b"1.0", b"?", b"0.5"]


@pytest.mark.parametrize("home", ["file", "file/below", "x" * 300, "~nosuchuser/x"], ids=lambda name: name[:20])
@pytest.mark.parametrize("command", [["run"], ["data"], ["compare", "--methods", "finetune", "--seeds", "1"]])
def test_a_home_that_cannot_be_used_is_told_in_one_line_that_names_the_variable(
    home, command, tmp_path, monkeypatch, capsys
):
    (tmp_path / "file").touch()
    monkeypatch.setenv("CONTAV_HOME", home if home.startswith("~") else str(tmp_path / home))
    assert cli.main([*command, "--profile", "smoke"]) == 1
    told = capsys.readouterr().err.strip()
    assert "CONTAV_HOME" in told and "\n" not in told


def test_run_prints_scores_and_folder(home, video_folder, capsys):
    sizes = "frames=16 bins=64 width=4 mask_dim=8 hidden=16 heads=2 feed_forward=24 steps=2 batch_size=2 tasks=1"
    command = ["run", "--profile", "smoke", "--method", "finetune", "--seed", "3", "--set", f"data={video_folder}"]
    assert cli.main([*command, *sizes.split(), "test_mixtures=1", "validation_mixtures=1"]) == 0
    printed = capsys.readouterr().out
    assert "sdr improvement" in printed and "forgetting" in printed
    [folder] = (home / "runs").glob("smoke-finetune-seed3-*")
    assert str(folder) in printed


def test_data_of_ones_own_are_counted(home, video_folder, capsys):
    assert cli.main(["data", str(video_folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:2] == ["class", "train"] and any(line.startswith("all ") for line in lines)
    assert cli.main(["data", str(video_folder / "nowhere")]) == 1
    assert "no such folder" in capsys.readouterr().err


def test_what_became_of_listed_videos_is_told_and_what_is_there_is_learned(home, video_folder, tmp_path, capsys):
    names: dict[str, list[str]] = {"cello": ["-is-lost___"]}
    for number, path in enumerate(sorted(video_folder.rglob("*.mp4"))):
        names.setdefault(path.parent.name, []).append(f"{number:011d}")
        (tmp_path / f"{number:011d}.mp4").symlink_to(path)
    (tmp_path / "MUSIC_solo_videos.json").write_text(json.dumps({"videos": names}))
    data = f"music21:{tmp_path}"
    summary = f"{data}: 28 of 29 listed clips can be used; missing: 1."
    assert cli.main(["data", "report", data]) == 0
    report = capsys.readouterr().out.splitlines()
    assert report[0] == summary and report[-1] == "- cello, missing: -is-lost___"
    assert not list(home.glob("data/*music21*"))
    assert cli.main(["data", data, "--yt-dlp"]) == 0
    assert capsys.readouterr().out.count("https://www.youtube.com/watch?v=-is-lost___") == 1
    with pytest.warns(UserWarning, match="28 of 29"):
        assert cli.main(["data", data]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == summary and any(line.split()[:4] == ["all", "20", "4", "4"] for line in lines)
    assert cli.main(["data", str(video_folder), "--yt-dlp"]) == 1
    assert "no lists that say" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["compare"], ["study", "terms"], ["study", "classes"], ["search"]])
def test_a_file_that_cannot_be_written_is_refused_before_work_begins(arguments, tmp_path, monkeypatch, capsys):
    def worked(*_, **__):
        raise AssertionError("work has begun")

    for module, name in (("compare", "run_comparison"), ("plans", "run_plan"), ("search", "search")):
        monkeypatch.setattr(f"contav_lib.experiments.{module}.{name}", worked)
    assert cli.main([*arguments, "--profile", "smoke", "--save", str(tmp_path)]) == 1
    assert "give the name of a file, not of a folder" in capsys.readouterr().err


def test_data_are_prepared_in_parts(video_folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CONTAV_HOME", str(tmp_path))
    for shard in ("1", "2"):
        assert cli.main(["data", "prepare", str(video_folder), "--shard", shard, "--of", "2"]) == 0
    assert "Part 2 of 2 is prepared in" in capsys.readouterr().out
    assert cli.main(["data", "prepare", str(video_folder)]) == 0
    assert "all " in capsys.readouterr().out and not list(tmp_path.glob("data/*/part-*"))
    assert cli.main(["data", "prepare", str(video_folder), "--shard", "3", "--of", "2"]) == 1
    assert "no part 3 of 2" in capsys.readouterr().err
