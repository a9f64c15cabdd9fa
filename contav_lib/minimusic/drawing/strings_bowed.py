"""Violin, cello and erhu: the bow turns as notes begin, the left hand goes along the neck with the pitch."""

from __future__ import annotations

import math

from contav_lib.minimusic.drawing.body import Player
from contav_lib.minimusic.drawing.canvas import Canvas, Point, mirrored, shade
from contav_lib.minimusic.drawing.motion import Moment

EBONY, STRING, HORSEHAIR = (34, 28, 28), (226, 222, 210), (240, 236, 224)

# Half an outline, x along the strings from the tail (0) to the neck, in units of the body's length.
FIDDLE = mirrored(
    [(0, 0), (0.03, 0.2), (0.17, 0.3), (0.32, 0.26), (0.4, 0.18), (0.55, 0.155), (0.66, 0.18), (0.72, 0.235),
     (0.85, 0.24), (0.97, 0.14), (1, 0)]
)  # fmt: skip


def fiddle(canvas: Canvas, finish: tuple[int, int, int], length: float, neck: float) -> None:
    """Paint a violin or cello along the x axis, its tail at the origin, with f-holes, bridge, strings and scroll."""
    place = canvas.placed(0, 0, scale=length)
    place.polygon(FIDDLE, shade(finish, 0.5))
    inner = canvas.placed(0.02 * length, 0, scale=0.96 * length)
    inner.polygon(FIDDLE, finish)
    for side in (-1, 1):
        place.line([(0.35, 0.13 * side), (0.4, 0.1 * side), (0.5, 0.12 * side), (0.55, 0.09 * side)], EBONY, 0.025)
    place.polygon([(0.04, -0.03), (0.3, -0.055), (0.3, 0.055), (0.04, 0.03)], EBONY)
    end = 1 + neck
    place.polygon([(0.62, -0.045), (end, -0.032), (end, 0.032), (0.62, 0.045)], EBONY)
    place.line([(end, 0), (end + 0.16, 0)], shade(finish, 0.7), 0.07)
    place.circle(end + 0.19, 0, 0.05, shade(finish, 0.8), shade(finish, 0.4))
    for peg in (0.04, 0.11):
        place.line([(end + peg, -0.09), (end + peg, 0.09)], EBONY, 0.03)
    for string in (-0.025, 0.025):
        place.line([(0.28, string), (end, string * 0.7)], STRING, 0.008)
    place.line([(0.44, -0.085), (0.44, 0.085)], (232, 206, 150), 0.03)


def bow(canvas: Canvas, x: float, y: float, degrees: float, length: float, moment: Moment) -> Point:
    """Paint a bow over the strings at (x, y), lifted in a rest; return the bow hand's place."""
    y -= 0.0 if moment.level else 5.0
    place = canvas.placed(x, y, degrees)
    frog = -length * (0.5 + 0.36 * moment.stroke)  # stroke -1 plays at the frog, 1 at the tip
    place.line([(frog, 1.2), (frog + length, 1.2)], HORSEHAIR, 1.2)
    place.line([(frog, -1), (frog + length, -0.6), (frog + length + 1, 1.2)], (92, 44, 24), 1.5)
    place.box(frog, -1, frog + 5, 2, EBONY)
    turn = math.radians(degrees)
    return x + frog * math.cos(turn), y + frog * math.sin(turn)


class Violin(Player):
    """Violinist, standing."""

    finishes = [(176, 88, 40), (140, 62, 30), (196, 116, 52), (112, 48, 28)]

    def paint_moving(self, canvas: Canvas, moment: Moment) -> None:
        sway = 3 * moment.stroke
        self.head(canvas, moment, 78, 24, nod=1.5)
        tilt = 6 - sway - 2.5 * moment.strike
        fiddle(canvas.placed(84, 42, tilt), self.finish, 42, 0.62)
        turn = math.radians(tilt)
        along = 66 - 22 * moment.height
        hand = 84 + along * math.cos(turn), 44 + along * math.sin(turn)
        self.arm(canvas, (102, 54), (hand[0], hand[1] + 4))
        self.fingers(canvas, hand[0], hand[1] + 2, (2.6, 0.6), lifted=moment.strike)
        hold = bow(canvas, 106 + 0.5 * sway, 42 + 22 * math.sin(turn), -52, 66, moment)
        self.arm(canvas, (58, 54), hold, length=29)


class Cello(Player):
    """Cellist, seated."""

    finishes = [(160, 80, 36), (126, 54, 28), (182, 104, 48), (100, 44, 28)]
    chest, knees = 76, ((34, 92), (128, 92))

    def paint_still(self, canvas: Canvas) -> None:
        super().paint_still(canvas)
        fiddle(canvas.placed(80, 126, -84), self.finish, 72, 0.52)

    def paint_moving(self, canvas: Canvas, moment: Moment) -> None:
        self.head(canvas, moment, 70 - 2 * moment.stroke, 24, nod=2.5)
        down = 24 + 34 * moment.height
        hand = 91.5 - 0.1 * (down - 24), down
        self.arm(canvas, (98, 52), (hand[0] + 2, hand[1]), length=24)
        self.fingers(canvas, *hand, (0.2, 2.6), lifted=moment.strike)
        hold = bow(canvas, 84, 88, 8, 84, moment)
        self.arm(canvas, (56, 54), hold, length=28)


class Erhu(Player):
    """Erhu player, seated, the sound box on the thigh."""

    finishes = [(88, 36, 28), (58, 30, 26), (120, 58, 36)]
    chest, knees = 72, ((48, 98), (112, 98))

    def paint_still(self, canvas: Canvas) -> None:
        super().paint_still(canvas)
        neck = shade(self.finish, 0.9)
        canvas.line([(104, 94), (104, 6)], shade(neck, 0.5), 4)
        canvas.line([(104, 94), (104, 6), (101, 2)], neck, 2.8)
        for y in (14, 23):
            canvas.line([(103, y), (118, y - 2)], neck, 3)
            canvas.circle(118, y - 2, 2.2, shade(neck, 1.3))
        # The sound box of snakeskin, with its low bridge.
        box = [(104 + 15 * math.cos(k * math.pi / 3), 88 + 13 * math.sin(k * math.pi / 3)) for k in range(6)]
        canvas.polygon(box, self.finish, shade(self.finish, 0.5))
        skin = [(104 + 0.76 * (x - 104), 88 + 0.76 * (y - 88)) for x, y in box]
        canvas.polygon(skin, (206, 194, 158))
        for row in range(4):
            for column in range(4):
                spot = 97.5 + 4 * column + 2 * (row % 2), 82 + 4 * row
                canvas.circle(*spot, 1.2, (120, 108, 78))
        for string in (-1.2, 1.2):
            canvas.line([(104 + string, 24), (104 + string, 88)], STRING, 0.5)
        canvas.line([(100, 88), (108, 88)], EBONY, 2)
        canvas.line([(100, 36), (106, 36)], (230, 230, 230), 1)

    def paint_moving(self, canvas: Canvas, moment: Moment) -> None:
        self.head(canvas, moment, 70 + 1.5 * moment.stroke, 24, nod=2)
        down = 36 + 34 * moment.height
        self.arm(canvas, (92, 54), (107, down), length=22)
        self.fingers(canvas, 106, down, (0.0, 2.6), lifted=moment.strike)
        hold = bow(canvas, 104, 72, 4, 86, moment)
        self.arm(canvas, (52, 54), hold, length=26)
