"""Replay: fine-tuning that also trains on a few remembered clips of old classes."""

from dataclasses import dataclass

from contav_lib.methods.method import Method, Variant, register_method


@register_method("replay")
@dataclass
class Replay(Method):
    """Separation loss on the new clips and the exemplars; no old model."""

    title, colour = "replay", "#0072B2"
    variants = (Variant(1, place=20), Variant(1, dict(exemplar_choice="audiovisual"), "clips that agree", place=21))
    exemplars = 1
    needs_memory = True
