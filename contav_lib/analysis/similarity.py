"""Features of the same sources after each task, their similarities, and what each adds to the contrastive losses.

These losses are those of the paper's eq. 7 to 10, taken apart: what one row of a matrix of cosine similarities adds.
T models (an experiment's separator after each task), R sources, D values a feature, C classes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch.nn import functional

from contav_lib.losses import Pair, cross_task_rows

MOST_SOURCES = 400  # matrices of more can neither be drawn smoothly nor read


class SourceFeatures:
    """R sources as T models heard them; made from any feature tensors.

    Args:
        features: by modality, `[T, R, D]`, or `[R, D]` of a single model; kept as float32, L2-normalised. A row of NaN is a
            source that a model can't hear yet.
        classes: class number of each source, `[R]`.
        tasks: labels by task, in the order of learning; a class's number is its place among them.
        videos: video number of each source, `[R]`; every source is a video of its own by default.
        models: names of the T models; "after task 1" and so on by default.
        names: of the R sources; their labels, numbered, by default.
        temperature: of the contrastive losses.
        sound: gives a source's waveform `[L]` in -1 .. 1 at `audio.SAMPLE_RATE`; None where there is none.
        picture: gives a source's frame `[H, W, 3]`, uint8, or None; None where there are none.

    Raises:
        ValueError: sizes that don't fit, a class without a label, fewer than two modalities, infinite values, too many
            sources.
    """

    def __init__(
        self,
        features: Mapping[str, torch.Tensor],
        classes: Sequence[int] | torch.Tensor,
        tasks: Sequence[Sequence[str]],
        videos: Sequence[int] | torch.Tensor | None = None,
        models: Sequence[str] | None = None,
        names: Sequence[str] | None = None,
        temperature: float = 0.05,
        sound: Callable[[int], torch.Tensor] | None = None,
        picture: Callable[[int], np.ndarray | None] | None = None,
    ):
        stacked = {name: value.float() if value.ndim == 3 else value.float()[None] for name, value in features.items()}
        sizes = {name: tuple(value.shape) for name, value in stacked.items()}
        if len(stacked) < 2 or len(set(sizes.values())) != 1 or any(len(size) != 3 for size in sizes.values()):
            raise ValueError(f"Two modalities or more, all [models, sources, values], are compared; these are {sizes}.")
        count, rows, _ = next(iter(sizes.values()))
        self.classes = torch.as_tensor(classes).cpu()
        self.tasks = [list(task) for task in tasks]
        self.videos = torch.arange(rows) if videos is None else torch.as_tensor(videos).cpu()
        self.models = list(models or (f"after task {number + 1}" for number in range(count)))
        if not rows or rows > MOST_SOURCES:
            raise ValueError(f"{rows} sources can't be shown; give 1 to {MOST_SOURCES}, or ask for fewer mixtures.")
        given = tuple(self.classes.shape), tuple(self.videos.shape), len(names or self.classes), len(self.models)
        if given != ((rows,), (rows,), rows, count):
            raise ValueError(
                f"The features are of {count} models and {rows} sources; there are {given[3]} names of models, "
                f"{given[0]} classes, {given[1]} videos and {given[2]} names of sources."
            )
        if int(self.classes.min()) < 0 or int(self.classes.max()) >= len(self.labels):
            raise ValueError(
                f"Class numbers are 0 .. {len(self.labels) - 1} here; there is a {int(self.classes.max())}."
            )
        if any(value.isinf().any() for value in stacked.values()):
            raise ValueError("There are infinite values among the features; nothing can be compared with them.")
        if temperature <= 0:
            raise ValueError(f"temperature={temperature}: it must be above 0.")
        self.features = {name: functional.normalize(value, dim=-1).cpu() for name, value in stacked.items()}
        self.names = list(names or _numbered(self.classes, self.labels))
        self.temperature, self.sound, self.picture = temperature, sound, picture

    @property
    def labels(self) -> list[str]:
        """By class number."""
        return [label for task in self.tasks for label in task]

    @property
    def pairs(self) -> list[Pair]:
        """The modality pairs that the paper compares, as far as these modalities go."""
        wanted = [("audio", "object"), ("audio", "motion"), ("motion", "object")]
        there = [pair for pair in wanted if set(pair) <= self.features.keys()]
        names = list(self.features)
        return there or [(a, b) for at, a in enumerate(names) for b in names[at + 1 :]]

    def known(self, model: int) -> torch.Tensor:
        """Mask of the sources whose class a model knows, bool `[R]`."""
        return torch.stack([value[model].isfinite().all(1) for value in self.features.values()]).all(0)

    def similarity(self, pair: Pair, model: int, other: int | None = None) -> torch.Tensor:
        """Cosine similarities `[R, R]`, -1 .. 1, NaN where a model can't hear a source.

        Args:
            pair: the first modality goes down, the second across.
            model: whose features go down, and across, too, unless `other` is given.
        """
        a = self.features[pair[0]][model].double()
        b = self.features[pair[1]][model if other is None else other].double()
        return a @ b.T

    def class_means(self, matrix: torch.Tensor) -> torch.Tensor:
        """Means of a matrix `[R, R]` over the pairs of each two classes, `[C, C]`; NaN where there is no value."""
        member = functional.one_hot(self.classes, len(self.labels)).T.to(matrix.dtype)
        there = matrix.isfinite().to(matrix.dtype)
        return (member @ matrix.nan_to_num() @ member.T) / (member @ there @ member.T)

    def order_learned(self) -> torch.Tensor:
        """Places of the sources by class, `[R]`; classes stand in the order of learning."""
        return self.classes.argsort(stable=True)

    def order_clustered(self, pair: Pair, model: int) -> torch.Tensor:
        """Places of the sources, alike ones together (average linkage), `[R]`; those not known come last."""
        from scipy.cluster.hierarchy import leaves_list, linkage
        from scipy.spatial.distance import squareform

        known = self.known(model).nonzero().flatten()
        rest = (~self.known(model)).nonzero().flatten()
        if len(known) < 3:
            return torch.cat([known, rest])
        alike = self.similarity(pair, model)[known][:, known]
        distance = (1 - (alike + alike.T) / 2).clamp(min=0).fill_diagonal_(0)
        tree = linkage(squareform(distance.numpy(), checks=False), "average", optimal_ordering=True)
        return torch.cat([known[torch.as_tensor(leaves_list(tree).copy()).long()], rest])

    def rows(self, model: int, old: int | None = None) -> "LossRows":
        """The rows that CrossSDC compares.

        Each source that `model` knows and, with `old`, each that the old model knows once more with the old model's features.
        In training, memory clips alone enter twice.
        """
        known = self.known(model).nonzero().flatten()
        memory = None if old is None else self.known(old)[known].nonzero().flatten()
        twice = known[:0] if memory is None else known[memory]
        features, same_video, same_class = cross_task_rows(
            {name: value[model, known][None] for name, value in self.features.items()},
            self.classes[known][None],
            self.videos[known][None],
            memory,
            None if old is None else {name: value[old, twice] for name, value in self.features.items()},
        )
        models = torch.cat([torch.full_like(known, model), torch.full_like(twice, -1 if old is None else old)])
        return LossRows(features, models, torch.cat([known, twice]), {"video": same_video, "class": same_class})


@dataclass(frozen=True, eq=False)
class LossRows:
    """The rows of eq. 7 to 10.

    Attributes:
        features: by modality, `[E, D]`. models, sources: whose features of which source a row holds, `[E]`.
        positives: by rule, bool `[E, E]`: same "video" (instance-aware, eq. 7), same "class" (class-aware, eq. 9).
    """

    features: Mapping[str, torch.Tensor]
    models: torch.Tensor
    sources: torch.Tensor
    positives: Mapping[str, torch.Tensor]

    def loss_table(self, row: int, pair: Pair, rule: str, temperature: float) -> pd.DataFrame:
        """Table of what one row adds to eq. 7 or 9, before the mean over the rows: one line a candidate.

        Columns: `model`, `source`, `cosine`, `logit` (cosine / temperature), `softmax`, `positive`, and `term`: minus the
        log-softmax of a positive, divided by the number of positives. The terms' sum is the row's loss.
        """
        anchor, candidates = self.features[pair[0]][row].double(), self.features[pair[1]].double()
        cosine = candidates @ anchor
        logit = cosine / temperature
        positive = self.positives[rule][row]
        term = -logit.log_softmax(0) * positive / positive.sum()
        columns = dict(model=self.models, source=self.sources, cosine=cosine, logit=logit, softmax=logit.softmax(0),
                       positive=positive, term=term)  # fmt: skip
        return pd.DataFrame({name: column.numpy() for name, column in columns.items()})


def _numbered(classes: torch.Tensor, labels: Sequence[str]) -> list[str]:
    """Names such as "violin 1", "violin 2", "drum 1" ..."""
    named = pd.Series([labels[number] for number in classes.tolist()])
    return [f"{label} {number + 1}" for label, number in zip(named, named.groupby(named).cumcount(), strict=True)]
