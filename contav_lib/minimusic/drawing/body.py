"""The musician: looks that differ from clip to clip, a head that nods, arms that reach; the class of all players."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from contav_lib.minimusic.drawing.canvas import Canvas, Colour, Point, choose, rim, shade
from contav_lib.minimusic.drawing.motion import Moment

SKINS = [(244, 208, 178), (224, 172, 132), (190, 132, 92), (142, 94, 64), (98, 66, 48), (236, 190, 160)]
HAIRS = [(38, 28, 24), (84, 54, 32), (24, 22, 30), (150, 108, 60), (196, 160, 96), (170, 168, 168), (120, 50, 30)]
SHIRTS = [
    (32, 34, 42), (228, 226, 220), (150, 44, 50), (44, 84, 140), (62, 116, 84), (110, 70, 130), (196, 150, 60),
    (88, 100, 112), (60, 140, 150), (190, 110, 110),
]  # fmt: skip
TROUSERS = [(36, 38, 48), (70, 74, 84), (52, 64, 96), (92, 76, 60), (24, 24, 26)]


@dataclass(frozen=True)
class Look:
    """Looks of one clip's musician."""

    skin: Colour
    hair: Colour
    shirt: Colour
    trousers: Colour
    hairstyle: int
    lean: float
    """Degrees by which the head leans."""

    @classmethod
    def random(cls, rng: np.random.Generator) -> Look:
        """Draw the looks by lot."""
        hairstyle, lean = int(rng.integers(5)), float(rng.uniform(-7, 7))
        skin, hair, shirt, trousers = (choose(palette, rng) for palette in (SKINS, HAIRS, SHIRTS, TROUSERS))
        return cls(skin, hair, shirt, trousers, hairstyle, lean)


class Player:
    """A musician with an instrument; each class of instruments has a player of its own.

    `paint_still` and `paint_moving` draw on a scene of 160 x 120 units.
    """

    mirrors = True
    """True where left and right of the picture may change places: not where the low notes always lie on one side."""
    closeness = 1.0
    """Nearness of the camera; small instruments are seen from nearer."""
    finishes: list[Colour] = [(150, 90, 44)]
    """Colours of the instrument."""
    chest = 80.0
    """Middle of the chest, from the left."""
    knees: tuple[Point, Point] | None = None
    """Places of the knees of a player who sits."""

    def __init__(self, rng: np.random.Generator):
        self.look = Look.random(rng)
        self.finish = choose(self.finishes, rng)

    def paint_still(self, canvas: Canvas) -> None:
        """Paint what never moves, once a clip: the chest and a seated player's legs, and what a player adds."""
        self.torso(canvas, self.chest)
        if self.knees:
            self.thighs(canvas, self.knees)

    def paint_moving(self, canvas: Canvas, moment: Moment) -> None:
        """Paint the rest over it, for every picture again, in the order of time."""
        raise NotImplementedError

    def torso(self, canvas: Canvas, x: float = 80, shoulders: float = 46, wide: float = 23) -> None:
        """Paint chest and neck, down to the lower edge of the picture."""
        shirt, edge = self.look.shirt, rim(self.look.shirt)
        left, right = x - wide, x + wide
        outline = [(x - 7, shoulders - 4), (x + 7, shoulders - 4), (right - 4, shoulders), (right + 1, shoulders + 7)]
        outline += [(right - 1, 132), (left + 1, 132), (left - 1, shoulders + 7), (left + 4, shoulders)]
        canvas.polygon(outline, shirt, edge)
        canvas.box(x - 5, shoulders - 10, x + 5, shoulders - 3, shade(self.look.skin, 0.85))
        canvas.polygon([(x - 6, shoulders - 4), (x + 6, shoulders - 4), (x, shoulders + 5)], shade(self.look.skin, 0.9))

    def thighs(self, canvas: Canvas, knees: tuple[Point, Point]) -> None:
        """Paint a seated player's legs, from the hips to the two knees and down."""
        cloth = self.look.trousers
        for (x, y), hip in zip(knees, (70, 90), strict=True):
            for colour, wide in ((rim(cloth), 21), (cloth, 19)):
                canvas.line([(hip, 106), (x, y), (x, 134)], colour, wide)
                canvas.circle(x, y, wide / 2, colour)

    def head(
        self,
        canvas: Canvas,
        moment: Moment,
        x: float = 80,
        y: float = 25,
        nod: float = 2,
        blow: float = 0,
        facing: int = 0,
    ) -> Canvas:
        """Paint the head; it nods as notes begin.

        `blow` (0 to 1) puffs out the cheeks, `facing` (-1, 0, 1) turns the face. Returns the face's own canvas.
        """
        look, edge = self.look, shade(self.look.skin, 0.65)
        dip = nod * moment.strike
        skull = canvas.placed(x, y + dip, look.lean + 2 * dip * moment.side)
        if look.hairstyle in (0, 3):
            skull.ellipse(0, -1, 14, 14, shade(look.hair, 0.8))
        skull.ellipse(0, 0, 11, 13, look.skin, edge)
        face = skull.placed(5 * facing, 0)
        if blow:
            for cheek in (-7.5, 7.5):
                face.circle(cheek, 5, 2.5 + 2 * blow, shade(look.skin, 0.93))
        skull.polygon(HAIRLINES[look.hairstyle], look.hair)
        for eye in (-4.5, 4.5):
            face.circle(eye, -0.5, 1.2, (30, 24, 24))
        face.line([(0, 1), (0.8 + facing, 4), (-0.6, 4.2)], edge, 0.7)
        face.line([(-3, 7.6), (3, 7.6)], (150, 70, 66), 1.1)
        return face

    def mouth(self, canvas: Canvas, face: Canvas) -> Point:
        """Place of the lips of a face that `head` painted."""
        return canvas.local(face.pixel((0.0, 7.6)))

    def arm(self, canvas: Canvas, shoulder: Point, hand: Point, length: float = 27) -> None:
        """Paint an arm of two equal parts from shoulder to hand; the elbow hangs down and away from the chest."""
        elbow = _elbow(shoulder, hand, length)
        edge = rim(self.look.shirt)
        for colour, wide, joint in ((edge, 10.5, 5.2), (self.look.shirt, 9, 4.5)):
            canvas.line([shoulder, elbow, hand], colour, wide)
            canvas.circle(*elbow, joint, colour)
        canvas.circle(*shoulder, 4.5, self.look.shirt)
        self.hand(canvas, *hand)

    def hand(self, canvas: Canvas, x: float, y: float, radius: float = 5) -> None:
        """Paint a closed hand."""
        canvas.circle(x, y, radius, self.look.skin, shade(self.look.skin, 0.6))

    def fingers(self, canvas: Canvas, x: float, y: float, towards: Point, lifted: float = 0.0) -> None:
        """Paint a hand whose four fingers lie along `towards` (one finger's breadth); lifted ones show as a gap."""
        dark = shade(self.look.skin, 0.6)
        self.hand(canvas, x, y, 5.4)
        for finger in range(4):
            along = finger - 1.5
            root = x + along * towards[0], y + along * towards[1]
            tip = root[0] + towards[1] * (2.2 + lifted), root[1] - towards[0] * (2.2 + lifted)
            canvas.line([root, tip], self.look.skin, 2.2, dark, 3)


def _elbow(shoulder: Point, hand: Point, length: float) -> Point:
    """The elbow's place, by the triangle of two equal sides over the way from shoulder to hand."""
    across, down = hand[0] - shoulder[0], hand[1] - shoulder[1]
    reach = max(math.hypot(across, down), 1e-6)
    out = math.sqrt(max(length**2 - reach**2 / 4, 0.0)) / reach
    away = 1 if shoulder[0] > 80 else -1
    if across - away * down < 0:
        out = -out
    return shoulder[0] + across / 2 - down * out, shoulder[1] + down / 2 + across * out


HAIRLINES: list[list[Point]] = [
    [(-11.6, 3), (-11.5, -6), (-7, -13), (0, -15), (7, -13), (11.5, -6), (11.6, 3), (9, -5), (0, -8), (-9, -5)],
    [(-11.2, -1), (-11, -7), (-6, -13.6), (0, -14.6), (6, -13.6), (11, -7), (11.2, -1), (8, -7), (-5, -9)],
    [(-11, -3), (-8, -11), (0, -13.6), (8, -11), (11, -3), (8, -9), (0, -10.6), (-8, -9)],
    [(-12, 5), (-12, -5), (-7, -13), (0, -15), (7, -13), (12, -5), (12, 5), (10, -3), (-3, -8), (-9, -3)],
    [(-11.4, 0), (-13, -6), (-9, -15), (0, -18), (9, -15), (13, -6), (11.4, 0), (7, -7), (0, -8.6), (-7, -7)],
]
"""Outlines of the hair of a head of half width 11."""
