"""Joint training on all classes seen so far: the upper bound, for it breaks the rule that old clips are gone."""

from dataclasses import dataclass

from contav_lib.methods.method import Method, Variant, register_method


@register_method("joint")
@dataclass
class Joint(Method):
    """Separation loss on the clips of every class seen so far."""

    title, colour = "upper bound", "#000000"
    variants = (Variant(place=12, paper={"iquery": (10.36, 16.64, 14.68), "coseparation": (7.30, 14.34, 11.90)}),)
    joint = True
