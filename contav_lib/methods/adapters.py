"""Low-rank adapters (Hu et al. 2022; Wang et al. 2023): after the first task, weights change by small orthogonal updates."""

from dataclasses import dataclass
from math import prod

import torch
from torch import nn
from torch.nn.utils.parametrize import register_parametrization, remove_parametrizations

from contav_lib.continual.tasks import Task
from contav_lib.methods.freeze import Freeze
from contav_lib.methods.method import Batches, Variant, register_method
from contav_lib.mixtures.batch import Batch
from contav_lib.separators import Separator, SeparatorOutput


@register_method("adapters")
@dataclass
class Adapters(Freeze):
    """A low-rank update of every weight matrix for each task, orthogonal to those of earlier tasks.

    The first task trains everything. In each later task the weights are frozen (biases, norms and batch norms' statistics,
    too), and every weight W, seen as a matrix `[outputs, inputs x kernel]`, becomes W + U D with a trained U `[outputs, rank]`
    and D `[rank, inputs x kernel]`; U begins at 0, so the task begins with the old separator. What `Separator.grow` adds is
    trained, too. At the task's end U D is added to W, once and for all: nobody need say which task a class came with.
    O-LoRA's penalty keeps the rows of D orthogonal to those of earlier tasks, so that an update changes little what earlier
    ones answer to. Earlier D are remembered for it, but no clip is.

    Published for the linear layers of language models; that convolutions take part, as matrices, is the kit's choice, and so
    is the penalty's mean over layers, so that its weight means the same for separators of any size.

    Args:
        rank: of each update, at most.
        orthogonality: weight of O-LoRA's penalty (0.5 there); 0 leaves it out. It acts from the third task on.

    References:
        Hu et al., LoRA: Low-Rank Adaptation of Large Language Models, ICLR 2022, section 4.
        Wang et al., Orthogonal Subspace Learning for Language Model Continual Learning (O-LoRA), Findings of EMNLP 2023.
    """

    title, colour = "low-rank adapters", "#7F7F7F"
    variants = (Variant(1, place=41),)
    # Orthogonality acts from the third task on, and the search has two: the rank alone is searched.
    tries = tuple(dict(rank=rank, orthogonality=0.5) for rank in (8, 2, 16, 32))
    needs_queries = False

    rank: int = 8
    orthogonality: float = 0.5

    def __post_init__(self):
        super().__post_init__()
        self.require_range("orthogonality", least=0)
        self.require_range("rank", least=1, most=10_000)
        self.earlier: dict[str, torch.Tensor] = {}  # rows of D of all earlier tasks, by the weight's name
        self.adapters: dict[str, tuple[nn.Module, str, LowRank]] = {}

    def after_growing(self, task: Task, separator: Separator) -> None:
        super().after_growing(task, separator)
        if task.index == 0:
            return
        generator = torch.Generator().manual_seed(task.index)
        for path, module in list(separator.named_modules()):
            for name, weight in list(module.named_parameters(recurse=False)):
                if weight.ndim >= 2 and not weight.requires_grad:  # what has grown is trained as a whole
                    adapter = LowRank(weight, self.rank, generator)
                    register_parametrization(module, name, adapter)
                    self.adapters[f"{path}.{name}"] = module, name, adapter

    def losses(self, batch: Batch, separation: SeparatorOutput) -> dict[str, torch.Tensor]:
        if not (self.orthogonality and self.earlier):
            return {}
        overlaps = [
            (self.earlier[name] @ adapter.down.T).square().sum() for name, (_, _, adapter) in self.adapters.items()
        ]
        return {"orthogonality": self.orthogonality * torch.stack(overlaps).mean()}

    def end_task(self, task: Task, separator: Separator, batches: Batches, remembered: Batches) -> None:
        for key, (module, name, adapter) in self.adapters.items():
            rows = adapter.down.detach()
            self.earlier[key] = torch.cat([self.earlier[key], rows]) if key in self.earlier else rows
            remove_parametrizations(module, name, leave_parametrized=True)
        self.adapters = {}
        super().end_task(task, separator, batches, remembered)

    def state_dict(self) -> dict[str, torch.Tensor]:
        return dict(self.earlier)

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        self.earlier = dict(state)


class LowRank(nn.Module):
    """Add `up @ down`, of rank `rank` or the weight's own if that is less, to a weight `[outputs, ...]`; at first that is 0.

    The generator draws `down`, from a normal distribution whose rows are of unit length on average.
    """

    def __init__(self, weight: torch.Tensor, rank: int, generator: torch.Generator):
        super().__init__()
        outputs, inputs = len(weight), prod(weight.shape[1:])
        rank = min(rank, outputs, inputs)
        down = torch.randn(rank, inputs, generator=generator) / inputs**0.5
        self.down = nn.Parameter(down.to(weight))
        self.up = nn.Parameter(weight.new_zeros(outputs, rank))

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return weight + (self.up @ self.down).view(weight.shape)
