"""Tests that need a CUDA GPU. `CONTAV_TEST_DEVICE=cpu pytest tests/gpu` runs them on the processor, to try them."""

import os

import pytest
import torch

DEVICE = torch.device(os.environ.get("CONTAV_TEST_DEVICE", "cuda"))


@pytest.fixture
def device(monkeypatch) -> torch.device:
    """The GPU, which multiplies in full float32 here, so that it can be compared with the processor."""
    if DEVICE.type == "cuda":
        monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
        monkeypatch.setattr(torch.backends.cuda.matmul, "allow_tf32", False)
    return DEVICE


def pytest_runtest_setup(item) -> None:
    if DEVICE.type == "cuda" and not torch.cuda.is_available():
        pytest.skip("there is no CUDA GPU here")
