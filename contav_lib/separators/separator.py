"""The contract between a separator and everything else, and how separators are saved.

A separator is an `nn.Module` that answers, for B mixtures of N sources each: which part of the mixture belongs to each
source? Methods, trainer and metrics know separators only through this page.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import nn

from contav_lib.losses import separation_loss
from contav_lib.mixtures.batch import Batch
from contav_lib.utils.devices import mixed_precision
from contav_lib.utils.memory import MemoryLimit
from contav_lib.utils.ranks import GatheredRows, gather_rows, own_rows, world_size
from contav_lib.utils.registry import SEPARATORS
from contav_lib.utils.shapes import repr_with_shapes, shape_of
from contav_lib.utils.storage import file_errors, load_tensors, save_tensors, without_prefix

LARGEST = 8192  # of a layer's sizes; a width beyond it is a slip


@dataclass
class SeparatorOutput:
    """Answer of a separator about B mixtures with N sources.

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
    intermediate: Sequence[torch.Tensor] = field(default_factory=list)
    attention: list[torch.Tensor] = field(default_factory=list)
    for_losses: dict[str, torch.Tensor] = field(default_factory=dict)

    def __repr__(self) -> str:
        return repr_with_shapes(self)


class Separator(nn.Module):
    """Base class of all separators.

    A subclass names its settings in `config_class`, a frozen dataclass whose fields all have defaults that JSON can hold.
    Its `__init__(self, num_classes, config=None)` begins with `super().__init__(num_classes, config)` and then makes its
    layers by `self.config`. It writes `forward`; `_grow` where it has weights for each class; `parameter_groups` where its
    U-Net is not called `unet`. `contav_lib.separators.contract.check_separator` looks whether it keeps the contract.

    Settings named `object_dim` and `motion_dim` say how wide the visual features are that it needs: what it is given is
    held against them. One named `levels` says how often both sides of a spectrogram are halved.

    Class attributes:
        name: the registered name.
        config_class: the dataclass of its settings.
        modality_pairs: the feature pairs that CrossSDC may compare.
        class_queries: each class has a row of weights of its own that its masks depend on, so that a new class can be learned
            by training its row alone.

    Attributes:
        num_classes: classes known by now.
        config: the settings it was made with, a `config_class` (else a TypeError is raised); None takes the defaults.
        keep_attention: put attention maps into `SeparatorOutput.attention`; off, for they cost time.
    """

    name: ClassVar[str]
    config: Any
    config_class: ClassVar[type]
    modality_pairs: ClassVar[tuple[tuple[str, str], ...]] = (("audio", "object"),)
    class_queries: ClassVar[bool] = False

    def __init__(self, num_classes: int, config: Any = None):
        super().__init__()
        self.config = self.config_class() if config is None else config
        if not isinstance(self.config, self.config_class):
            raise TypeError(f"config={config!r}: {type(self).__name__} takes {self.config_class.__name__}(...).")
        self.num_classes = num_classes
        self.keep_attention = False

    def __call__(
        self, mixture: torch.Tensor, visual: Mapping[str, torch.Tensor], classes: torch.Tensor
    ) -> SeparatorOutput:
        """Check what is given (`check_inputs`), then `forward`."""
        needed = [name for name in ("object", "motion") if hasattr(self.config, f"{name}_dim")]
        widths = {name: getattr(self.config, f"{name}_dim") for name in needed}
        check_inputs(mixture, visual, classes, self.num_classes, widths)
        return super().__call__(mixture, visual, classes)

    def forward(
        self, mixture: torch.Tensor, visual: Mapping[str, torch.Tensor], classes: torch.Tensor
    ) -> SeparatorOutput:
        """Separate all N sources of all B mixtures in one pass.

        Args:
            mixture: log-frequency magnitude `[B, 1, F, T]`, >= 0.
            visual: `object [B, N, Do]`, `motion [B, N, Dm, S]`, `motion_mask [B, N, S]` (True where a step is padding).
            classes: class of each source, `[B, N]`, in `0 .. num_classes - 1`.
        """
        raise NotImplementedError

    def losses(self, batch: Batch, separation: SeparatorOutput) -> dict[str, torch.Tensor]:
        """Loss terms by name, weighted, from which this separator learns whatever the method (eq. 12).

        A method may have asked about more than the batch's N sources; what `separation` says of those is not used here.
        """
        masks = separation.masks[:, : batch.num_sources]
        return {"separation": separation_loss(masks, batch.ratio_masks, batch.weights)}

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """All parameters, those of `unet` and the others as `predictor`: the paper trains the two with different optimizers."""
        groups: dict[str, list[nn.Parameter]] = {"unet": [], "predictor": []}
        for name, parameter in self.named_parameters():
            groups["unet" if name.startswith("unet.") else "predictor"].append(parameter)
        return groups

    def grow(self, num_classes: int, generator: torch.Generator | None = None) -> None:
        """Make room for `num_classes` classes in all, no fewer than it has; the weights of old ones stay, bit for bit."""
        if num_classes < self.num_classes:
            raise ValueError(
                f"This separator knows {self.num_classes} classes already; it can't shrink to {num_classes}."
            )
        if num_classes > self.num_classes:
            self._grow(num_classes, generator)
            self.num_classes = num_classes

    def _grow(self, num_classes: int, generator: torch.Generator | None) -> None:
        """Add weights for new classes, drawn from the generator; one that tells no classes apart has nothing to add."""


def forward_batch(separator: Separator, batch: Batch) -> SeparatorOutput:
    """The separator's output for a batch, on a GPU in mixed precision.

    Where several processes run one experiment, each separates its rows, and every one gets the answer about all: whoever
    computes losses of it need not know. (Fewer mixtures than processes are separated by each of them.)
    """
    count = len(batch.mixture)
    shared = 1 < world_size() <= count
    batch = batch[own_rows()] if shared else batch
    with mixed_precision(batch.mixture.device):
        own = separator(batch.mixture, batch.visual, batch.classes)
    if not shared:
        return own
    return SeparatorOutput(
        masks=gather_rows(own.masks, count),
        features={name: gather_rows(rows, count) for name, rows in own.features.items()},
        intermediate=GatheredRows(own.intermediate, count),
        attention=[gather_rows(rows, count) for rows in own.attention],
        for_losses={name: gather_rows(rows, count) for name, rows in own.for_losses.items()},
    )


def check_inputs(
    mixture: torch.Tensor,
    visual: Mapping[str, torch.Tensor],
    classes: torch.Tensor,
    num_classes: int,
    widths: Mapping[str, int],
) -> None:
    """Raise a ValueError, with both shapes, where what a separator is given does not fit together.

    Only shapes are compared, so a GPU is never waited for; that classes are known is checked on the CPU only.

    Args:
        mixture, visual, classes: see `Separator.forward`.
        num_classes: classes the separator knows.
        widths: values a feature of the modalities that it needs, such as `{"object": 96}`.
    """
    if mixture.ndim != 4 or mixture.shape[1] != 1 or not len(mixture):
        raise ValueError(f"A mixture is [B, 1, F, T]; this one is {shape_of(mixture)}.")
    if classes.ndim != 2 or len(classes) != len(mixture) or not classes.shape[1]:
        raise ValueError(
            f"Classes are [B, N], one row a mixture and one source or more in it; these are {shape_of(classes)} "
            f"for mixtures {shape_of(mixture)}."
        )
    for name, width in widths.items():
        if name not in visual:
            raise ValueError(f"This separator looks at {name!r}; it was shown {sorted(visual) or 'nothing'}.")
        if visual[name].ndim < 3 or visual[name].shape[2] != width:
            raise ValueError(
                f"visual[{name!r}] is {shape_of(visual[name])}, but this separator was made for features of {width} values, "
                f"{shape_of(classes)[:-1]}, {width}{', S' if name == 'motion' else ''}]: use the encoder it was trained with."
            )
    for name, value in visual.items():
        if value.shape[:2] != classes.shape:
            raise ValueError(
                f"visual[{name!r}] is {shape_of(value)} and classes are {shape_of(classes)}: "
                "both begin with [B, N], one entry a source."
            )
    if "motion" in widths:
        steps, padding = visual["motion"].shape[3:], visual.get("motion_mask")
        if padding is None or padding.shape[2:] != steps:
            given = "missing" if padding is None else shape_of(padding)
            raise ValueError(
                f"visual['motion_mask'] is {given}, but visual['motion'] is {shape_of(visual['motion'])}: "
                "they have as many steps, [B, N, S] and [B, N, D, S]."
            )
    if classes.device.type == "cpu" and not (classes.min() >= 0 and classes.max() < num_classes):
        raise ValueError(
            f"This separator has learned {num_classes} classes, number 0 to {num_classes - 1}; it was asked for "
            f"{int(classes.min())} to {int(classes.max())}. Make room for new ones with grow() and train it."
        )


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
    """Write a separator's weights with its name, its settings and its classes' labels into one safetensors file.

    `method_state` is what the method it was trained with wants to keep; `prototypes` tell its classes by their looks.
    """
    parts = {"separator": separator.state_dict(), "method": method_state, "prototypes": prototypes}
    tensors = {f"{part}.{name}": value for part, values in parts.items() for name, value in (values or {}).items()}
    made = {"separator": separator.name, "num_classes": separator.num_classes, "config": asdict(separator.config)}
    save_tensors(path, tensors, {**made, "classes": classes})


def load_separator(path: Path, device: torch.device | str = "cpu") -> Separator:
    """The separator that `save_separator` wrote, in eval mode.

    Raises:
        StorageError: the file is missing, damaged, or holds no separator.
        ValueError: the weights don't fit the settings that stand beside them.
    """
    tensors, metadata = load_tensors(path)
    stored = sum(tensor.nbytes for tensor in tensors.values())
    with file_errors(path), MemoryLimit(4 * stored + 2**26, "its settings ask for more weights than it holds"):
        found = separator_class(metadata["separator"])
        separator = found(metadata["num_classes"], found.config_class(**metadata["config"]))
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
        more = f"; and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise ValueError(
            f"{origin} does not fit the separator {separator.name!r} of {separator.num_classes} classes with "
            f"{separator.config}: {'; '.join(sorted(problems)[:3])}{more}. "
            "Make the separator with the settings it was saved with."
        )
    separator.load_state_dict(weights)
