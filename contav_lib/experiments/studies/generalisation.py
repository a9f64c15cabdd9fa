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
from contav_lib.experiments.studies.retest import evaluated, setup_of
from contav_lib.experiments.tables import Measured, with_verdicts
from contav_lib.experiments.template import TEMPLATES, ClassSpectrum, class_spectra
from contav_lib.utils.devices import cpu_threads

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
        ids, scores = _scores(results, split, mixtures)
        weights = clip_weights(ids, seed=number)
        for measure in _MEASURES:
            measured = {name: _measured(by_seed, measure, weights) for name, by_seed in scores.items()}
            intervals = {name: each.interval() for name, each in measured.items()}
            columns[f"{kind}_{measure}"] = {name: each.mean for name, each in intervals.items()}
            columns[f"{kind}_{measure}_ci95"] = {name: each.half for name, each in intervals.items()}
        improvements.append(measured)
    easier, harder = improvements
    rows = {name: (harder[name] - easier[name]).difference() for name in easier}
    table = pd.DataFrame(columns).join(with_verdicts(pd.DataFrame.from_dict(rows, orient="index")))
    return table.rename_axis("name")


BySeed = dict[int, dict[str, torch.Tensor]]  # scores `[M, N]` by name


def _scores(results: Mapping[str, Sequence[Result]], split: str, mixtures: int) -> tuple[np.ndarray, dict[str, BySeed]]:
    """Ids of the clips in the mixtures `[M, N]`, and what each result and each template scores on them."""
    ids: np.ndarray | None = None
    scores: dict[str, BySeed] = {}
    for name, runs in results.items():
        scores[name] = {}
        for run in runs:
            setup = setup_of(run)
            store = setup.store(split)
            spec = setup.mix_seen(store, len(run.tasks) - 1, mixtures)  # drawn as those of the final test are
            own = np.array(store.ids)[spec.clips.numpy()]
            ids = own if ids is None else ids
            if not np.array_equal(own, ids):
                raise ValueError(f"{name!r} has other data, classes or num_sources than {next(iter(results))!r}.")
            scores[name][run.config["seed"]] = evaluated(run, store, spec)
    seeds = next(iter(scores.values()))
    with cpu_threads(setup.config.threads):
        spectra = class_spectra(setup.train)
        for name, (others, of_exemplars) in TEMPLATES.items():
            if not of_exemplars:
                scores[name] = dict.fromkeys(seeds, evaluate(ClassSpectrum(spectra, others), store, spec))
    return np.array(ids), scores


def _measured(by_seed: BySeed, measure: str, weights: np.ndarray) -> Measured:
    scores = np.stack([scores[measure].mean(1).numpy() for scores in by_seed.values()])  # [S, M]
    seeds = list(by_seed)
    means = pd.DataFrame(resampled_means(scores, weights), columns=seeds)
    return Measured(pd.Series(np.nanmean(scores, axis=1), seeds), means)
