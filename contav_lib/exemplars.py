"""Which clips of a class are remembered: at random, the most typical ones, or the most different ones."""

from collections.abc import Callable

import numpy as np

from contav_lib.naming import find_by_name


def choose_exemplars(choice: str, count: int, features: np.ndarray, random: np.random.Generator) -> list[int]:
    """Rows of the clips to remember, the first choice first.

    Args:
        choice: "random", "herding" or "diverse".
        count: how many, at most as many as there are rows.
        features: of one class's clips, `[clips, D]`.
        random: for "random" only.

    Raises:
        ValueError: an unknown choice.
    """
    return find_by_name(CHOICES, choice, "exemplar choice")(features, random)[:count].tolist()


def _at_random(features: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return random.permutation(len(features))


def _herding(features: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Each next clip brings the mean of those chosen nearest to the class's mean (Rebuffi et al., iCaRL, 2017, algorithm 4)."""
    chosen: list[int] = []
    total = np.zeros(features.shape[1])
    for number in range(1, len(features) + 1):
        distance = np.linalg.norm(features.mean(0) - (total + features) / number, axis=1)
        distance[chosen] = np.inf
        chosen.append(int(distance.argmin()))
        total += features[chosen[-1]]
    return np.array(chosen)


def _diverse(features: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The clip nearest to the class's mean first, then always the one farthest from all chosen (farthest-point sampling)."""
    chosen = [int(np.linalg.norm(features - features.mean(0), axis=1).argmin())]
    nearest = np.linalg.norm(features - features[chosen[0]], axis=1)
    while len(chosen) < len(features):
        nearest[chosen] = -np.inf
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, np.linalg.norm(features - features[chosen[-1]], axis=1))
    return np.array(chosen)


CHOICES: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    "random": _at_random,
    "herding": _herding,
    "diverse": _diverse,
}
