import json
import os
import shutil
import subprocess
import sys
import time
from itertools import product

import numpy as np
import pytest

from contav_lib.corpus import mini
from contav_lib.corpus.mini import clip_name, clip_score, make_clip, make_mini
from contav_lib.corpus.score import INSTRUMENTS
from contav_lib.corpus.sound import render
from contav_lib.media import read_audio, read_frames


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_mini(tmp_path_factory.mktemp("mini"), counts=(1, 0, 0), workers=2, progress=False)


@pytest.fixture
def copy(made, tmp_path):
    return shutil.copytree(made, tmp_path / "mini")


def times(root):
    return {path.relative_to(root): path.stat().st_mtime_ns for path in root.glob("*/*.mp4")}


def test_one_whole_clip_for_each_class_and_nothing_else(made):
    assert {path.parent.name for path in made.glob("*/*.mp4")} == set(INSTRUMENTS)
    assert not list(made.glob("*/.*"))
    for label in INSTRUMENTS:
        sound = read_audio(made / label / f"{label}_0000.mp4", rate=mini.RATE)
        assert len(sound) == pytest.approx(12 * mini.RATE, rel=0.02)
        assert sound.square().mean().sqrt() > 0.01
    assert read_frames(made / "violin" / "violin_0000.mp4", 8.0).shape == (96, 120, 160, 3)


def test_lists_and_card(made):
    train, validation = (json.loads((made / "splits" / f"{name}.json").read_text()) for name in ("train", "validation"))
    assert train["videos"]["accordion"] == ["accordion_0000"]
    assert validation["videos"]["accordion"] == []
    card = json.loads((made / "minimusic.json").read_text())
    assert card["classes"] == list(INSTRUMENTS)
    assert (card["version"], card["seed"], card["counts"]["train"]) == (mini.VERSION, 0, 1)


def test_all_there_returns_at_once(made):
    before, begin = times(made), time.monotonic()
    assert make_mini(made, counts=(1, 0, 0)) == made
    assert time.monotonic() - begin < 1
    assert times(made) == before


def test_a_clip_depends_only_on_seed_class_and_number(made, tmp_path):
    make_clip({"root": str(tmp_path), "label": "cello", "index": 0, "seed": 0, "attempt": 0})
    alone, together = tmp_path / "cello" / "cello_0000.mp4", made / "cello" / "cello_0000.mp4"
    assert read_audio(alone).equal(read_audio(together))
    assert read_frames(alone, 8.0).equal(read_frames(together, 8.0))


def test_a_clip_sounds_the_same_whatever_was_played_before():
    # This one holds a note whose loop comes up to the end of its sample. With the sound font as it comes there are two or
    # more sounds, as luck has it; `test_sound.py` looks at the font itself.
    sounds = set()
    for label in INSTRUMENTS:
        render(clip_score(label, 0), np.random.default_rng(0))
        sounds.add(render(clip_score("saxophone", 4), mini._generators("saxophone", 4, 0, 0)[1]).tobytes())
    assert len(sounds) == 1


def test_splits_share_no_score():
    numbers = [block * mini.BLOCK + i for block, count in enumerate((8, 3, 3)) for i in range(count)]
    scores = [clip_score(label, number) for label, number in product(INSTRUMENTS, numbers)]
    assert len({score.notes for score in scores}) == len(scores)
    assert clip_score("violin", 0).notes != clip_score("violin", 0, seed=1).notes


def test_names_never_meet_across_splits():
    names = [clip_name("flute", split, i) for split in mini.SPLITS for i in range(mini.BLOCK)]
    assert len(set(names)) == 3 * mini.BLOCK
    assert clip_name("flute", "validation", 2) == "flute_1002"


def test_a_killed_run_leaves_whole_clips_and_is_continued(copy):
    command = [sys.executable, "-m", "contav_lib.corpus.mini", "--root", str(copy), "--counts", "2", "0", "0"]
    before = times(copy)
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as run:
        while len(times(copy)) < len(before) + 3 and run.poll() is None:
            time.sleep(0.02)
        run.kill()
    time.sleep(1.0)  # the workers finish the clip in hand, then find nobody to work for
    left = times(copy)
    assert len(before) < len(left) < 2 * len(before)
    for path in left:
        assert len(read_audio(copy / path)) > 11 * 11025
    assert json.loads((copy / "splits" / "train.json").read_text())["videos"]["violin"] == ["violin_0000"]
    make_mini(copy, counts=(2, 0, 0), workers=2, progress=False)
    after = times(copy)
    assert len(after) == 2 * len(before)
    assert all(after[path] == when for path, when in left.items())
    assert json.loads((copy / "splits" / "train.json").read_text())["videos"]["violin"] == [
        "violin_0000",
        "violin_0001",
    ]


def test_a_folder_never_shrinks(copy):
    make_mini(copy, counts=(0, 0, 0), progress=False)
    assert json.loads((copy / "splits" / "train.json").read_text())["videos"]["violin"] == ["violin_0000"]


def test_a_hung_clip_is_tried_twice_then_named_and_the_others_kept(copy, monkeypatch):
    (copy / "pipa" / "pipa_0000.mp4").unlink()
    monkeypatch.setattr(mini, "CLIP_LIMIT", 0.01)  # no clip is that quick
    with pytest.raises(RuntimeError, match=r"not ready within 0.01 seconds or .* twice: pipa_0000\. .*call again"):
        make_mini(copy, counts=(1, 0, 0), progress=False)
    assert len(times(copy)) == 19
    monkeypatch.undo()
    make_mini(copy, counts=(1, 0, 0), progress=False)
    assert len(times(copy)) == 20


def test_a_second_try_takes_other_chances():
    first, second = (mini._generators("pipa", 0, 0, attempt)[0].random() for attempt in (0, 1))
    assert first != second


def test_a_clip_that_cannot_be_written_is_named(copy):
    shutil.rmtree(copy / "banjo")
    (copy / "banjo").write_text("a file where a folder should be")
    with pytest.raises(RuntimeError, match="could not make the clip banjo_0000"):
        make_mini(copy, counts=(1, 0, 0), progress=False)


def test_what_a_killed_run_left_is_swept_away_but_not_what_another_run_writes_now(copy):
    old, new = copy / "cello" / ".cello_0001.mp4.1.part", copy / "cello" / ".cello_0002.mp4.2.part"
    for path in (old, new):
        path.write_bytes(b"half a clip")
    os.utime(old, (time.time() - 2 * mini.STALE,) * 2)
    (copy / "pipa" / "pipa_0000.mp4").unlink()
    make_mini(copy, counts=(1, 0, 0), progress=False)
    assert (old.exists(), new.exists()) == (False, True)


def test_another_seed_or_version_is_refused(copy, monkeypatch):
    before = times(copy)
    made = mini.VERSION
    with pytest.raises(ValueError, match=f"with seed 0, not of version {made} with seed 3; choose another folder"):
        make_mini(copy, counts=(1, 0, 0), seed=3)
    monkeypatch.setattr(mini, "VERSION", made + 1)
    with pytest.raises(ValueError, match=f"of version {made} with seed 0, not of version {made + 1}"):
        make_mini(copy, counts=(1, 0, 0))
    assert times(copy) == before


@pytest.mark.parametrize("counts", [(1, 2), (-1, 0, 0), (1001, 0, 0)])
def test_counts_out_of_range(tmp_path, counts):
    with pytest.raises(ValueError, match="counts are three numbers from 0 to 1000"):
        make_mini(tmp_path, counts=counts)


def test_a_damaged_card_is_named(tmp_path):
    (tmp_path / "minimusic.json").write_text('{"version": 1')
    with pytest.raises(ValueError, match=r"minimusic\.json is damaged"):
        make_mini(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["minimusic.json"]
