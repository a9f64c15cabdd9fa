"""AVE's list: events with their seconds, some of one video, one without length."""

import pytest
from listed_videos import make_folder, splits_of, youtube_id

from contav_lib.utils.registry import open_dataset

HEADER = "Category&VideoID&Quality&StartTime&EndTime\n"
LABELS = ("Church bell", "Frying (food)")
ROWS = [(label, youtube_id(f"v{place}", k), k % 4, 5 + k % 4) for place, label in enumerate(LABELS) for k in range(12)]


def lines(rows):
    return "".join(f"{label}&{video}&good&{start}&{end}\n" for label, video, start, end in rows)


def ave(root, rows=ROWS, layout="AVE/{video}.mp4", **lists):
    there = [layout.format(label=label, video=video) for label, video, _, _ in rows]
    return open_dataset(f"ave:{make_folder(root, {'Annotations.txt': HEADER + lines(rows), **lists}, there)}")


@pytest.mark.parametrize("layout", ["AVE/{video}.mp4", "{video}.mp4", "{label}/{video}.mp4"])
def test_an_events_seconds_are_kept(tmp_path, layout):
    clips = {clip.id: clip for clip in ave(tmp_path, layout=layout).clips()}
    assert len(clips) == 24
    clip = clips["Church bell/v0_____0002_2-7"]
    assert (clip.label, clip.video, clip.span, clip.path.stem) == ("Church bell", "v0_____0002", (2, 7), "v0_____0002")


def test_another_event_is_another_clip_and_other_data(tmp_path):
    before = ave(tmp_path / "a").digest()
    label, video, start, end = ROWS[0]
    data = ave(tmp_path / "b", [(label, video, start, end + 1), *ROWS[1:]])
    assert data.digest() != before and f"{label}/{video}_0-6" in {clip.id for clip in data.clips()}


def test_events_of_one_video_stay_in_one_split(tmp_path):
    again = [(label, video, 6, 9.5) for label, video, _, _ in ROWS]
    clips = ave(tmp_path, [*ROWS, *again]).clips()
    splits = splits_of(clips)
    assert len(clips) == 48 and set(splits) == {"train", "validation", "test"}
    assert not any(set(splits[a]) & set(splits[b]) for a in splits for b in splits if a != b)


def test_what_is_odd_in_the_list_is_told(tmp_path):
    odd = [("Frying (food)", ROWS[0][1], 0, 3), (*ROWS[1][:2], 4, 4), ROWS[3]]
    data = ave(tmp_path, [*ROWS, *odd])
    with pytest.warns(UserWarning, match="23 of 27"):
        assert ROWS[0][1] not in {clip.video for clip in data.clips()}
    told = data.report().splitlines()
    assert "- Church bell, left out, listed as Church bell and as Frying (food): v0_____0000_0-5" in told
    assert "- Church bell, left out, its event has no length: v0_____0001_4-4" in told
    assert "- Church bell, listed more than once: v0_____0003" in told


def test_its_own_splits_are_used(tmp_path):
    parts = {"train": ROWS[:8] + ROWS[12:20], "val": ROWS[8:10] + ROWS[20:22], "test": ROWS[10:11] + ROWS[22:]}
    data = ave(tmp_path, **{f"{split}Set.txt": lines(rows) for split, rows in parts.items()})
    with pytest.warns(UserWarning, match="23 of 24"):
        found = splits_of(data.clips())
    assert {split: sorted(videos) for split, videos in found.items()} == {
        {"val": "validation"}.get(split, split): sorted(row[1] for row in rows) for split, rows in parts.items()
    }
    assert "- Church bell, left out, in no split list: v0_____0011_3-8" in data.report()
    (tmp_path / "valSet.txt").unlink()
    with pytest.raises(ValueError, match="none for validation"):
        open_dataset(data.spelling).clips()


def test_it_is_not_fetched_from_youtube(tmp_path):
    with pytest.raises(ValueError, match="ave can't be fetched from YouTube"):
        ave(tmp_path).fetch_commands()
