"""Joint training on all classes seen so far: the upper bound, for it breaks the rule that old clips are gone."""

from dataclasses import dataclass

from contav_lib.methods.method import Method, register_method


@register_method("joint")
@dataclass
class Joint(Method):
    """Separation loss on the clips of every class seen so far."""

    joint = True
