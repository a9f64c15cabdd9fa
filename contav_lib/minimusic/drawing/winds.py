"""Flute, clarinet, bassoon, saxophone, trumpet, tuba and bagpipe: breath lifts it, fingers follow the pitch."""

from __future__ import annotations

from contav_lib.minimusic.drawing.body import Player
from contav_lib.minimusic.drawing.canvas import Canvas, mirrored, ribbon, shade, smooth
from contav_lib.minimusic.drawing.motion import Moment

SILVER, DARK, PEARL = (206, 210, 216), (38, 32, 32), (244, 240, 230)
GOLDS = [(226, 178, 66), (206, 154, 52), (238, 200, 104), (204, 206, 212)]


class Wind(Player):
    """Base of the winds: two hands whose fingers close the holes of a tube."""

    def droop(self, moment: Moment, by_pitch: float, in_rests: float, sway: float = 3.5) -> float:
        """Degrees by which the instrument hangs: it rises with the pitch and with each new breath, and sways along."""
        rise = by_pitch * moment.height + 3 * moment.strike + sway * moment.stroke
        return (0.0 if moment.level else in_rests) - rise

    def hands(self, canvas: Canvas, tube: Canvas, places: tuple[float, float], moment: Moment) -> None:
        """Paint arms to two places along the x axis of `tube`; of eight fingers the more are up, the higher the pitch."""
        up = 8 * (moment.pitch % 12) / 11
        for hand, along in enumerate(places):
            # The right arm of the picture holds the place nearer to the mouth.
            place = canvas.local(tube.pixel((along, 4)))
            self.arm(canvas, (102, 54) if hand == 0 else (58, 54), place)
            for finger in range(4):
                x = along - 5.4 + 3.6 * finger
                raised = 4.5 if 4 * (1 - hand) + 3 - finger < up else 0.0
                tube.line([(x, 2), (x, -2.5 - raised)], shade(self.look.skin, 0.6), 3)
                tube.line([(x, 2), (x, -2.2 - raised)], self.look.skin, 2)


class Flute(Wind):
    """Flautist."""

    closeness = 1.15
    finishes = [(206, 210, 218), (190, 196, 206), (226, 206, 150)]

    def paint_moving(self, canvas: Canvas, moment: Moment) -> None:
        face = self.head(canvas, moment, 90, 26, nod=1, blow=0.3 * moment.level, facing=-1)
        x, y = self.mouth(canvas, face)
        tube = canvas.placed(x, y + 1.5, 166 - self.droop(moment, 10, 6))
        tube.line([(-13, 0), (72, 0)], self.finish, 3.6, shade(self.finish, 0.5), 5)
        tube.line([(-13, 0.6), (72, 0.6)], shade(self.finish, 1.6), 0.8)
        tube.ellipse(0, 0, 4, 2.6, shade(self.finish, 0.85), DARK)
        for joint in (-13, 14, 62):
            tube.line([(joint, -2.6), (joint, 2.6)], shade(self.finish, 0.6), 1.6)
        for key in range(10):
            tube.circle(22 + 4 * key, 0, 1.7, shade(self.finish, 1.5), shade(self.finish, 0.5))
        self.hands(canvas, tube, (27, 48), moment)


class Clarinet(Wind):
    """Clarinettist."""

    TUBE = [(8, -3), (62, -3.6), (70, -6), (76, -10), (76, 10), (70, 6), (62, 3.6), (8, 3)]
    closeness = 1.15
    finishes = [(34, 32, 36), (52, 34, 30)]

    def paint_moving(self, canvas: Canvas, moment: Moment) -> None:
        face = self.head(canvas, moment, 76, 24, nod=1, blow=0.5 * moment.level)
        tube = canvas.placed(*self.mouth(canvas, face), 78 + self.droop(moment, 22, 8))
        edge = (120, 118, 124)
        tube.polygon([(0, -1), (8, -2.6), (8, 2.6), (0, 1)], DARK, edge)
        tube.polygon(self.TUBE, self.finish, edge)
        for ring in (9, 17, 39, 60):
            tube.line([(ring, -4), (ring, 4)], SILVER, 2)
        for key in range(9):
            tube.circle(20 + 4.6 * key, 0.4, 1.5, SILVER)
        tube.line([(20, 2.6), (36, 2.6)], SILVER, 0.9)
        tube.line([(42, 2.8), (58, 2.8)], SILVER, 0.9)
        self.hands(canvas, tube, (27, 49), moment)


class Bassoon(Wind):
    """Bassoonist."""

    finishes = [(110, 40, 28), (140, 56, 34), (84, 34, 30)]
    chest = 84

    def paint_moving(self, canvas: Canvas, moment: Moment) -> None:
        face = self.head(canvas, moment, 72, 26, nod=1.5, blow=0.5 * moment.level)
        x, y = self.mouth(canvas, face)
        tube, dark = canvas.placed(76, 108, -62 + self.droop(moment, 7, 5)), shade(self.finish, 0.5)
        tube.box(-24, -7.5, 34, 7.5, self.finish, dark)  # the boot, two bores side by side
        tube.line([(-24, 0), (34, 0)], dark, 0.8)
        tube.box(30, -7, 102, -0.5, self.finish, dark)
        tube.box(34, 0.5, 58, 5.5, shade(self.finish, 0.85), dark)
        tube.polygon([(102, -7), (116, -8.5), (116, 1), (102, -0.5)], self.finish, dark)
        tube.box(113, -8.8, 118, 1.3, PEARL, dark)
        for ring in (-24, 32, 58, 101):
            tube.line([(ring, -7.5), (ring, 5.5)], SILVER, 2)
        for key in range(8):
            tube.circle(-16 + 12 * key, -3.6, 1.9, SILVER)
        tube.line([(-18, 4), (30, 4)], SILVER, 0.9)
        top = canvas.local(tube.pixel((58, 3)))
        crook = smooth([(x, y), (x + 7, y + 1), (x + 11, y - 3), top], closed=False)
        canvas.line(crook, SILVER, 1.6, DARK, 2.6)
        canvas.line([(x, y), (x + 3, y + 0.6)], (214, 180, 120), 2.6)  # the reed
        self.hands(canvas, tube, (46, 4), moment)


class Saxophone(Wind):
    """Saxophonist."""

    finishes = GOLDS[:3]
    BODY = ribbon(smooth([(12, 0), (15, 26), (18, 56), (25, 66), (35, 63), (39, 50)], closed=False), 9)
    BELL = smooth([(33, 58), (34, 40), (31, 30), (25, 23), (55, 20), (48, 29), (46, 42), (44, 60), (38, 66)])

    def paint_still(self, canvas: Canvas) -> None:
        super().paint_still(canvas)
        canvas.line([(73, 44), (84, 62)], DARK, 1.6)
        canvas.line([(88, 44), (84, 62)], DARK, 1.6)

    def paint_moving(self, canvas: Canvas, moment: Moment) -> None:
        face = self.head(canvas, moment, 78, 23, nod=1, blow=0.6 * moment.level)
        horn = canvas.placed(*self.mouth(canvas, face), 14 + self.droop(moment, 16, 7))
        gold, dark = self.finish, shade(self.finish, 0.45)
        horn.line([(5, -2.5), (9, -4), (12, 0)], gold, 3, dark, 4.4)
        horn.line([(1, -0.4), (6, -2.5)], DARK, 2.4)
        horn.polygon(self.BODY, gold, dark)
        horn.polygon(self.BELL, gold, dark)
        horn.ellipse(40, 21.5, 15, 3.6, shade(gold, 0.55), dark)
        for key in range(6):
            horn.circle(14 + 0.8 * key, 8 + 8 * key, 2.6, shade(gold, 1.4), dark)
        for x, y in ((39, 40), (38.5, 50)):
            horn.circle(x, y, 3.8, shade(gold, 0.85), dark)
            horn.circle(x, y, 1.4, PEARL)
        self.hands(canvas, horn.placed(12.5, 0, 87), (24, 45), moment)


class Trumpet(Wind):
    """Trumpeter; the three fingers press the valves."""

    finishes = GOLDS
    closeness = 1.12
    chest = 64
    FLARE = mirrored([(46, 0), (47, -1.6), (58, -3), (66, -7), (71, -13), (74, -14)])

    def paint_moving(self, canvas: Canvas, moment: Moment) -> None:
        face = self.head(canvas, moment, 60, 27, nod=1, blow=moment.level, facing=1)
        x, y = self.mouth(canvas, face)
        horn = canvas.placed(x + 1, y, 10 + self.droop(moment, 18, 14))
        gold, dark = self.finish, shade(self.finish, 0.45)
        self.arm(canvas, (86, 56), canvas.local(horn.pixel((31, 9))), length=22)
        self.arm(canvas, (46, 56), canvas.local(horn.pixel((25, -7))), length=26)
        for wide, colour in ((4, dark), (2.6, gold)):
            horn.line([(0, 0), (58, 0)], colour, wide)
            horn.line([(20, 0), (15, 3), (15, 9), (20, 12), (46, 12), (51, 9), (51, 3), (47, 0)], colour, wide)
        horn.polygon([(-1, -2.6), (3, -1.2), (3, 1.2), (-1, 2.6)], gold, dark)
        horn.polygon(self.FLARE, gold, dark)
        horn.ellipse(74, 0, 3, 14, shade(gold, 0.7), dark)
        # A valve for each of the three fingers: together they lower the tone by up to six semitones.
        pressed = ((0, 0, 0), (0, 1, 0), (1, 0, 0), (1, 1, 0), (0, 1, 1), (1, 0, 1), (1, 1, 1))[-moment.pitch % 7]
        self.hand(canvas, *canvas.local(horn.pixel((25, -7))), 4.6)
        for valve, down in enumerate(pressed):
            left, top = 26.5 + 5.6 * valve, -8.5 + 4 * down
            horn.box(left, -5, left + 4.4, 15, gold, dark)
            horn.line([(left + 2.2, top), (left + 2.2, -5)], SILVER, 1.4)
            horn.line([(25, -9), (left + 2.2, top - 1.5)], self.look.skin, 2.4, shade(self.look.skin, 0.6), 3.4)
        self.hand(canvas, *canvas.local(horn.pixel((30, 9))), 4.6)


class Tuba(Wind):
    """Tuba player, seated; the three fingers press the valves."""

    finishes = GOLDS
    chest, knees = 74, ((40, 106), (124, 108))
    _OUTER_COIL = [(116, 40), (116, 92), (108, 110), (88, 114), (70, 106), (66, 88), (70, 66), (80, 58)]
    _INNER_COIL = [(80, 58), (96, 62), (104, 76), (102, 96), (90, 102), (80, 96), (78, 80), (84, 70)]
    OUTER, INNER = ribbon(smooth(_OUTER_COIL, closed=False), 12), ribbon(smooth(_INNER_COIL, closed=False), 7)
    FLARE = smooth([(109, 60), (107, 40), (99, 24), (88, 13), (144, 13), (133, 24), (125, 40), (123, 60)])

    def paint_moving(self, canvas: Canvas, moment: Moment) -> None:
        face = self.head(canvas, moment, 70, 27, nod=1.5, blow=moment.level)
        x, y = self.mouth(canvas, face)
        gold, dark = self.finish, shade(self.finish, 0.45)
        horn = canvas.placed(1.5 * moment.stroke, 2 - 3 * moment.strike - 2 * moment.height)
        horn.polygon(self.OUTER, gold, dark)
        horn.polygon(self.INNER, shade(gold, 0.9), dark)
        horn.line([(112.5, 60), (112.5, 94)], shade(gold, 1.6), 1.6)
        horn.polygon(self.FLARE, gold, dark)
        horn.line([(110, 58), (106, 38), (98, 22)], shade(gold, 1.6), 1.6)
        horn.ellipse(116, 13, 28, 6.5, shade(gold, 0.5), dark)
        pipe = [(x, y), *((px, py + 2 - 3 * moment.strike) for px, py in ((90, 40), (96, 50), (92, 62)))]
        canvas.line(pipe, gold, 3, dark, 4.4)
        canvas.circle(x, y, 3.4, shade(gold, 1.3), dark)
        self.arm(canvas, (96, 56), canvas.local(horn.pixel((118, 78))), length=22)
        pressed = moment.pitch % 8
        hold = canvas.local(horn.pixel((78, 68)))
        self.arm(canvas, (52, 56), hold, length=25)
        for valve in range(3):
            left, top = 82 + 6 * valve, 66 + 5 * (pressed >> valve & 1)
            horn.box(left, 72, left + 4.6, 92, SILVER, dark)
            horn.line([(left + 2.3, top), (left + 2.3, 72)], SILVER, 1.8)
            horn.line([(78, 67), (left + 2.3, top - 1)], self.look.skin, 2.6, shade(self.look.skin, 0.6), 3.6)


class Bagpipe(Wind):
    """Piper, with the bag under the arm and three drones over the shoulder."""

    finishes = [(150, 30, 40), (34, 86, 60), (40, 60, 120), (110, 40, 90)]
    chest = 74

    def paint_still(self, canvas: Canvas) -> None:
        super().paint_still(canvas)
        canvas.box(48, 102, 100, 132, self.finish)
        for fold in range(6):
            canvas.line([(52 + 9 * fold, 102), (52 + 9 * fold, 132)], shade(self.finish, 0.55), 2)
        for row in (108, 117):
            canvas.line([(48, row), (100, row)], (226, 206, 110), 0.8)
        # Three drones over the shoulder, of dark wood with ivory rings.
        for foot, top in (((102, 68), (106, 2)), ((110, 68), (126, 6)), ((118, 70), (144, 14))):
            canvas.line([foot, top], (60, 36, 28), 4)
            for part in (0.3, 0.62, 0.97):
                x, y = foot[0] + part * (top[0] - foot[0]), foot[1] + part * (top[1] - foot[1])
                canvas.circle(x, y, 2.8, PEARL, DARK)
        canvas.line(smooth([(100, 44), (106, 50), (112, 44), (120, 50), (126, 42)], closed=False), self.finish, 1.4)

    def paint_moving(self, canvas: Canvas, moment: Moment) -> None:
        face = self.head(canvas, moment, 70, 26, nod=2, blow=0.4 + 0.6 * moment.level)
        face.polygon([(-12, -7), (-11, -15), (0, -19), (11, -15), (12, -7)], (30, 32, 44), DARK)
        face.line([(-12, -7.5), (12, -7.5)], PEARL, 2.4)
        for check in range(-11, 12, 4):
            face.box(check, -8.6, check + 2, -6.4, (180, 40, 44))
        face.circle(0, -19, 2.6, (190, 40, 46))
        x, y = self.mouth(canvas, face)
        full = 1 + 0.08 * moment.level + 0.1 * moment.stroke
        bag = canvas.placed(112, 82, -14, full)
        bag.ellipse(0, 0, 27, 18, self.finish, shade(self.finish, 0.45))
        for line in (-12, -2, 8):
            bag.line([(line, -16), (line + 3, 16)], shade(self.finish, 0.5), 2.4)
            bag.line([(-23, line + 3), (23, line + 3)], (226, 206, 110), 0.8)
        canvas.line([(x, y), (92, 68)], (92, 58, 40), 2.2, DARK, 3.4)
        chanter = canvas.placed(88, 84, 116 + 8 * moment.height + 3 * moment.strike + 4 * moment.stroke)
        chanter.polygon([(-4, -2), (40, -2.6), (44, -5), (44, 5), (40, 2.6), (-4, 2)], (60, 36, 28), DARK)
        chanter.line([(-3, -3), (-3, 3)], PEARL, 2.4)
        chanter.line([(43, -5), (43, 5)], PEARL, 2)
        self.hands(canvas, chanter, (10, 27), moment)
