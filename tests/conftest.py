"""What all tests share."""

import os
from pathlib import Path

import pytest
import torch

TESTS = Path(__file__).parent


@pytest.fixture(scope="session")
def golden_folder() -> Path:
    """Numbers computed by the authors' code; `CONTAV_GOLDEN` points the golden tests at another set of the same form."""
    return Path(os.environ.get("CONTAV_GOLDEN", TESTS / "golden"))


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)
