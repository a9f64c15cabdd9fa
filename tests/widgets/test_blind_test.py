"""A blind test asks fairly, keeps names to itself, and counts answers rightly."""

import numpy as np
import pytest
from scipy.stats import binomtest

from contav_lib.widgets.blind_test import BlindTest

RATE = 11_025
RNG = np.random.default_rng(0)
ONE, TWO = (0.1 * RNG.standard_normal(RATE) for _ in range(2))
METHODS = {"finetune": ONE, "contav": TWO}


def sounds(test: BlindTest) -> list[np.ndarray]:
    return [np.frombuffer(data, "<i2") / 32767 * scale for data, scale in zip(test.sounds, test.scales, strict=True)]


def answer(test: BlindTest, **what) -> None:
    test._receive(test, {"trial": test.trial, "heard": test.labels, **what}, [])


def answer_rightly(test: BlindTest) -> None:
    a, _, x = sounds(test)
    answer(test, choice="A" if np.allclose(a, x) else "B")


def test_abx_counts_right_answers():
    test = BlindTest(METHODS, "abx", trials=8, seed=1)
    for _ in range(8):
        answer_rightly(test)
    assert test.done and test.answers["correct"].all()
    assert test.p_value == pytest.approx(0.5**8)
    assert "8 of 8 right. A and B were finetune and contav." in test.outcome


def test_abx_hides_fairly():
    test = BlindTest(METHODS, "abx", trials=200, seed=2)
    for _ in range(200):
        answer(test, choice="A")
    table = test.answers
    assert 0.4 < (table["a"] == "finetune").mean() < 0.6
    assert 0.4 < table["correct"].mean() < 0.6
    assert 0.4 < (table["x"] == "contav").mean() < 0.6
    assert test.p_value > 0.05


def test_what_a_browser_gets_names_no_method_before_the_end():
    test = BlindTest(METHODS, "pick", trials=1, references=[ONE + TWO], seed=0)
    state = {name: value for name, value in test.get_state().items() if not name.startswith("_")}
    assert "finetune" not in str(state) and "contav" not in str({**state, "sounds": None})
    assert test.labels == ["A", "B", "Reference"]
    answer(test, choice="B")
    assert "finetune" in test.outcome


def test_picks_are_of_methods():
    test = BlindTest(METHODS, "pick", trials=6, seed=3)
    for _ in range(6):
        answer(test, choice="A" if np.allclose(sounds(test)[0], TWO, atol=1e-4) else "B")
    assert (test.answers["chosen"] == "contav").all()
    assert test.p_value == pytest.approx(binomtest(0, 6).pvalue)


def test_ratings_decide_by_the_better_mark():
    test = BlindTest(METHODS, "rate", trials=3, seed=0)
    answer(test, rating_a=5, rating_b=2)
    answer(test, rating_a=3, rating_b=3)
    answer(test, rating_a=1, rating_b=2)
    table = test.answers
    assert list(table["rating_a"]) == [5, 3, 1]
    assert table["chosen"][0] == table["a"][0] and table["chosen"][2] == table["b"][2]
    assert table["chosen"].isna().tolist() == [False, True, False]
    assert test.count()[1] == 2  # the tie does not count


def test_who_has_not_listened_does_not_vote():
    test = BlindTest(METHODS, "pick", trials=1, references=[ONE], seed=0)
    for heard in ([], ["A"], ["Reference"], None, "AB"):
        answer(test, choice="A", heard=heard)
    assert test.trial == 0
    answer(test, choice="A", heard=["B", "A"])
    assert test.done


def test_late_double_and_wrong_answers_count_for_nothing():
    test = BlindTest(METHODS, "abx", trials=2, seed=0)
    answer(test, choice="C")
    test._receive(test, "A", [])
    answer(test, choice="A")
    test._receive(test, {"trial": 0, "choice": "B"}, [])
    assert len(test.answers) == 1 and test.trial == 1
    assert np.isnan(BlindTest(METHODS).p_value)


def test_examples_take_turns_and_are_equally_loud():
    test = BlindTest({"a": [ONE, 0.1 * ONE], "b": [TWO, TWO]}, "pick", trials=4, seed=0)
    for _ in range(4):
        levels = [gain * sound.std() for gain, sound in zip(test.gains, sounds(test), strict=True)]
        assert levels[0] == pytest.approx(levels[1], rel=0.02)
        answer(test, choice="A")
    assert list(test.answers["example"]) == [0, 1, 0, 1]


def test_two_experiments_can_be_compared(reference):
    test = BlindTest.from_results({"first": reference, "second": reference}, trials=3, seed=0)
    assert len(test._pairs) == sum(len(entry["truth"]) for entry in reference.examples())
    assert test.labels[-1] == "Reference"


@pytest.mark.parametrize(
    ("methods", "options", "message"),
    [
        ({"a": ONE}, {}, "1 method"),
        (METHODS, {"kind": "abc"}, "kind is 'abc'; it is one of 'abx', 'pick', 'rate'"),
        (METHODS, {"trials": 0}, "trials is 0"),
        ({"a": [ONE], "b": [ONE, TWO]}, {}, r"a has 1 sound\(s\) and b 2"),
        (METHODS, {"kind": "abx", "references": [ONE]}, "Choose kind='pick'"),
        (METHODS, {"kind": "pick", "references": [ONE, TWO]}, "2 references to 1"),
        ({"a": ONE, "b": ONE * np.nan}, {}, "'b' is not finite"),
    ],
)
def test_what_cannot_be_compared_is_refused(methods, options, message):
    with pytest.raises(ValueError, match=message):
        BlindTest(methods, **options)


def test_a_notebook_keeps_the_first_question_and_its_solution():
    test = BlindTest({"<one>": ONE, "two": TWO}, "abx", trials=2, seed=1)
    html = test._repr_mimebundle_()[0]["text/html"]
    assert html.count("<audio") == 3 and "A is " in html.split("<details>")[1]
    assert "&lt;one&gt;" in html and "<one>" not in html and "&lt;one&gt;" not in html.split("<details>")[0]
