"""Forgetting by class: which one is forgotten, and which later class steals its sound."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from contav_lib.experiments.result import Result
from contav_lib.experiments.studies.retest import require_old_tasks, setup_of, with_its_threads
from contav_lib.mixtures.batch import Batch
from contav_lib.separators import Separator
from contav_lib.utils.devices import mixed_precision


class EnergyTaken(NamedTuple):
    """Shares of energy 0 .. 1 that masks let through: a row an old class, a column the class whose query is asked.

    Attributes:
        of_source: of the source of the old class itself. `seaborn.heatmap(taken.of_source)` shows who takes what.
        of_others: of the other sources in the same mixtures: a mask that lets everything through has 1 here, too.
    """

    of_source: pd.DataFrame
    of_others: pd.DataFrame


def class_forgetting(results: Mapping[str, Sequence[Result]]) -> pd.DataFrame:
    """Forgetting of each old class, and its thief: the later task's class whose query takes most of the source's energy.

    Args:
        results: by name, one a seed, of two tasks or more; all seeds of a name learn the same classes in the same order.

    Returns:
        a row a name and old class, means over seeds: `sdr_learned` right after its task, `sdr_final`, and their difference
        `forgotten`, in dB on its own task's mixtures; shares 0 .. 1 by the final separator (`energy_taken`): `own`, what the
        class's own query takes of the source; `thief`; `thief_takes` of the source; `thief_takes_others` of the rest.

    Raises:
        ValueError: seeds with different orders of classes, or as for `energy_taken`.
    """
    tables = {}
    for name, runs in results.items():
        tasks = runs[0].tasks
        if any(run.tasks != tasks for run in runs):
            raise ValueError(f"The seeds of {name!r} learn their classes in different orders; look at one at a time.")
        sdr = np.mean([run.class_matrix() for run in runs], axis=0)
        of_source, of_others = (sum(parts) / len(runs) for parts in zip(*map(energy_taken, runs), strict=True))
        rows, classes = {}, runs[0].classes
        for place, label in enumerate(of_source.index):
            task = next(number for number, labels in enumerate(tasks) if label in labels)
            later = classes[sum(map(len, tasks[: task + 1])) :]
            thief = of_source.loc[label, later].idxmax()
            rows[label] = dict(
                sdr_learned=sdr[task, place],
                sdr_final=sdr[-1, place],
                forgotten=sdr[task, place] - sdr[-1, place],
                own=of_source.loc[label, label],
                thief=thief,
                thief_takes=of_source.loc[label, thief],
                thief_takes_others=of_others.loc[label, thief],
            )
        tables[name] = pd.DataFrame.from_dict(rows, orient="index")
    return pd.concat(tables, names=["name", "class"])


@with_its_threads
@torch.inference_mode()
def energy_taken(result: Result) -> EnergyTaken:
    """Energy that the final separator lets through when each class's query is asked in place of a source's own.

    The pictures stay those of the source: only the number in `Batch.classes` changes. Energies are those of the
    log-frequency spectrogram, on the fixed test mixtures of each old class's task.

    Args:
        result: of two tasks or more, by a separator with class queries.

    Raises:
        ValueError: one task only, or a separator whose masks do not depend on the class.
    """
    require_old_tasks(result)
    setup = setup_of(result)
    test = setup.test
    separator = result.separator(device=test.device)
    if not separator.class_queries:
        raise ValueError(
            f"{separator.name!r} has no class queries: its masks don't depend on the class that is asked for."
        )
    of_source: list[torch.Tensor] = []
    of_others: list[torch.Tensor] = []
    labels = []
    for mixtures in setup.task_mixtures[:-1]:
        for batch in test.batches(mixtures):
            with mixed_precision(test.device):
                masks = masks_of_all_queries(separator, batch).float()  # [B, N, C, F, T]
            energy = (batch.ratio_masks * batch.mixture).square()
            rest = energy.sum(1, keepdim=True) - energy
            for part, shares in ((energy, of_source), (rest, of_others)):
                let_through = torch.einsum("bncft,bnft->bnc", masks.square(), part)
                shares.append((let_through / part.sum((2, 3)).unsqueeze(2)).flatten(0, 1).cpu())
            labels.append(batch.classes.flatten().cpu())
    names = [result.classes[number] for number in torch.cat(labels).tolist()]
    old = [label for task in result.tasks[:-1] for label in task]
    tables = [pd.DataFrame(torch.cat(shares).numpy(), names, result.classes) for shares in (of_source, of_others)]
    # A silent source has no share (NaN), and no part in the mean.
    return EnergyTaken(*(table.groupby(level=0).mean().loc[old] for table in tables))


def masks_of_all_queries(separator: Separator, batch: Batch) -> torch.Tensor:
    """Masks `[B, N, C, F, T]` for every source of a batch, asked as each of the separator's C classes."""
    sources, classes = batch.num_sources, separator.num_classes
    visual = {name: value.repeat_interleave(classes, 1) for name, value in batch.visual.items()}
    asked = torch.arange(classes, device=batch.classes.device).repeat(len(batch.classes), sources)
    return separator(batch.mixture, visual, asked).masks.unflatten(1, (sources, classes))
