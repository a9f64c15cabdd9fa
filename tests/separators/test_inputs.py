"""What does not fit is refused before anything is computed, by every separator, with both shapes."""

import re

import pytest
import torch
from small_separators import SIZES, inputs, make

from contav_lib.separators.separator import check_inputs

every_separator = pytest.mark.parametrize("name", SIZES)


def refuses(separator, message: str, **changed) -> None:
    given = inputs() | changed
    with pytest.raises(ValueError, match=re.escape(message)):
        separator(**given)


def shown(**changed) -> dict[str, torch.Tensor]:
    return inputs()["visual"] | changed


@every_separator
def test_what_does_not_fit_is_refused(name):
    separator = make(name)
    refuses(separator, "A mixture is [B, 1, F, T]; this one is [2, 64, 32].", mixture=torch.rand(2, 64, 32))
    refuses(separator, "A mixture is [B, 1, F, T]; this one is [0, 1, 64, 32].", mixture=torch.rand(0, 1, 64, 32))
    refuses(separator, "these are [3, 2] for mixtures [2, 1, 64, 32]", classes=torch.zeros(3, 2, dtype=torch.long))
    refuses(separator, "these are [2, 0] for mixtures [2, 1, 64, 32]", classes=torch.zeros(2, 0, dtype=torch.long))
    refuses(
        separator,
        "visual['object'] is [2, 2, 300], but this separator was made for features of 512 values, [2, 2, 512]",
        visual=shown(object=torch.randn(2, 2, 300)),
    )
    refuses(
        separator,
        "visual['object'] is [2, 3, 512] and classes are [2, 2]: both begin with [B, N]",
        visual=shown(object=torch.randn(2, 3, 512)),
    )
    refuses(separator, "This separator looks at 'object'; it was shown nothing.", visual={})


@every_separator
@pytest.mark.parametrize("numbers", [(0, 5), (-1, 2)])
def test_classes_beyond_those_learned_are_refused(name, numbers):
    message = f"has learned 5 classes, number 0 to 4; it was asked for {numbers[0]} to {numbers[1]}"
    refuses(make(name), message, classes=torch.tensor([numbers, (1, 1)]))


def test_motion_and_its_padding_have_as_many_steps():
    separator = make("iquery")
    refuses(
        separator,
        "visual['motion_mask'] is [2, 2, 6], but visual['motion'] is [2, 2, 768, 8]",
        visual=shown(motion_mask=torch.zeros(2, 2, 6, dtype=torch.bool)),
    )
    refuses(separator, "visual['motion'] is [2, 2, 700, 8]", visual=shown(motion=torch.randn(2, 2, 700, 8)))
    without = shown()
    del without["motion_mask"]
    refuses(separator, "visual['motion_mask'] is missing", visual=without)


@pytest.mark.parametrize("name", ["coseparation", "soundofpixels"])
def test_separators_that_look_at_objects_only_need_no_motion(name):
    given = inputs()
    visual = {"object": given["visual"]["object"]}
    make(name)(given["mixture"], visual, given["classes"])


def test_a_gpu_is_never_waited_for():
    """On another device than the CPU no value is looked at; a device without values shows it."""
    visual = {"object": torch.empty(2, 2, 512, device="meta")}
    classes = torch.empty(2, 2, dtype=torch.long, device="meta")
    check_inputs(torch.empty(2, 1, 64, 32, device="meta"), visual, classes, 5, {"object": 512})
