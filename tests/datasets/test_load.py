"""Which data are meant, and whether they suffice."""

import subprocess
import sys

import pytest
from samples import make_prepared

from contav_lib.datasets.clip import find_clips
from contav_lib.datasets.corpus import Corpus
from contav_lib.datasets.folder import Folder
from contav_lib.datasets.load import _load, load_data, require_clips
from contav_lib.datasets.minimusic import MUSIC_ORDER
from contav_lib.utils.registry import open_dataset


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
    for refused in (open_dataset, load_data):
        with pytest.raises(ValueError, match=f"data='{data}': give 'mini' or a folder"):
            refused(data)


def test_a_data_set_is_meant_by_its_name_its_place_or_its_path(tmp_path, monkeypatch):
    monkeypatch.setenv("CONTAV_HOME", str(tmp_path))
    mini = open_dataset("mini", (3, 2, 1))
    assert (mini.name, mini.spelling, mini.digest(), mini.classes) == ("mini", "mini", "", MUSIC_ORDER)
    assert mini.videos.parent == tmp_path / "data" and mini.videos.name.endswith("-3-2-1")
    folder = open_dataset(str(tmp_path))
    assert folder.name == "folder" and folder.spelling == open_dataset(f"folder:{tmp_path}").spelling == str(tmp_path)
    assert folder.videos == tmp_path and folder.prepared("tiny") != open_dataset(str(tmp_path / "x")).prepared("tiny")
    with pytest.raises(ValueError, match="'mini' takes no place"):
        open_dataset("mini:/somewhere")


def test_other_content_is_another_digest(tmp_path):
    folder = open_dataset(str(tmp_path))
    empty = folder.digest()
    (tmp_path / "violin").mkdir()
    (tmp_path / "violin/a.mp4").write_bytes(b"12")
    assert folder.digest() == open_dataset(str(tmp_path)).digest() != empty
    with pytest.raises(ValueError, match=f"have changed since these settings were made .digest {empty}, now"):
        load_data(str(tmp_path), digest=empty)
    with pytest.raises(ValueError, match="there is no such folder"):
        open_dataset(str(tmp_path / "violin/none")).digest()


def test_prepared_clips_alone_come_in_the_order_of_the_data_set(video_folder, home, monkeypatch):
    class Turned(Folder):
        classes = find_clips(video_folder)[-1].label, find_clips(video_folder)[0].label

        def clips(self):
            return find_clips(self.videos, self.classes)

    monkeypatch.setattr("contav_lib.datasets.load.open_dataset", lambda *_: Turned(str(video_folder)))
    _load.cache_clear()
    whole = load_data(str(video_folder))
    _load.cache_clear()
    monkeypatch.setitem(sys.modules, "av", None)
    alone = load_data(str(video_folder))
    _load.cache_clear()
    assert whole.classes == list(Turned.classes)
    assert [clip.id for clip in alone.clips] == [clip.id for clip in whole.clips]


def test_training_needs_no_generator():
    code = (
        "import sys; from contav_lib import Config, run; from contav_lib.experiments.setup import Setup; "
        "Config.profile('lab', method='replay'); assert not [name for name in sys.modules if 'contav_lib.minimusic' in name]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
