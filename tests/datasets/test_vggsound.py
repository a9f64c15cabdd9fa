"""VGGSound's list: clips of ten seconds, shared out by video."""

import time

import pytest
from listed_videos import make_folder, splits_of, youtube_id

from contav_lib.utils.registry import open_dataset

LABELS = ("playing violin, fiddle", "dog barking")


def rows(labels=LABELS, count=20, starts=(30,)):
    return [
        (youtube_id(f"v{place}", k), start, label, "test" if k % 5 == 0 else "train")
        for place, label in enumerate(labels)
        for k in range(count)
        for start in starts
    ]


def vggsound(root, listed, layout="{video}_{start:06d}.mp4", **lists):
    text = "".join(f'{video},{start},"{label}",{split}\n' for video, start, label, split in listed)
    there = [layout.format(video=video, start=start, label=label) for video, start, label, _ in listed]
    return open_dataset(f"vggsound:{make_folder(root, {'vggsound.csv': text, **lists}, there)}")


@pytest.mark.parametrize("layout", ["{video}_{start:06d}.mp4", "{label}/{video}_{start:06d}.mp4"])
def test_validation_is_drawn_from_training(tmp_path, layout):
    listed = rows()
    clips = vggsound(tmp_path, listed, layout).clips()
    found = splits_of(clips)
    assert set(found["test"]) == {video for video, _, _, split in listed if split == "test"}
    assert len(found["validation"]) == 4 and len(found["train"]) == 28
    assert {clip.id for clip in clips} == {f"{label}/{video}_000030" for video, _, label, _ in listed}


def test_clips_of_one_video_stay_together(tmp_path):
    found = splits_of(vggsound(tmp_path, rows(starts=(0, 40, 120))).clips())
    assert sum(map(len, found.values())) == 120 and len(set(found["validation"])) == 4
    assert not set(found["validation"]) & set(found["train"])


def test_a_list_chooses_classes(tmp_path):
    data = vggsound(tmp_path, rows(), **{"classes.txt": "dog barking\n"})
    with pytest.warns(UserWarning, match="20 of 40"):
        assert {clip.label for clip in data.clips()} == {"dog barking"}


def test_a_header_is_known_and_lines_may_end_as_on_windows(tmp_path):
    data = vggsound(tmp_path, rows())
    path = tmp_path / "vggsound.csv"
    path.write_bytes(b"\xef\xbb\xbfyoutube_id,start,label,split\r\n" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert len(data.clips()) == 40


def test_commands_fetch_the_ten_seconds(tmp_path):
    data = vggsound(tmp_path, rows(starts=(30,)), layout="{video}_none.mp4")
    command = data.fetch_commands().splitlines()[0]
    assert "--download-sections '*30-40'" in command and "/dog barking/%(id)s_000030.%(ext)s'" in command


@pytest.mark.slow
def test_a_list_as_long_as_the_real_one_takes_seconds(tmp_path):
    labels = [f"class {number}, kind" for number in range(300)]
    text = "".join(
        f'{k:011d},{k % 300},"{labels[k % 300]}",{"test" if k % 13 == 0 else "train"}\n' for k in range(300_000)
    )
    data = open_dataset(f"vggsound:{make_folder(tmp_path, {'vggsound.csv': text})}")
    start = time.thread_time()
    assert "0 of 300,000 listed clips can be used; missing: 300,000." in data.report(1)
    assert time.thread_time() - start < 20
