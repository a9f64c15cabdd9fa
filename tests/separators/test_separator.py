"""The contract that every separator keeps, and its life on disk."""

import pickle
import re

import pytest
import torch

from contav_lib.separators import IQuery, Separator, load_separator, save_separator, separator_class
from contav_lib.separators.separator import SEPARATORS, load_weights
from contav_lib.storage import StorageError, save_tensors

SIZES = {"iquery": dict(width=4, mask_dim=8, levels=4, hidden=16, heads=2, feed_forward=24, decoder_layers=3)}
BINS, FRAMES = 32, 16
every_separator = pytest.mark.parametrize("name", SIZES)


def make(name: str, num_classes: int = 5, **options) -> Separator:
    return separator_class(name)(num_classes=num_classes, **SIZES[name] | options)


def inputs(mixtures: int = 2, sources: int = 2, num_classes: int = 5) -> dict:
    return dict(
        mixture=torch.rand(mixtures, 1, BINS, FRAMES),
        visual={
            "object": torch.randn(mixtures, sources, 512),
            "motion": torch.randn(mixtures, sources, 768, 8),
            "motion_mask": torch.zeros(mixtures, sources, 8, dtype=torch.bool),
        },
        classes=torch.randint(num_classes, (mixtures, sources)),
    )


@every_separator
@pytest.mark.parametrize("mixtures", [1, 2, 3])
@pytest.mark.parametrize("sources", [1, 2, 4])
def test_shapes(name, mixtures, sources):
    separator = make(name).eval()
    separation = separator(**inputs(mixtures, sources))
    assert separation.masks.shape == (mixtures, sources, BINS, FRAMES)
    assert separation.masks.min() >= 0 and separation.masks.max() <= 1
    assert {"audio", "object"} <= separation.features.keys()
    assert len({value.shape for value in separation.features.values()}) == 1
    assert all(value.shape[:2] == (mixtures, sources) for value in separation.features.values())
    assert {modality for pair in separator.modality_pairs for modality in pair} <= separation.features.keys()
    assert separation.intermediate and all(len(part) == mixtures for part in separation.intermediate)


@every_separator
def test_the_order_of_sources_is_the_order_of_answers(name):
    separator, given = make(name).eval(), inputs(3, 3)
    separation = separator(**given)
    order = torch.tensor([2, 0, 1])
    visual = {key: value[:, order] for key, value in given["visual"].items()}
    turned = separator(given["mixture"], visual, given["classes"][:, order])
    assert torch.allclose(turned.masks, separation.masks[:, order], atol=1e-5)
    for key, value in separation.features.items():
        assert torch.allclose(turned.features[key], value[:, order], atol=1e-4)


@every_separator
def test_mixtures_do_not_hear_each_other(name):
    separator, given = make(name).eval(), inputs(3, 2)
    together = separator(**given).masks
    for b in range(3):
        visual = {key: value[b : b + 1] for key, value in given["visual"].items()}
        alone = separator(given["mixture"][b : b + 1], visual, given["classes"][b : b + 1]).masks
        assert torch.allclose(alone[0], together[b], atol=1e-5)


@every_separator
def test_growing_keeps_the_old_weights_bit_for_bit(name):
    separator = make(name)
    before = {key: value.clone() for key, value in separator.state_dict().items()}
    separator.grow(8, torch.Generator().manual_seed(1))
    after = separator.state_dict()
    assert separator.num_classes == separator.arguments["num_classes"] == 8 and after.keys() == before.keys()
    grown = [key for key in before if before[key].shape != after[key].shape]
    assert grown and all(torch.equal(after[key][: len(before[key])], before[key]) for key in grown)
    assert all(torch.equal(after[key], before[key]) for key in before.keys() - set(grown))
    other = make(name)
    other.load_state_dict(before)
    other.grow(8, torch.Generator().manual_seed(1))
    assert all(torch.equal(value, after[key]) for key, value in other.state_dict().items())
    assert all(parameter.requires_grad for parameter in separator.parameters())
    separator(**inputs(num_classes=8))


@every_separator
def test_growing_to_the_same_size_changes_nothing_and_shrinking_is_refused(name):
    separator = make(name)
    table = {key: id(value) for key, value in separator.named_parameters()}
    separator.grow(5)
    assert table == {key: id(value) for key, value in separator.named_parameters()}
    with pytest.raises(ValueError, match="knows 5 classes already; it can't shrink to 3"):
        separator.grow(3)


@every_separator
def test_gradients_reach_every_parameter(name):
    separator, given = make(name), inputs(4, 2)
    separation = separator(**given)
    loss = (separation.masks - torch.rand_like(separation.masks)).square().sum()
    loss = loss + sum((value - torch.randn_like(value)).square().sum() for value in separation.features.values())
    loss.backward()
    without = [key for key, value in separator.named_parameters() if value.grad is None or not value.grad.any()]
    assert without == []


@every_separator
def test_the_groups_hold_every_parameter_once(name):
    separator = make(name)
    groups = separator.parameter_groups()
    assert groups.keys() == {"unet", "predictor"}
    listed = [id(parameter) for group in groups.values() for parameter in group]
    assert len(listed) == len(set(listed)) and set(listed) == {id(parameter) for parameter in separator.parameters()}


@every_separator
def test_bfloat16_autocast(name):
    separator, given = make(name).eval(), inputs()
    exact = separator(**given).masks
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = separator(**given)
    assert torch.allclose(rough.masks.float(), exact, atol=0.05)
    assert all(value.isfinite().all() for value in rough.features.values())


@every_separator
def test_saved_and_loaded_it_answers_the_same(name, tmp_path):
    separator, given = make(name), inputs()
    separator(**given)  # moves the running statistics
    separator.grow(7)
    save_separator(tmp_path / "it.safetensors", separator, list("abcdefg"), {"importance": torch.ones(2)})
    loaded = load_separator(tmp_path / "it.safetensors")
    assert type(loaded) is type(separator) and loaded.arguments == separator.arguments and not loaded.training
    assert all(torch.equal(value, loaded.state_dict()[key]) for key, value in separator.state_dict().items())
    assert torch.equal(loaded(**given).masks, separator.eval()(**given).masks)


def test_a_checkpoint_of_other_sizes_is_refused_with_both_shapes(tmp_path):
    path = tmp_path / "wide.safetensors"
    wide = make("iquery", width=8)
    wide.arguments["width"] = 4  # what stands beside the weights is not what they are
    save_separator(path, wide, list("abcde"))
    with pytest.raises(
        ValueError, match=r"wide\.safetensors does not fit.*is \(.*8.*\) in the file and \(.*4.*\) in the"
    ):
        load_separator(path)
    with pytest.raises(ValueError, match=r"queries\.weight' is \(9, 16\) in the file and \(5, 16\) in the separator"):
        load_weights(make("iquery"), make("iquery", 9).state_dict(), path)


def test_missing_and_foreign_weights_are_named(tmp_path):
    separator = make("iquery")
    weights = separator.state_dict()
    weights["extra"] = weights.pop("predictor.norm.weight")
    with pytest.raises(ValueError, match=r"'extra' is not part of.*'predictor\.norm\.weight' is missing"):
        load_weights(separator, weights, tmp_path / "some.safetensors")


def test_a_file_that_holds_no_separator_is_refused(tmp_path):
    save_tensors(tmp_path / "clip.safetensors", {"waveform": torch.zeros(3)}, {"id": "violin/a"})
    with pytest.raises(StorageError, match=re.escape("clip.safetensors")):
        load_separator(tmp_path / "clip.safetensors")
    with pytest.raises(StorageError, match=re.escape("nowhere.safetensors")):
        load_separator(tmp_path / "nowhere.safetensors")


def test_every_separator_stands_in_this_test():
    separator_class("iquery")
    assert {name for name, cls in SEPARATORS.items() if cls.__module__.startswith("contav_lib")} == SIZES.keys()


def test_sides_that_do_not_halve_are_refused():
    given = inputs()
    with pytest.raises(ValueError, match=r"multiples of 16; it was given \(30, 16\)"):
        make("iquery")(given["mixture"][:, :, :30], given["visual"], given["classes"])


@pytest.mark.parametrize("options", [dict(padding="some"), dict(decoder_layers=1), dict(heads=3), dict(levels=3)])
def test_impossible_sizes_are_refused(options):
    with pytest.raises(ValueError):
        make("iquery", **options)


class Malicious:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return open, (str(self.marker), "w")


@pytest.mark.parametrize("by", ["torch", "pickle"])
def test_official_checkpoints_cannot_run_code(tmp_path, by):
    marker, file = tmp_path / "marker", tmp_path / "unet.pth"
    content = {"downconv1.weight": torch.zeros(4, 1, 4, 4), "more": Malicious(marker)}
    if by == "torch":
        torch.save(content, file)
    else:
        file.write_bytes(pickle.dumps(content, protocol=2))
    with pytest.raises(ValueError, match=r"unet\.pth can't be read as a checkpoint of tensors only"):
        IQuery.from_official(file, file)
    assert not marker.exists()
    with file.open("rb") as opened:
        torch.load(opened, weights_only=False) if by == "torch" else pickle.load(opened)
    assert marker.exists()  # so the file was dangerous


def test_other_files_are_no_official_checkpoints(tmp_path):
    torch.save({"weight": torch.zeros(2)}, tmp_path / "other.pth")
    with pytest.raises(ValueError, match=r"other\.pth is not the expected checkpoint.*'downconv1\.weight'"):
        IQuery.from_official(tmp_path / "other.pth", tmp_path / "other.pth")
    (tmp_path / "text.pth").write_text("hello")
    for name in ("text.pth", "missing.pth"):
        with pytest.raises(ValueError, match=name):
            IQuery.from_official(tmp_path / name, tmp_path / name)
