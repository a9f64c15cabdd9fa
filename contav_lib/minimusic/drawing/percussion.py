"""Drum kit and xylophone: the stick falls on what belongs to the note."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from contav_lib.minimusic.composition import INSTRUMENTS
from contav_lib.minimusic.drawing.body import Player
from contav_lib.minimusic.drawing.canvas import Canvas, Point, choose, shade
from contav_lib.minimusic.drawing.keys import BLACK, white_keys
from contav_lib.minimusic.drawing.motion import Moment

STEEL, DARK, WOOD, BRASS, SKIN = (196, 200, 206), (40, 36, 36), (222, 184, 124), (222, 186, 84), (240, 238, 230)


@dataclass
class Mallet:
    """Hand with a stick: where it last struck, and how far it still is from being raised again (1 to 0)."""

    target: Point
    hit: float = 0.0

    def strike(self, target: Point | None) -> None:
        """Strike the place that was struck since the last picture, if any; call it for every picture."""
        self.hit *= 0.75
        if target:
            self.target, self.hit = target, 1.0

    def tip(self, height: float) -> Point:
        """Place of the stick's tip, at most `height` above the target."""
        return self.target[0], self.target[1] - height * (1 - self.hit)


class DrumKit(Player):
    """Drummer behind the kit."""

    finishes = [(170, 32, 40), (36, 38, 44), (40, 80, 150), (200, 150, 80), (60, 130, 110), (214, 214, 220)]
    # Where each part of the kit stands: the middle of its head, half its width.
    DRUMS = {"snare": (52, 84, 16), "low tom": (62, 66, 14), "high tom": (97, 66, 13), "floor tom": (118, 90, 17)}
    CYMBALS = {"hi-hat": (20, 74, 17), "crash": (32, 36, 21), "ride": (136, 44, 22)}
    KEYS = {
        "bass": (35, 36), "snare": (37, 38, 39, 40), "floor tom": (41, 43), "low tom": (45, 47), "high tom": (48, 50),
        "hi-hat": (42, 44, 46, 54), "crash": (49, 52, 55, 57), "ride": (51, 53, 56, 59),
    }  # fmt: skip

    def __init__(self, rng: np.random.Generator):
        super().__init__(rng)
        self.sticks = Mallet((52, 84)), Mallet((97, 66))
        self.part_of = {key: part for part, keys in self.KEYS.items() for key in keys}
        self.ringing = dict.fromkeys(self.KEYS, 0.0)

    def paint_still(self, canvas: Canvas) -> None:
        self.torso(canvas, shoulders=44)
        for x, y, _ in self.CYMBALS.values():
            canvas.line([(x, y), (x + (4 if x < 80 else -4), 130)], STEEL, 1.6)

    def paint_moving(self, canvas: Canvas, moment: Moment) -> None:
        struck = {self.part_of.get(note.pitch, "snare") for note in moment.struck}
        for part in self.ringing:
            self.ringing[part] = moment.strike if part in struck else 0.7 * self.ringing[part]
        self.head(canvas, moment, 80, 22, nod=3)
        self._kit(canvas)
        places = sorted((self.DRUMS | self.CYMBALS)[part][:2] for part in struck - {"bass"})
        # The outermost parts of the kit that sound: one for each stick.
        left = places[0] if places and (len(places) > 1 or places[0][0] < 80) else None
        right = places[-1] if places and (len(places) > 1 or places[-1][0] >= 80) else None
        for stick, place, shoulder in zip(self.sticks, (left, right), ((59, 52), (101, 52)), strict=True):
            stick.strike(place)
            x, y = stick.tip(18)
            hand = x + 0.5 * (shoulder[0] - x), 22 + 0.55 * y - 4 * (1 - stick.hit)
            self.arm(canvas, shoulder, hand, length=22)
            canvas.line([hand, (x, y)], WOOD, 2, shade(WOOD, 0.5), 3.4)
            canvas.circle(x, y, 1.7, WOOD)

    def _kit(self, canvas: Canvas) -> None:
        shell, dark = self.finish, shade(self.finish, 0.5)
        kick = self.ringing["bass"]
        for name, (x, y, half) in self.DRUMS.items():
            depth = {"floor tom": 34, "snare": 10}.get(name, 15)
            if name == "snare":
                canvas.line([(x, y), (x - 8, 130)], STEEL, 2)
                canvas.line([(x, y), (x + 8, 130)], STEEL, 2)
            ring = self.ringing[name]
            foot = y + depth
            canvas.polygon([(x - half, y), (x + half, y), (x + half - 1, foot), (x - half + 1, foot)], shell, dark)
            canvas.ellipse(x, foot, half - 1, 4, shell, dark)
            canvas.ellipse(x, y + 1.5 * ring, half, 5, STEEL, DARK)
            canvas.ellipse(x, y + 1.5 * ring, half - 2, 4, shade(SKIN, 1 - 0.25 * ring))
            if name == "high tom":
                radius = 24 + 1.5 * kick
                canvas.circle(80, 104, radius + 2.5, dark, DARK)
                canvas.circle(80, 104, radius, shell)
                canvas.circle(80, 104, radius - 3, shade(SKIN, 1 - 0.25 * kick), DARK)
                canvas.circle(80, 104, 7 + 3 * kick, shell)
        for name, (x, y, half) in self.CYMBALS.items():
            ring = self.ringing[name]
            plate = canvas.placed(x, y + 2 * ring, (12 if x < 80 else -12) * (0.4 + ring))
            if name == "hi-hat":
                plate.ellipse(0, 3 - 2 * ring, half, 2.6, shade(BRASS, 0.7), DARK)
            plate.ellipse(0, 0, half, 3.2, shade(BRASS, 1 + 0.5 * ring), shade(BRASS, 0.4))
            plate.ellipse(0, -1.2, 4, 1.8, shade(BRASS, 0.8))


class Xylophone(Player):
    """Xylophone player, seen from the front: the long, low bars lie at the player's left."""

    mirrors = False
    finishes = [(168, 84, 48), (132, 62, 40), (196, 116, 66)]
    LOWEST, HIGHEST = INSTRUMENTS["xylophone"].compass
    RAINBOW = [
        (214, 60, 60), (230, 130, 50), (236, 206, 70), (90, 176, 90), (70, 150, 210), (100, 90, 190), (190, 90, 170),
    ]  # fmt: skip

    def __init__(self, rng: np.random.Generator):
        super().__init__(rng)
        self.coloured = rng.random() < 0.4
        self.ball = choose([(200, 50, 50), (60, 90, 180), (240, 236, 226), (70, 150, 90)], rng)
        self.naturals = white_keys(self.LOWEST, self.HIGHEST)
        self.mallets = Mallet((58, 88)), Mallet((102, 88))

    def bar(self, pitch: int) -> tuple[float, float, float, float]:
        """Middle, half width and half length of a pitch's bar: the raised keys lie in a row behind."""
        step = 146 / len(self.naturals)
        half = 14 - 7 * (pitch - self.LOWEST) / (self.HIGHEST - self.LOWEST)
        below = sum(natural < pitch for natural in self.naturals)
        if pitch % 12 in BLACK:
            return 153 - step * below, 71, 0.4 * step, 0.55 * half
        return 153 - step * (below + 0.5), 91, 0.44 * step, half

    def paint_bar(self, canvas: Canvas, pitch: int, struck: bool = False) -> None:
        """Paint the bar of a pitch, with its two screws."""
        x, y, wide, half = self.bar(pitch)
        rainbow = self.RAINBOW[self.naturals.index(pitch) % 7] if self.coloured and pitch in self.naturals else None
        colour = shade(rainbow or self.finish, 1.6 if struck else 1)
        canvas.box(x - wide, y - half + struck, x + wide, y + half + struck, colour, shade(colour, 0.5))
        for end in (-0.7, 0.7):
            canvas.circle(x, y + end * half, 0.7, DARK)

    def paint_still(self, canvas: Canvas) -> None:
        super().paint_still(canvas)
        for leg in (16, 144):
            canvas.line([(leg, 90), (leg, 132)], DARK, 4)
        for natural in self.naturals:  # the resonators
            x, y, wide, half = self.bar(natural)
            canvas.box(x - wide, y, x + wide, y + 2.1 * half, STEEL, shade(STEEL, 0.5))
        canvas.polygon([(1, 84), (159, 78), (159, 104), (1, 98)], shade(self.finish, 0.4))
        canvas.polygon([(3, 68), (157, 66), (157, 78), (3, 75)], shade(self.finish, 0.4))
        for pitch in range(self.LOWEST, self.HIGHEST + 1):
            self.paint_bar(canvas, pitch)

    def paint_moving(self, canvas: Canvas, moment: Moment) -> None:
        self.head(canvas, moment, 80, 24, nod=2.5)
        struck = sorted({note.pitch for note in moment.struck})
        for pitch in struck:
            self.paint_bar(canvas, pitch, struck=True)
        places: list[Point | None] = [self.bar(pitch)[:2] for pitch in struck[-1:] + struck[:1]]  # from left to right
        if len(struck) == 1:
            # A single note goes to each hand in turn.
            places[moment.turn % 2] = None
        for hand, (mallet, shoulder) in enumerate(zip(self.mallets, ((59, 54), (101, 54)), strict=True)):
            mallet.strike(places[hand] if places else None)
            x, y = mallet.tip(17)
            grip = x + 0.4 * (shoulder[0] - x), y - 20
            self.arm(canvas, shoulder, grip, length=24)
            canvas.line([grip, (x, y)], WOOD, 1.5, shade(WOOD, 0.5), 2.4)
            canvas.circle(x, y, 3.6, self.ball, DARK)
