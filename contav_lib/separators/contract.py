"""The contract of a separator as a check that anybody can run on a separator of their own.

check_separator(lambda num_classes: MySeparator(num_classes=num_classes, width=8))
"""

from collections.abc import Callable, Mapping
from functools import partial

import torch

from contav_lib.audio import loss_weights, ratio_masks
from contav_lib.mixtures.batch import Batch
from contav_lib.separators.clauses import CLASSES, CLAUSES, ContractBroken, Make, MakeBatch, on_the_gpu, taught_by


def check_separator(
    make: Make,
    methods: Mapping[str, Callable] | None = None,
    bins: int = 64,
    frames: int = 32,
    object_dim: int = 512,
    motion_dim: int = 768,
) -> dict[str, str]:
    """Check all clauses of the contract on small random mixtures.

    Args:
        make: gives a fresh separator for a number of classes.
        methods: method classes by name; each must be able to teach the separator.
        bins, frames: size F x T of the mixtures.
        object_dim, motion_dim: values of the features that stand for the pictures.

    Returns:
        The clauses kept, and what each asks for. The one about the GPU is missing where there is none.

    Raises:
        ContractBroken: for the first clause that is not kept.
    """
    some_batch = partial(make_batch, bins=bins, frames=frames, object_dim=object_dim, motion_dim=motion_dim)
    clauses: dict[str, Callable[[Make, MakeBatch], None]] = dict(CLAUSES)
    if torch.cuda.is_available():
        clauses["GPU"] = on_the_gpu
    for name, method in (methods or {}).items():
        clauses[f"method {name}"] = partial(taught_by, method)
    for clause, check in clauses.items():
        with torch.random.fork_rng():
            torch.manual_seed(0)
            try:
                check(make, some_batch)
            except Exception as error:  # whatever a separator under construction may raise
                kind = "" if isinstance(error, ContractBroken) else f"{type(error).__name__}: "
                raise ContractBroken(f"The clause {clause!r} is broken: {kind}{error}") from error
    return {name: (getattr(check, "func", check).__doc__ or "").split("\n")[0] for name, check in clauses.items()}


def make_batch(
    mixtures: int = 2,
    sources: int = 2,
    classes: int = CLASSES,
    memory: int = 0,
    *,
    bins: int,
    frames: int,
    object_dim: int,
    motion_dim: int,
) -> Batch:
    """Random mixtures; the first source of each is of one of the `memory` old classes, if there are any."""
    magnitudes = torch.rand(mixtures, sources, bins, frames).square()
    mixture = magnitudes.sum(1, keepdim=True)
    numbers = torch.rand(mixtures, classes - memory).argsort(1)[:, :sources] + memory
    numbers = numbers.repeat(1, sources)[:, :sources]  # fewer classes than sources: classes come again
    is_old_class = torch.zeros(mixtures, sources, dtype=torch.bool)
    if memory:
        numbers[:, 0], is_old_class[:, 0] = torch.randint(memory, (mixtures,)), True
    return Batch(
        mixture=mixture,
        ratio_masks=ratio_masks(magnitudes, mixture),
        weights=loss_weights(mixture),
        visual={
            "object": torch.randn(mixtures, sources, object_dim),
            "motion": torch.randn(mixtures, sources, motion_dim, 8),
            "motion_mask": torch.zeros(mixtures, sources, 8, dtype=torch.bool),
        },
        classes=numbers,
        videos=torch.arange(mixtures * sources).reshape(mixtures, sources),
        is_old_class=is_old_class,
    )
