"""Hugging Face's VideoFolder is read, and what is written is read again."""

import json
import os

import pytest
from listed_videos import make_folder, splits_of

from contav_lib.datasets import videofolder
from contav_lib.datasets.clip import Clip
from contav_lib.datasets.videofolder import write_video_folder
from contav_lib.utils.registry import open_dataset

NAMES = [f"{label}/{number}.mp4" for label in ("violin", "tuba") for number in range(10)]


def table(names, kind, split=False, **more):
    rows = [{"file_name": name, "label": name.split("/")[0], **more} for name in names]
    for number, row in enumerate(rows):
        row |= {"split": ("train", "validation", "test")[min(number % 5, 2)]} if split else {}
    if kind == "jsonl":
        return "\n".join(map(json.dumps, rows))
    return "\n".join([",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)])


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
@pytest.mark.parametrize("split", [True, False])
def test_one_list_for_all(tmp_path, kind, split):
    make_folder(tmp_path, {f"metadata.{kind}": table(NAMES, kind, split)}, NAMES)
    clips = open_dataset(f"videofolder:{tmp_path}").clips()
    counts = {name: len(videos) for name, videos in splits_of(clips).items()}
    assert counts == ({"train": 4, "validation": 4, "test": 12} if split else {"train": 16, "validation": 2, "test": 2})
    assert {clip.path.relative_to(tmp_path).as_posix() for clip in clips} == set(NAMES)


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_list_in_each_splits_folder(tmp_path, kind):
    parts = {"train": NAMES[:7] + NAMES[10:17], "dev": NAMES[:1] + NAMES[17:18], "test": NAMES[:2] + NAMES[18:]}
    lists = {f"{split}/metadata.{kind}": table(names, kind) for split, names in parts.items()}
    there = [f"{split}/{name}" for split, names in parts.items() for name in names]
    clips = open_dataset(f"videofolder:{make_folder(tmp_path, lists, there)}").clips()
    assert {split: len(videos) for split, videos in splits_of(clips).items()} == {
        "train": 14,
        "validation": 2,
        "test": 4,
    }
    assert {"violin/train/violin/0.mp4", "violin/dev/violin/0.mp4"} < {clip.id for clip in clips}


def some_clips(root):
    make_folder(root, {}, NAMES)
    for name in NAMES:
        (root / name).write_bytes(name.encode())
    return [
        Clip(f"{name.split('.')[0]}{mark}", name.split("/")[0], split, root / name, f"v{number}", span)
        for number, name in enumerate(NAMES)
        for split in [("train", "validation", "test", "train", "train")[number % 5]]
        for mark, span in (("", None), ("_1-2.5", (1, 2.5)))
    ]


def test_what_is_written_is_read_again(tmp_path):
    clips = some_clips(tmp_path / "from")
    write_video_folder(clips, tmp_path / "to")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["from", "to"]
    head = (tmp_path / "to/train/metadata.csv").read_text().splitlines()[0]
    assert head.startswith("file_name,label") and (tmp_path / "to/train/violin/0.mp4").is_file()
    again = open_dataset(f"videofolder:{tmp_path / 'to'}").clips()

    def what(clips):
        return sorted((clip.label, clip.split, clip.video, clip.span or (), clip.path.read_bytes()) for clip in clips)

    assert what(again) == what(clips)


def test_a_folder_that_is_there_is_left_alone(tmp_path):
    clips = some_clips(tmp_path / "from")
    with pytest.raises(ValueError, match="from is there already"):
        write_video_folder(clips, tmp_path / "from")


@pytest.mark.parametrize("trouble", ["a lost video", "a name that leads out"])
def test_nothing_half_written_is_left(tmp_path, trouble):
    clips = some_clips(tmp_path / "from")
    if trouble == "a lost video":
        clips[5].path.unlink()
    else:
        clips[5] = Clip("../../../out", "violin", "train", clips[0].path)
    with pytest.raises((ValueError, OSError), match=r"leads out|No such file"):
        write_video_folder(clips, tmp_path / "to")
    assert [path.name for path in tmp_path.iterdir()] == ["from"]


def test_disks_without_links_get_copies(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError("no links here")

    monkeypatch.setattr(videofolder.os, "link", refuse)
    write_video_folder(some_clips(tmp_path / "from"), tmp_path / "to")
    assert os.stat(tmp_path / "to/train/violin/0.mp4").st_nlink == 1
