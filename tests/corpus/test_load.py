"""Which data are meant, and whether they suffice."""

import pytest
from samples import make_prepared

from contav_lib.datasets.load import load_data, require_clips, whole_path
from contav_lib.datasets.prepare import Corpus


def corpus(**counts: tuple[int, int, int]) -> Corpus:
    """Clips by class: so many for training, validation and test."""
    clips = [
        make_prepared(number, label, 1.0, split)
        for label, numbers in counts.items()
        for split, count in zip(("train", "validation", "test"), numbers, strict=True)
        for number in range(count)
    ]
    return Corpus(clips, 11_025)


def test_enough_is_enough():
    needed = {"train": {"tuba": 2, "harp": 1}, "test": {"tuba": 1}}
    require_clips(corpus(tuba=(2, 0, 1), harp=(1, 0, 0)), needed)


def test_all_that_lacks_is_named_with_counts_and_a_remedy():
    needed = {split: {"tuba": 2, "harp": 1} for split in ("train", "validation", "test")}
    with pytest.raises(ValueError) as caught:
        require_clips(corpus(tuba=(3, 1, 2), harp=(1, 0, 1)), needed)
    text = str(caught.value)
    assert "- 'tuba': 1 of at least 2 for validation\n- 'harp': 0 of at least 1 for validation\n" in text
    assert text.count("at least") == 2 and "Add videos" in text and "splits/" in text and "fewer tasks" in text


def test_an_unknown_class_names_the_nearest():
    with pytest.raises(ValueError, match="no class 'tubaa' in the data; did you mean 'tuba'"):
        require_clips(corpus(tuba=(1, 1, 1), harp=(1, 1, 1)), {"test": {"tubaa": 1}})


@pytest.mark.parametrize("data", ["", "  "])
def test_no_name_is_not_the_current_folder(data):
    for refused in (whole_path, load_data):
        with pytest.raises(ValueError, match=f"data='{data}': give 'mini' or a folder"):
            refused(data)
