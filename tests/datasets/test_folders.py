"""Folders as people have them: what is found in them, what is left out and why, and what makes them another data set."""

import errno
import json
import os
import shutil
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from samples import RATE, dead_process, leave_part

from contav_lib import Config, media
from contav_lib.cli import main
from contav_lib.datasets import contents, load, packed
from contav_lib.datasets.clip import SPLITS, find_clips
from contav_lib.datasets.load import load_data
from contav_lib.datasets.prepare import UnusableClips
from contav_lib.media import MediaError, write_video
from contav_lib.utils import paths
from contav_lib.utils.registry import open_dataset
from contav_lib.utils.storage import StorageError

CAFÉ = [unicodedata.normalize(form, "café") for form in ("NFC", "NFD")]
LONG = "曲" * 80  # 240 bytes in UTF-8: one of the longest names that a disk takes


@pytest.fixture(scope="module")
def video(tmp_path_factory) -> Path:
    """Two seconds of sound and pictures."""
    path = tmp_path_factory.mktemp("one") / "video.mp4"
    write_video(path, 0.5 * np.sin(np.arange(2 * RATE) / 10), RATE, np.zeros((16, 32, 32, 3), np.uint8), 8.0)
    return path


@pytest.fixture
def root(tmp_path, video) -> Path:
    """Three videos of one class, all of the same content."""
    for name in "abc":
        (tmp_path / "videos/violin").mkdir(parents=True, exist_ok=True)
        shutil.copy(video, tmp_path / f"videos/violin/{name}.mp4")
    return tmp_path / "videos"


def ids(root: Path) -> list[str]:
    return sorted(clip.id for clip in find_clips(root))


def linked_clip(root: Path) -> None:
    """As git-annex and DVC have it: the file lies elsewhere, under another name."""
    shutil.move(root / "violin/a.mp4", root.parent / "SHA256-123")
    (root / "violin/a.mp4").symlink_to(root.parent / "SHA256-123")


def linked_class(root: Path) -> None:
    shutil.move(root / "violin", root.parent / "shared")
    (root / "violin").symlink_to(root.parent / "shared")


def loops(root: Path) -> None:
    (root / "loop").symlink_to(root)
    (root / "violin/loop").symlink_to(root / "violin")
    (root / "itself").symlink_to(root / "itself")


@pytest.mark.parametrize("change", [linked_clip, linked_class, loops])
def test_links_are_followed_and_end(root, change):
    change(root)
    assert ids(root) == ["violin/a", "violin/b", "violin/c"]
    assert len(load_data(str(root)).clips) == 3


def test_one_name_in_two_forms_of_unicode_is_one_class(tmp_path):
    for label, name in zip(CAFÉ, ("a", "b"), strict=True):
        (tmp_path / label).mkdir()
        (tmp_path / label / f"{name}.mp4").touch()
    assert ids(tmp_path) == [f"{CAFÉ[0]}/a", f"{CAFÉ[0]}/b"] and find_clips(tmp_path, [CAFÉ[1]])
    (tmp_path / CAFÉ[1] / "a.mp4").touch()
    assert sorted(bool(clip.fault) for clip in find_clips(tmp_path)) == [False, False, True]


def write_lists(root: Path, names: list[str], encoding: str = "utf-8", label: str = "violin") -> None:
    (root / "splits").mkdir()
    for split in SPLITS:
        text = json.dumps({"videos": {label: names} if split == "train" else {}}, ensure_ascii=False)
        (root / "splits" / f"{split}.json").write_text(text, encoding=encoding)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("names", [["a", "b"], ["a.mp4", "b.MP4"]])
def test_lists_are_read_with_suffixes_and_byte_order_marks(root, names, encoding):
    write_lists(root, names, encoding)
    assert ids(root) == ["violin/a", "violin/b"]


def test_a_list_names_a_class_in_either_form_of_unicode(root):
    (root / "violin").rename(root / CAFÉ[0])
    write_lists(root, ["a"], label=CAFÉ[1])
    assert ids(root) == [f"{CAFÉ[0]}/a"]


def test_a_clip_with_and_without_its_suffix_is_listed_twice(root):
    write_lists(root, ["a", "a.mp4"])
    with pytest.raises(ValueError, match="'violin/a' is listed twice"):
        find_clips(root)


def test_long_lists_take_no_look_at_single_files(root, monkeypatch):
    """Of 300,000 clips each such look, on a slow disk, is minutes."""
    write_lists(root, ["a", "b"])

    def forbidden(path, *arguments, **options):
        raise AssertionError(f"{path} was looked at")

    with monkeypatch.context() as patch:
        for look in ("resolve", "is_file"):
            patch.setattr(Path, look, forbidden)
        found = find_clips(root)
    assert [clip.id for clip in found] == ["violin/a", "violin/b"]


def no_video(path: Path) -> None:
    path.write_text("not a video")


def reading_fails(error: Exception):
    """A change after which reading a video raises an error."""

    def change(path: Path) -> None:
        path.write_bytes(b"fails")

        def failing(given: Path, *options, read=media.read_audio):
            if given == path:
                raise error
            return read(given, *options)

        media.read_audio = failing

    return change


def renamed(name: str):
    return lambda path: os.rename(path, os.fsencode(path.parent) + b"/" + os.fsencode(name) + b".mp4")


def link_to_nothing(path: Path) -> None:
    path.unlink()
    path.symlink_to("../annex/SHA256-123")


UNUSABLE = {
    "no video": (no_video, r"b\.mp4: is not a media file"),
    "empty": (lambda path: path.write_bytes(b""), r"b\.mp4: is empty"),
    "a folder": (lambda path: (path.unlink(), path.mkdir()), r"b\.mp4: is a folder"),
    "a pipe": (lambda path: (path.unlink(), os.mkfifo(path)), r"b\.mp4: is a pipe or a device"),
    "a link to nothing": (link_to_nothing, r"b\.mp4: is a link to \.\./annex/SHA256-123, and there is no file"),
    "no permission": (reading_fails(PermissionError(errno.EACCES, "no")), r"b\.mp4: may not be read"),
    "too large": (reading_fails(MemoryError()), r"b\.mp4: does not fit into memory"),
    "torch's memory": (reading_fails(RuntimeError("can't allocate")), r"b\.mp4: could not be read .*can't allocate"),
    "a fault of the decoder": (reading_fails(KeyError("pts")), r"b\.mp4: could not be read \(KeyError: 'pts'\)"),
    "name not in UTF-8": (renamed("caf\udce9"), r"violin/caf\\udce9: is not named in UTF-8"),
}


@pytest.mark.parametrize("what", UNUSABLE)
def test_what_cannot_be_used_is_left_out_under_its_name_or_an_error(root, what, monkeypatch, capsys):
    change, told = UNUSABLE[what]
    monkeypatch.setattr(media, "read_audio", media.read_audio)  # whatever `change` makes of it is undone
    change(root / "violin/b.mp4")
    with pytest.warns(UnusableClips, match=told):
        corpus = load_data(str(root))
    assert {clip.id for clip in corpus.clips} == {"violin/a", "violin/c"} and len(corpus.unusable) == 1
    with pytest.raises(MediaError, match=told):
        load_data(str(root), on_unusable="raise")
    assert main(["data", str(root)]) == 0
    printed = capsys.readouterr()
    assert "1 of 3 clips cannot be used" in printed.out and "cannot be used" not in printed.err
    assert main(["data", str(root), "--on-unusable", "raise"]) == 1
    assert "1 of 3 clips cannot be used" in capsys.readouterr().err


def test_of_two_files_with_one_name_one_is_left_out_and_all_else_goes_on(root):
    before = name_of(root)
    (root / "violin/b.webm").write_bytes((root / "violin/b.mp4").read_bytes())
    told = r"1 of 4 clips cannot be used:\n- .*b\.webm: has the same name as b\.mp4, which is taken"
    with pytest.raises(MediaError, match=told):
        load_data(str(root), on_unusable="raise")
    with pytest.warns(UnusableClips, match=told):
        corpus = load_data(str(root))
    assert {clip.id for clip in corpus.clips} == {"violin/a", "violin/b", "violin/c"}
    assert name_of(root) == before  # for the clips are the same


@pytest.mark.parametrize("name", [LONG, "x" * 250])
def test_a_long_name_is_no_hindrance(root, name):
    (root / "violin/b.mp4").rename(root / f"violin/{name}.mp4")
    assert f"violin/{name}" in [clip.id for clip in load_data(str(root), on_unusable="raise").clips]


def test_where_nothing_can_be_used_that_is_an_error(root):
    for path in root.glob("violin/*"):
        path.write_bytes(b"")
    with pytest.raises(MediaError, match="3 of 3 clips cannot be used"):
        load_data(str(root))


def test_a_class_folder_that_may_not_be_read_is_told_and_all_else_goes_on(root, monkeypatch, capsys):
    shutil.copytree(root / "violin", root / "flute")
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: access(path, mode) and Path(path).name != "flute")
    assert main(["data", str(root), "--profile", "smoke"]) == 0
    printed = capsys.readouterr().out
    assert f"{root / 'flute'}: may not be read" in printed and "violin       1      1      1" in printed


@pytest.mark.parametrize("broken", "abcde")
def test_clips_that_can_be_used_are_shared_out_without_the_others(root, video, broken):
    for name in "de":
        shutil.copy(video, root / f"violin/{name}.mp4")
    (root / f"violin/{broken}.mp4").write_bytes(b"")
    with pytest.warns(UnusableClips):
        corpus = load_data(str(root))
    counts = [len(corpus.select(split)) for split in SPLITS[:3]]
    assert min(counts) >= 1 and sum(counts) == 4
    assert list(corpus.unusable) == [f"violin/{broken}"]
    dataset = open_dataset(str(root))
    [cache] = dataset.prepared("").parent.glob("*-tiny-*prepared")
    listed = (cache / packed.LIST).read_bytes()
    load._load.cache_clear()  # as in a process of its own
    with pytest.warns(UnusableClips):
        again = load_data(str(root))
    assert [(clip.id, clip.split) for clip in again.clips] == [(clip.id, clip.split) for clip in corpus.clips]
    assert (cache / packed.LIST).read_bytes() == listed
    stored = {clip.id: clip.split for clip in packed.load_corpus(cache).clips}
    assert stored == {clip.id: clip.split for clip in corpus.clips}


def test_a_list_that_can_not_be_read_just_now_is_no_reason_to_make_all_again(root, monkeypatch):
    load_data(str(root))
    [cache] = open_dataset(str(root)).prepared("").parent.glob("*-tiny-*prepared")
    before = {path: path.read_bytes() for path in cache.glob("*")}
    load._load.cache_clear()

    def refused(self):
        with packed.file_errors(self.folder / packed.LIST):
            raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(packed.Pack, "read", refused)
    with pytest.raises(StorageError, match="Permission denied"):
        load_data(str(root))
    assert {path: path.read_bytes() for path in cache.glob("*")} == before


def test_videos_in_the_wrong_place_are_told_by_name(root, capsys):
    (root / "violin/nested").mkdir()
    for place in ("loose.mp4", "violin/nested/deep.mp4", "violin/.hidden.mp4"):
        shutil.copy(root / "violin/a.mp4", root / place)
    main(["data", str(root), "--profile", "smoke"])
    assert "right into the folder of its class: loose.mp4, violin/nested/deep.mp4.\n" in capsys.readouterr().out


def test_an_empty_name_is_no_folder(capsys):
    with pytest.raises(SystemExit):
        main(["data", "", "--profile", "smoke"])
    assert "the folder's name is empty: is a variable not set?" in capsys.readouterr().err


def test_what_is_passed_over_is_counted(root, capsys):
    for name in ("a.wav", "b.WAV", "c.mp4.crdownload", "README", ".DS_Store"):
        (root / "violin" / name).touch()
    (root / "violin/more").mkdir()
    assert main(["data", str(root)]) == 0
    told = "Not looked at, as these are no videos by their names: 2 .wav, 2 without a suffix, 1 .crdownload."
    assert told in capsys.readouterr().out
    assert main(["data", "report", str(root)]) == 0
    assert told in capsys.readouterr().out


def test_a_full_disk_is_no_fault_of_a_clip(root, monkeypatch):
    def full(pack, name, end, content):
        raise StorageError("Could not write: No space left on device") from OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(packed.Pack, "_write", full)
    with pytest.raises(StorageError, match="No space left"):
        load_data(str(root))


def test_data_that_never_change_must_be_whole(root, monkeypatch):
    folder = type(open_dataset(str(root)))
    monkeypatch.setattr(folder, "digest", lambda self: "")
    (root / "violin/b.mp4").write_bytes(b"")
    with pytest.raises(MediaError, match=r"b\.mp4: is empty"):
        load_data(str(root))


def name_of(root: Path) -> str:
    return Config.profile("smoke", data=str(root), tasks=1).name


def swapped(root: Path) -> Path:
    path = root / "violin/a.mp4"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    return root


def touch(*names: str):
    def change(root: Path) -> Path:
        for name in names:
            (root / name).write_text("x")
        return root

    return change


def new_time(root: Path) -> Path:
    os.utime(root / "violin/a.mp4", (1, 1))
    return root


def moved(root: Path) -> Path:
    return root.rename(root.with_name("moved"))


def renamed_clip(root: Path) -> Path:
    (root / "violin/a.mp4").rename(root / "violin/d.mp4")
    return root


def listed(root: Path) -> Path:
    write_lists(root, ["a", "b", "c"])
    return root


@pytest.mark.parametrize(
    ("change", "same"),
    [
        (touch(".DS_Store", "violin/Thumbs.db", "violin/notes.txt", "violin/._a.mp4"), True),
        (new_time, True),
        (moved, True),
        (linked_clip, True),
        (swapped, False),
        (renamed_clip, False),
        (listed, False),
        (touch("violin/d.mp4"), False),
        (lambda root: (root / "violin/a.mp4").unlink(), False),
    ],
    ids=["other files", "time", "place", "link", "content", "name", "splits", "one more", "one less"],
)
def test_a_result_is_named_by_the_clips(root, change, same):
    before = name_of(root)
    assert (name_of(change(root) or root) == before) == same


def test_a_video_is_read_again_only_when_its_size_or_time_is_another(root, monkeypatch):
    read = []
    monkeypatch.setattr(
        contents, "_sha256", lambda clip, hashed=contents._sha256: (read.append(clip.id), hashed(clip))[1]
    )
    before = name_of(root)
    assert sorted(read) == ["violin/a", "violin/b", "violin/c"] and name_of(root) == before and len(read) == 3
    new_time(root)
    assert name_of(root) == before and read[3:] == ["violin/a"]
    (manifest,) = paths.generated("").glob("*/folder-contents.json")
    manifest.write_text('{"violin/a": 3}')  # damaged: made again
    assert name_of(root) == before and len(read) == 7


def test_what_a_killed_preparation_left_is_swept(root):
    cache = open_dataset(str(root)).prepared("tiny")
    live, dead = (leave_part(cache / "violin/a.safetensors", process) for process in (os.getppid(), dead_process()))
    load_data(str(root))
    assert (live.exists(), dead.exists()) == (True, False)


def test_many_videos_are_looked_through_once_a_process(root, monkeypatch):
    monkeypatch.setattr(contents, "_digests", {})
    before = name_of(root)
    monkeypatch.setattr(contents, "_MANY", 3)
    assert name_of(root) == before
    (root / "violin/b.mp4").unlink()
    assert name_of(root) == before
    monkeypatch.setattr(contents, "_digests", {})
    assert name_of(root) != before
