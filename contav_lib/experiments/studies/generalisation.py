"""New music or a new instrument: what do final separators lose to each?

Clips of the split "melody" are new music on the specimens of training; clips of "test" are new music on specimens that were
never heard. What is lost between the two is lost to the new instrument alone.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch

from contav_lib.evaluation.evaluate import evaluate
from contav_lib.evaluation.intervals import clip_weights, resampled_means
from contav_lib.experiments.result import Result
from contav_lib.experiments.studies.retest import bank_of, setup_of
from contav_lib.experiments.tables import Measured, with_verdicts
from contav_lib.experiments.template import TEMPLATES, ClassSpectrum, class_spectra
from contav_lib.mixtures.batch import MixtureSpec
from contav_lib.mixtures.clip_store import ClipStore

KINDS = {"melody": "melody", "instrument": "test"}  # what is new, and the split where it is
_MEASURES = ("sdr", "sdr_improvement")


def generalisation(
    results: Mapping[str, Sequence[Result]], mixtures: int = 160, kinds: Mapping[str, str] = KINDS
) -> pd.DataFrame:
    """Scores of final separators on mixtures across all classes, with a new melody and with a new instrument.

    Class spectra of all training clips (`contav_lib.experiments.template.TEMPLATES`) are tested beside them. They have no
    seed: their scores stand for each of the seeds, so that their intervals are those of the test clips.

    Args:
        results: by name, one a seed, the same seeds for each; all of the same data, classes and sources.
        mixtures: fixed mixtures of each split, the same for all.
        kinds: the two splits, by what is new in them; the first is the easier one.

    Returns:
        one row a name, in dB: `<kind>_sdr` and `<kind>_sdr_improvement`, each with `..._ci95`, half its 95 % interval over
        seeds and clips; then the improvement of the second kind minus that of the first: `difference`, `low`, `high`, `p`,
        `p_holm`, `seeds`, `verdict` as in `tables.paired_differences`. The two splits' clips are drawn independently.

    Raises:
        ValueError: the data lack a split, or results differ in what they would be tested on.
    """
    columns, improvements = {}, []
    for number, (kind, split) in enumerate(kinds.items()):
        clips, scores = _scores(results, split, mixtures)
        weights = clip_weights(clips, seed=number)
        for measure in _MEASURES:
            measured = {name: _measured(by_seed, measure, weights) for name, by_seed in scores.items()}
            intervals = {name: each.interval() for name, each in measured.items()}
            columns[f"{kind}_{measure}"] = {name: each.mean for name, each in intervals.items()}
            columns[f"{kind}_{measure}_ci95"] = {name: each.half for name, each in intervals.items()}
        improvements.append(measured)
    easier, harder = improvements
    lost = {name: harder[name] - easier[name] for name in easier}
    found = {name: (each.interval(), len(each.values)) for name, each in lost.items()}
    rows = {
        name: dict(difference=each.mean, low=each.mean - each.half, high=each.mean + each.half, p=each.p, seeds=seeds)
        for name, (each, seeds) in found.items()
    }
    table = pd.DataFrame(columns).join(with_verdicts(pd.DataFrame.from_dict(rows, orient="index")))
    return table.rename_axis("name")


BySeed = dict[int, dict[str, torch.Tensor]]  # scores `[M, N]` by name


def _scores(results: Mapping[str, Sequence[Result]], split: str, mixtures: int) -> tuple[np.ndarray, dict[str, BySeed]]:
    """Clips of the mixtures `[M, N]`, and what each result and each template scores on them."""
    first = next(iter(results.values()))
    bank, draw, clips = _mixtures(first[0], split, mixtures)
    scores: dict[str, BySeed] = {}
    for name, runs in results.items():
        scores[name] = {}
        for run in runs:
            own_bank, own_draw, own_clips = _mixtures(run, split, mixtures)
            if not np.array_equal(own_clips, clips):
                raise ValueError(f"{name!r} has other data, classes or num_sources than {next(iter(results))!r}.")
            scores[name][run.config["seed"]] = evaluate(run.separator(device=bank.device), own_bank, own_draw)
    spectra = class_spectra(bank_of(first[0], "train"))
    for name, (others, of_exemplars) in TEMPLATES.items():
        if not of_exemplars:
            of_template = evaluate(ClassSpectrum(spectra, others), bank, draw)
            scores[name] = {run.config["seed"]: of_template for run in first}
    return clips, scores


def _mixtures(result: Result, split: str, count: int) -> tuple[ClipStore, MixtureSpec, np.ndarray]:
    """Mixtures drawn as those of the final test are."""
    bank = bank_of(result, split)
    draw = setup_of(result).mix_seen(bank, len(result.tasks) - 1, count)
    return bank, draw, np.array(bank.ids)[draw.clips.numpy()]


def _measured(by_seed: BySeed, measure: str, weights: np.ndarray) -> Measured:
    scores = np.stack([scores[measure].mean(1).numpy() for scores in by_seed.values()])  # [S, M]
    seeds = list(by_seed)
    return Measured(
        pd.Series(np.nanmean(scores, axis=1), seeds), pd.DataFrame(resampled_means(scores, weights), columns=seeds)
    )
