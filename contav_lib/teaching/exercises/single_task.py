"""Checkers of notebook 02: the numbers behind a mask, faults of an estimate, two sources of one class."""

from contav_lib.config import Config
from contav_lib.teaching.check import NotYet, exercise, require_number


@exercise("numbers a source needs")
def check_count(answer: object, config: Config) -> str:
    """Check how many numbers describe the mask of one source."""
    count, right = require_number(answer), config.separator_settings["mask_dim"]
    if count == right:
        return f"{right} weights, one a mask feature; the {config.bins} x {config.frames} pixels come from the U-Net."
    if count == config.bins * config.frames:
        raise NotYet("that is the number of pixels of a mask. The U-Net has made maps of that size already.")
    if count == config.separator_settings["hidden"]:
        raise NotYet("that is the width of f_a, before the small network (eq. 5) turns it into mask weights.")
    raise NotYet("look at the shape of `weights` above: its last axis belongs to one source.")


@exercise("name the fault")
def check_fault(answer: object) -> str:
    """Check the fault of an estimate with a high SIR and a low SAR."""
    fault = str(answer).strip().lower().removesuffix("s")
    if fault in ("artefact", "artifact", "noise", "distortion"):
        return "hardly any of the other source is left (SIR), yet much was added that belongs to neither (SAR)."
    if fault in ("leak", "interference", "leakage"):
        raise NotYet("a leak is the other source showing through: that lowers SIR, and SIR is high here.")
    if fault in ("filter", "filtered", "equaliser", "equalizer"):
        raise NotYet("a short filter is forgiven by BSS-Eval version 3: all three numbers would stay high.")
    raise NotYet('answer with one of "leak", "artefact", "filter".')


@exercise("two of a kind, no picture")
def check_distance(answer: object) -> str:
    """Check the distance between the masks of two violins when there is no picture."""
    distance = require_number(answer)
    if distance == 0:
        return "same mixture, same query, same (empty) picture: the same input twice gives the same mask twice."
    if distance < 0:
        raise NotYet("a largest distance can't be negative.")
    raise NotYet("list what the separator is given for each of the two sources. Is there any difference left?")
