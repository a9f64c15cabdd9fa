"""Settings that make no sense are refused in a sentence, before data are made or anything is learned."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from contav_lib import Config, run, run_all
from contav_lib.experiments import setup

MANY = 10**7


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(learning_rate=1e30), r"learning_rate=1e\+30: learning_rate must be above 0 and 10 or less"),
        (dict(later_learning_rate=1e30), "later_learning_rate must be above 0 and 10 or less"),
        (dict(weight_decay=1e30), r"weight_decay=1e\+30: weight_decay must be 0 .. 10: .* is usual"),
        (dict(learning_rate=True), "learning_rate=True: learning_rate is a number"),
        (dict(distillation=True), "distillation=True: distillation is a number"),
        (dict(memory_share="0.5"), "memory_share='0.5': memory_share is a number"),
        (dict(test_mixtures=10**9), "test_mixtures=1000000000: test_mixtures must be 1 .. 10000"),
        (dict(validation_mixtures=10**9), "validation_mixtures must be 1 .. 10000"),
        (dict(clips_per_class=(MANY, 1, 1)), "clips_per_class is three numbers, each 1 .. 1000"),
        (dict(frames=33), "frames=33: frames must be a multiple of 16: levels=4 halve it so often"),
        (dict(bins=100, separator="soundofpixels"), "bins=100: bins must be a multiple of 16"),
        (dict(levels=6), "frames=.*: frames must be a multiple of 64: levels=6"),
        (dict(visual_noise=1e30), "visual_noise must be 0 .. 100"),
        (dict(threads=-1), "threads=-1: threads must be 0 .. 1024"),
        (dict(method="ewc", mixtures=10**9), "mixtures must be 1 .. 100000"),
        (dict(method="adapters", rank=10**9), "rank must be 1 .. 10000"),
        (dict(device="meta"), "device='meta': known are: auto, cpu, cuda, mps"),
        (dict(device="xla"), "device='xla': known are: auto"),
        (dict(device="cpu:7"), "device='cpu:7': did you mean 'cpu'"),
        (dict(device="cdua"), "device='cdua': did you mean 'cuda'"),
        (dict(method=None), "There is no method called None; known are: "),
        (dict(separator=["iquery"]), "There is no separator called"),
        (dict(heads=7), "heads=7: heads must divide hidden=48"),
        (dict(width=-3), "width=-3: width must be 1 .. 8192"),
        (dict(decoder_layers=10**9), "decoder_layers must be 2 .. 64"),
        (dict(separator="coseparation", classifier_blocks=10**9), "classifier_blocks must be 1 .. 16"),
        (dict(separator="soundofpixels", mask_dim=0), "mask_dim=0: mask_dim must be 1 .. 8192"),
        (dict(padding="mask"), "padding='mask': did you mean 'masked'"),
        (dict(tasks=30), "tasks=30: 20 classes can't be split into 30 tasks"),
        (dict(data="~nosuchuser/x"), "data='~nosuchuser/x': there is no home of this user"),
        (dict(data="/"), "data='/': this is the whole disk"),
        (dict(data="minni"), "data='minni': there is no data set and no such folder of this name; did you mean 'mini'"),
        (dict(data=None), "data=None: data is text in quotes"),
        (dict(classes=["tubba", "violin"], tasks=1), "no class 'tubba' in the data 'mini'; did you mean 'tuba'"),
    ],
    ids=str,
)
def test_at_once(settings, message):
    with pytest.raises(ValueError, match=message):
        Config.profile("lab", **settings)


@pytest.mark.parametrize("part", ["method_settings", "separator_settings"])
@pytest.mark.parametrize("value", [None, 3, "temperature"])
def test_settings_of_a_part_are_a_dictionary(part, value):
    with pytest.raises(ValueError, match=r"The settings of '(contav|iquery)' are .*; give a dictionary"):
        replace(Config.profile("smoke"), **{part: value})


def test_classes_of_a_folder_are_known_before_its_videos_are_prepared(video_folder):
    with pytest.raises(ValueError, match="no class 'flutte' in the data .*; did you mean 'flute'"):
        Config.profile("smoke", data=str(video_folder), classes=["banjo", "flutte"], tasks=1)


@pytest.mark.parametrize("name", ["method_settings", "separator_settings"])
def test_settings_that_a_method_or_separator_does_not_have(name):
    with pytest.raises(ValueError, match="has no setting called 'nonsense'; "):
        replace(Config.profile("lab"), **{name: {"nonsense": 1}})


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        (dict(steps=np.int64(7), seed=np.uint8(3)), dict(steps=7, seed=3)),
        (dict(gain=np.float32(0.25), distillation=np.float64(0.5)), dict(gain=0.25, distillation=0.5)),
        (dict(align_corners=np.bool_(False), width=np.int32(16)), dict(align_corners=False, width=16)),
        (dict(data=Path("mini"), motion=np.str_("whole")), dict(data="mini", motion="whole")),
        (dict(classes=np.array(["tuba", "violin"]).tolist(), tasks=1), dict(classes=("tuba", "violin"), tasks=1)),
    ],
    ids=str,
)
def test_numbers_of_numpy_and_paths_are_taken_as_pythons(given, plain):
    assert Config.profile("lab", **given) == Config.profile("lab", **plain)
    assert Config.profile("lab", **given).name == Config.profile("lab", **plain).name


IN_GIGABYTES = r"a training step takes [\d,.]+ GB of memory at least, and this machine has 1.1 GB"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(frames=MANY), f"frames=10000000, bins=128: {IN_GIGABYTES}"),
        (dict(bins=MANY), IN_GIGABYTES),
        (dict(window=10**9), f"window=1000000000, .*{IN_GIGABYTES}"),
        (dict(batch_size=MANY), f"batch_size=10000000, .*{IN_GIGABYTES}"),
        (dict(width=4000, batch_size=1), "makes no iquery: its weights take more than the 1.1 GB of memory"),
        (dict(levels=3), "makes no iquery"),
        (dict(device="cuda:77"), "device='cuda:77': "),
        (dict(device="mps"), "device='mps': this torch sees no GPU of Apple's. Use device='auto' or 'cpu'"),
    ],
    ids=str,
)
def test_on_this_machine(settings, message, tmp_path, monkeypatch):
    def worked(*_, **__):
        raise AssertionError("data were made")

    monkeypatch.setenv("CONTAV_HOME", str(tmp_path))
    monkeypatch.setattr(setup, "memory_of", lambda device: 2**30)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(setup, "load_data", worked)
    config = Config.profile("lab", **{"device": "cpu", **settings})
    for work in (lambda: run(config, progress=False), lambda: run_all([config, replace(config, seed=1)])):
        with pytest.raises(ValueError, match=message):
            work()
    assert not (tmp_path / "runs").exists()
