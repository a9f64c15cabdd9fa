"""Class spectra: the separator that a fool would build, beside which every network must stand.

One mean power spectrum a class, F numbers, learned by averaging; the mask of a source is its share of the sum of the spectra
in the mixture, the same in every frame. No network, no picture, no time. What a network scores beyond this, it has learned.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import torch

from contav_lib.config import Config
from contav_lib.evaluation.evaluate import evaluate
from contav_lib.evaluation.metrics import mean_scores
from contav_lib.experiments.plans import Seeds, which_seeds
from contav_lib.experiments.setup import Setup
from contav_lib.mixtures.clip_store import ClipStore
from contav_lib.separators import SeparatorOutput
from contav_lib.utils.devices import cpu_threads

_CROPS = 4  # of each clip, for it holds more than one note
OTHERS = ("told", "guessed", "unknown")
# What needs no network: what is told of a mixture's other source, and whether the spectra are those of the exemplars alone.
TEMPLATES = {
    "class spectrum, both classes told": ("told", False),
    "class spectrum, other class guessed": ("guessed", False),
    "class spectrum, wanted class only": ("unknown", False),
    "class spectrum of the exemplars, both classes told": ("told", True),
    "class spectrum of the exemplars, wanted class only": ("unknown", True),
}


def class_spectra(store: ClipStore, clips: Sequence[int] | None = None) -> torch.Tensor:
    """Mean log-frequency power spectrum of every class, each of sum 1, `[classes, F]`.

    Args:
        store: of training clips.
        clips: places in the store to learn from; all by default. Every class needs one.

    Raises:
        ValueError: a class has no clip.
    """
    chosen = torch.arange(len(store)) if clips is None else torch.tensor(list(clips))
    spectra = torch.zeros(len(chosen), store.spectrogram.bins, device=store.device)
    for crop in range(_CROPS):
        for places in torch.arange(len(chosen)).split(64):
            spec = store.spec(chosen[places].unsqueeze(1), torch.Generator().manual_seed(crop))
            spectra[places] += store.batch(spec).mixture[:, 0].square().mean(2)
    spectra = spectra / spectra.sum(1, keepdim=True)  # every clip counts the same, however loud
    labels = store.classes[chosen].to(store.device)
    counts = labels.bincount(minlength=int(store.classes.max()) + 1)
    if (counts == 0).any():
        raise ValueError(f"Class number {int((counts == 0).nonzero()[0])} has no clip to learn a spectrum from.")
    return torch.zeros(len(counts), spectra.shape[1]).to(spectra).index_add(0, labels, spectra) / counts[:, None]


class ClassSpectrum(torch.nn.Module):
    """Separates by class spectra alone; called as a separator is.

    Args:
        spectra: `[classes, F]`, as `class_spectra` gives them.
        others: what it knows of a mixture's other sources: "told" their classes; "guessed": the class whose spectrum, beside
            the wanted one's, explains the mixture's best; "unknown": it takes the mean of all classes, and never looks
            at the mixture.

    Raises:
        ValueError: another word for `others`.
    """

    spectra: torch.Tensor

    def __init__(self, spectra: torch.Tensor, others: str = "told"):
        super().__init__()
        if others not in OTHERS:
            raise ValueError(f"others={others!r}: it is one of {', '.join(OTHERS)}.")
        self.register_buffer("spectra", spectra)
        self.others = others

    def forward(
        self, mixture: torch.Tensor, visual: Mapping[str, torch.Tensor], classes: torch.Tensor
    ) -> SeparatorOutput:
        """Masks `[B, N, F, T]` for a mixture `[B, 1, F, T]` and `classes` `[B, N]`; `visual` is not looked at."""
        own = self.spectra[classes]  # [B, N, F]
        if self.others == "told":
            others = own.sum(1, keepdim=True) - own
        elif self.others == "guessed":
            others = (classes.shape[1] - 1) * self._guess(mixture, own)
        else:
            others = (classes.shape[1] - 1) * self.spectra.mean(0).expand_as(own)
        masks = own / (own + others).clamp(min=1e-12)
        return SeparatorOutput(masks.unsqueeze(-1).expand(-1, -1, -1, mixture.shape[-1]), {})

    def _guess(self, mixture: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
        """One other class's spectrum for each source, `[B, N, F]`: that whose sum with the own is most like the mixture's.

        Likeness is the Kullback-Leibler divergence of spectra of sum 1, as for probabilities.
        """
        heard = mixture[:, 0].square().mean(2)
        heard = heard / heard.sum(1, keepdim=True)  # [B, F]
        sums = (own.unsqueeze(2) + self.spectra) / 2  # [B, N, classes, F]
        likeness = torch.einsum("bf,bncf->bnc", heard, sums.clamp(min=1e-12).log())
        return self.spectra[likeness.argmax(2)]


def without_network(profile: str, seeds: Seeds, split: str = "test", **overrides: Any) -> pd.DataFrame:
    """Scores of class spectra on the mixtures that methods are tested on, after the last task: the rows of `TEMPLATES`.

    Args:
        profile, overrides: as for `Config.profile`: whose data and mixtures.
        seeds: which clips are the exemplars depends on them, nothing else here does.
        split: of the mixtures.

    Returns:
        columns `<score>_mean` and `<score>_std` over seeds, in dB, for `tables.as_text`; there is nothing to forget.
    """
    scores: dict[str, list[dict[str, float]]] = {name: [] for name in TEMPLATES}
    for number, seed in enumerate(which_seeds(seeds)):
        setup = Setup.build(config := Config.profile(profile, **overrides, method="replay", seed=seed))
        store = setup.store(split)
        mixtures = setup.mix_seen(store, config.tasks - 1, config.test_mixtures * config.tasks)
        for name, (others, of_exemplars) in TEMPLATES.items():
            if of_exemplars or number == 0:  # all other spectra are the same for every seed
                kept = setup.schedule[-1].kept if of_exemplars else None
                with cpu_threads(config.threads):
                    separator = ClassSpectrum(class_spectra(setup.train, kept), others)
                    scores[name].append(mean_scores(evaluate(separator, store, mixtures)))
    rows = {}
    for name, of_seeds in scores.items():
        table = pd.DataFrame(of_seeds)
        rows[name] = {**table.mean().add_suffix("_mean"), **table.std().add_suffix("_std")}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("name")
