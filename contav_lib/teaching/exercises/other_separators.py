"""Checkers of notebook 05: who must be told the class, which check finds a mistake; a FiLM layer, recognition."""

from collections.abc import Collection

import torch
from torch.nn.functional import normalize

from contav_lib.continual.prototypes import UNKNOWN, Prototypes
from contav_lib.experiments.plans import THREE_SEPARATORS
from contav_lib.teaching.behaviour import coded
from contav_lib.teaching.check import NotYet, exercise
from contav_lib.utils.registry import did_you_mean


@exercise("who needs the class")
def check_class(answer: object) -> str:
    """Check the names of the separators whose masks change with the class number they are told."""
    names = [answer] if isinstance(answer, str) else answer
    if not isinstance(names, list | tuple | set):
        raise NotYet('answer with a list of names, such as ["iquery", "soundofpixels"].')
    for name in names:
        if name not in THREE_SEPARATORS:
            raise NotYet(f"there is no separator called {name!r} here; {did_you_mean(str(name), THREE_SEPARATORS)}")
    if set(names) == {"iquery"}:
        return (
            "iQuery's class picks the query that asks. The other two are told by the picture alone what to listen for; "
            "Co-Separation knows classes, but only to judge its own answers while it learns."
        )
    if "coseparation" in names and "iquery" in names:
        raise NotYet("Co-Separation's classifier listens to what was separated. Does it have a say in the mask?")
    if "iquery" not in names:
        raise NotYet("one of the three has a table with a learned vector for every class, and asks with it.")
    raise NotYet("look for `classes` in the `forward` of each: where is it used, and where only handed over?")


@exercise("check that catches it")
def check_contract(answer: object, checks: Collection[str]) -> str:
    """Check which contract check fails a separator that divides by the loudest pixel of the whole batch."""
    given = str(answer).strip().strip("'\"")
    if given not in checks:
        raise NotYet(f"there is no such contract check; {did_you_mean(given, checks)}")
    if given == "mixtures apart":
        return (
            "the loudest pixel may stand in another mixture, so the answer about one mixture changes with its "
            "neighbours: tested alone, the separator says something else than in a batch."
        )
    hints = {
        "order of sources": "the sources of a mixture share their mixture: in another order they get the same answers.",
        "silence": "a silent batch would indeed divide by zero; but suppose that she adds a small number first.",
        "batch of one": "a single mixture is answered, and has the right shapes. What if there is a second one?",
    }
    raise NotYet(hints.get(given, "what does the answer about the first mixture depend on that it should not?"))


def film(maps: torch.Tensor, change: torch.Tensor) -> torch.Tensor:
    """Modulate maps `[R, C, F, T]` by `change [R, 2C]`: C scales, that 1 is added to, then C shifts (FiLM)."""
    scale, shift = change[:, :, None, None].chunk(2, dim=1)
    return maps * (1 + scale) + shift


def _modulated(maps, change, swapped=False, one=1):
    scale, shift = reversed(change.chunk(2, 1)) if swapped else change.chunk(2, 1)
    return maps * (one + scale[:, :, None, None]) + shift[:, :, None, None]


def _changes(random, rows, channels, bins, frames):
    maps = torch.randn(rows, channels, bins, frames, generator=random, requires_grad=True)
    return dict(maps=maps, change=torch.randn(rows, 2 * channels, generator=random, requires_grad=True))


coded(
    "FiLM layer",
    reference=film,
    cases=lambda random: (_changes(random, *sizes) for sizes in ((2, 3, 8, 4), (1, 4, 6, 6), (4, 4, 4, 4))),
    many=lambda random: _changes(random, 4000, 4, 4, 2),
    mistakes={
        "a change of all zeros should leave the maps as they are; here it wipes them out.": (
            lambda m, c: _modulated(m, c, one=0)
        ),
        "scales and shifts are exchanged: which half comes first?": lambda m, c: _modulated(m, c, swapped=True),
        "scales and shifts are taken in turn; the first half are scales, the second half shifts.": (
            lambda m, c: _modulated(m, torch.cat([c[:, 0::2], c[:, 1::2]], 1))
        ),
        "it shifts first and scales the shift, too.": (
            lambda m, c: (m + c.chunk(2, 1)[1][:, :, None, None]) * (1 + c.chunk(2, 1)[0][:, :, None, None])
        ),
        "the shift is missing.": lambda m, c: m * (1 + c.chunk(2, 1)[0][:, :, None, None]),
        "the scale is missing.": lambda m, c: m + c.chunk(2, 1)[1][:, :, None, None],
        "the scale goes along the last axis, which is time. There is one a channel.": (
            lambda m, c: m * (1 + c.chunk(2, 1)[0][:, None, None, :]) + c.chunk(2, 1)[1][:, None, None, :]
        ),
        "the scale goes along the third axis, which is frequency. There is one a channel.": (
            lambda m, c: m * (1 + c.chunk(2, 1)[0][:, None, :, None]) + c.chunk(2, 1)[1][:, None, :, None]
        ),
        "every row gets the change of the first one: each source has its own picture.": (
            lambda m, c: film(m, c[:1].expand_as(c))
        ),
    },
    right="each channel of each row times 1 + its scale, plus its shift: two numbers a channel tell a U-Net what to do.",
    otherwise="take one row and one channel: every pixel of that map is treated alike. By which two numbers?",
)


def recognise(looks: torch.Tensor, prototypes: torch.Tensor, thresholds: torch.Tensor) -> torch.Tensor:
    """Class `[V]` of looks `[V, D]`, or -1: nearest of the unit prototypes `[C, D]`, where its threshold `[C]` is reached."""
    return Prototypes(prototypes, thresholds).recognise(looks).classes


def _named(similarity, thresholds):
    best, nearest = similarity.max(1)
    return nearest.where(best >= thresholds, UNKNOWN)


def _likeness(looks, prototypes):
    return normalize(looks, dim=1) @ prototypes.T


def _looks(random, videos, classes, width):
    prototypes = normalize(torch.randn(classes, width, generator=random), dim=1)
    looks = 3 * torch.randn(videos, width, generator=random)
    return dict(looks=looks, prototypes=prototypes, thresholds=torch.rand(classes, generator=random))


coded(
    "recognition by prototypes",
    reference=recognise,
    cases=lambda random: (_looks(random, *sizes) for sizes in ((60, 5, 4), (20, 3, 8), (30, 6, 3))),
    many=lambda random: _looks(random, 4000, 4, 4),
    mistakes={
        "nothing is ever unknown: the thresholds are not used.": lambda x, p, t: _likeness(x, p).argmax(1),
        "looks of any length come in, and a threshold is a cosine: make them of length 1.": (
            lambda x, p, t: _named(x @ p.T, t[(x @ p.T).argmax(1)])
        ),
        "it names the class that a look is least like.": (
            lambda x, p, t: (n := _likeness(x, p).argmin(1)).where(_likeness(x, p).amin(1) >= t[n], UNKNOWN)
        ),
        "known and unknown are exchanged: which side of the threshold is the known one?": (
            lambda x, p, t: (n := _likeness(x, p).argmax(1)).where(_likeness(x, p).amax(1) < t[n], UNKNOWN)
        ),
        "one threshold for all, the highest: each class has its own.": lambda x, p, t: _named(_likeness(x, p), t.max()),
        "one threshold for all, the lowest: each class has its own.": lambda x, p, t: _named(_likeness(x, p), t.min()),
        "one threshold for all, the mean: each class has its own.": lambda x, p, t: _named(_likeness(x, p), t.mean()),
        "a look whose nearest class turns it away is given to another. It is unknown then.": (
            lambda x, p, t: _named(_likeness(x, p).where(_likeness(x, p) >= t, -2.0), torch.tensor(-1.5))
        ),
    },
    right="the nearest prototype by cosine, and unknown below this class's own threshold. Nothing here can forget.",
    otherwise="for one look: C cosines, the largest and its place, and the threshold at that place.",
)
