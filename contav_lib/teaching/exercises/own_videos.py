"""Checkers of notebook 07: what is left of a video, pictures on the clock of the sound, how much boxes overlap."""

import torch

from contav_lib.inference.players import box_iou
from contav_lib.teaching.behaviour import coded
from contav_lib.teaching.check import NotYet, exercise, require_number


@exercise("seconds that are kept")
def check_seconds(answer: object, heard: float, shown: float) -> str:
    """Check how long a clip is of which so many seconds are heard and so many shown."""
    seconds = require_number(answer)
    if seconds == min(heard, shown):
        return "a separator learns from what it hears and sees at once, so the shorter of the two counts."
    if seconds == max(heard, shown):
        raise NotYet("what would the separator look at in the last seconds?")
    raise NotYet("nothing is stretched and nothing is made up: which seconds have both, sound and pictures?")


def pictures_on_the_clock(stamps: torch.Tensor, start: float, rate: float, count: int) -> torch.Tensor:
    """Index `[count]` of the picture nearest in time to each moment 0, 1 / rate, 2 / rate ... after the file's `start`.

    Args:
        stamps: when each picture is shown, in seconds `[n]`, ascending and uneven.
        start: the file's first stamp, of sound or picture, in seconds.
    """
    return _nearest(start + torch.arange(count) / rate, stamps)


def _nearest(moments, stamps):
    return (moments[:, None] - stamps).abs().argmin(1)


def _recording(random, pictures, rate, count):
    steps = 0.02 + 0.2 * torch.rand(pictures, generator=random)
    start = 1 + torch.rand(1, generator=random).item()
    return dict(stamps=start + 0.3 + steps.cumsum(0), start=start, rate=rate, count=count)


coded(
    "pictures on the clock",
    reference=pictures_on_the_clock,
    cases=lambda random: (_recording(random, *sizes) for sizes in ((12, 8.0, 15), (30, 4.0, 16), (20, 2.5, 9))),
    many=lambda random: _recording(random, 20, 1000.0, 4000),
    mistakes={
        "it counts from 0, but the file's own clock begins at `start`.": (
            lambda stamps, start, rate, count: _nearest(torch.arange(count) / rate, stamps)
        ),
        "it counts from the first picture. The sound began earlier, and all pictures would come too soon.": (
            lambda stamps, start, rate, count: _nearest(stamps[0] + torch.arange(count) / rate, stamps)
        ),
        "the sign of `start`: at the moment 0 the file's clock stands at `start`.": (
            lambda stamps, start, rate, count: _nearest(torch.arange(count) / rate - start, stamps)
        ),
        "a moment is 1 / rate seconds after the one before, not rate seconds.": (
            lambda stamps, start, rate, count: _nearest(start + torch.arange(count) * rate, stamps)
        ),
        "it takes the last picture before each moment, though the next one may be nearer.": (
            lambda stamps, start, rate, count: (
                torch.searchsorted(stamps, start + torch.arange(count) / rate, right=True) - 1
            ).clamp(min=0)
        ),
        "it takes the first picture after each moment, though the one before may be nearer.": (
            lambda stamps, start, rate, count: torch.searchsorted(stamps, start + torch.arange(count) / rate).clamp(
                max=len(stamps) - 1
            )
        ),
        "it takes the pictures for evenly spaced; each has a stamp of its own.": (
            lambda stamps, start, rate, count: _nearest(
                start + torch.arange(count) / rate, torch.linspace(stamps[0], stamps[-1], len(stamps))
            )
        ),
        "it gives stamps; the places of the pictures among them are asked for.": (
            lambda *given: given[0][pictures_on_the_clock(*given)]
        ),
        "the picture farthest away in time, not the nearest.": (
            lambda stamps, start, rate, count: (start + torch.arange(count)[:, None] / rate - stamps).abs().argmax(1)
        ),
    },
    right="each moment of the even clock gets the picture nearest to it: so sound and pictures stay together.",
    otherwise="take one moment, start + k / rate: how far in time is each stamp from it, and which is nearest?",
)


def _boxes(random, some, others):
    def draw(count):
        corner, size = torch.rand(2, count, 2, generator=random)
        return torch.cat([corner, corner + 0.1 + 0.5 * size], 1)

    apart = torch.tensor([[3.0, 3.0, 3.5, 4.0]])  # in both directions: two negative sides make a positive area
    beside = torch.tensor([[2.0, 0.0, 2.5, 2.0]])  # in one
    return dict(some=draw(some), others=torch.cat([draw(others), apart, beside]))


def _sides(some, others):
    return torch.minimum(some[:, None, 2:], others[:, 2:]) - torch.maximum(some[:, None, :2], others[:, :2])


def _area(boxes):
    return (boxes[:, 2:] - boxes[:, :2]).prod(1)


def _both_areas(some, others):
    return _area(some)[:, None] + _area(others)


def _over_union(shared, some, others):
    return shared / (_both_areas(some, others) - shared)


coded(
    "overlap of boxes",
    reference=box_iou,
    cases=lambda random: (_boxes(random, *sizes) for sizes in ((5, 3), (3, 6), (4, 2))),
    many=lambda random: _boxes(random, 4000, 1),
    mistakes={
        "boxes that share nothing get something: can a width be negative? Two negative sides make a positive area.": (
            lambda a, b: _over_union(_sides(a, b).prod(-1), a, b)
        ),
        "boxes that share nothing get something: cut each side off at 0 before you multiply, not the area after it.": (
            lambda a, b: _over_union(_sides(a, b).prod(-1).clamp(min=0), a, b)
        ),
        "what both cover counts once in the union, not twice.": (
            lambda a, b: _sides(a, b).clamp(min=0).prod(-1) / _both_areas(a, b)
        ),
        "that is the area they share; it has still to be divided by the area they cover together.": (
            lambda a, b: _sides(a, b).clamp(min=0).prod(-1)
        ),
        "a share of the first box alone. A box that covers the whole picture would be perfect.": (
            lambda a, b: _sides(a, b).clamp(min=0).prod(-1) / _area(a)[:, None]
        ),
        "a share of the second box alone. A box that covers the whole picture would be perfect.": (
            lambda a, b: _sides(a, b).clamp(min=0).prod(-1) / _area(b)
        ),
        "a share of the smaller box: a small box inside a large one is no good match.": (
            lambda a, b: _sides(a, b).clamp(min=0).prod(-1) / torch.minimum(_area(a)[:, None], _area(b))
        ),
        "twice what is shared, by the sum of the areas: that is Dice's measure. Divide by the union.": (
            lambda a, b: 2 * _sides(a, b).clamp(min=0).prod(-1) / _both_areas(a, b)
        ),
    },
    right="what is shared, divided by what is covered: 1 for the same place, 0 for places apart.",
    otherwise="take one pair: the corners of what both share, its two sides, its area; then the union.",
)
