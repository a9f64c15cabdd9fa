"""Replay: fine-tuning that also trains on a few remembered clips of old classes."""

from dataclasses import dataclass

from contav_lib.methods.method import Method, register_method


@register_method("replay")
@dataclass
class Replay(Method):
    """Separation loss on the new clips and the exemplars; no old model."""

    exemplars = 1
    needs_memory = True
