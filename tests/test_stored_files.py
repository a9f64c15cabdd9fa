"""What is damaged in a checkpoint is found when it is read, and what was learned there is made anew."""

import json
import random
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from contav_lib.experiments.run import is_finished, run, tasks_learned
from contav_lib.separators import load_separator
from contav_lib.utils import paths
from contav_lib.utils.storage import StorageError, load_tensors, save_tensors


def flip(path: Path, bit: int) -> None:
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)


def test_no_flipped_bit_changes_what_is_read(tmp_path):
    path, whole = tmp_path / "it.safetensors", tmp_path / "whole.safetensors"
    tensors = {"a": torch.randn(7, 9), "b": torch.arange(5), "c": torch.ones(3, dtype=torch.bool)}
    save_tensors(whole, tensors, {"classes": ["tuba"]})
    refused = 0
    for bit in random.Random(0).sample(range(whole.stat().st_size * 8), 300):
        shutil.copy(whole, path)
        flip(path, bit)
        try:
            read, metadata = load_tensors(path)
        except StorageError as error:
            assert "it.safetensors is missing, damaged" in str(error)
            refused += 1
        else:  # a space in the header
            assert metadata == {"classes": ["tuba"]} and read.keys() == tensors.keys()
            assert all(torch.equal(read[name], tensor) for name, tensor in tensors.items())
    assert refused >= 295


def test_the_same_content_makes_the_same_bytes(tmp_path):
    for name in ("one", "other"):
        save_tensors(tmp_path / name, {"a": torch.ones(3), "b": torch.zeros(2)}, {"z": 1, "a": [2]})
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_files_of_versions_without_a_digest_are_read(tmp_path):
    save_file({"a": torch.ones(3)}, tmp_path / "old", metadata={"contav": json.dumps({"classes": []})})
    tensors, metadata = load_tensors(tmp_path / "old")
    assert metadata == {"classes": []} and torch.equal(tensors["a"], torch.ones(3))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_refused(tmp_path, value):
    save_tensors(tmp_path / "it", {"a": torch.ones(3), "b": torch.tensor([1.0, value])}, None)
    with pytest.raises(StorageError, match="'b' holds numbers that are not finite"):
        load_tensors(tmp_path / "it")


def rewrite(path: Path, change) -> None:
    """Write a file anew with other metadata, as a stranger may have made it: whole, with its digest."""
    tensors, metadata = load_tensors(path)
    save_tensors(path, tensors, change(metadata))


def with_settings(**settings):
    return lambda path: rewrite(path, lambda metadata: {**metadata, "config": {**metadata["config"], **settings}})


def nested(path: Path) -> None:
    save_file(load_file(path), path, metadata={"contav": '{"classes":' + "[" * 100_000})


def with_nan(path: Path) -> None:
    tensors, metadata = load_tensors(path)
    save_tensors(path, {name: tensor * float("nan") for name, tensor in tensors.items()}, metadata)


DAMAGES = {
    "a flipped bit": lambda path: flip(path, path.stat().st_size * 8 - 1001),
    "weights that are not numbers": with_nan,
    "settings that ask for 200 GB": with_settings(width=4000),
    "settings that ask for thousands of layers": with_settings(decoder_layers=10**9),
    "settings of no kind": with_settings(width="wide"),
    "fewer classes than none": lambda path: rewrite(
        path, lambda metadata: {**metadata, "num_classes": -5, "classes": []}
    ),
    "an unknown separator": lambda path: rewrite(path, lambda metadata: {**metadata, "separator": "nonesuch"}),
    "metadata without end": nested,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_named_and_not_taken_for_learned(finished, damage):
    folder = paths.runs() / finished.name
    path = folder / "checkpoints/task_2.safetensors"
    tasks = json.loads((folder / "matrix.json").read_text())["tasks"]
    DAMAGES[damage](path)
    with pytest.raises(StorageError, match=r"task_2\.safetensors is missing, damaged"):
        load_separator(path)
    assert tasks_learned(folder, finished, tasks) == 1 and not is_finished(finished)


def test_what_a_flipped_bit_has_damaged_is_made_anew(finished, reference):
    path = paths.runs() / finished.name / "checkpoints/task_2.safetensors"
    flip(path, path.stat().st_size * 8 - 1001)
    run(finished, progress=False)
    assert path.read_bytes() == (reference.folder / "checkpoints/task_2.safetensors").read_bytes()
