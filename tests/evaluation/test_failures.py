"""What is wrong with a separated sound is named by what was done to it."""

import pytest
import torch

from contav_lib.evaluation.failures import KINDS, heard_as

OWN, OTHER = torch.randn(2, 8000, generator=torch.Generator().manual_seed(0)) / 10


@pytest.mark.parametrize(
    "made, kind",
    [
        (OWN, "clean"),
        (OWN + 0.1 * OTHER, "clean"),
        (OWN + 0.5 * OTHER, "leftovers"),
        (OWN + 0.9 * OTHER, "the mixture"),
        (0.3 * (OWN + OTHER), "the mixture"),
        (0.3 * OWN + OTHER, "swapped"),
        (OTHER, "swapped"),
        (0.05 * OWN, "silence"),
        (0 * OWN, "silence"),
    ],
)
def test_what_was_done_to_a_sound_names_it(made, kind):
    first, second = heard_as(torch.stack([OWN, OTHER]), torch.stack([made, OTHER]))
    assert first["kind"] == kind and kind in KINDS
    assert second["kind"] == "clean" and second["sdr"] > 50
    assert ("sdr" in first) == bool(made.any())


def test_a_clean_sound_beside_a_faint_one_is_not_called_the_mixture():
    """Though a mixture of a loud and a faint sound differs little from the loud one."""
    first, second = heard_as(torch.stack([OWN, 0.1 * OTHER]), torch.stack([OWN, OWN + 0.1 * OTHER]))
    assert (first["kind"], second["kind"]) == ("clean", "the mixture")
    assert first["sir"] > 20 and second["sir"] < -5
