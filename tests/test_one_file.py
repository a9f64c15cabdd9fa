"""One new file adds one thing: an encoder, a data set, a separator or a method, without a change anywhere else."""

import importlib.util
import sys

import numpy as np
import pytest

from contav_lib import Config, run
from contav_lib.experiments.rows import all_rows
from contav_lib.utils.registry import ENCODERS
from contav_lib.utils.storage import read_json

ENCODER = """
import torch

from contav_lib.encoders.encoder import Encoder
from contav_lib.utils.registry import ENCODERS


@ENCODERS.register("grey")
class Grey(Encoder):
    version, weights_hash, longest_side = "1", "", 32
    object_dim, motion_dim = 96, 64

    def objects(self, frames):
        return frames.float().mean((1, 2, 3)).unsqueeze(1).expand(-1, 96) / 255

    def motion(self, frames):
        return self.objects(frames)[::2, :1].expand(-1, 64)
"""

DATASET = '''
from pathlib import Path

from contav_lib.datasets.clip import find_clips
from contav_lib.datasets.dataset import Dataset
from contav_lib.utils.registry import DATASETS


@DATASETS.register("backwards")
class Backwards(Dataset):
    """A folder whose classes are learned from the last to the first."""

    @property
    def videos(self):
        return Path(self.place)

    def clips(self):
        clips = find_clips(self.videos)
        return sorted(clips, key=lambda clip: clip.label, reverse=True)
'''

SEPARATOR = """
from dataclasses import dataclass

from torch import nn

from contav_lib.separators import SeparatorOutput, Separator
from contav_lib.utils.registry import SEPARATORS


@dataclass(frozen=True)
class OneLayerConfig:
    size: int = 8
    object_dim: int = 512


@SEPARATORS.register("one_layer")
class OneLayer(Separator):
    config_class = OneLayerConfig

    def __init__(self, num_classes, config=None):
        super().__init__(num_classes, config)
        self.look, self.listen = nn.Linear(self.config.object_dim, self.config.size), nn.Conv2d(1, self.config.size, 1)

    def forward(self, mixture, visual, classes):
        objects, maps = self.look(visual["object"]), self.listen(mixture.log1p())
        masks = (objects[..., None, None] * maps.unsqueeze(1)).sum(2).float().sigmoid()
        sounds = (masks.unsqueeze(2) * maps.unsqueeze(1)).mean((3, 4))
        return SeparatorOutput(masks, {"audio": sounds, "object": objects}, [maps])

    def parameter_groups(self):
        return {"unet": list(self.listen.parameters()), "predictor": list(self.look.parameters())}

    def _grow(self, num_classes, generator):
        pass
"""

METHOD = '''
from dataclasses import dataclass

from contav_lib.methods import Method
from contav_lib.utils.registry import METHODS


@METHODS.register("quiet_masks")
@dataclass(eq=False)
class QuietMasks(Method):
    """Fine-tuning that prefers small masks."""

    weight: float = 0.1

    def losses(self, batch, separation):
        return {"quiet": self.weight * separation.masks.square().mean()}
'''

NEW = {
    "encoder": (ENCODER, dict(encoder="grey")),
    "dataset": (DATASET, dict()),
    "separator": (SEPARATOR, dict(separator="one_layer", size=4)),
    "method": (METHOD, dict(method="quiet_masks", weight=0.2)),
}


@pytest.mark.parametrize("kind", NEW)
def test_one_file_is_enough(kind, home, tiny, video_folder, tmp_path, monkeypatch):
    text, settings = NEW[kind]
    path = tmp_path / f"own_{kind}.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, path.stem, module)
    spec.loader.exec_module(module)
    sizes = dict(frames=16, bins=64, tasks=2, steps=2, batch_size=2, test_mixtures=1, validation_mixtures=1)
    if kind == "dataset":
        settings = dict(data=f"backwards:{video_folder}")
    config = Config.profile("smoke", **{"data": str(video_folder), "method": "finetune", **sizes, **settings})
    result = run(config, progress=False)
    assert np.isfinite(result.summary()["sdr"])
    if kind == "method":
        assert "quiet_masks" in [row.name for row in all_rows()]
    if kind == "encoder":
        (manifest,) = home.glob("data/*-grey-1-prepared/manifest.json")
        assert read_json(manifest)["recipe"]["encoder"] == "grey"
        sizes = result.separator().config
        assert (sizes.object_dim, sizes.motion_dim) == (96, 64)
    if kind == "dataset":
        assert result.classes == sorted(result.classes, reverse=True) and config.data == f"backwards:{video_folder}"


def test_a_name_that_is_taken_is_refused():
    class Tiny:
        pass

    before = ENCODERS.find("tiny")
    with pytest.raises(ValueError, match="'tiny' is taken: it is the encoder TinyEncoder"):
        ENCODERS.register("tiny")(Tiny)
    assert ENCODERS.find("tiny") is before
