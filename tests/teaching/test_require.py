"""`require` demands what `check` says; other seeds draw other cases."""

import pytest

from contav_lib.audio import ratio_masks
from contav_lib.teaching.behaviour import CODED
from contav_lib.teaching.check import check, require


def unwritten(magnitudes, mixture):
    raise NotImplementedError()


def test_a_right_answer_passes_on_every_seed():
    for seed in (0, 1, 77):
        require("ratio mask", ratio_masks, seed=seed)


def test_a_wrong_answer_is_an_error_with_the_words_of_the_feedback():
    def wrong(magnitudes, mixture):
        return magnitudes / (mixture + 1e-10)

    said = check("ratio mask", wrong).text
    with pytest.raises(AssertionError, match="Not yet") as error:
        require("ratio mask", wrong, seed=3)
    assert said in str(error.value)


def test_an_untouched_cell_is_waiting():
    assert check("ratio mask", unwritten).verdict == "Waiting"
    with pytest.raises(AssertionError, match="Waiting: .* NotImplementedError"):
        require("ratio mask", unwritten)


def test_an_answer_that_knows_the_cases_of_check_fails_on_others():
    import torch

    cases = list(CODED["ratio mask"].cases(torch.Generator().manual_seed(0)))
    known = [(case["magnitudes"], ratio_masks(**case)) for case in cases]

    def learned_by_heart(magnitudes, mixture):
        return next((masks for seen, masks in known if torch.equal(seen, magnitudes)), magnitudes)

    with pytest.raises(AssertionError):
        require("ratio mask", learned_by_heart, seed=5)


def test_a_number_is_checked_too():
    require("loss of indifference", 2.0794, rows=8)
    with pytest.raises(AssertionError, match="certain"):
        require("loss of indifference", 0, rows=8)
