"""What lessons take from stored results: nothing is trained unasked, and words agree with numbers."""

import re

import pytest

from contav_lib.evaluation.failures import KINDS
from contav_lib.experiments.result import NothingStored
from contav_lib.teaching.lesson import against, failures, ranked, stored


def test_what_is_stored_comes_back_and_nothing_is_trained(finished, no_training):
    [result] = stored({"mine": [finished]})["mine"]
    assert result.folder.name == finished.name


def test_what_is_missing_is_told_in_one_line_and_trained_only_when_asked(finished, tiny, no_training):
    plan = {"mine": [finished], "other": [tiny(seed=1), tiny(seed=2)]}
    with pytest.raises(NothingStored) as raised:
        stored(plan)
    message = str(raised.value)
    assert message.startswith("2 of 3 experiments are not stored: about 1 minutes of one core.")
    assert "train_now=True" in message and "make run" in message and "\n" not in message


def test_missing_results_are_trained_when_asked(home, tiny):
    assert stored({"mine": [tiny(tasks=1, steps=2)]}, train_now=True)["mine"][0].over_all_seen().shape == (1,)


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ((3.35, 3.86), "0.5 dB less (3.4 against 3.9)"),
        ((6.0, -0.26), "6.3 dB more (6.0 against -0.3)"),
        ((1.04, 1.0), "no different (1.0)"),
        ((-0.01, 0.02), "no different (0.0)"),
    ],
)
def test_a_difference_is_that_of_the_numbers_as_they_are_written(numbers, words):
    assert against(*numbers) == words


def test_the_highest_comes_first():
    assert ranked({"a": 1.0, "b": 3.0, "c": -2.0}) == "b 3.0 dB, a 1.0 dB, c -2.0 dB"


def test_failures_are_counted_under_the_words_of_the_rules(finished):
    result = stored({"mine": [finished]})["mine"][0]
    said = [sound["kind"] for example in result.examples() for sound in example["scores"][max(example["scores"])]]
    text = failures({"mine": result})
    assert f"counted in {len(said)} sounds" in text
    counted = re.findall(r"^- \*\*(.+)\*\*: (.+)\. \*mine (\d+)\*$", text, re.MULTILINE)
    assert counted == [(kind, rule, str(said.count(kind))) for kind, rule in KINDS.items()]
