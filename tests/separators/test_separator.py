"""Growing, bad sizes, and a separator's life on disk; `test_contract.py` holds what all separators must keep."""

import copy
import re
from dataclasses import replace

import pytest
import torch
from small_separators import NAMES, SIZES, inputs, make

from contav_lib.separators import load_separator, save_separator
from contav_lib.separators.iquery import IQuery
from contav_lib.separators.separator import load_weights
from contav_lib.utils.storage import StorageError, load_tensors, save_tensors

every_separator = pytest.mark.parametrize("name", NAMES)


@pytest.mark.slow
@every_separator
def test_the_forward_pass_is_one_graph_when_it_is_compiled(name):
    separator, given = make(name), inputs()
    compiled = copy.deepcopy(separator)
    compiled.compile(fullgraph=True, backend="eager")  # a graph break is an error; no C++ compiler is needed
    for mode in (True, False):
        for attention in (False, True):
            separator.keep_attention = compiled.keep_attention = attention
            mine, yours = (one.train(mode)(**given) for one in (separator, compiled))
            assert torch.equal(mine.masks, yours.masks) and len(mine.attention) == len(yours.attention)
    assert compiled.state_dict().keys() == separator.state_dict().keys()


@every_separator
def test_growing_to_the_same_size_changes_nothing_and_shrinking_is_refused(name):
    separator = make(name)
    table = {key: id(value) for key, value in separator.named_parameters()}
    separator.grow(5)
    assert table == {key: id(value) for key, value in separator.named_parameters()}
    with pytest.raises(ValueError, match="knows 5 classes already; it can't shrink to 3"):
        separator.grow(3)


@every_separator
def test_a_checkpoint_keeps_settings_and_the_methods_state(name, tmp_path):
    separator, path = make(name), tmp_path / "it.safetensors"
    separator.grow(7)
    save_separator(path, separator, list("abcdefg"), {"importance": torch.ones(2)})
    loaded = load_separator(path)
    assert type(loaded) is type(separator) and loaded.config == separator.config and not loaded.training
    assert loaded.num_classes == 7
    tensors, metadata = load_tensors(path)
    assert metadata["classes"] == list("abcdefg") and torch.equal(tensors["method.importance"], torch.ones(2))


def test_a_checkpoint_of_other_sizes_is_refused_with_both_shapes(tmp_path):
    path = tmp_path / "wide.safetensors"
    wide = make("iquery", width=8)
    wide.config = replace(wide.config, width=4)  # what stands beside the weights is not what they are
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


@pytest.mark.parametrize(
    "damage", [{"separator": "iqueri"}, {"config": {"widht": 8}}, {"config": {"padding": "some"}}, {"config": 3}]
)
def test_a_checkpoint_whose_settings_make_no_sense_is_named(tmp_path, damage):
    separator, path = make("iquery"), tmp_path / "task_1.safetensors"
    save_separator(path, separator, ["a", "b"])
    tensors, metadata = load_tensors(path)
    save_tensors(path, tensors, metadata | damage)
    with pytest.raises(StorageError, match=re.escape("task_1.safetensors")):
        load_separator(path)


@pytest.mark.parametrize("name", SIZES)
def test_sides_that_do_not_halve_are_refused(name):
    given = inputs()
    with pytest.raises(ValueError, match=r"multiples of 16; it was given \(30, 32\)"):
        make(name)(given["mixture"][:, :, :30], given["visual"], given["classes"])


@pytest.mark.parametrize("options", [dict(padding="some"), dict(decoder_layers=1), dict(heads=3), dict(levels=3)])
def test_impossible_sizes_are_refused(options):
    with pytest.raises(ValueError):
        make("iquery", **options)


def test_settings_of_another_separator_are_refused():
    with pytest.raises(TypeError, match="IQuery takes IQueryConfig"):
        IQuery(5, make("coseparation").config)


def test_an_answer_is_shown_in_one_line_of_shapes():
    output = make("soundofpixels")(**inputs())
    assert repr(output).startswith(
        "SeparatorOutput(masks=[2, 2, 64, 32], features={audio: [2, 2, 8], object: [2, 2, 8]}, intermediate=(["
    )
    assert "\n" not in repr(output) and "attention" not in repr(output)
