"""The wheel holds all the kit needs: tried where there is no checkout."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import contav_lib

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
BESIDE = ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    source, folder = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("contav_lib", "notebooks", "data/starter", "data/results"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
    for name in BESIDE:
        shutil.copy(ROOT / name, source)
    # What `pip wheel --no-deps --no-build-isolation` calls; setuptools alone does it without network.
    code = f"from setuptools.build_meta import build_wheel; build_wheel({str(folder)!r})"
    made = subprocess.run([sys.executable, "-c", code], cwd=source, capture_output=True, text=True, timeout=300)
    assert made.returncode == 0, made.stderr[-3000:]
    [path] = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_everything_is_inside(wheel):
    names = set(wheel.namelist())
    tracked = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "contav_lib").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    ]
    assert not set(tracked) - names
    assert {f"contav_lib/notebooks/{path.name}" for path in (ROOT / "notebooks").glob("*.ipynb")} <= names
    assert {"contav_lib/notebooks/solutions/01_data.py", "contav_lib/results/methods.csv"} <= names
    assert not any("/labs/source/" in name or "crosssdc" in name for name in names), "notebooks with the solutions"
    pack = [path.relative_to(ROOT / "data").as_posix() for path in (ROOT / "data/starter").rglob("*") if path.is_file()]
    assert {f"contav_lib/{name}" for name in pack} <= names
    assert {"contav_lib/py.typed", "contav_lib/encoders/tiny.safetensors"} <= names
    assert any(name.startswith("contav_lib/widgets/static/") and name.endswith(".js") for name in names)
    assert not {name.split("/")[0] for name in names} - {"contav_lib", f"contav_lib-{contav_lib.__version__}.dist-info"}


def test_metadata_name_the_command_and_the_extras(wheel):
    [points] = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
    assert "contav = contav_lib.cli:main" in wheel.read(points).decode()
    [metadata] = [name for name in wheel.namelist() if name.endswith("METADATA")]
    lines = wheel.read(metadata).decode().splitlines()
    assert f"Version: {contav_lib.__version__}" in lines and "Provides-Extra: data" in lines


PROGRAM = """
import sys
sys.path[:0] = [{unpacked!r}]
sys.path += {packages!r}
import torch
import contav_lib
assert contav_lib.__file__.startswith({unpacked!r}), contav_lib.__file__
from contav_lib.encoders.tiny import TinyEncoder
assert TinyEncoder().objects(torch.zeros(2, 60, 80, 3, dtype=torch.uint8)).shape == (2, 512)
from contav_lib.widgets.stem_player import StemPlayer
assert len(str(StemPlayer._esm)) > 1000 and len(str(StemPlayer._css)) > 100
from contav_lib import Config
Config.profile("lab")
from contav_lib.cli import main
sys.exit(main(["notebooks", "copies"]))
"""


def test_it_works_where_there_is_no_checkout(wheel, tmp_path):
    unpacked, elsewhere = tmp_path / "unpacked", tmp_path / "elsewhere"
    wheel.extractall(unpacked)
    elsewhere.mkdir()
    code = PROGRAM.format(unpacked=str(unpacked), packages=[path for path in sys.path if "site-packages" in path])
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "CONTAV_HOME")}
    # -S: no .pth file of an editable installation; -P: not the current folder.
    done = subprocess.run(
        [sys.executable, "-S", "-P", "-c", code],
        cwd=elsewhere,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    notebooks = {path.name for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert {path.name for path in (elsewhere / "copies").iterdir()} == notebooks | {"solutions"}
