"""Fate of old representations: are they still alike (CKA), do they still tell the classes apart (linear probes)?"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from torch.nn.functional import one_hot

from contav_lib.evaluation.ablations import class_untold
from contav_lib.evaluation.evaluate import source_features
from contav_lib.experiments.result import Result
from contav_lib.experiments.setup import make_separator
from contav_lib.experiments.studies.retest import require_old_tasks, setup_of, with_its_threads

_PENALTY = 0.01  # of the ridge, a sample; features have unit variance


def representations(results: Mapping[str, Sequence[Result]], mixtures: int = 40) -> pd.DataFrame:
    """Similarity of old and final features, and what linear probes read from them, beside the SDR.

    Args:
        results: by name, one a seed, of two tasks or more; the same number of tasks for all.
        mixtures: of each old task, for the similarities.

    Returns:
        a row a name and modality, means over seeds: `cka_task_<k>` (`cka_to_end`); `probe_untrained`, `probe_learned`,
        `probe_final` (`probe_accuracy` on test clips of old classes: before training, right after their task, at the end);
        `sdr_learned` and `sdr_final` of the old tasks' own mixtures in dB, the same for all modalities.

    Raises:
        ValueError: an experiment of one task.
    """
    tables = {}
    for name, runs in results.items():
        rows = []
        for run in runs:
            cka, probes, sdr = cka_to_end(run, mixtures), probe_accuracy(run), run.matrix()
            old = len(run.tasks) - 1
            of_modality = {
                modality: {
                    **{f"cka_task_{task + 1}": cka[task][modality] for task in cka},
                    "probe_untrained": accuracy[0, :old].mean(),
                    "probe_learned": accuracy[1:].diagonal()[:old].mean(),
                    "probe_final": accuracy[-1, :old].mean(),
                    "sdr_learned": sdr.diagonal()[:old].mean(),
                    "sdr_final": sdr[-1, :old].mean(),
                }
                for modality, accuracy in probes.items()
            }
            rows.append(pd.DataFrame.from_dict(of_modality, orient="index"))
        tables[name] = sum(rows) / len(rows)
    return pd.concat(tables, names=["name", "modality"])


def linear_cka(x: torch.Tensor, y: torch.Tensor) -> float:
    """Linear CKA of two representations of the same samples: 1 when equal up to rotation and scale, about 0 when unrelated.

    From few samples the plain estimate is far too high (it finds 0.3 in noise of half as many values as samples), so the
    unbiased estimate of HSIC is used; it may fall a little below 0.

    Args:
        x, y: `[R, D]` and `[R, D']` of R samples, 4 at least.

    Returns:
        NaN where a representation is the same for all samples.

    Raises:
        ValueError: fewer than 4 samples, or not the same number.

    References:
        Kornblith et al., Similarity of Neural Network Representations Revisited, ICML 2019.
        Song et al., Feature Selection via Dependence Maximization, JMLR 2012, eq. 5.
        Nguyen et al., Do Wide and Deep Networks Learn the Same Things?, ICLR 2021, eq. 3.
    """
    if len(x) != len(y) or len(x) < 4:
        raise ValueError(f"CKA needs the same samples twice, 4 or more: there are {len(x)} and {len(y)}.")
    centred = ((part - part.mean(0)).double() for part in (x, y))  # for precision alone: HSIC does not see it
    first, second = ((part @ part.T).fill_diagonal_(0) for part in centred)
    spread = (_hsic(first, first) * _hsic(second, second)).clamp(min=0).sqrt()
    return float(_hsic(first, second) / spread) if spread > 0 else float("nan")


def _hsic(k: torch.Tensor, m: torch.Tensor) -> torch.Tensor:
    """Unbiased HSIC of two Gram matrices `[R, R]` with zero diagonal, but for a factor of R alone."""
    count = len(k)
    means = k.sum() * m.sum() / ((count - 1) * (count - 2))
    return (k * m).sum() + means - 2 * (k.sum(0) @ m.sum(0)) / (count - 2)


@with_its_threads
def cka_to_end(result: Result, mixtures: int = 40) -> dict[int, dict[str, float]]:
    """CKA between features right after a task and after the last one, by old task, counted from 0, and modality.

    Both separators are asked for the true classes in fixed test mixtures of the old task.

    Args:
        result: of two tasks or more.
        mixtures: how many of each task; each source is a sample.

    Raises:
        ValueError: one task only, or too few samples.
    """
    require_old_tasks(result)
    setup = setup_of(result)
    test = setup.test
    final = result.separator(device=test.device)
    similarities = {}
    for task in range(len(result.tasks) - 1):
        spec = setup.mix_task(test, task, mixtures)
        then, now = (source_features(each, test, spec) for each in (result.separator(task, test.device), final))
        similarities[task] = {name: linear_cka(then[name], now[name]) for name in then}
    return similarities


@with_its_threads
def probe_accuracy(result: Result) -> dict[str, np.ndarray]:
    """Shares 0 .. 1 of test clips whose class a linear probe reads from the features, by modality, `[1 + T, T]`.

    Row 0 is of the untrained separator, row t of the one after task t; column j counts the test clips of task j's classes.
    Each probe is a ridge classifier, trained on all training clips of all classes, so all of one modality answer the same
    question. Each clip is heard alone, and the separator is not told its class: it is asked for class 0 throughout, or the
    probe would read the query.
    """
    require_old_tasks(result)
    setup = setup_of(result)
    train, test = setup.train, setup.test
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(setup.config.seed)
        untrained = make_separator(setup.config, len(result.tasks[0]), setup.corpus).to(train.device).eval()
    specs = {
        clips: clips.spec(torch.arange(len(clips)).unsqueeze(1), torch.Generator().manual_seed(0))
        for clips in (train, test)
    }
    task_of = torch.tensor([task for task, labels in enumerate(result.tasks) for _ in labels])[test.classes]
    rows: dict[str, list[np.ndarray]] = {}
    for separator in (untrained, *(result.separator(task, train.device) for task in range(len(result.tasks)))):
        learned, asked = (source_features(separator, clips, spec, class_untold) for clips, spec in specs.items())
        for name in learned:
            hits = ridge_classifier(learned[name], train.classes, asked[name]) == test.classes
            accuracy = torch.bincount(task_of, hits.double()) / torch.bincount(task_of)
            rows.setdefault(name, []).append(accuracy.numpy())
    return {name: np.stack(accuracies) for name, accuracies in rows.items()}


def ridge_classifier(features: torch.Tensor, classes: torch.Tensor, asked: torch.Tensor) -> torch.Tensor:
    """Classes `[Q]` of the samples `asked` `[Q, D]`, by ridge regression of one-hot classes `[R]` on `features` `[R, D]`."""
    mean, deviation = features.mean(0), features.std(0).clamp(min=1e-6)
    known, unknown = ((part - mean) / deviation for part in (features.double(), asked.double()))
    targets = one_hot(classes).double()
    shares = targets.mean(0)
    penalty = _PENALTY * len(known) * torch.eye(known.shape[1], dtype=torch.double)
    weights = torch.linalg.solve(known.T @ known + penalty, known.T @ (targets - shares))
    return (unknown @ weights + shares).argmax(1)
