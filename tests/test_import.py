"""Importing is cheap: training from prepared clips needs no media, plotting, notebook or cluster package."""

import importlib.util
import json
import subprocess
import sys

import pytest

HEAVY = {"av", "librosa", "matplotlib", "transformers", "dask", "distributed", "ipywidgets", "anywidget"}


@pytest.mark.parametrize("module", ["contav_lib", "contav_lib.training.trainer", "contav_lib.experiments.run"])
def test_import_leaves_heavy_packages_alone(module: str) -> None:
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not there yet")
    code = f"import sys, json, {module}; print(json.dumps(sorted(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    assert HEAVY.isdisjoint(json.loads(result.stdout))
