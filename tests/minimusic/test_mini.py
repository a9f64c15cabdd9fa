import json
import os
import shutil
import subprocess
import sys
import time
from itertools import product

import pytest
from samples import dead_process, leave_part

from contav_lib.datasets import clip
from contav_lib.media import read_audio, read_frames
from contav_lib.minimusic import generate as mini
from contav_lib.minimusic.composition import INSTRUMENTS
from contav_lib.minimusic.generate import clip_index, clip_name, clip_score, clip_specimen, make_clip, make_mini
from contav_lib.minimusic.synth import play

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_mini(tmp_path_factory.mktemp("mini"), counts=(1, 0, 0), workers=2, progress=False)


@pytest.fixture
def copy(made, tmp_path):
    return shutil.copytree(made, tmp_path / "mini")


def times(root):
    return {path.relative_to(root): path.stat().st_mtime_ns for path in root.glob("*/*.mp4")}


def test_the_splits_are_those_of_all_data():
    assert mini.SPLITS == clip.SPLITS


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
    make_clip(tmp_path, "cello", 0)
    alone, together = tmp_path / "cello" / "cello_0000.mp4", made / "cello" / "cello_0000.mp4"
    assert read_audio(alone).equal(read_audio(together))
    assert read_frames(alone, 8.0).equal(read_frames(together, 8.0))


def test_a_clip_sounds_the_same_whatever_was_played_before():
    # Some notes' loops come up to the end of their samples. With the sound font as it comes there are two or more sounds,
    # as luck has it; `test_sound.py` looks at the font itself.
    sounds = set()
    for label in INSTRUMENTS:
        play(clip_score(label, 0), 0.0, 0.0, mini.RATE)
        sounds.add(play(clip_score("saxophone", 4), 0.0, 0.0, mini.RATE).tobytes())
    assert len(sounds) == 1


def specimens(label, split, count=40, seed=0):
    return [clip_specimen(label, clip_index(clip_name(label, split, number)), seed) for number in range(count)]


@pytest.mark.parametrize("label", INSTRUMENTS)
def test_no_specimen_is_in_two_of_training_validation_and_test(label):
    training, validation, test = (specimens(label, split) for split in mini.COUNTED)
    assert len(set(training)) == mini.TRAINING_SPECIMENS
    assert len({*training, *validation, *test}) == mini.TRAINING_SPECIMENS + 40 + 40


@pytest.mark.parametrize("label", INSTRUMENTS)
def test_melody_is_played_on_the_specimens_of_training(label):
    assert specimens(label, "melody") == specimens(label, "train")
    assert {clip_score(label, 3 * mini.BLOCK + i).notes for i in range(8)}.isdisjoint(
        clip_score(label, i).notes for i in range(8)
    )


def test_training_clips_take_turns_on_the_specimens():
    one, again = 2, 2 + mini.TRAINING_SPECIMENS
    assert clip_specimen("violin", one) == clip_specimen("violin", again)
    assert clip_score("violin", one).notes != clip_score("violin", again).notes
    assert clip_score("violin", one).program == clip_score("violin", again).program


def test_a_specimen_is_a_function_of_seed_class_and_number():
    assert clip_specimen("flute", 2001, seed=0) == clip_specimen("flute", 2001, seed=0)
    others = [("flute", 2001, 1), ("flute", 2002, 0), ("clarinet", 2001, 0)]
    rooms = {clip_specimen(label, index, seed).room for label, index, seed in [("flute", 2001, 0), *others]}
    assert len(rooms) == 4


def test_larger_counts_leave_every_clip_as_it_is(copy, monkeypatch):
    monkeypatch.setattr(mini, "INSTRUMENTS", {"accordion": INSTRUMENTS["accordion"]})
    before = times(copy)
    make_mini(copy, counts=(1, 1, 1), workers=2, progress=False)
    lists = {path.stem: json.loads(path.read_text())["videos"] for path in copy.glob("splits/*.json")}
    assert lists == {
        "train": {"accordion": ["accordion_0000"]},
        "validation": {"accordion": ["accordion_1000"]},
        "test": {"accordion": ["accordion_2000"]},
        "melody": {"accordion": ["accordion_3000"]},
    }
    after = times(copy)
    assert len(after) == len(before) + 3
    assert all(after[path] == when for path, when in before.items())


def test_splits_share_no_score():
    numbers = [block * mini.BLOCK + i for block, count in enumerate((8, 3, 3, 3)) for i in range(count)]
    scores = [clip_score(label, number) for label, number in product(INSTRUMENTS, numbers)]
    assert len({score.notes for score in scores}) == len(scores)
    assert clip_score("violin", 0).notes != clip_score("violin", 0, seed=1).notes


def test_names_never_meet_across_splits():
    names = [clip_name("flute", split, i) for split in mini.SPLITS for i in range(mini.BLOCK)]
    assert len(set(names)) == 4 * mini.BLOCK
    assert clip_name("flute", "validation", 2) == "flute_1002"
    assert clip_index("flute_1002") == 1002


def test_a_killed_run_leaves_whole_clips_and_is_continued(copy):
    command = [sys.executable, "-m", "contav_lib.minimusic.generate", "--root", str(copy), "--counts", "2", "0", "0"]
    before = times(copy)
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as run:
        while len(times(copy)) < len(before) + 3 and run.poll() is None:
            time.sleep(0.02)
        run.kill()
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


def test_a_clip_that_cannot_be_written_is_named(copy):
    shutil.rmtree(copy / "banjo")
    (copy / "banjo").write_text("a file where a folder should be")
    with pytest.raises(RuntimeError, match="could not make the clip banjo_0000"):
        make_mini(copy, counts=(1, 0, 0), progress=False)


def test_what_a_killed_run_left_is_swept_away_but_not_what_another_run_writes_now(copy):
    old, new = (leave_part(copy / "cello/cello_0001.mp4", process) for process in (dead_process(), os.getppid()))
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
