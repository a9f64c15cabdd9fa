"""Elastic Weight Consolidation (Kirkpatrick et al. 2017): hold on to the weights that mattered."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count, islice

import torch

from contav_lib.continual.tasks import Task
from contav_lib.losses import total
from contav_lib.methods.method import Batches, Method, Variant, register_method
from contav_lib.mixtures.batch import Batch
from contav_lib.separators import Separator, SeparatorOutput, old_rows
from contav_lib.utils.storage import with_prefix, without_prefix

Weights = dict[str, torch.Tensor]


@register_method("ewc")
@dataclass
class EWC(Method):
    """A penalty of `strength / 2 x sum over weights of F (w - anchor)^2` for leaving the weights of earlier tasks.

    F, the diagonal of the Fisher information, is estimated after each task from the squared gradients of the separator's
    losses, one mixture at a time (not of a batch's mean, where gradients cancel), with the batch norms in eval mode, and
    divided by its mean over all weights, so that `strength` means the same for any task. (This reads the losses as minus a
    log-likelihood, the L1 distance of masks as Laplace noise.)

    The sum of several tasks' penalties is kept in one pair of tables: up to a constant it equals `F (w - anchor)^2` with
    `F = sum F_k` and `anchor = sum F_k anchor_k / F`. Rows that growing adds are free until their own task has ended.

    Args:
        strength: lambda of Kirkpatrick et al., eq. 3. It has no natural scale: with F's mean at 1, 0.01 to 10 did equally
            well in the search on `lab` (`contav search`).
        mixtures: from how many mixtures F is estimated.

    References:
        Kirkpatrick et al., Overcoming catastrophic forgetting in neural networks, PNAS 2017, eq. 3.
    """

    title, colour = "EWC", "#8C564B"
    variants = (
        Variant(0, place=3, paper={"iquery": (3.67, 9.58, 10.30), "coseparation": (2.01, 8.36, 9.61)}),
        Variant(1, place=7, paper={"iquery": (6.65, 13.01, 11.73), "coseparation": (3.31, 9.55, 9.80)}),
    )
    tries = tuple(dict(strength=strength) for strength in (1.0, 0.1, 0.01, 10.0))

    strength: float = 1.0
    mixtures: int = 120

    def __post_init__(self):
        self.require_range("strength", least=0)
        self.require_range("mixtures", least=1, most=100_000, why="the Fisher information is estimated from so many")
        self.fisher: Weights = {}
        self.anchor: Weights = {}
        self.separator: Separator | None = None

    def begin_task(self, task: Task, separator: Separator) -> None:
        self.separator = separator

    def losses(self, batch: Batch, separation: SeparatorOutput) -> dict[str, torch.Tensor]:
        if not (self.fisher and self.strength):
            return {}
        assert self.separator is not None  # a task has begun
        return {"anchor": self.strength / 2 * penalty(self.separator.named_parameters(), self.fisher, self.anchor)}

    def end_task(self, task: Task, separator: Separator, batches: Batches, remembered: Batches) -> None:
        fisher = normalised(estimate_fisher(separator, islice(_one_by_one(batches), self.mixtures)))
        anchor = {name: value.detach().clone() for name, value in separator.named_parameters()}
        for name, old in self.fisher.items():
            summed, place = (old_rows(table[name], old.shape) for table in (fisher, anchor))
            summed += old
            share = (old / summed).nan_to_num()  # where no weight ever mattered, any anchor does
            place.lerp_(self.anchor[name], share)
        self.fisher, self.anchor = fisher, anchor

    def state_dict(self) -> Weights:
        return with_prefix("fisher.", self.fisher) | with_prefix("anchor.", self.anchor)

    def load_state_dict(self, state: Weights) -> None:
        self.fisher, self.anchor = without_prefix("fisher.", state), without_prefix("anchor.", state)


def penalty(parameters: Iterable[tuple[str, torch.Tensor]], fisher: Weights, anchor: Weights) -> torch.Tensor:
    """`sum of F (w - anchor)^2` over all weights that have an anchor: a scalar; its gradient is `2 F (w - anchor)`.

    A parameter is longer along an axis than its anchor where the separator has grown.
    """
    values = {name: old_rows(value, anchor[name].shape) for name, value in parameters}
    # In one piece, for the many small weights would cost more time apart than a long vector of them.
    apart = _in_one(values.values()) - _in_one(anchor[name] for name in values)
    return (_in_one(fisher[name] for name in values) * apart) @ apart


def _in_one(values: Iterable[torch.Tensor]) -> torch.Tensor:
    return torch.cat([value.flatten() for value in values])


def estimate_fisher(separator: Separator, mixtures: Iterable[Batch]) -> Weights:
    """Mean squared gradient of the separator's losses, in eval mode, by weight, over batches of one mixture each."""
    training = separator.training
    separator.eval().zero_grad(set_to_none=True)
    names, parameters = zip(*separator.named_parameters(), strict=True)
    squares, number = [torch.zeros_like(parameter) for parameter in parameters], 0
    for batch in mixtures:
        separation = separator(batch.mixture, batch.visual, batch.classes)
        loss = total(separator.losses(batch, separation))
        gradients = torch.autograd.grad(loss, parameters, materialize_grads=True)
        for square, gradient in zip(squares, gradients, strict=True):
            square.addcmul_(gradient, gradient)
        number += 1
    separator.train(training)
    return {name: square / number for name, square in zip(names, squares, strict=True)}


def normalised(fisher: Weights) -> Weights:
    """Divide by the mean over all weights of all names; where no weight matters at all, it stays 0."""
    mean = _in_one(fisher.values()).mean()
    return {name: values / mean.clamp(min=torch.finfo(mean.dtype).tiny) for name, values in fisher.items()}


def _one_by_one(batches: Batches) -> Iterable[Batch]:
    for batch in map(batches, count()):
        for row in range(len(batch.mixture)):
            yield batch[row : row + 1]
