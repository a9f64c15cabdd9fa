"""The checkers of notebook 05 take the right answer and know the usual mistakes; and the right answers are right."""

import pytest
import torch

from contav_lib.separators import separator_class
from contav_lib.separators.contract import CHECKS, ContractBroken, check_separator
from contav_lib.teaching.check import check
from contav_lib.utils.registry import SEPARATORS

SIZES = {
    "iquery": dict(width=4, mask_dim=8, levels=4, hidden=16, heads=2, feed_forward=24),
    "coseparation": dict(width=4, levels=4, visual_dim=8, classifier_width=4, classifier_blocks=1),
    "soundofpixels": dict(width=4, mask_dim=8, levels=4),
}


@pytest.mark.parametrize("answer", ["iquery", ["iquery"], {"iquery"}])
def test_who_needs_the_class(answer):
    assert check("who needs the class", answer).verdict == "Right"


@pytest.mark.parametrize("name", SIZES)
def test_only_iquery_masks_depend_on_the_class(name):
    found = separator_class(name)
    separator = found(5, found.config_class(**SIZES[name])).eval()
    visual = {
        "object": torch.randn(1, 2, 512),
        "motion": torch.randn(1, 2, 768, 8),
        "motion_mask": torch.zeros(1, 2, 8, dtype=torch.bool),
    }
    mixture = torch.rand(1, 1, 64, 32)
    one, other = (separator(mixture, visual, torch.tensor([numbers])).masks for numbers in ([0, 1], [3, 2]))
    assert torch.equal(one, other) == (name != "iquery")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (["iquery", "coseparation"], "say in the mask"),
        (["soundofpixels"], "learned vector"),
        ([], "learned vector"),
        (["iquery", "soundofpixels"], "forward"),
        ("iqery", "did you mean 'iquery'"),
        (1, "list of names"),
    ],
)
def test_who_needs_the_class_wrong_answers_are_explained(answer, why):
    feedback = check("who needs the class", answer)
    assert feedback.verdict == "Not yet" and why in feedback.text


def test_check_that_catches_it():
    assert check("check that catches it", " 'mixtures apart' ", checks=CHECKS).verdict == "Right"


def test_the_check_really_fails():
    class Loudest(separator_class("soundofpixels")):
        def forward(self, mixture, visual, classes):
            return super().forward(mixture / (mixture.max() + 1e-6), visual, classes)

    SEPARATORS.register("loudest")(Loudest)
    with pytest.raises(ContractBroken, match="'mixtures apart' fails"):
        check_separator(lambda count: Loudest(count, Loudest.config_class(**SIZES["soundofpixels"])))


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("order of sources", "share"),
        ("silence", "small number"),
        ("batch of one", "second"),
        ("gradients", "depend on"),
        ("mixture apart", "did you mean 'mixtures apart'"),
    ],
)
def test_check_wrong_answers_are_explained(answer, why):
    feedback = check("check that catches it", answer, checks=CHECKS)
    assert feedback.verdict == "Not yet" and why in feedback.text
