"""Separating whole videos: what is put together from crops, what is recognised, and what can't be separated."""

import numpy as np
import pytest
import torch
from samples import CLASSES, RATE, note_threads, write_tone

from contav_lib import Result, separate
from contav_lib.evaluation.whole import crop_starts, overlap_add
from contav_lib.inference import separation
from contav_lib.media import MediaError, read_audio, write_flac, write_video
from contav_lib.separators import SeparatorOutput
from contav_lib.utils.devices import cpu_threads


@pytest.fixture
def duo(video_folder):
    return [video_folder / "banjo" / "test0.mp4", video_folder / "flute" / "test1.mp4"]


@pytest.fixture
def shares(monkeypatch):
    """A separator that gives the first source 0.75 of everything, and each other one 0.25; it notes what it is asked."""
    asked = []

    class Shares(torch.nn.Module):
        num_classes = 4

        def forward(self, mixture, visual, classes):
            asked.append(classes)
            masks = torch.full((*classes.shape, *mixture.shape[2:]), 0.25)
            masks[:, 0] = 0.75
            return SeparatorOutput(masks, {})

    monkeypatch.setattr(Result, "separator", lambda self, task, device: Shares())
    return asked


def test_crops_cover_everything_and_overlap_by_half():
    assert crop_starts(100, 40).tolist() == [0, 20, 40, 60]
    assert crop_starts(101, 40).tolist() == [0, 20, 40, 60, 61]
    assert crop_starts(40, 40).tolist() == crop_starts(7, 40).tolist() == [0]


@pytest.mark.parametrize("length", [40, 41, 59, 100, 137])
def test_pieces_that_agree_come_out_unchanged(length):
    whole, starts = torch.randn(2, length), crop_starts(length, 40)
    pieces = torch.stack([whole[:, start : start + 40] for start in starts.tolist()])
    assert torch.allclose(overlap_add(pieces, starts), whole, atol=1e-5)


def test_pieces_that_disagree_are_faded_without_a_click():
    starts = crop_starts(4000, 400)
    pieces = torch.arange(len(starts)).remainder(2).float()[:, None, None].expand(-1, 1, 400)  # 0, 1, 0, 1 ...
    assert overlap_add(pieces, starts).diff().abs().max() < 0.02


@pytest.mark.parametrize("sources", [2, 3, 4])
def test_known_masks_give_known_sounds(reference, home, video_folder, shares, sources):
    files = [video_folder / label / "test0.mp4" for label in CLASSES[:sources]]
    found = separate(reference, files, classes=CLASSES[:sources])
    sounds = [read_audio(file, RATE) for file in files]
    shortest = min(map(len, sounds))
    mixture = torch.stack([sound[:shortest] for sound in sounds]).mean(0)
    assert torch.allclose(found.mixture, mixture, atol=1e-6) and found.sounds.shape == (sources, shortest)
    assert torch.allclose(found.sounds[0], 0.75 * mixture, atol=2e-3)
    assert torch.allclose(found.sounds[-1], 0.25 * mixture, atol=2e-3)
    assert all(row == list(range(sources)) for batch in shares for row in batch.tolist())
    assert found.labels == list(CLASSES[:sources]) and found.confidence == [1.0] * sources
    assert list(found.stems()) == ["mixture", *CLASSES[:sources]]


def test_classes_are_recognised_and_asked_for(reference, home, duo, shares):
    found = separate(reference, duo)
    learned = reference.prototypes()
    assert all(0 <= value <= 1 for value in found.confidence) and len(learned.vectors) == 4
    assert shares[0][0].tolist() == [reference.classes.index(label) for label in found.labels]


def test_digits_do_not_hang_on_the_threads_of_the_process(reference, home, duo, monkeypatch):
    noted = [note_threads(monkeypatch, separation, name) for name in ("look", "separate_whole")]
    with cpu_threads(2):
        separate(reference, duo)
    assert [set(numbers) for numbers in noted] == [{1}, {1}]


def test_a_stranger_is_asked_for_as_the_nearest_and_flagged(reference, home, video_folder, shares, tmp_path):
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 255, (20, 48, 64, 3), dtype=np.uint8)
    write_video(tmp_path / "noise.mp4", rng.uniform(-0.5, 0.5, 5 * RATE // 2), RATE, noise, 8.0)
    with pytest.warns(UserWarning, match=r"noise\.mp4 \(nearest: \w+\).*classes="):
        found = separate(reference, [tmp_path / "noise.mp4", video_folder / "drum" / "train0.mp4"])
    assert found.unknown[0] and found.labels[0] in CLASSES


def test_only_classes_learned_by_then_are_known(reference, home, duo):
    found = separate(reference, duo, classes=["banjo", "cello"], task=0)
    assert found.sounds.isfinite().all() and found.sounds.abs().max() <= 1
    with pytest.raises(ValueError, match="not learned 'flute'"):
        separate(reference, duo, classes=["banjo", "flute"], task=0)


def test_two_of_a_kind_have_two_names(reference, home, duo, shares):
    assert list(separate(reference, duo, classes=["drum", "drum"]).stems()) == ["mixture", "drum 1", "drum 2"]


def test_a_recording_of_its_own(reference, home, duo, shares, tmp_path):
    sound = 0.3 * torch.randn(round(2.5 * RATE)).clamp(-2, 2)
    write_flac(tmp_path / "all.flac", sound, RATE)
    one = separate(reference, duo[:1], classes=["banjo"], sound=tmp_path / "all.flac")
    two = separate(reference, duo, classes=["banjo", "flute"], sound=tmp_path / "all.flac")
    for found in (one, two):
        assert torch.allclose(found.mixture, sound, atol=1e-4)
        assert torch.allclose(found.sounds[0], 0.75 * sound, atol=5e-3)


def test_a_video_shorter_than_a_crop(reference, home, shares, tmp_path):
    files = [tmp_path / name for name in ("a.mp4", "b.mp4")]
    for number, file in enumerate(files):
        write_tone(file, 220 + 110 * number, np.random.default_rng(number), seconds=0.5)
    found = separate(reference, files, classes=["banjo", "drum"])
    assert found.sounds.shape[1] == len(found.mixture) < RATE
    assert torch.allclose(found.sounds[0], 0.75 * found.mixture, atol=2e-3)


@pytest.mark.parametrize(
    ("videos", "message"),
    [
        ([], "Number of videos given: 0; 2 to 4.*single one.*sound="),
        (5, "Number of videos given: 5"),
        ("one.mp4", "give a list"),
        ({"one.mp4", "two.mp4"}, "give a list"),  # whose order is anybody's guess
        (["one.mp4", None], "give a list"),
    ],
)
def test_a_wrong_number_of_videos(reference, home, duo, videos, message):
    with pytest.raises(ValueError, match=message):
        separate(reference, duo[:1] * videos if isinstance(videos, int) else videos)


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (["banjo"], "one label a video is needed, 2"),
        ("banjo", "one label a video"),
        ({"banjo", "flute"}, "one label a video"),
        (["banjo", "flut"], "not learned 'flut'; did you mean 'flute'"),
        (["banjo", 3], "not learned 3"),
    ],
)
def test_wrong_classes(reference, home, duo, classes, message):
    with pytest.raises(ValueError, match=message):
        separate(reference, duo, classes=classes)


def test_of_different_lengths_the_shortest_counts(reference, home, duo, shares, tmp_path):
    write_tone(tmp_path / "long.mp4", 300, np.random.default_rng(0), seconds=4.0)
    with pytest.warns(UserWarning, match=r"first 2\.\d s .*test0\.mp4 2\.\d s, long\.mp4 4\.\d s"):
        found = separate(reference, [duo[0], tmp_path / "long.mp4"], classes=["banjo", "drum"])
    assert len(found.mixture) == found.sounds.shape[1] == pytest.approx(2.5 * RATE, abs=0.1 * RATE)
    assert torch.allclose(found.sounds[0], 0.75 * found.mixture, atol=2e-3)
    write_flac(tmp_path / "short.flac", torch.rand(RATE) - 0.5, RATE)
    with pytest.warns(UserWarning, match=r"first 1\.0 s .*short\.flac 1\.0 s"):
        assert len(separate(reference, duo, sound=tmp_path / "short.flac").mixture) == RATE


def test_pictures_that_end_before_the_sound_count(reference, home, duo, shares, tmp_path):
    frames = np.zeros((4, 48, 64, 3), dtype=np.uint8)  # half a second
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, round(2.5 * RATE))
    write_video(tmp_path / "still.mp4", noise, RATE, frames, 8.0)
    with pytest.warns(UserWarning, match=r"first 0\.5 s .*still\.mp4 \(pictures\) 0\.5 s"):
        found = separate(reference, [duo[0], tmp_path / "still.mp4"], classes=["banjo", "drum"])
    assert len(found.mixture) == RATE // 2


def test_files_that_can_not_be_used_are_named(reference, home, duo, tmp_path):
    with pytest.raises(MediaError, match=r"nowhere\.mp4: does not exist"):
        separate(reference, [duo[0], tmp_path / "nowhere.mp4"])
    write_flac(tmp_path / "sound.flac", torch.rand(RATE) - 0.5, RATE)
    with pytest.raises(MediaError, match=r"sound\.flac: has no video stream"):
        separate(reference, [duo[0], tmp_path / "sound.flac"])
    write_flac(tmp_path / "silent.flac", torch.zeros(round(2.5 * RATE)), RATE)
    with pytest.raises(MediaError, match=r"silent\.flac: nothing but silence"):
        separate(reference, duo, sound=tmp_path / "silent.flac")


def test_long_crops_leave_no_hole_at_the_ends():
    crop = 256 * 255  # of the paper's spectrogram
    whole = overlap_add(torch.ones(2, 1, crop), torch.tensor([0, crop // 2]))
    assert torch.allclose(whole, torch.ones(1, crop + crop // 2))


def test_a_folder_is_no_result(reference, duo):
    with pytest.raises(ValueError, match="give a Result"):
        separate(str(reference.folder), duo)


def test_a_task_that_is_not_there(reference, home, duo):
    with pytest.raises(ValueError, match="task=9: there are 2 tasks"):
        separate(reference, duo, task=9)
