"""Class prototypes: what they are, when a video is a stranger, and that they are kept with the model."""

import pytest
import torch
from torch.nn.functional import normalize

from contav_lib import run
from contav_lib.continual.prototypes import UNKNOWN, Prototypes, load_prototypes
from contav_lib.separators import save_separator
from contav_lib.utils.storage import StorageError, load_tensors, read_json, save_tensors, with_prefix, write_json


@pytest.fixture
def four_directions() -> tuple[torch.Tensor, torch.Tensor]:
    """40 looks each round 4 axes of 6; their classes."""
    classes = torch.arange(4).repeat_interleave(40)
    return torch.eye(6)[classes] + 0.2 * torch.randn(160, 6), classes


def test_a_prototype_is_the_mean_direction(four_directions):
    looks, classes = four_directions
    learned = Prototypes.learn(looks, classes)
    expected = normalize(torch.stack([normalize(looks[classes == k], dim=1).mean(0) for k in range(4)]), dim=1)
    assert torch.allclose(learned.vectors, expected, atol=1e-6)
    shuffled = torch.randperm(160)
    again = Prototypes.learn(looks[shuffled] * 7, classes[shuffled])
    assert torch.allclose(again.vectors, learned.vectors, atol=1e-6)
    assert torch.allclose(again.thresholds, learned.thresholds, atol=1e-6)


def test_a_threshold_lets_95_of_100_pass_each_held_against_the_others(four_directions):
    looks, classes = (part[:40] for part in four_directions)
    own = normalize(looks, dim=1)
    similarity = torch.stack([own[k] @ normalize((own.sum(0) - own[k])[None], dim=1)[0] for k in range(40)])
    threshold = Prototypes.learn(looks, classes).thresholds.item()
    assert (similarity >= threshold).float().mean() == pytest.approx(0.95)


def test_recognises_classes_and_strangers(four_directions):
    learned = Prototypes.learn(*four_directions)
    asked = torch.eye(6)
    found = learned.recognise(asked)
    assert found.classes.tolist() == [0, 1, 2, 3, UNKNOWN, UNKNOWN]
    assert found.nearest[:4].tolist() == [0, 1, 2, 3] and (found.nearest >= 0).all()
    assert (found.confidence[:4] > 0.99).all() and (found.confidence[4:] < 0.7).all()
    assert found.confidence.max() <= 1
    assert learned.recognise(torch.zeros(6)).classes == UNKNOWN  # nothing to be seen
    again = learned.recognise(asked.reshape(2, 3, 6))
    assert again.classes.tolist() == found.classes.reshape(2, 3).tolist()


def test_old_prototypes_stay_and_more_classes_compete(four_directions):
    learned = Prototypes.learn(*four_directions)
    between = normalize(torch.eye(6)[0] + 0.4 * torch.eye(6)[5], dim=0)
    more = learned.extended(Prototypes(between[None], torch.tensor([0.5])))
    assert torch.equal(more.vectors[:4], learned.vectors) and torch.equal(more.thresholds[:4], learned.thresholds)
    asked = torch.eye(6)[0] + 0.3 * torch.eye(6)[5]
    assert learned.recognise(asked).classes == 0 and more.recognise(asked).classes == 4


@pytest.mark.parametrize("looks", [torch.zeros(2, 5), torch.zeros(())])
def test_other_widths_are_refused_with_both_shapes(four_directions, looks):
    with pytest.raises(ValueError, match=r"\[4, 6\]"):
        Prototypes.learn(*four_directions).recognise(looks)


def test_what_is_no_number_is_refused(four_directions):
    with pytest.raises(ValueError, match="not a number"):
        Prototypes.learn(*four_directions).recognise(torch.full((1, 6), float("nan")))


def test_looks_are_means_of_unit_pictures(make_store):
    store = make_store(count=2, classes=2)
    expected = [normalize(store._objects.take(torch.tensor(k), torch.tensor(0), 4), dim=1).mean(0) for k in range(4)]
    assert torch.allclose(store.object_embeddings(), torch.stack(expected), atol=1e-6)


def test_a_result_keeps_them_unchanged_from_task_to_task(reference):
    first, last = reference.prototypes(0), reference.prototypes()
    assert first.vectors.shape == (2, 512) and last.vectors.shape == (4, 512)
    assert torch.equal(last.vectors[:2], first.vectors) and torch.equal(last.thresholds[:2], first.thresholds)
    assert torch.allclose(last.vectors.norm(dim=1), torch.ones(4))


def test_joint_training_and_another_separator_learn_the_same_looks(reference, home, tiny):
    other = run(tiny(method="joint", steps=1), progress=False)
    assert torch.equal(other.prototypes().vectors, reference.prototypes().vectors)


def test_a_checkpoint_of_an_earlier_version_says_what_to_do(reference, tmp_path):
    path = tmp_path / "old.safetensors"
    save_separator(path, reference.separator(), reference.classes)
    with pytest.raises(StorageError, match=r"earlier version.*fresh=True"):
        load_prototypes(path)


def test_an_experiment_does_not_go_on_from_an_earlier_version(home, tiny):
    config = tiny(steps=1)
    folder = run(config, progress=False).folder
    path = folder / "checkpoints" / "task_1.safetensors"
    tensors, metadata = load_tensors(path)
    save_tensors(path, {name: value for name, value in tensors.items() if "prototypes." not in name}, metadata)
    scores = read_json(folder / "matrix.json")
    scores["finished"], scores["seen"]["sdr"][1] = False, None  # stopped after the first task
    write_json(folder / "matrix.json", scores)
    (folder / "checkpoints" / "task_2.safetensors").unlink()
    with pytest.raises(StorageError, match=r"task_1\.safetensors is from an earlier version"):
        run(config, progress=False)
    assert run(config, fresh=True, progress=False).prototypes().vectors.shape == (4, 512)


@pytest.mark.parametrize(
    "kept", [{"vectors": torch.ones(2, 8)}, {"vectors": torch.ones(2, 8), "thresholds": torch.ones(3)}]
)
def test_damaged_prototypes_are_named(tmp_path, kept):
    path = tmp_path / "task_1.safetensors"
    save_tensors(path, with_prefix("prototypes.", kept), {})
    with pytest.raises(StorageError, match=r"task_1\.safetensors"):
        load_prototypes(path)
