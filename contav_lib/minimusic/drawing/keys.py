"""Piano and accordion: hands at the keys of the pitches, keys that go down, bellows that breathe."""

from __future__ import annotations

import numpy as np

from contav_lib.minimusic.drawing.body import Player
from contav_lib.minimusic.drawing.canvas import Canvas, Point, rim, shade
from contav_lib.minimusic.drawing.motion import Moment

IVORY, DARK, STEEL = (246, 243, 234), (28, 26, 28), (206, 208, 212)
LIT = (250, 204, 120)
"""A key that is down catches the light."""
BLACK = {1, 3, 6, 8, 10}
LOWEST, HIGHEST = 28, 96


def white_keys(low: int, high: int) -> list[int]:
    """Pitches of the white keys from `low` to `high`."""
    return [pitch for pitch in range(low, high + 1) if pitch % 12 not in BLACK]


class Piano(Player):
    """Pianist at an upright piano, seen over the shoulder."""

    mirrors = False
    finishes = [(38, 34, 36), (104, 58, 34), (140, 86, 50), (84, 42, 32), (226, 222, 214)]
    LEFT, RIGHT, TOP, FRONT = 5, 155, 55, 76

    def __init__(self, rng: np.random.Generator):
        super().__init__(rng)
        self.white = white_keys(LOWEST, HIGHEST)
        self.width = (self.RIGHT - self.LEFT) / len(self.white)
        self.hands_at, self.pressed = [48.0, 112.0], [0.0, 0.0]

    def centre(self, pitch: int) -> float:
        """Place of a key's middle from left to right."""
        below = sum(white < pitch for white in self.white)
        return self.LEFT + self.width * (below + (0 if pitch % 12 in BLACK else 0.5))

    def key(self, canvas: Canvas, pitch: int, down: bool = False) -> None:
        """Paint one key."""
        x, half = self.centre(pitch), self.width / 2
        if pitch % 12 in BLACK:
            canvas.box(x - 0.62 * half, self.TOP, x + 0.62 * half, self.TOP + 12, shade(LIT, 0.6) if down else DARK)
        else:
            canvas.box(x - half, self.TOP, x + half, self.FRONT + down, LIT if down else IVORY, (120, 118, 116))

    def paint_still(self, canvas: Canvas) -> None:
        wood, dark = self.finish, shade(self.finish, 0.55)
        canvas.box(-6, 0, 166, 7, shade(wood, 1.15), dark)
        canvas.box(-4, 7, 164, 52, wood, dark)
        for left, right in ((2, 44), (116, 158)):
            canvas.box(left, 12, right, 46, shade(wood, 0.85), dark)
        canvas.box(44, 44, 116, 47, shade(wood, 1.2), dark)
        for left in (50, 81):  # the music
            canvas.box(left, 12, left + 29, 44, (250, 248, 240), (150, 146, 140))
            for stave in range(4):
                for line in range(3):
                    y = 16 + 7 * stave + 1.6 * line
                    canvas.line([(left + 3, y), (left + 26, y)], (120, 120, 124), 0.5)
                for note in range(5):
                    canvas.circle(left + 5 + 4.6 * note, 16 + 7 * stave + (note * 7 + stave * 3) % 5, 0.9, DARK)
        canvas.box(-6, 51, 166, 56, dark)
        canvas.line([(-4, 55), (164, 55)], (150, 30, 40), 1)  # the strip of felt
        canvas.box(-6, 76, 166, 84, shade(wood, 1.1), dark)
        canvas.box(-6, 56, self.LEFT, 80, wood, dark)
        canvas.box(self.RIGHT, 56, 166, 80, wood, dark)
        canvas.box(-2, 84, 162, 134, shade(wood, 0.7), dark)
        for pitch in [*self.white, *(pitch for pitch in range(LOWEST, HIGHEST) if pitch % 12 in BLACK)]:
            self.key(canvas, pitch)

    def paint_moving(self, canvas: Canvas, moment: Moment) -> None:
        held = [note.pitch for note in moment.notes]
        for pitch in sorted(held, key=lambda pitch: pitch % 12 in BLACK):
            self.key(canvas, pitch, down=True)
            for neighbour in (pitch - 1, pitch + 1):
                if neighbour % 12 in BLACK and neighbour not in held:
                    self.key(canvas, neighbour)
        split = sum(self.hands_at) / 2
        struck: tuple[list[float], list[float]] = [], []
        for note in moment.struck:
            x = self.centre(note.pitch)
            struck[x > split].append(x)
        self._back(canvas, moment)
        for hand, shoulder in enumerate(((56, 106), (104, 106))):
            if struck[hand]:
                self.hands_at[hand] = float(np.mean(struck[hand]))
            self.pressed[hand] = moment.strike if struck[hand] else 0.75 * self.pressed[hand]
            x, y = self.hands_at[hand], 81 - 6 * self.pressed[hand] + (0 if moment.level else 5)
            self.arm(canvas, shoulder, (x, y), length=24)
            self.fingers(canvas, x, y - 1, (2.6, 0), lifted=1.6)

    def _back(self, canvas: Canvas, moment: Moment) -> None:
        look, sway = self.look, 4 * moment.stroke
        back = [(74, 100), (86, 100), (104, 101), (110, 108), (108, 136), (52, 136), (50, 108), (56, 101)]
        canvas.polygon(back, look.shirt, rim(look.shirt))
        canvas.box(75, 94, 85, 102, shade(look.skin, 0.85))
        head = canvas.placed(80 + sway, 86 - 1.5 * moment.strike, look.lean)
        for ear in (-11, 11):
            head.circle(ear, 1, 2.4, look.skin, shade(look.skin, 0.6))
        head.ellipse(0, 0, 11.5, 12.5, look.hair, shade(look.hair, 0.6))
        for strand in (-6, 0, 6):
            head.line([(0.4 * strand, -9), (strand, 9)], shade(look.hair, 0.8), 0.8)


class Accordion(Player):
    """Accordion player, the keyboard at the picture's left, the bellows at its right."""

    finishes = [(170, 28, 40), (36, 36, 42), (30, 70, 130), (226, 220, 208), (30, 110, 84)]
    closeness = 1.08
    FOLDS, KEYS = 9, 19

    def key_of(self, pitch: int) -> int:
        """Key of a pitch: the keyboard stands upright, the lowest notes nearest to the chin."""
        return round((self.KEYS - 1) * min(max((pitch - 41) / 48, 0), 1))

    def paint_key(self, canvas: Canvas, key: int, down: bool = False) -> None:
        """Paint one key, with the black ones beside it."""
        top = 49.5 + 3.3 * key
        canvas.box(38, top, 51, top + 3.3, LIT if down else IVORY, (120, 118, 116))
        for black, above in ((key - 1, top - 1), (key, top + 2.3)):
            if black % 7 not in (2, 6):
                canvas.box(44.5, above, 51, above + 2, DARK)

    def paint_still(self, canvas: Canvas) -> None:
        super().paint_still(canvas)
        for x in (66, 94):  # the straps
            canvas.line([(x, 45), (x - 4, 66)], DARK, 5)
        body, dark = self.finish, shade(self.finish, 0.5)
        canvas.polygon([(50, 52), (54, 48), (75, 50), (75, 110), (54, 112), (50, 108)], body, dark)
        for slot in range(6):
            canvas.line([(64, 58 + 8 * slot), (71, 58 + 8 * slot)], STEEL, 2.4)
        canvas.box(38, 48, 52, 113, DARK)
        for key in range(self.KEYS):
            self.paint_key(canvas, key)

    def paint_moving(self, canvas: Canvas, moment: Moment) -> None:
        body, dark = self.finish, shade(self.finish, 0.5)
        self.head(canvas, moment, 82, 24, nod=2)
        wide = 0.5 + 0.5 * moment.stroke
        left, far = 75, 88 + 24 * wide
        fan = canvas.placed(far, 80, 3 + 12 * wide)
        (top_x, top_y), (foot_x, foot_y) = (canvas.local(fan.pixel((0, y))) for y in (-27, 27))

        def across(part: float, bulge: float) -> tuple[Point, Point]:
            top = left + part * (top_x - left), 52 + part * (top_y - 52) - bulge
            return top, (left + part * (foot_x - left), 108 + part * (foot_y - 108) + bulge)

        for fold in range(self.FOLDS):  # the bellows
            bulge, colour = (2.5, (226, 214, 196)) if fold % 2 else (0, shade(body, 0.6))
            near, away = (across(edge / self.FOLDS, bulge) for edge in (fold, fold + 1))
            canvas.polygon([*near, *reversed(away)], colour, DARK)
        fan.polygon([(0, -28), (15, -26), (17, -20), (17, 20), (15, 26), (0, 28)], body, dark)
        for row in range(7):
            for column in range(3):
                fan.circle(4 + 4 * column, -18 + 6 * row, 1.2, IVORY)
        for key in {self.key_of(note.pitch) for note in moment.notes}:
            self.paint_key(canvas, key, down=True)
        self.arm(canvas, (104, 54), canvas.local(fan.pixel((17, 0))), length=22)
        y = 51 + 3.3 * self.key_of(moment.pitch)
        self.arm(canvas, (57, 54), (38, y), length=25)
        self.fingers(canvas, 40, y, (0, 2.8), lifted=2 - 2 * moment.strike)
