"""The search of settings: the same budget for all methods, and scores from validation clips only."""

import pytest

from contav_lib import Config
from contav_lib import search as searching
from contav_lib.batches import ClipBank

SIZES = dict(frames=16, bins=64, width=4, mask_dim=8, hidden=16, heads=2, feed_forward=24)


@pytest.fixture
def small(home, video_folder, monkeypatch):
    counts = dict(tasks=2, steps=4, batch_size=2, test_mixtures=1, validation_mixtures=1)
    monkeypatch.setattr(searching, "COMMON", dict(data=str(video_folder), exemplars=1, seed=100, **SIZES, **counts))
    monkeypatch.setattr(searching, "MIXTURES", 4)


def test_every_method_has_as_many_tries_and_all_are_sound():
    assert {len(tries) for tries in searching.TRIES.values()} == {3}
    for name, tries in searching.TRIES.items():
        names = [Config.profile("lab", method=name, **searching.COMMON, **settings).name for settings in tries]
        assert len(set(names)) == 3


def test_the_best_try_comes_first_and_is_scored_on_validation_clips(small, monkeypatch):
    table = searching.search(["ewc"], "smoke")
    assert table["method"].tolist() == ["ewc"] * 3 and table["validation_sdr"].is_monotonic_decreasing
    assert sorted(map(str, table["settings"])) == sorted(map(str, searching.TRIES["ewc"]))
    seen, batch = set(), ClipBank.batch

    def watched(self, draw, **options):
        seen.update(clip.split("/")[1][:3] for clip in self.ids)
        return batch(self, draw, **options)

    monkeypatch.setattr(ClipBank, "batch", watched)
    assert searching.search(["ewc"], "smoke").equals(table)  # stored results are scored again, the same
    assert seen == {"val"}


def test_a_method_without_tries_names_those_that_have_some(capsys):
    assert searching.main(["--profile", "smoke", "ewcc"]) == 1
    assert "'ewcc'; did you mean 'ewc'" in capsys.readouterr().err
