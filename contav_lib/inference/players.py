"""Where the players of a video are: a detector proposes boxes in a picture a second, and each player is followed through them.

Windows of several sizes slide over the picture, and each is held against the looks of the classes learned (`Windows`): this
needs no download. An encoder that has a detector of its own, as `owlv2`, proposes its boxes instead.

What goes wrong: encoders learned from players who fill the picture, so a window must fit closely, and classes are recognised
worse in windows than in videos of one player each: name them where you can (`classes`). Who hardly moves, is narrower than the
smallest window, or walks out of the picture is missed. Of two equal instruments both are found, but the class can't tell their
sounds apart.
"""

from collections.abc import Sequence
from itertools import islice, permutations
from math import ceil
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch.nn.functional import avg_pool1d, normalize, pad

from contav_lib.continual.prototypes import Prototypes
from contav_lib.datasets.prepare import FRAME_RATE
from contav_lib.encoders.encoder import Encoder
from contav_lib.media import each_picture

SIZES = (0.36, 0.44, 0.53, 0.64, 0.95)  # widths of windows, as shares of the picture's
SHAPE = 4 / 3  # of windows: width to height
STEPS = 12  # windows begin so many times within the width of one
BEYOND = 0.1  # of a window may lie beyond the picture's edge, whose pixels are repeated there
LEAST = 0.15  # of all that moves: windows that never hold so much are no player's
ENOUGH = 0.35  # of all that moves: what holds more is no better for it
MOVEMENT = 0.6  # how much the share of what moves counts beside likeness
LEAP = 0.3  # what a box that has nothing in common with the one before costs
OVERLAP = 0.3  # of the smaller of two boxes that two players may share
BEST = 200  # boxes of a picture that a path may go through
NO_ROOM = -1e3  # the score of a path below which there is no room for another player
PIECE = 120  # pictures in which players are looked for at once: a minute, which bounds the memory that it takes
AROUND = 2  # pictures before and after, over which movement is averaged


class Detector(Protocol):
    """What proposes places of players; K of them in each picture."""

    def detect(self, frames: torch.Tensor, labels: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """Propose boxes, and say how well each of C classes fits in each.

        Args:
            frames: pictures half a second apart, `[2 n, height, width, 3]`, uint8 RGB: those of n seconds.
            labels: the classes' names.

        Returns:
            boxes `[n, K, 4]` in the first picture of each second (left, top, right, bottom, in pixels, float32; they may reach
            beyond its edges) and scores `[n, K, C]`, above 0 where a class is thought to be there.
        """
        ...


class Windows:
    """The detector that needs no download: windows that look like a class, and in which something moves.

    Args:
        encoder: whose object features are looked at.
        prototypes: of the classes, in the order of the labels.
    """

    def __init__(self, encoder: Encoder, prototypes: Prototypes):
        self.encoder, self.vectors, self.thresholds = encoder, prototypes.vectors.cpu(), prototypes.thresholds.cpu()

    def detect(self, frames: torch.Tensor, labels: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """See `Detector.detect`. A class's score is its likeness above its threshold, and what moves in the window."""
        places = windows(*frames.shape[1:3])
        moving = share_of_movement(frames, places)  # [n, K]
        kept = (moving >= LEAST).any(0)
        places, moving = places[kept], moving[:, kept].unsqueeze(2)
        likeness = torch.stack([self._likeness(frame, places) for frame in frames[::2]])
        scores = likeness - self.thresholds + MOVEMENT * (moving.clamp(max=ENOUGH) - 0.5)
        return places.float().expand(len(scores), -1, 4), scores

    def _likeness(self, frame: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """How alike each of K places of a picture `[height, width, 3]` is to each class, `[K, C]`, -1 to 1."""
        looks = torch.empty(len(places), self.vectors.shape[1])
        wide = places[:, 2] - places[:, 0]
        for width in wide.unique().tolist():
            chosen = (wide == width).nonzero().flatten()
            left, top, _, bottom = places[chosen].unbind(1)
            rows = top.unsqueeze(1) + torch.arange(int(bottom[0] - top[0]))
            columns = left.unsqueeze(1) + torch.arange(width)
            rows, columns = rows.clamp(0, frame.shape[0] - 1), columns.clamp(0, frame.shape[1] - 1)
            looks[chosen] = self.encoder.objects(frame[rows.unsqueeze(2), columns.unsqueeze(1)]).float()
        return normalize(looks, dim=1) @ self.vectors.T


def windows(height: int, width: int) -> torch.Tensor:
    """Windows of all sizes over a picture: left, top, right and bottom in pixels, `[K, 4]`; they may reach beyond its edges."""
    found = []
    for size in SIZES:
        wide = min(round(size * width), round(height * SHAPE))
        high = round(wide / SHAPE)
        sides = []
        for side, length in ((height, high), (width, wide)):
            first, last = -BEYOND * length, side - length + BEYOND * length
            sides.append(torch.linspace(first, last, 1 + max(round(STEPS * (last - first) / length), 1)).round().long())
        top, left = (edge.flatten() for edge in torch.meshgrid(*sides, indexing="ij"))
        found.append(torch.stack([left, top, left + wide, top + high], 1))
    return torch.cat(found)


def share_of_movement(frames: torch.Tensor, boxes: torch.Tensor) -> torch.Tensor:
    """Share of all that changes within half a second that changes in each of K boxes `[K, 4]`, `[n, K]`.

    Averaged over some pictures, for who rests at this moment may still be a player.
    """
    height, width = frames.shape[1:3]
    change = torch.stack([(after.float() - before).abs().mean(-1) for before, after in frames.unflatten(0, (-1, 2))])
    change = avg_pool1d(change.flatten(1).T, 2 * AROUND + 1, 1, AROUND, count_include_pad=False).T
    change = change.unflatten(1, (height, width)).double()
    # Sums of all that is above and to the left of each place: that of any box follows from those at its four corners.
    sums = pad(change.cumsum(1).cumsum(2), (1, 0, 1, 0))
    left, top, right, bottom = boxes.long().clamp(min=0).minimum(torch.tensor([width, height, width, height])).unbind(1)
    inside = sums[:, bottom, right] - sums[:, top, right] - sums[:, bottom, left] + sums[:, top, left]
    return (inside / sums[:, -1:, -1].clamp(min=1e-9)).float()


def find_players(
    video: Path,
    encoder: Encoder,
    detector: Detector,
    labels: Sequence[str],
    told: Sequence[int] = (),
    count: int | None = None,
    most: int = 4,
) -> torch.Tensor:
    """Find the players of a video and follow each.

    Args:
        video: a file.
        encoder: for which the players will be cut out: they are to be as large as it wants.
        detector: proposes boxes.
        labels: of all classes that the detector knows.
        told: numbers of the classes that play, one a player; empty where this is not known.
        count: of players, where no classes are told; None: as many as score above 0, up to `most`.

    Returns:
        boxes `[players, n, 4]`, `FRAME_RATE` a second, in shares of the picture's width and height, in the order of `told`
        (equal ones from left to right), else from left to right. Fewer than were asked for where there is no room for more.
    """
    pictures = each_picture(video, 2.0, ceil(encoder.longest_side / SIZES[0]))
    found = []
    while piece := list(islice(pictures, PIECE)):
        frames = torch.from_numpy(np.stack(piece))
        found.append(detector.detect(torch.cat([frames, frames[-1:]])[: len(frames) + len(frames) % 2], labels))
    most_boxes = max(boxes.shape[1] for boxes, _ in found)
    boxes, scores = (
        torch.cat([pad(values, (0, 0, 0, most_boxes - values.shape[1]), value=fill) for values in of_pieces])
        for of_pieces, fill in zip(zip(*found, strict=True), (0, 1000 * NO_ROOM), strict=True)
    )
    if told:
        paths = _paths_of(boxes, scores, told)
    else:
        paths = [path for path, _ in _apart(boxes, scores, [None] * (count or most), least=NO_ROOM if count else 0)]
        paths.sort(key=_middle)
    size = torch.tensor([*frames.shape[2:0:-1], *frames.shape[2:0:-1]])
    return torch.stack([_smooth(path) / size for path in paths]) if paths else torch.empty(0, 0, 4)


def _paths_of(boxes: torch.Tensor, scores: torch.Tensor, told: Sequence[int]) -> list[torch.Tensor]:
    """Paths `[n, 4]` of players whose classes are told, equal ones from left to right.

    They are those that score best together, whichever class is looked for first.
    """
    best: list[tuple[int, torch.Tensor]] = []
    highest = float("-inf")
    for order in sorted(set(permutations(told))):
        found = _apart(boxes, scores, order, least=NO_ROOM)
        total = sum(score for _, score in found)
        if (len(found), total) > (len(best), highest):
            best, highest = [(number, path) for number, (path, _) in zip(order, found, strict=False)], total
    best.sort(key=lambda pair: _middle(pair[1]))
    of_class = {number: iter([path for kind, path in best if kind == number]) for number in told}
    return [path for number in told for path in islice(of_class[number], 1)]


def _middle(path: torch.Tensor) -> float:
    """Mean place of a path from left to right."""
    return float(path[:, [0, 2]].mean())


def _apart(
    boxes: torch.Tensor, scores: torch.Tensor, classes: Sequence[int | None], least: float
) -> list[tuple[torch.Tensor, float]]:
    """The best path, then the best of those that hardly overlap with it, and so on: non-maximum suppression of paths."""
    found: list[tuple[torch.Tensor, float]] = []
    scores = scores.clone()
    if not scores.shape[1]:
        return found
    for number in classes:  # None: any
        path, score = best_path(boxes, scores if number is None else scores[:, :, number : number + 1])
        if score <= least:
            break
        found.append((path, score))
        scores[_shared(path.unsqueeze(1), boxes)[:, 0] > OVERLAP] = 1000 * NO_ROOM
    return found


def best_path(boxes: torch.Tensor, scores: torch.Tensor) -> tuple[torch.Tensor, float]:
    """The path of one box a picture that scores best, all for one class; to leap from place to place costs.

    Found by dynamic programming, as Gkioxari and Malik link detections (Finding Action Tubes, CVPR 2015): a player that is
    hardly seen for a moment keeps its place.

    Args:
        boxes: `[n, K, 4]`. scores: `[n, K, C]`.

    Returns:
        the boxes `[n, 4]` and their mean score, with what was paid.
    """
    kept = scores.permute(2, 0, 1).topk(min(BEST, scores.shape[1]), dim=2)  # [C, n, BEST]
    places = boxes[torch.arange(len(boxes)).unsqueeze(1), kept.indices]  # [C, n, BEST, 4]
    total, came = kept.values[:, 0], []
    for now in range(1, len(boxes)):
        cost = LEAP * (1 - box_iou(places[:, now - 1], places[:, now]))  # [C, before, now]
        best, before = (total.unsqueeze(2) - cost).max(1)
        total = best + kept.values[:, now]
        came.append(before)
    kind, place = divmod(int(total.argmax()), total.shape[1])
    path = [place]
    for before in reversed(came):
        path.append(int(before[kind, path[-1]]))
    return places[kind, torch.arange(len(boxes)), torch.tensor(path[::-1])], float(total.max()) / len(boxes)


def box_iou(some: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """Intersection over union of boxes `[..., K, 4]` and `[..., J, 4]`: `[..., K, J]`."""
    both = _both(some, others)
    return both / (_area(some).unsqueeze(-1) + _area(others).unsqueeze(-2) - both).clamp(min=1e-9)


def _shared(some: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """Intersection as a share of the smaller box, `[..., K, J]`."""
    return _both(some, others) / torch.minimum(_area(some).unsqueeze(-1), _area(others).unsqueeze(-2)).clamp(min=1e-9)


def _both(some: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    corner = torch.maximum(some[..., :, None, :2], others[..., None, :, :2])
    opposite = torch.minimum(some[..., :, None, 2:], others[..., None, :, 2:])
    return (opposite - corner).clamp(min=0).prod(-1)


def _area(boxes: torch.Tensor) -> torch.Tensor:
    return (boxes[..., 2:] - boxes[..., :2]).clamp(min=0).prod(-1)


def _smooth(path: torch.Tensor) -> torch.Tensor:
    """A path `[n, 4]`, one box a second, as `FRAME_RATE` boxes a second, all of one size, each near its neighbours' mean."""
    middles = (path[:, :2] + path[:, 2:]).T / 2
    middles = avg_pool1d(middles, 3, 1, 1, count_include_pad=False)
    wanted = np.arange(len(path) * round(FRAME_RATE)) / FRAME_RATE
    middles = torch.tensor(np.stack([np.interp(wanted, np.arange(len(path)), side) for side in middles.numpy()]))
    half = (path[:, 2:] - path[:, :2]).median(0).values / 2
    return torch.cat([middles.T - half, middles.T + half], 1).float()
