"""Optimizers and learning rates: the paper's, and a short schedule for small experiments."""

from math import cos, pi
from typing import TYPE_CHECKING

import torch

from contav_lib.separators import Separator

if TYPE_CHECKING:
    from contav_lib.config import Config


class Optimizers:
    """The optimizers of one task, fresh at its start; learning rates are a function of the step.

    Schedules, by `Config.schedule`:

    - "paper": Adam for the U-Net (rate x 0.1 after 30 and 50 % of the steps), AdamW for the transformer (x 0.1 after
      80 %): the paper's epochs 30, 50 and 80 of 100.
    - "released": the same, but an epoch late with the U-Net's, as in the authors' code.
    - "cosine": AdamW for both; the rate rises over `warmup_steps`, then falls along half a cosine to 0.

    All are fused: one call moves all weights, where one call a weight and operation would take several times as long.

    Args:
        config: the settings.
        separator: its parameters are moved.
        steps: of the task.
        first_task: the weights are new: `learning_rate` is taken, else `later_learning_rate`.
    """

    def __init__(self, config: "Config", separator: Separator, steps: int, first_task: bool):
        groups = separator.parameter_groups()
        self.parameters = [parameter for group in groups.values() for parameter in group]
        self.clip_gradient, self.steps, self.warmup = config.clip_gradient, steps, config.warmup_steps
        rate = config.learning_rate if first_task else config.later_learning_rate
        decay = config.weight_decay
        if config.schedule in ("paper", "released"):
            late = steps / config.epochs if config.schedule == "released" else 0.0
            self._rates = [self._drops(rate, (0.3, 0.5), late), self._drops(rate, (0.8,))]
            self._optimizers = [
                torch.optim.Adam(groups["unet"], lr=rate, fused=True),
                torch.optim.AdamW(groups["predictor"], lr=rate, weight_decay=decay, fused=True),
            ]
        else:
            self._rates = [self._cosine(rate)]
            self._optimizers = [torch.optim.AdamW(self.parameters, lr=rate, weight_decay=decay, fused=True)]

    def step(self, number: int) -> None:
        """Move the weights by their gradients, with the learning rates of step `number`, and forget the gradients."""
        if self.clip_gradient:
            torch.nn.utils.clip_grad_norm_(self.parameters, self.clip_gradient)
        for optimizer, rate in zip(self._optimizers, self._rates, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = rate(number)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    def state_dict(self) -> dict[str, torch.Tensor]:
        """All moments and step counts, `<optimizer>.<parameter>.<name>`."""
        return {
            f"{number}.{parameter}.{name}": value
            for number, optimizer in enumerate(self._optimizers)
            for parameter, state in optimizer.state_dict()["state"].items()
            for name, value in state.items()
        }

    def load_state_dict(self, tensors: dict[str, torch.Tensor]) -> None:
        """Take over what `state_dict` gave."""
        for number, optimizer in enumerate(self._optimizers):
            whole = optimizer.state_dict()
            weights = [weight for group in optimizer.param_groups for weight in group["params"]]
            for key, value in tensors.items():
                owner, parameter, name = key.split(".")
                if int(owner) == number:
                    if name != "step":  # a moment: fused optimizers need it in its weight's order in memory
                        value = torch.empty_like(weights[int(parameter)]).copy_(value)
                    whole["state"].setdefault(int(parameter), {})[name] = value
            optimizer.load_state_dict(whole)

    def _drops(self, rate: float, after: tuple[float, ...], late: float = 0.0):
        return lambda step: rate * 0.1 ** sum(step >= part * self.steps + late for part in after)

    def _cosine(self, rate: float):
        def at(step: int) -> float:
            if step < self.warmup:
                return rate * (step + 1) / self.warmup
            return rate * (1 + cos(pi * (step - self.warmup) / max(self.steps - self.warmup, 1))) / 2

        return at
