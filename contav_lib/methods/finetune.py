"""Fine-tuning: train on the new task, do nothing against forgetting. The lower end of every comparison."""

from dataclasses import dataclass

from contav_lib.methods.method import Method, Variant, register_method


@register_method("finetune")
@dataclass
class Finetune(Method):
    """The separation loss on the new task's clips, and nothing else."""

    title, colour = "fine-tuning", "#D55E00"
    variants = (Variant(place=1, paper={"iquery": (3.46, 9.30, 10.57), "coseparation": (1.93, 8.75, 9.75)}),)
