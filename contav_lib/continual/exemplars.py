"""Choice of the clips of a class that are remembered: random, typical, different, or those whose sound and picture agree."""

from collections.abc import Callable

import numpy as np

from contav_lib.utils.registry import find_by_name


def choose_exemplars(
    choice: str, count: int, features: np.ndarray, random: np.random.Generator, sound_values: int = 0
) -> list[int]:
    """Rows of the clips to remember, the first choice first.

    Args:
        choice: "random", "herding", "diverse" or "audiovisual".
        count: how many, at most as many as there are rows.
        features: of one class's clips, `[clips, D]`.
        random: for "random" only.
        sound_values: for "audiovisual" only: how many of the D values, the last ones, describe the sound; those before
            describe the picture (`ClipStore.clip_descriptors`).

    Raises:
        ValueError: an unknown choice.
    """
    return find_by_name(CHOICES, choice, "exemplar choice")(features, random, sound_values)[:count].tolist()


def _herding(features: np.ndarray, random: np.random.Generator, sound_values: int) -> np.ndarray:
    """Each next clip brings the mean of those chosen nearest to the class's mean (Rebuffi et al., iCaRL, 2017, algorithm 4)."""
    chosen: list[int] = []
    total = np.zeros(features.shape[1])
    for number in range(1, len(features) + 1):
        distance = np.linalg.norm(features.mean(0) - (total + features) / number, axis=1)
        distance[chosen] = np.inf
        chosen.append(int(distance.argmin()))
        total += features[chosen[-1]]
    return np.array(chosen)


def _diverse(features: np.ndarray, random: np.random.Generator, sound_values: int) -> np.ndarray:
    """The clip nearest to the class's mean first, then always the one farthest from all chosen (farthest-point sampling)."""
    chosen = [int(np.linalg.norm(features - features.mean(0), axis=1).argmin())]
    nearest = np.linalg.norm(features - features[chosen[0]], axis=1)
    while len(chosen) < len(features):
        nearest[chosen] = -np.inf
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, np.linalg.norm(features - features[chosen[-1]], axis=1))
    return np.array(chosen)


def _audiovisual(features: np.ndarray, random: np.random.Generator, sound_values: int) -> np.ndarray:
    """The clips first whose sound and picture tell the same story about the class.

    A clip's consistency is the correlation of two rows: how like the class's other clips it looks, and how like them it
    sounds (representational similarity analysis, Kriegeskorte et al. 2008). It is after the idea of STELLA (Lee et al., ICML
    2024), which learns what correlates best across sound and picture. Every seed keeps the same clips.
    """
    split = features.shape[1] - sound_values
    looks, sounds = (part @ part.T for part in (features[:, :split], features[:, split:]))
    others = ~np.eye(len(features), dtype=bool)
    looks, sounds = (_centred(likeness[others].reshape(len(features), -1)) for likeness in (looks, sounds))
    return np.argsort(-(looks * sounds).sum(1), kind="stable")


def _centred(rows: np.ndarray) -> np.ndarray:
    """Rows with mean 0 and length 1, so that their products are correlations; a row of equal values becomes 0."""
    rows = rows - rows.mean(1, keepdims=True) if rows.size else rows
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, length, out=np.zeros_like(rows), where=length > 1e-6)


CHOICES: dict[str, Callable[[np.ndarray, np.random.Generator, int], np.ndarray]] = {
    "random": lambda features, random, sound_values: random.permutation(len(features)),
    "herding": _herding,
    "diverse": _diverse,
    "audiovisual": _audiovisual,
}
