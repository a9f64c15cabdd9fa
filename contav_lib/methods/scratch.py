"""Training from scratch: a new separator for each task. Against it, other methods show what the old separator is worth."""

from dataclasses import dataclass

from contav_lib.methods.method import Method, Variant, register_method


@register_method("scratch")
@dataclass
class Scratch(Method):
    """The separation loss on the new task's clips and the memory (none by default), starting from new weights.

    Every task begins with the same weights, drawn from the seed, and with the first task's learning rate.
    """

    title, colour = "from scratch", "#AA4499"
    variants = (Variant(place=42),)
    fresh_start = True
