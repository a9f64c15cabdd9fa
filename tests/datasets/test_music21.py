"""MUSIC-21's lists: which videos are there, which are for training, and pickled lists that are read without being run."""

import json
import os
import pickle
import pickletools
from collections import Counter

import numpy as np
import pytest
from listed_videos import make_folder, splits_of, youtube_id

from contav_lib.datasets.minimusic import MUSIC_ORDER
from contav_lib.datasets.pickled_lists import read_pickled_lists
from contav_lib.utils.registry import open_dataset

SOLOS = "MUSIC21_solo_videos.json"


def ids(*labels, count=10):
    return {label: [youtube_id(label, number) for number in range(count)] for label in labels}


def listing(videos):
    return json.dumps({"version": 2.0, "videos": videos}, indent=1)


def paths(videos):
    return [f"{label}/{video}.mp4" for label, listed in videos.items() for video in listed]


def clips_of(data, text):
    """The clips, with a warning that says how many are there."""
    with pytest.warns(UserWarning, match=text):
        return data.clips()


def music(root, videos, there=None, **lists):
    files = paths(videos) if there is None else there
    make_folder(root, {SOLOS: listing(videos), **lists}, files)
    return open_dataset(f"music21:{root}")


def test_classes_come_in_the_order_of_the_paper_and_others_are_told(tmp_path):
    data = music(tmp_path, ids("congas", "violin", "accordion", "flute"))
    clips = clips_of(data, "30 of 40")
    assert list(dict.fromkeys(clip.label for clip in clips)) == ["accordion", "flute", "violin"]
    assert all(clip.path.is_file() and clip.id == f"{clip.label}/{clip.video}" for clip in clips)
    assert "congas, left out, not among the classes that are learned: congas_" in data.report()
    assert set(data.listed) == {*MUSIC_ORDER, "congas"}


def test_proportions_are_the_papers_over_what_is_there(tmp_path):
    data = music(tmp_path, ids(*MUSIC_ORDER, count=52))
    counts = Counter(clip.split for clip in data.clips())
    assert counts == {"train": 840, "validation": 100, "test": 100}
    before = {clip.id: clip.split for clip in data.clips()}
    for clip in data.clips()[::97]:
        clip.path.unlink()
    with pytest.warns(UserWarning, match="1,029 of 1,040 listed clips can be used; missing: 11"):
        after = {clip.id: clip.split for clip in open_dataset(data.spelling).clips()}
    assert sum(split != before[name] for name, split in after.items()) < 11


def test_missing_videos_are_a_report(tmp_path):
    videos = ids("violin", "tuba", "flute", count=6)
    videos["tuba"] += [videos["violin"][5], videos["tuba"][0], "-begins-so_"]
    there = [name for name in paths(videos) if not name.endswith(("violin_0001.mp4", "violin_0002.mp4"))]
    there = [name for name in there if not name.startswith("flute/") or name.endswith(("0000.mp4", "0001.mp4"))]
    data = music(tmp_path, videos, [*there, "violin/unlisted.mp4", "harp/b.mkv"])
    with pytest.warns(UserWarning, match=r"10 of 21 listed clips can be used; missing: 6.*contav data report music21:"):
        clips = data.clips()
    assert {clip.label for clip in clips} == {"tuba", "violin"}
    assert "-begins-so_" in {clip.video for clip in clips}
    report = data.report()
    for line in (
        "- violin, missing: violin_0001 violin_0002",
        "- violin, left out, listed as tuba and as violin: violin_0005",
        "- tuba, left out, listed as tuba and as violin: violin_0005",
        "- tuba, listed more than once: tuba___0000",
        "- flute, left out, too few of this class can be used: 2, none for validation: flute__0000 flute__0001",
        "- video files not used, 6: flute/flute__0000.mp4 flute/flute__0001.mp4 harp/b.mkv "
        "tuba/violin_0005.mp4 violin/unlisted.mp4 violin/violin_0005.mp4",
    ):
        assert line in report.splitlines()
    for row in data.listed.values():
        assert row.count == len(row.clips) + len(row.missing) + len(row.twice) + len(row.left_out)
    assert "violin_0001 ... (2 in all)" in data.report(1)


def test_nothing_there_is_a_report_but_nothing_to_learn_from(tmp_path):
    data = music(tmp_path, ids("violin", "tuba"), there=())
    assert "0 of 20 listed clips can be used; missing: 20." in data.report() and data.digest()
    with pytest.raises(ValueError, match="missing: 20.*contav data report music21:.* says why"):
        data.clips()


@pytest.mark.parametrize("layout", ["{label}/{video}.mp4", "{video}.webm", "videos/{label}/{video}.MKV"])
def test_videos_are_found_where_they_lie(tmp_path, layout):
    videos = ids("violin", "tuba", count=3)
    there = [layout.format(label=label, video=video) for label, listed in videos.items() for video in listed]
    assert len(music(tmp_path, videos, there).clips()) == 6


def test_links_are_followed_and_those_that_lead_nowhere_are_missing(tmp_path):
    videos = ids("violin", count=5)
    data = music(tmp_path / "data", videos, paths(ids("violin", count=3)))
    (tmp_path / "elsewhere.mp4").touch()
    (tmp_path / "data/violin/violin_0003.mp4").symlink_to(tmp_path / "elsewhere.mp4")
    (tmp_path / "data/violin/violin_0004.mp4").symlink_to(tmp_path / "nowhere.mp4")
    (tmp_path / "data/violin/again").symlink_to(tmp_path / "data")
    assert len(clips_of(data, "4 of 5 listed clips can be used; missing: 1")) == 4 and data.digest()


def test_of_two_files_the_one_in_its_classs_folder_counts(tmp_path):
    videos = ids("violin", count=3)
    data = music(tmp_path, videos, [*paths(videos), "a/violin_0000.mp4"])
    assert [clip.path.parent.name for clip in data.clips()] == ["violin"] * 3
    assert "- video files not used, 1: a/violin_0000.mp4" in data.report()


def test_commands_fetch_what_is_missing_and_nothing_else(tmp_path):
    videos = {"violin": ["-begins-so_", *ids("violin")["violin"]]}
    data = music(tmp_path / "with space", videos, paths(ids("violin", count=9)))
    [command] = data.fetch_commands().splitlines()
    assert command.startswith("yt-dlp --ignore-errors ") and command.count("https://") == 2
    assert f"-o '{tmp_path}/with space/violin/%(id)s.%(ext)s'" in command
    assert "'https://www.youtube.com/watch?v=-begins-so_'" in command


def test_duets_are_for_separation_not_for_training(tmp_path):
    videos, duets = ids("flute", "violin"), {"flute violin": ["duet_______", "gone_______"], "tuba violin": []}
    there = [*paths(videos), "duets/duet_______.mp4"]
    data = music(tmp_path, videos, there, **{"MUSIC_duet_videos.json": listing(duets)})
    with pytest.warns(UserWarning):
        assert len(data.clips()) == 20
    assert data.duets() == [(("flute", "violin"), tmp_path / "duets/duet_______.mp4")]
    assert "- flute violin, left out, a duet, no clip of one class: duet_______ gone_______" in data.report()


def test_classes_txt_chooses_and_orders(tmp_path):
    videos = ids("congas", "violin", "tuba")
    data = music(tmp_path, videos, **{"classes.txt": "\ufeffviolin\r\ncongas\r\n\r\n"})
    with pytest.warns(UserWarning, match="20 of 30"):
        assert list(dict.fromkeys(clip.label for clip in data.clips())) == ["violin", "congas"]
    before = open_dataset(data.spelling).digest()
    (tmp_path / "classes.txt").write_text("congas\nviolin\n")
    assert open_dataset(data.spelling).digest() != before  # in another order other things are learned
    (tmp_path / "classes.txt").write_text("violin\n\nviolon\n")
    with pytest.raises(ValueError, match=r"classes.txt: line 3: no list has a class 'violon'; did you mean 'violin'"):
        open_dataset(data.spelling).clips()


def npy(root, name, content, **options):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, content, **options)
    return path


def split_lists(root, kind, parts):
    for split, videos in parts.items():
        if kind == "json":
            make_folder(root, {f"splits/{split}.json": listing(videos)})
        else:
            npy(root, f"{kind}{split.replace('idation', '')}_category_vids_dict.npy", videos)


@pytest.mark.parametrize("kind", ["json", "", "splits/"])
@pytest.mark.parametrize("with_list", [True, False])
def test_split_lists_decide(tmp_path, kind, with_list):
    videos = ids("violin", "tuba")
    parts = {
        "train": {"violin": videos["violin"][:5], "tuba": videos["tuba"][:6]},
        "validation": {"violin": videos["violin"][5:7], "tuba": videos["tuba"][6:8]},
        "test": {"violin": videos["violin"][7:9], "tuba": videos["tuba"][8:]},
    }
    split_lists(tmp_path, kind, parts)
    data = music(tmp_path, videos)
    if not with_list:
        (tmp_path / SOLOS).unlink()
    found = splits_of(clips_of(data, "19 of 20") if with_list else data.clips())
    assert {split: set(found[split]) for split in found} == {
        split: {video for listed in part.values() for video in listed} for split, part in parts.items()
    }
    assert ("- violin, left out, in no split list: violin_0009" in data.report()) == with_list


def test_a_split_that_is_lost_is_drawn_from_training_and_told(tmp_path):
    videos = ids("violin", "tuba")["violin"]
    parts = {"train": videos[:7], "validation": videos[7:8], "test": videos[8:]}
    split_lists(tmp_path, "json", {split: {"violin": part} for split, part in parts.items()})
    data = music(tmp_path, {"violin": videos}, paths({"violin": [*videos[:7], *videos[8:]]}))
    found = splits_of(clips_of(data, "9 of 10"))
    assert found["test"] == videos[8:] and len(found["train"]) == 6 and len(found["validation"]) == 1
    assert "- violin: validation drawn by a hash from what is listed for training" in data.report()


def test_a_video_in_two_splits_is_in_none(tmp_path):
    videos = ids("violin")["violin"]
    parts = {"train": videos[:6], "validation": videos[5:8], "test": videos[8:]}
    split_lists(tmp_path, "json", {split: {"violin": part} for split, part in parts.items()})
    data = music(tmp_path, {"violin": videos})
    assert videos[5] not in {clip.video for clip in clips_of(data, "9 of 11")}
    assert "- violin, left out, listed for train and for validation: violin_0005" in data.report()
    assert "- violin, listed more than once: violin_0005" in data.report()


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["splits/train.json", "splits/test.json"], "none for validation; give all three or none"),
        (["splits/train.json", "train_category_vids_dict.npy"], "both say what is for train; keep one"),
    ],
)
def test_split_lists_are_whole_and_single(tmp_path, names, text):
    data = music(tmp_path, ids("violin"), **dict.fromkeys(names, listing({})))
    with pytest.raises(ValueError, match=text):
        data.clips()


GOOD = {"violin": ["violin_0000", "-begins-so_"], "tuba": []}


@pytest.mark.parametrize("protocol", [3, 4, 5])
@pytest.mark.parametrize("module", ["numpy.core", "numpy._core"])
@pytest.mark.parametrize("videos", [GOOD, {}, {f"class {k}": ["violin_0000"] * 1500 for k in range(3)}], ids=len)
def test_pickled_lists_are_read_whatever_numpy_wrote_them(tmp_path, protocol, module, videos):
    path = npy(tmp_path, "train_category_vids_dict.npy", {})
    head = path.read_bytes().partition(b"\n")[0] + b"\n"
    body = pickle.dumps(np.array(videos, dtype=object), protocol=protocol)
    plain = b"numpy._core.multiarray"
    assert plain in body
    length = bytes([len(plain)]), bytes([len(module) + len(".multiarray")])
    body = body.replace(length[0] + plain, length[1] + module.encode() + b".multiarray")  # of STACK_GLOBAL
    body = body.replace(plain + b"\n", module.encode() + b".multiarray\n")  # of GLOBAL
    path.write_bytes(head + _without_frames(body))
    assert read_pickled_lists(path) == videos


def _without_frames(body):
    """The pickle without its optional frames, whose lengths a changed name makes wrong."""
    out, steps = b"", list(pickletools.genops(body))
    ends = [place for _, _, place in steps[1:]] + [len(body)]
    for (step, _, place), end in zip(steps, ends, strict=True):
        out += b"" if step.name == "FRAME" else body[place:end]
    return out


class Hostile:
    """Whoever opens its pickle runs a command."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.system, (f"touch {self.mark}",)


@pytest.mark.parametrize("hide", [lambda evil: evil, lambda evil: {"violin": [evil]}, lambda evil: {"violin": evil}])
@pytest.mark.parametrize("raw", [True, False])
def test_a_hostile_pickle_is_refused_and_does_not_run(tmp_path, hide, raw):
    mark = tmp_path / "ran"
    path = npy(tmp_path, "train_category_vids_dict.npy", hide(Hostile(mark)), allow_pickle=True)
    if raw:  # without NumPy's array around it
        head = path.read_bytes().partition(b"\n")[0] + b"\n"
        path.write_bytes(head + pickle.dumps(hide(Hostile(mark))))
    with pytest.raises(ValueError, match=r"is refused: .*(posix|nt) system.*Nothing in it was run"):
        read_pickled_lists(path)
    assert not mark.exists()
    np.load(path, allow_pickle=True)  # shows that it is hostile
    assert mark.exists()


@pytest.mark.parametrize(
    "content",
    [["a"], {"violin": "violin_0000"}, {"violin": ("violin_0000",)}, {3: ["violin_0000"]}, {"violin": [b"violin_0000"]},
     {"violin": [["violin_0000"]]}, {"violin": ["../violin_0000"]}, {"../violin": ["violin_0000"]}, np.arange(3), "violin"],
    ids=repr,
)  # fmt: skip
def test_other_pickles_are_refused(tmp_path, content):
    with pytest.raises(ValueError, match=r"test_category_vids_dict\.npy: "):
        read_pickled_lists(npy(tmp_path, "test_category_vids_dict.npy", content, allow_pickle=True))
