"""Folders of videos become lists of clips; whatever is wrong with a folder is said plainly."""

import json
from collections import Counter

import pytest

from contav_lib.datasets.clip import OPTIONAL_SPLIT, SPLITS, find_clips, inside


def make(root, names, lists=None):
    """A folder with empty videos (`violin/a.mp4` ...) and, where given, its split lists."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    if lists is not None:
        (root / "splits").mkdir(parents=True)
        for split in SPLITS:
            (root / "splits" / f"{split}.json").write_text(json.dumps({"videos": lists.get(split, {})}))
    return root


def test_lists_decide_what_is_taken_and_for_what(tmp_path):
    videos = ["violin/a.mp4", "violin/b.MKV", "violin/c.webm", "tuba/x.mov", "tuba/y.avi", "tuba/unlisted.mp4"]
    lists = {"train": {"violin": ["a"], "tuba": ["x"]}, "validation": {"violin": ["b"]}, "test": {"violin": ["c"]}}
    clips = find_clips(make(tmp_path, videos, lists))
    assert [(clip.id, clip.label, clip.split) for clip in clips] == [
        ("tuba/x", "tuba", "train"),
        ("violin/a", "violin", "train"),
        ("violin/b", "violin", "validation"),
        ("violin/c", "violin", "test"),
    ]
    assert all(clip.path.is_file() for clip in clips)


def test_classes_choose_and_order(tmp_path):
    make(tmp_path, ["a/1.mp4", "b/1.mp4", "c/1.mp4"])
    assert [clip.label for clip in find_clips(tmp_path, ["c", "a"])] == ["c", "a"]


def test_without_lists_a_hash_splits_stably(tmp_path):
    make(tmp_path, [f"violin/{k:03d}.mp4" for k in range(200)])
    before = {clip.id: clip.split for clip in find_clips(tmp_path)}
    counts = Counter(before.values())
    assert counts["train"] > 140 and counts["validation"] >= 10 and counts["test"] >= 10
    make(tmp_path, ["violin/new.mp4"])
    after = {clip.id: clip.split for clip in find_clips(tmp_path)}
    assert sum(after[name] != split for name, split in before.items()) <= 2


@pytest.mark.parametrize("count", [3, 4, 10, 17])
def test_small_classes_have_some_of_each_split(tmp_path, count):
    make(tmp_path, [f"{label}/{k}.mp4" for label in ("violin", "tuba", "flute") for k in range(count)])
    clips = find_clips(tmp_path)
    for label in ("violin", "tuba", "flute"):
        assert {clip.split for clip in clips if clip.label == label} == {"train", "validation", "test"}


def test_two_clips_are_for_training(tmp_path):
    assert {clip.split for clip in find_clips(make(tmp_path, ["violin/a.mp4", "violin/b.mp4"]))} == {"train"}


def test_other_files_and_hidden_ones_are_left_alone(tmp_path):
    make(tmp_path, ["violin/a.mp4", "violin/.b.mp4.part", "violin/.c.mp4", "violin/notes.txt", ".cache/d.mp4"])
    assert [clip.id for clip in find_clips(tmp_path)] == ["violin/a"]


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match=r"nowhere: there is no such folder"):
        find_clips(tmp_path / "nowhere")


@pytest.mark.parametrize("lists", [None, {}])
def test_a_folder_without_clips(tmp_path, lists):
    with pytest.raises(ValueError, match="holds no clips"):
        find_clips(make(tmp_path, ["violin/notes.txt"], lists))


def test_an_unknown_class_names_the_nearest(tmp_path):
    with pytest.raises(ValueError, match=r"no class 'violn'.*'violin'"):
        find_clips(make(tmp_path, ["violin/a.mp4", "tuba/a.mp4"]), ["violn"])


def test_a_class_asked_for_twice(tmp_path):
    with pytest.raises(ValueError, match="'tuba' is asked for twice"):
        find_clips(make(tmp_path, ["violin/a.mp4", "tuba/a.mp4"]), ["tuba", "violin", "tuba"])


def test_listed_files_that_are_missing(tmp_path):
    lists = {"train": {"violin": ["a", "lost"]}, "test": {"harp": ["gone"]}}
    with pytest.raises(ValueError, match=r"clips listed in .* without a video file, 2: violin/lost, harp/gone"):
        find_clips(make(tmp_path, ["violin/a.mp4"], lists))


@pytest.mark.parametrize(
    "lists",
    [
        {"train": {"violin": ["a"]}, "test": {"violin": ["a"]}},
        {"train": {"violin": ["a", "a"]}},
    ],
)
def test_a_clip_listed_twice(tmp_path, lists):
    with pytest.raises(ValueError, match="'violin/a' is listed twice"):
        find_clips(make(tmp_path, ["violin/a.mp4"], lists))


@pytest.mark.parametrize(
    ("name", "taken", "faults"), [(None, "a.mkv", ["a.mp4"]), ("a", "a.mkv", ["a.mp4"]), ("a.mp4", "a.mp4", [])]
)
def test_of_two_files_with_one_id_one_is_taken(tmp_path, name, taken, faults):
    lists = name and {"train": {"violin": [name]}}
    clips = {clip.path.name: clip for clip in find_clips(make(tmp_path, ["violin/a.mp4", "violin/a.mkv"], lists))}
    assert [name for name, clip in clips.items() if clip.fault] == faults
    assert clips[taken].id == "violin/a" and len(clips) == 1 + len(faults)


@pytest.mark.parametrize("lists", [None, {"train": {"violin": ["a"], "Violin": ["b"]}}])
def test_classes_that_differ_only_in_case(tmp_path, lists):
    with pytest.raises(ValueError, match="'Violin' and 'violin' differ only in upper and lower case"):
        find_clips(make(tmp_path, ["violin/a.mp4", "Violin/b.mp4", "tuba/a.mp4"], lists))


@pytest.mark.parametrize("entry", [{"violin": ["../../outside"]}, {"../outside": ["a"]}, {"/tmp": ["a"]}])
def test_lists_cannot_lead_out_of_the_folder(tmp_path, entry):
    make(tmp_path, ["outside/a.mp4", "outside.mp4"])
    root = make(tmp_path / "root", ["violin/a.mp4"], {"train": entry})
    with pytest.raises(ValueError, match="leads out of the folder"):
        find_clips(root)


def test_what_is_inside_is_let_through(tmp_path):
    assert inside(tmp_path, "a", "b.mp4") == tmp_path / "a" / "b.mp4"


@pytest.mark.parametrize("text", ["not json", "[]", '{"videos": ["a"]}', '{"videos": {"violin": [3]}}', "{}"])
def test_lists_of_another_form(tmp_path, text):
    root = make(tmp_path, ["violin/a.mp4"], {})
    (root / "splits" / "train.json").write_text(text)
    with pytest.raises(ValueError, match=r"train\.json"):
        find_clips(root)


def test_only_the_list_of_the_optional_split_may_be_missing(tmp_path):
    lists = {"train": {"violin": ["a"]}, OPTIONAL_SPLIT: {"violin": ["b"]}}
    root = make(tmp_path, ["violin/a.mp4", "violin/b.mp4"], lists)
    assert [clip.split for clip in find_clips(root)] == ["train", OPTIONAL_SPLIT]
    (root / "splits" / f"{OPTIONAL_SPLIT}.json").unlink()
    assert [clip.id for clip in find_clips(root)] == ["violin/a"]


def test_a_missing_list(tmp_path):
    root = make(tmp_path, ["violin/a.mp4"], {"train": {"violin": ["a"]}})
    (root / "splits" / "test.json").unlink()
    with pytest.raises(
        ValueError, match=r"test\.json: is missing.*Write all three lists, or remove the folder"
    ) as caught:
        find_clips(root)
    assert "run again" not in str(caught.value)  # the kit doesn't make these lists
