"""One command makes the tiny encoders' weights anew, the same ones each time."""

import sys

import numpy as np
import pytest
import torch

from contav_lib.encoders.tiny import TinyEncoder
from contav_lib.minimusic import train_tiny
from contav_lib.minimusic.composition import Note, Score

pytestmark = pytest.mark.slow


def test_music_is_what_happened_since_the_picture_before():
    notes = (Note(0.1, 0.3, 60, 127), Note(0.5, 0.2, 72, 64))
    onset, loudness, pitch = train_tiny.music_of(Score("violin", 40, notes, 1.0), 4.0)  # at 0, 0.25, 0.5, 0.75 s
    assert onset == pytest.approx([0, 1, 64 / 127, 0])
    assert loudness == pytest.approx([0, 1, 1, 64 / 127])
    assert np.isnan(pitch[0]) and pitch[1] == 0 and pitch[2] == pytest.approx(64 / (127 + 64)) and pitch[3] == 1


def test_training_writes_weights_that_load_and_repeat(tmp_path, monkeypatch):
    hashes = []
    for name in ("one", "two"):
        path = tmp_path / f"{name}.safetensors"
        monkeypatch.setattr(
            sys, "argv", ["train_tiny", "--output", str(path), "--toys", "12", "--clips", "1", "--steps", "4"]
        )
        train_tiny.main()
        encoder = TinyEncoder(path)
        assert encoder.motion(torch.zeros(2, 120, 160, 3, dtype=torch.uint8)).shape == (1, 768)
        hashes.append(encoder.weights_hash)
    assert hashes[0] == hashes[1]
