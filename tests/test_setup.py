"""The set-up files agree with each other, and the Makefile never takes a half-made `.venv` for a finished one."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from contav_lib.utils.extras import EXTRA_OF

ROOT = Path(__file__).resolve().parents[1]
# Where conda-forge uses other names than the Python Package Index.
CONDA_NAMES = {"torch": "pytorch", "soundfile": "pysoundfile"}


def _requirements(lines: list[str]) -> dict[str, Requirement]:
    return {canonicalize_name(Requirement(line).name): Requirement(line) for line in lines}


def _own(extra: str) -> list[str]:
    """An extra's own packages, as names that Python code has, without the extras it includes."""
    return [Requirement(line).name for line in EXTRAS[extra] if not line.startswith("contav-lib[")]


def _with_included(extra: str) -> list[str]:
    """An extra's requirements with those of the extras it includes."""
    lines = []
    for line in EXTRAS[extra]:
        wanted = Requirement(line)
        lines += sum(map(_with_included, wanted.extras), []) if wanted.name == PROJECT["name"] else [line]
    return lines


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
CONSTRAINT_LINES = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]


def test_the_extras_are_there() -> None:
    assert set(EXTRAS) == {"compare", "data", "notebooks", "vision", "offline", "cluster", "labs", "site", "dev"}


def test_training_needs_few_packages() -> None:
    names = set(_requirements(PROJECT["dependencies"]))
    assert names == {"torch", "torchaudio", "numpy", "safetensors", "filelock", "tqdm"}


def test_advice_names_the_extra_that_has_the_package() -> None:
    module_of = {"pillow": "PIL"}
    for extra in ("compare", "data", "notebooks", "vision", "offline"):
        for name in _own(extra):
            module = module_of.get(name, name.replace("-", "_"))
            assert EXTRA_OF[module] == extra, name


def test_every_constraint_is_one_exact_public_version() -> None:
    for line in CONSTRAINT_LINES:
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", line), line
    assert len(_requirements(CONSTRAINT_LINES)) == len(CONSTRAINT_LINES), "a package stands twice in constraints.txt"


def test_every_dependency_is_constrained_inside_its_range() -> None:
    constraints = _requirements(CONSTRAINT_LINES)
    for name, wanted in _requirements(sum(map(_with_included, EXTRAS), PROJECT["dependencies"])).items():
        assert name in constraints, f"{name} is missing in constraints.txt"
        version = Version(str(constraints[name].specifier).removeprefix("=="))
        assert version in wanted.specifier, f"constraints.txt has {name} {version}, pyproject.toml wants {wanted}"


def test_environment_has_the_packages_and_ranges_of_the_project() -> None:
    entries = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    conda = [entry for entry in entries if isinstance(entry, str)]
    [from_pip] = [entry["pip"] for entry in entries if isinstance(entry, dict)]
    assert from_pip[-1] == "-e ."
    found = {name: wanted.specifier for name, wanted in _requirements(conda + from_pip[:-1]).items()}

    expected = {
        CONDA_NAMES.get(name, name): wanted.specifier
        for name, wanted in _requirements(PROJECT["dependencies"] + _with_included("dev")).items()
    }
    expected |= {
        "python": Requirement("python" + PROJECT["requires-python"]).specifier,
        "pip": Requirement("pip").specifier,
    }
    assert found == expected


def _make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # The suite itself is often run by make, whose settings would otherwise reach this one.
    inherited = {"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "PYTHON", "PROFILE", "SEEDS"}
    environment = {name: value for name, value in os.environ.items() if name not in inherited}
    return subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with spaces in its name, and a `./python` that only notes what it is asked to do.

    Its `-m venv` copies itself into `.venv`; its `-m pip` fails while a file named `offline` is there.
    """
    folder = tmp_path / "a folder with spaces"
    folder.mkdir()
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    python = folder / "python"
    python.write_text(
        "#!/bin/sh\n"
        'case "$*" in\n'
        '"-m venv"*) echo venv >> calls; rm -rf .venv; mkdir -p .venv/bin; cp python .venv/bin/python ;;\n'
        '"-m pip"*) echo pip >> calls; [ ! -e offline ] ;;\n'
        '"-m "*) echo "$*" >> calls ;;\n'
        "esac\n"
    )
    python.chmod(0o755)
    return folder


def _calls(project: Path) -> list[str]:
    calls = project / "calls"
    lines = calls.read_text().splitlines()
    calls.unlink()
    return lines


def test_set_up_is_done_once_and_refreshed_when_the_packages_change(project: Path) -> None:
    assert _make(project, "test", "PYTHON=./python").returncode == 0
    assert _calls(project) == ["venv", "pip", "-m pytest"]

    _make(project, "test", "PYTHON=./python")
    assert _calls(project) == ["-m pytest"]

    later = (project / ".venv/ready").stat().st_mtime + 10
    os.utime(project / "constraints.txt", (later, later))
    _make(project, "test", "PYTHON=./python")
    assert _calls(project) == ["pip", "-m pytest"]


def test_an_installation_that_failed_is_not_taken_for_finished(project: Path) -> None:
    (project / "offline").touch()
    assert _make(project, "test", "PYTHON=./python").returncode != 0
    assert _calls(project) == ["venv", "pip"]

    (project / "offline").unlink()
    assert _make(project, "test", "PYTHON=./python").returncode == 0
    assert _calls(project) == ["venv", "pip", "-m pytest"]


def test_an_unsuitable_python_is_refused_with_advice(project: Path) -> None:
    result = _make(project, "test", "PYTHON=false")
    assert result.returncode != 0
    assert "Python 3.11 or newer" in result.stderr and "PYTHON=/path/to/python3" in result.stderr
    assert not (project / ".venv").exists()


def test_the_next_candidate_is_tried(project: Path) -> None:
    assert _make(project, "setup", "PYTHON=false no-such-python ./python").returncode == 0
    assert _calls(project) == ["venv", "pip"]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ([], "-m contav_lib reproduce --profile lab"),
        (["PROFILE=smoke", "SEEDS=2"], "-m contav_lib reproduce --profile smoke --seeds 2"),
    ],
)
def test_run_passes_profile_and_seeds(project: Path, settings: list[str], expected: str) -> None:
    _make(project, "run", "PYTHON=./python", *settings)
    assert _calls(project)[-1] == expected


def test_help_is_the_default_and_lists_every_target() -> None:
    [phony] = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    listed = re.findall(r"^make ([\w-]+) +\S", _make(ROOT).stdout, re.MULTILINE)
    assert listed == phony.split()
    assert {"run", "test", "lab", "bench", "format"} <= set(listed)
