"""Whatever stands in a list becomes clips, or a ValueError that names the file: by examples, and by whatever text comes."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from listed_videos import make_folder

from contav_lib.datasets.clip import find_clips
from contav_lib.datasets.pickled_lists import read_pickled_lists
from contav_lib.utils.registry import open_dataset

SOLO, AVE, VGG, CSV, LINES = (
    "MUSIC_solo_videos.json",
    "Annotations.txt",
    "vggsound.csv",
    "metadata.csv",
    "metadata.jsonl",
)
DATASET = {SOLO: "music21", AVE: "ave", VGG: "vggsound", CSV: "videofolder", LINES: "videofolder"}
ID = "abcdefghijk"
GOOD = {
    SOLO: '{"videos": {\n"violin": [\n"' + ID + '"]}}',
    AVE: f"violin&{ID}&good&0&9\n",
    VGG: f"{ID},30,violin,train\n",
    CSV: "file_name,label\nviolin/a.mp4,violin\n",
    LINES: '{"file_name": "violin/a.mp4", "label": "violin"}\n',
}  # fmt: skip


def entries(root, name, content):
    make_folder(root, {name: content})
    return open_dataset(f"{DATASET[name]}:{root}").annotations()


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize(
    "change", [str, lambda text: "\ufeff" + text.replace("\n", "\r\n")], ids=["plain", "BOM, CRLF"]
)
def test_lists_of_any_system_are_read(tmp_path, name, change):
    [entry] = entries(tmp_path, name, change(GOOD[name]))
    assert entry.label == "violin" and entry.file in (ID, f"{ID}_000030", "violin/a.mp4")


BAD_IDS = [
    "../../etc/x",
    "/etc/passwd",
    "..........\\",
    "abcdefghij\u00e9",
    "abcdefghij\n",
    "short",
    "",
    "abcdefghijk.mp4",
]
BAD_LABELS = ["../out", "/etc", "a\\b", ".hidden", "..", "", " ", "a\tb", "x" * 101, "\u202eabc"]
BAD_NAMES = ["../a.mp4", "/etc/a.mp4", "violin/../../a.mp4", "a\\b.mp4", "", "a\x1b.mp4"]


NO_ID, NO_LABEL, NO_FILE = (
    "is no id of a YouTube video",
    "can't be the name of a class",
    "names no file inside the folder",
)
# The list, the line of the error, what is replaced in the good list, by what in turn, and what the error says.
REPLACED = [
    (SOLO, 3, ID, BAD_IDS, NO_ID),
    (AVE, 1, ID, [value for value in BAD_IDS if "\n" not in value], NO_ID),
    (VGG, 1, ID, [value for value in BAD_IDS if "\n" not in value], NO_ID),
    (SOLO, 2, "violin", BAD_LABELS, NO_LABEL),
    (AVE, 1, "violin", BAD_LABELS, NO_LABEL),
    (VGG, 1, "violin", BAD_LABELS, NO_LABEL),
    (CSV, 2, ",violin", [f",{label}" for label in BAD_LABELS], NO_LABEL),
    (LINES, 1, 'label": "violin', [f'label": "{json.dumps(label)[1:-1]}' for label in BAD_LABELS], NO_LABEL),
    (CSV, 2, "violin/a.mp4", BAD_NAMES, NO_FILE),
    (LINES, 1, "violin/a.mp4", [json.dumps(name)[1:-1] for name in BAD_NAMES], NO_FILE),
]


@pytest.mark.parametrize(("name", "line", "good", "values", "what"), REPLACED)
def test_ids_labels_and_names_that_lead_elsewhere_are_refused(tmp_path, name, line, good, values, what):
    for number, value in enumerate(values):
        bad = json.dumps(value)[1:-1] if name == SOLO else value
        with pytest.raises(ValueError, match=f"{name}: line {line}: .*{what}"):
            entries(tmp_path / str(number), name, GOOD[name].replace(good, bad))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (SOLO, '{"videos":\n {"violin": [}}', r"line 2: is no JSON .*Correct it there"),
        (SOLO, "[" * 100_000, "is nested too deep"),
        (SOLO, '{"videos": {"violin": [1' + "0" * 5000 + "]}}", "is no list of videos"),
        (SOLO, '{"videos": {"violin": [],\n"violin": []}}', "line 1: 'violin' stands there more than once"),
        (SOLO, '{"violin": []}', "is not of the form"),
        (SOLO, '{"videos": {"violin": "abcdefghijk"}}', "is not of the form"),
        (SOLO, '{"videos": {"violin": [3]}}', "3 is no id"),
        (SOLO, '{"videos": {"violin": [["abcdefghijk"]]}}', "a list is no id"),
        (SOLO, b'{"videos":\n\n{"\xff": []}}', "line 3: is not UTF-8"),
        (AVE, f"violin&{ID}&good&0&9\nviolin&{ID}&good&0\n", "line 2: has 4 parts and not 5"),
        (AVE, f"\n\nviolin&{ID}&good&zero&9\n", "line 3: 'zero' is no number of seconds"),
        (AVE, f"violin&{ID}&good&-1&9\n", "line 1: '-1' is no number of seconds"),
        (AVE, f"violin&{ID}&good&0&inf\n", "line 1: 'inf' is no number of seconds"),
        (VGG, f"{ID},30,violin\n", "line 1: has 3 cells and not 4"),
        (VGG, f'{ID},30,violin,test\n{ID},30,"violin,train\n', "line 2: is no CSV"),
        (VGG, f"{ID},30.5,violin,train\n", "line 1: '30.5' is no whole number of seconds"),
        (VGG, f"{ID},30,violin,dev\n", "line 1: 'dev' is neither 'train' nor 'test'"),
        (CSV, "name,label\na.mp4,violin\n", "line 1: has no column file_name"),
        (CSV, "file_name,label\na.mp4\n", "line 2: '' can't be the name of a class"),
        (CSV, "file_name,label,split\na.mp4,violin,half\n", "line 2: split 'half' is none of train"),
        (CSV, "file_name,label,start,end\na.mp4,violin,3,\n", "line 2: start and end, '3' and '', are no span"),
        (CSV, "file_name,label,start,end\na.mp4,violin,3,2\n", "line 2: start and end, '3' and '2', are no span"),
        (LINES, GOOD[LINES] + "{\n", "line 2: is no JSON"),
        (LINES, "3\n", "line 1: is not of the form"),
        (LINES, '{"file_name": 3, "label": "violin"}\n', "line 1: file_name 3 names no file"),
        (LINES, '{"file_name": "a.mp4", "label": null}\n', "line 1: None can't be the name of a class"),
        (LINES, '{"file_name": "a.mp4", "label": "violin", "video": 3}\n', "line 1: video 3 is no text"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(tmp_path, name, content, message):
    with pytest.raises(ValueError, match=f"{name}: {message}"):
        entries(tmp_path, name, content)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("music21", "say where its lists and videos lie, as in 'music21:~/videos'"),
        ("music21:{root}/none", "there is no folder .*none"),
        ("music21:{root}", "has no list of videos. Put MUSIC21_solo_videos.json there"),
        ("ave:{root}", "has no Annotations.txt"),
        ("vggsound:{root}", "has no vggsound.csv"),
        ("videofolder:{root}", "has no metadata.csv or metadata.jsonl"),
    ],
)
def test_lists_that_are_not_there(tmp_path, data, message):
    with pytest.raises(ValueError, match=message):
        open_dataset(data.format(root=tmp_path)).clips()


@pytest.mark.parametrize("name", GOOD)
def test_empty_lists(tmp_path, name):
    content = {SOLO: '{"videos": {"violin": []}}', CSV: "file_name,label\n"}.get(name, "\n")
    make_folder(tmp_path, {name: content})
    with pytest.raises(ValueError, match="its lists are empty"):
        open_dataset(f"{DATASET[name]}:{tmp_path}").clips()


def test_a_list_that_may_not_be_read(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied")

    make_folder(tmp_path, {VGG: GOOD[VGG]})
    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(ValueError, match=r"vggsound\.csv: can't be read \(Permission denied\)"):
        open_dataset(f"vggsound:{tmp_path}").clips()


def test_classes_that_differ_in_case_only(tmp_path):
    make_folder(tmp_path, {VGG: f"{ID},30,Violin,train\n{ID},40,violin,train\n"})
    with pytest.raises(ValueError, match="have 'violin' in upper and in lower case"):
        open_dataset(f"vggsound:{tmp_path}").clips()


def test_files_with_odd_names_are_told_as_text(tmp_path):
    make_folder(tmp_path, {VGG: GOOD[VGG]})
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.mp4")).touch()
    assert "- video files not used, 1: \\udcff.mp4" in open_dataset(f"vggsound:{tmp_path}").report()


# Texts that are nearly lists, and bytes of any kind.
pieces = st.sampled_from(
    [*GOOD.values(), ID, "violin", "train", "test", "30", "-1", "nan", "1e999", "file_name", "label", "split", "start", "end",
     "&", ",", '"', "\n", "\r", "{", "}", "[", "]", ":", "videos", "..", "/", "\\", "\0", "\ufeff", "\u2028", "é", "null"]
)  # fmt: skip
texts = st.one_of(st.lists(pieces | st.text(max_size=3), max_size=40).map("".join), st.text())
contents = texts.map(lambda text: text.encode(errors="surrogatepass")) | st.binary()
whatever = settings(database=None, deadline=None, derandomize=True, max_examples=150)
whatever = settings(whatever, suppress_health_check=[HealthCheck.function_scoped_fixture])


@whatever
@given(content=contents)
@pytest.mark.parametrize("name", [*GOOD, "classes.txt", "splits/train.json"])
def test_any_content_is_a_list_or_a_value_error_that_names_the_file(tmp_path, name, content):
    others = {"classes.txt": {VGG: GOOD[VGG]}, "splits/train.json": {SOLO: GOOD[SOLO]}}.get(name, {})
    if "/" in name:
        others |= {f"splits/{split}.json": GOOD[SOLO] for split in ("validation", "test")}
    root = make_folder(tmp_path, {**others, name: content}, [f"violin/{ID}.mp4", "violin/a.mp4"])
    data = open_dataset(f"{DATASET[next(iter(others), name)]}:{root}")
    try:
        listed = data.listed
    except ValueError as error:
        assert str(root) in str(error)
        return
    assert data.report() and sum(row.count for row in listed.values()) == len(data.annotations())
    for row in listed.values():
        assert row.count == len(row.clips) + len(row.missing) + len(row.twice) + len(row.left_out)
        assert all(clip.path.is_relative_to(root) for clip in row.clips)


GOOD_SPLIT = '{"videos": {"violin": ["a", "b.mp4"], "tuba": ["c"]}}'
splits = st.builds(
    lambda start, length, new: (GOOD_SPLIT[:start] + new + GOOD_SPLIT[start + length :]).encode(errors="surrogatepass"),
    *(st.integers(0, len(GOOD_SPLIT)), st.integers(0, 12), texts),
)


@whatever
@given(content=contents | splits)
def test_any_split_list_of_a_folder_is_read_or_a_value_error_that_names_it(tmp_path, content):
    lists = {f"splits/{split}.json": '{"videos": {}}' for split in ("validation", "test")}
    root = make_folder(
        tmp_path, {**lists, "splits/train.json": content}, ["violin/a.mp4", "violin/b.mp4", "tuba/c.mp4"]
    )
    try:
        clips = find_clips(root)
    except ValueError as error:
        assert str(root) in str(error)
    else:
        assert clips and all(clip.path.is_file() and clip.path.is_relative_to(root) for clip in clips)


@whatever
@given(videos=st.dictionaries(st.integers(0, 40), st.tuples(st.integers(0, 3), st.booleans(), st.booleans())))
def test_any_shares_are_whole_and_no_video_is_in_two(tmp_path_factory, videos):
    rows = [
        f"{number:011d},{start},class {label},{'test' if in_test else 'train'}\n"
        for number, (label, in_test, twice) in videos.items()
        for start in ((30, 40) if twice else (30,))
    ]
    root = tmp_path_factory.mktemp("listed")
    make_folder(root, {VGG: "".join(rows)}, [f"{row[:11]}_0000{row[12:14]}.mp4" for row in rows])
    data = open_dataset(f"vggsound:{root}")
    if not rows:
        return
    for row in data.listed.values():
        splits = {(clip.video, clip.split) for clip in row.clips}
        assert len(splits) == len({video for video, _ in splits})
        assert not row.clips or {split for _, split in splits} == {"train", "validation", "test"}
        assert row.count == len(row.clips) + len(row.left_out)


@whatever
@given(body=st.binary(max_size=300), header=st.booleans(), cut=st.integers(0, 400), place=st.integers(0, 400))
def test_any_bytes_are_a_pickled_list_or_refused(tmp_path, body, header, cut, place):
    path = tmp_path / "train_category_vids_dict.npy"
    np.save(path, {"violin": [ID, ID[::-1]]})
    whole = path.read_bytes()
    if header:  # a good file, with some bytes of it replaced
        path.write_bytes(whole[:place] + body[:3] + whole[place + 3 :][: cut or None])
    else:
        path.write_bytes(whole.partition(b"\n")[0] + b"\n" + body)
    try:
        videos = read_pickled_lists(path)
    except ValueError as error:
        assert str(path) in str(error)
    else:
        assert all(
            isinstance(label, str) and all(len(video) == 11 for video in listed) for label, listed in videos.items()
        )
