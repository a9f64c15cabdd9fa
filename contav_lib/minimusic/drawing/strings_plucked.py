"""Guitar, ukulele, banjo, electric bass, pipa and guzheng: one hand plucks as notes begin, one goes with the pitch."""

from __future__ import annotations

import numpy as np

from contav_lib.minimusic.drawing.body import Player
from contav_lib.minimusic.drawing.canvas import Canvas, choose, mirrored, shade, smooth
from contav_lib.minimusic.drawing.motion import Moment

DARK, STRING, STEEL = (40, 30, 28), (236, 230, 210), (196, 200, 206)

# Outlines in units of the instrument's own canvas: x along the strings, the bridge at the origin.
GUITAR = mirrored([(-22, 0), (-19, 14), (-6, 22), (8, 18), (16, 14.5), (26, 17.5), (34, 13), (37, 0)])
PIPA = mirrored([(-14, 0), (-12, 13), (0, 20), (16, 18), (34, 10), (50, 5), (60, 3.5), (62, 0)])
BASS = smooth(
    [(-24, -6), (-20, -18), (-6, -16), (6, -13), (22, -21), (34, -22), (30, -14), (22, -5), (22, 5), (27, 12), (30, 20),
     (18, 17), (4, 13), (-8, 18), (-20, 17), (-25, 8)]
)  # fmt: skip


def strings(canvas: Canvas, count: int, nut: float, wide: float, moment: Moment) -> None:
    """Paint the strings from the bridge to the nut: they swing wide just after they were plucked."""
    for string in range(count):
        y = wide * (2 * string / (count - 1) - 1)
        canvas.line([(0, y), (nut, 0.7 * y)], STRING, 0.5)
        if moment.strike > 0.3 and string % 2 == moment.turn % 2:
            swing = 1.2 * moment.strike
            canvas.polygon([(0, y), (0.4 * nut, y - swing), (nut, 0.7 * y), (0.4 * nut, y + swing)], STRING)


class _Strapped(Player):
    """Base of guitar, ukulele, banjo and bass: the body before the belly, the neck up to the viewer's right."""

    place = (56, 88, -15)
    start, nut, wide = 30, 82, 3.4
    count, pegs = 6, 6
    pluck = 15
    tint = 0.8
    """Shade of the head beside the body's."""

    def instrument(self, canvas: Canvas) -> None:
        """Paint the body of the instrument."""
        raise NotImplementedError

    def neck(self, canvas: Canvas) -> None:
        """Paint a fretted neck from the body to the nut, and the head with its pegs."""
        start, nut, wide = self.start, self.nut, self.wide
        canvas.polygon([(start, -wide), (nut, -0.8 * wide), (nut, 0.8 * wide), (start, wide)], DARK)
        for fret in range(9):
            x = nut - (nut - start) * (1 - 0.82**fret) / (1 - 0.82**9)
            canvas.line([(x, -wide + 0.5), (x, wide - 0.5)], STEEL, 0.6)
        head = [(nut, -wide), (nut + 15, -1.5 * wide), (nut + 15, 1.5 * wide), (nut, wide)]
        canvas.polygon(head, shade(self.finish, self.tint), DARK)
        for peg in range(self.pegs):
            x = nut + 4 + 8 * (peg // 2) * 2 / max(self.pegs - 2, 1)
            y = (1.5 * wide + 1) * (-1 if peg % 2 else 1)
            canvas.circle(x, y, 1.6, STEEL)

    def paint_still(self, canvas: Canvas) -> None:
        super().paint_still(canvas)
        self.instrument(canvas.placed(*self.place))

    def paint_moving(self, canvas: Canvas, moment: Moment) -> None:
        self.head(canvas, moment, nod=2.5)
        own = canvas.placed(*self.place)
        fret = self.nut - 3 - (self.nut - self.start - 8) * moment.height
        fretting = canvas.local(own.pixel((fret, 1.5)))
        self.arm(canvas, (102, 54), fretting, length=20)
        self.neck(own)  # over the forearm, under the fingers
        strings(own, self.count, self.nut, 0.75 * self.wide, moment)
        self.fingers(canvas, *fretting, (2.5, -0.6), lifted=1.5 * moment.strike)
        away = 0 if moment.level else 7
        plucking = canvas.local(own.pixel((self.pluck + away, 8 * moment.stroke + away)))
        self.arm(canvas, (58, 54), plucking)


class AcousticGuitar(_Strapped):
    """Guitarist with an acoustic guitar."""

    finishes = [(206, 150, 84), (176, 104, 52), (224, 180, 116), (130, 66, 36), (60, 36, 28)]

    def instrument(self, canvas: Canvas) -> None:
        canvas.polygon(GUITAR, shade(self.finish, 0.5))
        canvas.placed(0.4, 0, scale=0.94).polygon(GUITAR, self.finish)
        canvas.circle(18, 0, 7.5, shade(self.finish, 0.6))
        canvas.circle(18, 0, 6.3, DARK)
        canvas.polygon(smooth([(11, 7), (22, 8), (20, 14), (10, 12)]), shade(self.finish, 0.45))
        canvas.box(-1.5, -8, 1.5, 8, DARK)


class Ukulele(_Strapped):
    """Ukulele player in a shirt with flowers."""

    closeness = 1.22
    place = (66, 79, -20)
    start, nut, wide = 21, 48, 2.6
    count, pegs = 4, 4
    pluck = 13
    tint = 0.75
    finishes = [(190, 120, 60), (226, 176, 104), (236, 110, 120), (96, 186, 206), (244, 208, 84), (130, 190, 110)]

    def __init__(self, rng: np.random.Generator):
        super().__init__(rng)
        self.flowers = [(rng.uniform(60, 100), rng.uniform(54, 120)) for _ in range(26)]
        self.petals = choose([(250, 236, 200), (250, 200, 90), (240, 150, 170)], rng)

    def instrument(self, canvas: Canvas) -> None:
        body = canvas.placed(0, 0, scale=0.66)
        body.polygon(GUITAR, shade(self.finish, 0.5))
        canvas.placed(0.3, 0, scale=0.6).polygon(GUITAR, self.finish)
        canvas.circle(12, 0, 4.2, DARK)
        canvas.box(-1.2, -4, 1.2, 4, DARK)

    def torso(self, canvas: Canvas, *args: float, **options: float) -> None:
        super().torso(canvas, *args, **options)
        for x, y in self.flowers:
            for petal_x, petal_y in ((-1.5, 0), (1.5, 0), (0, -1.5), (0, 1.5)):
                canvas.circle(x + petal_x, y + petal_y, 1.5, self.petals)
            canvas.circle(x, y, 1, (200, 80, 60))


class Banjo(_Strapped):
    """Banjo player."""

    place = (54, 88, -16)
    start, nut, wide = 22, 84, 2.8
    count, pegs = 5, 4
    pluck = 8
    tint = 1.0
    finishes = [(120, 66, 34), (88, 46, 28), (160, 96, 48)]

    def instrument(self, canvas: Canvas) -> None:
        canvas.circle(0, 0, 25.5, shade(self.finish, 0.7), DARK)
        canvas.circle(0, 0, 23, STEEL)
        for hook in np.linspace(0, 2 * np.pi, 20, endpoint=False):
            canvas.circle(23 * np.cos(hook), 23 * np.sin(hook), 1.1, DARK)
        canvas.circle(0, 0, 20.5, (246, 243, 232), DARK)
        canvas.line([(-20, 0), (-3, -2)], STEEL, 2.4)
        canvas.box(-3.2, -6, -1, 6, (150, 100, 60))

    def neck(self, canvas: Canvas) -> None:
        super().neck(canvas)
        canvas.line([(50, -3), (50, -7)], STEEL, 2.4)  # the peg of the short fifth string


class ElectricBass(_Strapped):
    """Bass player before an amplifier."""

    place = (54, 88, -19)
    start, nut, wide = 20, 92, 3.4
    count, pegs = 4, 0
    pluck = 8
    finishes = [(190, 34, 38), (40, 42, 48), (236, 232, 220), (54, 96, 168), (224, 140, 50), (80, 160, 140)]

    def instrument(self, canvas: Canvas) -> None:
        canvas.polygon(BASS, shade(self.finish, 0.7), DARK)
        canvas.placed(0, 0, scale=0.92).polygon(BASS, self.finish)
        guard = (236, 232, 222) if sum(self.finish) < 560 else (60, 50, 50)
        canvas.polygon(smooth([(-2, 6), (14, 5), (24, 8), (20, 14), (4, 10)]), guard)
        for pickup in (3, 12):
            canvas.box(pickup - 2, -6, pickup + 2, 6, (24, 24, 26))
        canvas.box(-6, -6, -2, 6, STEEL)
        for knob in (-14, -9, -4):
            canvas.circle(knob, 10, 1.7, STEEL)

    def neck(self, canvas: Canvas) -> None:
        super().neck(canvas)
        for peg in range(4):  # all on one side
            canvas.line([(self.nut + 3 + 3.6 * peg, -4), (self.nut + 3 + 3.6 * peg, -8)], STEEL, 1.6)
            canvas.circle(self.nut + 3 + 3.6 * peg, -8.5, 1.8, STEEL)

    def paint_still(self, canvas: Canvas) -> None:
        # The amplifier behind, by which one tells it from an acoustic instrument at once.
        canvas.box(2, 50, 44, 118, (34, 34, 36), (90, 90, 92))
        canvas.box(4, 52, 42, 60, (70, 70, 74))
        for knob in range(6):
            canvas.circle(9 + 5.6 * knob, 56, 1.6, (220, 214, 200))
        for x, y in ((14, 73), (32, 73), (14, 91), (32, 91)):
            canvas.circle(x, y, 8, (54, 54, 58), (110, 110, 112))
            canvas.circle(x, y, 3, (24, 24, 26))
        self.torso(canvas)
        canvas.line([(98, 46), (70, 74)], (30, 26, 26), 4)
        self.instrument(canvas.placed(*self.place))


class Pipa(Player):
    """Pipa player, seated, the instrument upright."""

    finishes = [(110, 56, 34), (80, 40, 30), (140, 76, 44)]
    chest, knees = 76, ((40, 104), (120, 104))

    def paint_still(self, canvas: Canvas) -> None:
        super().paint_still(canvas)
        own = canvas.placed(82, 98, -82)
        own.polygon(PIPA, shade(self.finish, 0.6), DARK)
        own.placed(0, 0, scale=0.93).polygon(PIPA, (222, 190, 132))
        own.polygon([(44, -5), (84, -3), (84, 3), (44, 5)], self.finish)
        for fret in range(11):
            own.box(20 + 2.6 * fret, -4.5, 21.2 + 2.6 * fret, 4.5, (150, 110, 60))
        for fret in range(6):
            own.box(52 + 5.2 * fret, -4, 54 + 5.2 * fret, 4, (240, 232, 208))
        own.polygon(smooth([(83, -3), (94, -3.4), (102, -7), (104, -1), (97, 4), (83, 3)]), self.finish, DARK)
        for peg, side in ((86, -1), (89.5, 1), (93, -1), (96.5, 1)):
            own.line([(peg, 0), (peg, 9 * side)], (238, 226, 196), 2)
        own.box(-4, -9, -1, 9, DARK)

    def paint_moving(self, canvas: Canvas, moment: Moment) -> None:
        self.head(canvas, moment, 68, 25, nod=2)
        own = canvas.placed(82, 98, -82)
        strings(own, 4, 84, 2.4, moment)
        fret = 80 - 44 * moment.height
        self.arm(canvas, (98, 54), canvas.local(own.pixel((fret, 5))), length=24)
        self.fingers(canvas, *canvas.local(own.pixel((fret, 3.5))), (0.2, 2.6), lifted=1.5 * moment.strike)
        away = 0 if moment.level else 7
        pluck = canvas.local(own.pixel((10 - away, -4 + 8 * moment.stroke - away)))
        self.arm(canvas, (54, 54), pluck, length=29)
        for finger in (-3.5, 0, 3.5):  # the nails spread over the strings as they strike
            tip = pluck[0] + 6 + 2.5 * moment.strike, pluck[1] + finger * (1 + 0.8 * moment.strike)
            canvas.line([pluck, tip], self.look.skin, 2)


class Guzheng(Player):
    """Guzheng player behind the zither on its trestles."""

    mirrors = False
    finishes = [(120, 58, 36), (84, 40, 30), (60, 34, 30), (150, 84, 46)]
    STRINGS = 21

    def paint_still(self, canvas: Canvas) -> None:
        self.torso(canvas, wide=21)
        for foot in (30, 130):  # the trestles
            canvas.line([(foot - 8, 122), (foot, 90), (foot + 8, 122)], shade(self.finish, 0.5), 3)
        top, dark = (206, 160, 104), shade(self.finish, 0.6)
        canvas.polygon([(8, 98), (152, 98), (150, 108), (10, 108)], dark)
        canvas.polygon([(12, 66), (146, 72), (153, 99), (5, 99)], self.finish, dark)
        canvas.polygon([(20, 69), (138, 74), (143, 96), (14, 96)], top)
        for string in range(self.STRINGS):
            left, right = self._ends(string)
            canvas.line([left, right], (250, 244, 226), 0.5)
            canvas.polygon(self._bridge(string), (250, 240, 214), dark)

    def _ends(self, string: int):
        part = string / (self.STRINGS - 1)
        return (19 - 5 * part, 70 + 25 * part), (139 + 4 * part, 75 + 20 * part)

    def _bridge(self, string: int):
        """Each string has its bridge; together they stand in a slanting row, low strings to the left and far away."""
        (x0, y0), (x1, y1) = self._ends(string)
        along = 0.62 - 0.42 * string / (self.STRINGS - 1)
        x, y = x0 + along * (x1 - x0), y0 + along * (y1 - y0)
        return (x - 1.5, y + 1.5), (x, y - 3), (x + 1.5, y + 1.5)

    def paint_moving(self, canvas: Canvas, moment: Moment) -> None:
        self.head(canvas, moment, 80, 25, nod=2.5)
        string = round(moment.height * (self.STRINGS - 1))
        (x0, y0), (x1, y1) = self._ends(string)
        if moment.strike > 0.25:  # the plucked string swings
            swing, x, y = 2.2 * moment.strike, (x0 + x1) / 2, (y0 + y1) / 2
            canvas.polygon([(x0, y0), (x, y - swing), (x1, y1), (x, y + swing)], STRING)
        lift = 0 if moment.level else 6
        press = x0 + 18 + 10 * moment.height, (y0 + y1) / 2 - 2 + 2.5 * moment.stroke - lift
        pluck = x1 - 18 - 20 * moment.height + 5 * moment.stroke, y1 - 4 + 3 * moment.strike - lift
        self.arm(canvas, (58, 53), press, length=28)
        self.fingers(canvas, press[0] - 1, press[1] + 2, (-2.5, 0), lifted=moment.strike)
        self.arm(canvas, (102, 53), pluck, length=28)
        self.fingers(canvas, pluck[0], pluck[1] + 2, (-2.5, 0), lifted=2 * moment.strike)
