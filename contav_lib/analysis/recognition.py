"""Recognition of classes by their looks after each task: is there a second forgetting?"""

from dataclasses import dataclass

import numpy as np
import torch

from contav_lib.config import Config
from contav_lib.continual.prototypes import UNKNOWN, Prototypes
from contav_lib.evaluation.ablations import class_untold
from contav_lib.evaluation.evaluate import source_features
from contav_lib.experiments.result import Result
from contav_lib.experiments.setup import Setup
from contav_lib.mixtures.clip_store import ClipStore
from contav_lib.separators import Separator


@dataclass(frozen=True)
class RecognitionMatrix:
    """Recognition on the test clips of task j (columns) after learning task i (rows), as shares 0 .. 1, `[T, T]`.

    Attributes:
        accuracy: clips whose class is recognised; NaN for tasks not yet learned. An unknown clip counts as an error.
        nearest: clips whose nearest class is the right one, known or not; NaN likewise.
        unknown: clips answered "unknown": an error below the diagonal and on it, the right answer above it.
    """

    accuracy: np.ndarray
    nearest: np.ndarray
    unknown: np.ndarray


def recognition_matrix(result: Result, space: str = "frozen") -> RecognitionMatrix:
    """Recognise the test clips of every task with what was kept after each task.

    Args:
        result: a finished experiment.
        space: "frozen": by the prototypes kept with the model, among what the frozen picture encoder sees. They never
            change, so accuracy can fall for one reason only: more classes compete. "learned": what would come of
            prototypes among the separator's own features `object`, made by the separator as it was when their task ended,
            and asked by the separator as it is now, which has moved on.

    Raises:
        ValueError: there is no such space.
        StorageError: a checkpoint is missing or damaged, or keeps no prototypes.
    """
    if not isinstance(result, Result):
        raise ValueError(f"result={result!r}: give a Result, such as Result(<folder of an experiment>).")
    if space not in ("frozen", "learned"):
        raise ValueError(f"space is 'frozen' or 'learned', not {space!r}.")
    setup = Setup.build(Config.from_json(result.config))
    train, test = setup.train, setup.test
    task_of = torch.tensor([task for task, labels in enumerate(result.tasks) for _ in labels])
    kept, rows = None, []
    for task in range(len(result.tasks)):
        if space == "frozen":
            kept, looks = result.prototypes(task), test.object_embeddings()
        else:
            separator = result.separator(task)
            clips = (task_of[train.classes] == task).nonzero().flatten()
            numbers = train.classes[clips]
            new = Prototypes.learn(_learned_looks(separator, train, clips), numbers - numbers.min())
            kept = kept.extended(new) if kept else new
            looks = _learned_looks(separator, test, torch.arange(len(test)))
        found = kept.recognise(looks)
        right = [found.classes == test.classes, found.nearest == test.classes]
        rows.append([_share_by_task(hits, task_of[test.classes]) for hits in (*right, found.classes == UNKNOWN)])
    accuracy, nearest, unknown = np.array(rows).transpose(1, 0, 2)
    learned = np.tri(len(rows), dtype=bool)
    return RecognitionMatrix(np.where(learned, accuracy, np.nan), np.where(learned, nearest, np.nan), unknown)


def _learned_looks(separator: Separator, store: ClipStore, clips: torch.Tensor) -> torch.Tensor:
    """The separator's feature `object` of a crop of each clip, heard alone, `[clips, D]`; it does not depend on the class."""
    spec = store.spec(clips.unsqueeze(1), torch.Generator().manual_seed(0))
    return source_features(separator, store, spec, class_untold)["object"]


def _share_by_task(hits: torch.Tensor, tasks: torch.Tensor) -> list[float]:
    """The share of hits among the clips of each task."""
    return (torch.bincount(tasks, hits.float()) / torch.bincount(tasks)).tolist()
