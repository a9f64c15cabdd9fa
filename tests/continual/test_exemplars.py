"""Exemplars: typical ones, different ones, random ones."""

import numpy as np
import pytest

from contav_lib.continual.exemplars import choose_exemplars

LINE = np.array([[0.0], [1.0], [2.0], [4.0], [10.0]])  # mean 3.4


def choose(choice, count, features=LINE, seed=0):
    return choose_exemplars(choice, count, features, np.random.default_rng(seed))


def test_herding_keeps_the_mean_of_the_chosen_near_the_mean_of_all():
    chosen = choose("herding", 5)
    assert chosen[0] == 3  # 4 is nearest to 3.4
    assert chosen[1] == 2  # (4 + 2) / 2 = 3 is nearer to 3.4 than any other pair with 4
    assert sorted(chosen) == list(range(5))


def test_diverse_starts_in_the_middle_and_goes_to_the_ends():
    assert choose("diverse", 3) == [3, 4, 0]
    assert sorted(choose("diverse", 5)) == list(range(5))


def test_random_is_seeded_and_ignores_the_features():
    assert choose("random", 3, seed=1) == choose("random", 3, np.zeros((5, 2)), seed=1)
    assert len({tuple(choose("random", 2, seed=seed)) for seed in range(10)}) > 3


def test_audiovisual_keeps_the_clips_whose_sound_and_picture_have_the_same_neighbours():
    """Two kinds of clips; clip 4 looks like the first kind and sounds like the second."""
    looks = np.array([[1, 0], [0.9, 0.1], [0, 1], [0.1, 0.9], [1, 0.1]])
    sounds = np.array([[1, 0, 0], [0.9, 0.1, 0], [0, 1, 0], [0.1, 0.9, 0], [0.1, 1, 0]])
    chosen = choose_exemplars("audiovisual", 5, np.hstack([looks, sounds]), np.random.default_rng(0), sound_values=3)
    assert chosen[-1] == 4 and sorted(chosen) == list(range(5))
    similar = [part @ part.T for part in (looks, sounds)]
    agreement = [np.corrcoef(*(np.delete(part[clip], clip) for part in similar))[0, 1] for clip in range(5)]
    ranked = [agreement[clip] for clip in chosen]
    assert ranked == pytest.approx(sorted(agreement, reverse=True)) and ranked[-1] < 0 < ranked[-2]


@pytest.mark.parametrize("count", [1, 2])
def test_audiovisual_takes_what_there_is_of_too_few_clips_to_compare(count):
    assert choose("audiovisual", count, np.ones((count, 4))) == list(range(count))


@pytest.mark.parametrize("choice", ["random", "herding", "diverse", "audiovisual"])
def test_equal_clips_are_chosen_once_each(choice):
    assert sorted(choose(choice, 4, np.ones((4, 3)))) == [0, 1, 2, 3]


def test_an_unknown_choice_names_the_nearest():
    with pytest.raises(ValueError, match="'hearding'; did you mean 'herding'"):
        choose("hearding", 1)
