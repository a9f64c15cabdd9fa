"""Fine-tuning: train on the new task, do nothing against forgetting. The lower end of every comparison."""

from dataclasses import dataclass

from contav_lib.methods.method import Method, register_method


@register_method("finetune")
@dataclass
class Finetune(Method):
    """The separation loss on the new task's clips, and nothing else."""
