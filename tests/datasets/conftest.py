import pytest


@pytest.fixture(autouse=True)
def _home_of_its_own(tmp_path, monkeypatch):
    """What is kept of a folder's videos goes with the test."""
    monkeypatch.setenv("CONTAV_HOME", str(tmp_path / "home"))
