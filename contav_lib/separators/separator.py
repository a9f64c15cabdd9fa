"""The contract between a separator and everything else, and how separators are saved.

A separator is an `nn.Module` that answers, for B mixtures of N sources each: which part of the mixture belongs to each
source? Methods, trainer and metrics know separators only through this page.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import torch
from torch import nn

from contav_lib.losses import separation_loss
from contav_lib.mixtures.batch import Batch
from contav_lib.separators.inputs import check_inputs
from contav_lib.utils.registry import SEPARATORS
from contav_lib.utils.storage import file_errors, load_tensors, save_tensors, with_prefix, without_prefix


@dataclass
class SeparatorOutput:
    """What a separator says of B mixtures with N sources.

    Attributes:
        masks: ratio masks in [0, 1], `[B, N, F, T]`.
        features: one vector a source and modality, `[B, N, D]`: `audio`, `object` and, where there is one, `motion`.
        intermediate: maps `[B, C, H, W]` and token lists `[B, L, D]` on the way, for methods that distil them.
        attention: what each source looked at and listened to, probabilities `[B, N, heads, L]`; only where
            `Separator.keep_attention` is set and there is attention.
        for_losses: what only the separator's own `losses` look at, by name, one row a source, `[B, N, ...]`.
    """

    masks: torch.Tensor
    features: dict[str, torch.Tensor]
    intermediate: list[torch.Tensor] = field(default_factory=list)
    attention: list[torch.Tensor] = field(default_factory=list)
    for_losses: dict[str, torch.Tensor] = field(default_factory=dict)


class Separator(nn.Module):
    """Base class of all separators.

    Subclasses take keyword arguments only, pass them all to `super().__init__(**arguments)` (they are saved beside the
    weights), and write `forward`, `_grow` and `parameter_groups`. Decorate them with `@register_separator("name")`, then let
    `contav_lib.separators.contract.check_separator` look whether they keep the contract.

    Arguments named `object_dim` and `motion_dim` say how wide the features of the pictures are that it needs: what
    it is given is held against them.

    Class attributes:
        name: the registered name.
        modality_pairs: the feature pairs that CrossSDC may compare.
        class_queries: each class has a row of weights of its own that its masks depend on, so that a new class can be learned
            by training its row alone.

    Attributes:
        arguments: what the separator was made with; `num_classes` in it grows with `grow`.
        keep_attention: put attention maps into `SeparatorOutput.attention`; off, for they cost time.
    """

    name: ClassVar[str]
    modality_pairs: ClassVar[tuple[tuple[str, str], ...]] = (("audio", "object"),)
    class_queries: ClassVar[bool] = False

    def __init__(self, **arguments):
        super().__init__()
        self.arguments = arguments
        self.keep_attention = False

    @property
    def num_classes(self) -> int:
        return self.arguments["num_classes"]

    def __call__(
        self, mixture: torch.Tensor, visual: dict[str, torch.Tensor], classes: torch.Tensor
    ) -> SeparatorOutput:
        """`forward`, after a look at what it is given.

        Raises:
            ValueError: shapes don't fit together or to the separator, or a class is beyond those learned.
        """
        widths = {
            name: self.arguments[f"{name}_dim"] for name in ("object", "motion") if f"{name}_dim" in self.arguments
        }
        check_inputs(mixture, visual, classes, self.num_classes, widths)
        return super().__call__(mixture, visual, classes)

    def forward(self, mixture: torch.Tensor, visual: dict[str, torch.Tensor], classes: torch.Tensor) -> SeparatorOutput:
        """Separate all N sources of all B mixtures in one pass.

        Args:
            mixture: log-frequency magnitude `[B, 1, F, T]`, >= 0.
            visual: `object [B, N, Do]`, `motion [B, N, Dm, S]`, `motion_mask [B, N, S]` (True where a step is padding).
            classes: class of each source, `[B, N]`, in `0 .. num_classes - 1`.
        """
        raise NotImplementedError

    def losses(self, batch: Batch, separation: SeparatorOutput) -> dict[str, torch.Tensor]:
        """What this separator learns from, whatever the method: loss terms by name, weighted (eq. 12).

        Args:
            batch: of N sources.
            separation: the answer to it; a method may have asked about more than N, what it says of those is not used here.
        """
        masks = separation.masks[:, : batch.num_sources]
        return {"separation": separation_loss(masks, batch.ratio_masks, batch.weights)}

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """All parameters, split in `unet` and `predictor`: the paper trains the two with different optimizers."""
        raise NotImplementedError

    def grow(self, num_classes: int, generator: torch.Generator | None = None) -> None:
        """Make room for `num_classes` classes in all; the weights of the old ones stay, bit for bit.

        Raises:
            ValueError: fewer classes than the separator knows already.
        """
        if num_classes < self.num_classes:
            raise ValueError(
                f"This separator knows {self.num_classes} classes already; it can't shrink to {num_classes}."
            )
        if num_classes > self.num_classes:
            self._grow(num_classes, generator)
            self.arguments["num_classes"] = num_classes

    def _grow(self, num_classes: int, generator: torch.Generator | None) -> None:
        raise NotImplementedError


def old_rows(weight: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    """The part of a grown weight, a view, that was there when it had this shape: growing adds at the end of an axis."""
    return weight[tuple(slice(length) for length in shape)]


def register_separator(name: str) -> Callable[[type[Separator]], type[Separator]]:
    """Class decorator: make a separator known to `Config` under `name`."""
    return SEPARATORS.register(name)


def separator_class(name: str) -> type[Separator]:
    """The separator registered as `name`; an unknown name is a ValueError that gives the nearest."""
    return SEPARATORS.find(name)


def save_separator(
    path: Path,
    separator: Separator,
    classes: list[str],
    method_state: dict[str, torch.Tensor] | None = None,
    prototypes: dict[str, torch.Tensor] | None = None,
) -> None:
    """Write a separator's weights with its name, its arguments and its classes' labels into one safetensors file.

    `method_state` is what the method it was trained with wants to keep; `prototypes` tell its classes by their looks.
    """
    tensors = (
        with_prefix("separator.", separator.state_dict())
        | with_prefix("method.", method_state or {})
        | with_prefix("prototypes.", prototypes or {})
    )
    metadata = {"separator": separator.name, "arguments": separator.arguments, "classes": classes}
    save_tensors(path, tensors, metadata)


def load_separator(path: Path, device: torch.device | str = "cpu") -> Separator:
    """The separator that `save_separator` wrote, in eval mode.

    Raises:
        StorageError: the file is missing, damaged, or holds no separator.
        ValueError: the weights don't fit the arguments that stand beside them.
    """
    tensors, metadata = load_tensors(path)
    with file_errors(path):
        separator = separator_class(metadata["separator"])(**metadata["arguments"])
    load_weights(separator, without_prefix("separator.", tensors), path)
    return separator.to(device).eval()


def load_weights(separator: Separator, weights: dict[str, torch.Tensor], origin: Path) -> None:
    """Load weights that must fit exactly.

    Raises:
        ValueError: names or sizes differ; the message gives the first few with both shapes.
    """
    own = separator.state_dict()
    problems = [f"'{name}' is missing" for name in own.keys() - weights.keys()]
    problems += [f"'{name}' is not part of this separator" for name in weights.keys() - own.keys()]
    problems += [
        f"'{name}' is {tuple(weights[name].shape)} in the file and {tuple(own[name].shape)} in the separator"
        for name in own.keys() & weights.keys()
        if own[name].shape != weights[name].shape
    ]
    if problems:
        raise ValueError(
            f"{origin} does not fit the separator {separator.name!r} with {separator.arguments}: "
            + "; ".join(sorted(problems)[:3])
            + (f"; and {len(problems) - 3} more" if len(problems) > 3 else "")
            + ". Make the separator with the arguments it was saved with."
        )
    separator.load_state_dict(weights)
