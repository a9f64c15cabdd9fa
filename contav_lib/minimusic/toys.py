"""Invented instruments: what the tiny encoders learn to see from, so that they meet none of MiniMUSIC's 20 classes.

A toy is a chance assembly of simple shapes, played by a drawn musician in one of many ways, all chosen by its number:
the same number is the same toy. A clip of it chooses the colours (one of the toy's three), the musician's looks, the
room, the camera and the music. Large toys sound low, as large things do. The musician, the room and what a melody is
are MiniMUSIC's; none of its instruments' drawings, names, ranges or habits is.
"""

from __future__ import annotations

import math

import numpy as np

from contav_lib.minimusic import idioms
from contav_lib.minimusic.composition import Instrument, Score, improvise
from contav_lib.minimusic.drawing import film
from contav_lib.minimusic.drawing.body import Player
from contav_lib.minimusic.drawing.canvas import Canvas, Point, choose, rim, shade
from contav_lib.minimusic.drawing.motion import Moment, moments
from contav_lib.minimusic.idioms import Idiom
from contav_lib.minimusic.toy_shapes import Shape, assemble, three_colours

_APART = 20_241_104  # part of every seed here, so that no clip of the data set is drawn
SIZE = (160, 120)
POSES = ("held", "blown", "table", "floor", "shouldered", "near")
GESTURES = ("strike", "rub", "pluck", "press", "squeeze")
_IDIOMS: tuple[Idiom, ...] = (
    idioms.tune, idioms.ornamented, idioms.double_stops, idioms.tremolo, idioms.strum, idioms.picking,
    idioms.held_chords, idioms.accompanied, idioms.riff,
)  # fmt: skip
_LEFT, _RIGHT = (58, 54), (102, 54)  # the musician's shoulders


class Toy(Player):
    """The musician with toy `number`; `rng` chooses what differs from clip to clip.

    One hand goes along a track with the pitch, the other makes the sound by the toy's gesture. Lengths are in units of
    the scene, 160 x 120; places on the toy count from its middle.
    """

    def __init__(self, number: int, rng: np.random.Generator):
        super().__init__(rng)
        own = np.random.default_rng([_APART, number])
        self.pose, self.gesture = str(own.choice(POSES)), str(own.choice(GESTURES))
        flat = self.pose in ("table", "near")
        length = own.uniform(100, 150) if flat else own.uniform(42, 104)
        wide = own.uniform(16, 44) if flat else length * own.uniform(0.12, 0.75)
        self.length, self.wide = length, wide
        self.shapes, self.moving = assemble(own, length, wide), assemble(own, 0.3 * length, 0.5 * wide)
        self.palettes = [three_colours(own) for _ in range(3)]
        self.palette = [choose([colour], rng) for colour in self.palettes[rng.integers(3)]]
        self.place = self._place(own)
        self.closeness = float(own.choice([1, 1, 1.1, 1.2]))
        self.knees = ((44, 96), (116, 96)) if own.random() < 0.3 else None
        self.mirrors = own.random() < 0.8
        # Degrees by which it turns for a full stroke, a strike, and the whole compass.
        self.sway, self.start, self.rise = own.uniform(-5, 5), own.uniform(-4, 4), own.choice([0, own.uniform(-20, 20)])
        # The track, from the lowest to the highest pitch: over the whole toy, or from its end to the middle.
        x, y = own.uniform(0.2, 0.5) * length, own.uniform(-0.3, 0.3) * wide
        self.track = ((-x, y), (x, own.uniform(-0.3, 0.3) * wide)) if own.random() < 0.5 else ((x, y), (0.1 * x, y))
        self.slots = int(own.integers(5, 26)) if own.random() < 0.45 else 0
        self.slot = own.uniform(0.1, 0.4) * wide  # half the length of one slot
        # Where the other hand plays, which way it goes there (degrees), and the length of its rod.
        self.crossing = own.uniform(-0.4, 0.1) * length, own.uniform(-0.2, 0.2) * wide
        self.direction, self.rod = own.uniform(0, 180), own.uniform(24, 90)
        self.both = own.random() < 0.5  # sticks in both hands; bars for slots, not discs
        self.cords = int(own.integers(2, 7)) if own.random() < 0.4 else 0
        low = int(np.clip(92 - 0.45 * (length + wide) + own.normal(0, 5), 26, 70))
        self.compass = low, low + int(own.integers(24, 44))
        is_drum = self.gesture == "strike" and low < 36
        self.instrument = Instrument(
            ((0, *self.compass),),
            (idioms.groove,) if is_drum else tuple(_IDIOMS[place] for place in own.choice(len(_IDIOMS), 2)),
            pace=(0.25, own.uniform(0.8, 2.2)),
            legato=(0.5, own.uniform(0.7, 1.5)),
        )

    def _place(self, own: np.random.Generator) -> tuple[float, float, float]:
        """Place of the toy's middle, and its angle."""
        x = own.uniform(68, 92)
        if self.pose == "table":
            return 80, own.uniform(84, 100), own.uniform(-5, 5)
        if self.pose == "near":
            return 80, own.uniform(50, 76), own.uniform(-3, 3)
        if self.pose == "floor":
            beside = own.choice([own.uniform(30, 60), x, own.uniform(100, 130)])
            return beside, own.uniform(64, 88), own.uniform(-115, -65)
        if self.pose == "shouldered":
            return own.uniform(86, 104), own.uniform(46, 56), own.uniform(-40, 40)
        return x, own.uniform(72, 96), own.uniform(-180, 180)  # held; where it is blown, the mouth decides

    def paint_still(self, canvas: Canvas) -> None:
        if self.pose != "near":  # where only the toy and the hands are seen
            super().paint_still(canvas)

    def paint_moving(self, canvas: Canvas, moment: Moment) -> None:
        x, y, degrees = self.place
        degrees += self.sway * moment.stroke + self.start * moment.strike + self.rise * moment.height
        if self.pose != "near":
            face = self.head(canvas, moment, nod=2, blow=0.6 * moment.level * (self.pose == "blown"))
            if self.pose == "blown":
                # The toy's end stays at the lips.
                lips, turn = self.mouth(canvas, face), math.radians(degrees := 90 + (degrees - 90) / 3)
                x, y = lips[0] + self.length / 2 * math.cos(turn), lips[1] + self.length / 2 * math.sin(turn)
        toy = canvas.placed(x, y, degrees)
        if self.gesture == "squeeze":
            self._paint(toy.placed(0, self.wide * (0.45 + 0.25 * moment.stroke)), self.moving)
        self._paint(toy, self.shapes)
        self._paint_cords(toy, moment)
        self._paint_slots(toy, moment)
        self._fingering(canvas, toy, moment)
        self._play(canvas, toy, moment)

    def _paint(self, canvas: Canvas, shapes: list[Shape]) -> None:
        for shape in shapes:
            shape.paint(canvas, self.palette)

    def _along(self, part: float) -> Point:
        """The place on the track for a height of 0 to 1."""
        (x, y), (far_x, far_y) = self.track
        return x + part * (far_x - x), y + part * (far_y - y)

    def _paint_cords(self, toy: Canvas, moment: Moment) -> None:
        """Cords over the whole length; every other one swings just after it was sounded."""
        for cord in range(self.cords):
            y = 0.3 * self.wide * (2 * cord / (self.cords - 1) - 1)
            swing = 1.5 * moment.strike * (cord % 2 == moment.turn % 2)
            middle = 0, y + (swing if swing > 0.4 else 0)
            toy.line([(-0.45 * self.length, y), middle, (0.45 * self.length, y)], (226, 222, 206), 0.6)

    def _paint_slots(self, toy: Canvas, moment: Moment) -> None:
        """A row of keys, bars or discs along the track; those that sound light up and sink."""
        low, high = self.compass
        sounding = {round((self.slots - 1) * (note.pitch - low) / (high - low)) for note in moment.notes}
        for slot in range(self.slots):
            (x, y), lit = self._along(slot / (self.slots - 1)), slot in sounding
            colour = shade(self.palette[2], 1.6 if lit else 1.0 - 0.25 * (slot % 2))
            half = 0.4 * math.dist(*self.track) / self.slots
            if self.both:
                toy.box(x - half, y - self.slot + lit, x + half, y + self.slot + lit, colour, rim(colour))
            else:
                toy.circle(x, y + lit, max(half, 1.2), colour, rim(colour))

    def _fingering(self, canvas: Canvas, toy: Canvas, moment: Moment) -> None:
        """The hand that goes with the pitch, unless both hands strike."""
        if self.gesture == "strike" and self.both:
            return
        place = canvas.local(toy.pixel(self._along(moment.height)))
        self.arm(canvas, self._shoulder(1), place, length=24)
        self.fingers(canvas, *place, (2.5, -0.6), lifted=1.5 * moment.strike)

    def _play(self, canvas: Canvas, toy: Canvas, moment: Moment) -> None:
        """The hand that makes the sound: each gesture answers beginnings, loudness and rests."""
        away = 0.0 if moment.level else 6.0  # in rests the hand leaves the toy
        x, y = canvas.local(toy.pixel(self.crossing))
        if self.gesture == "strike":
            return self._strike(canvas, toy, moment)
        if self.gesture == "rub":
            rod = canvas.placed(x, y - away, self.direction)
            near = -self.rod * (0.5 + 0.36 * moment.stroke)
            rod.line([(near, 0), (near + self.rod, 0)], self.palette[1], 2.2)
            x, y = canvas.local(rod.pixel((near, 0)))
        elif self.gesture == "pluck":
            turn = math.radians(self.direction)
            x, y = x + 8 * moment.stroke * math.cos(turn) + away, y + 8 * moment.stroke * math.sin(turn) + away
        elif self.gesture == "squeeze":
            x, y = canvas.local(toy.pixel((self.crossing[0], self.wide * (0.6 + 0.25 * moment.stroke))))
        else:  # press
            y -= 5 * moment.strike + away
        self.arm(canvas, self._shoulder(0), (x, y), length=27)
        self.fingers(canvas, x, y, (2.5, 0.6), lifted=1.5 * moment.strike)

    def _strike(self, canvas: Canvas, toy: Canvas, moment: Moment) -> None:
        """One stick on one place, or two in turn along the track, where the pitch is."""
        for hand in (0, 1) if self.both else (0,):
            place, falls = self.crossing, moment.strike
            if self.both:
                place = self._along(min(max(moment.height + 0.12 * (hand - 0.5), 0), 1))
                falls *= 1.0 if (moment.side > 0) == bool(hand) else 0.2
            x, y = canvas.local(toy.pixel(place))
            y -= 18 * (1 - falls)
            shoulder = self._shoulder(hand)
            grip = x + 0.4 * (shoulder[0] - x), y + (16 if self.pose == "near" else -12)
            self.arm(canvas, shoulder, grip, length=24)
            canvas.line([grip, (x, y)], self.palette[0], 2)
            canvas.circle(x, y, 2.6, self.palette[1], rim(self.palette[1]))

    def _shoulder(self, hand: int) -> Point:
        """From where the arm comes: from below the picture where only the toy and the hands are seen."""
        if self.pose == "near":
            return (56, 112) if hand == 0 else (104, 112)
        return _LEFT if hand == 0 else _RIGHT


def draw_toy(number: int, seed: int, seconds: float = 3.0, frame_rate: float = 8.0) -> tuple[np.ndarray, Score]:
    """Draw one clip of a toy being played.

    Args:
        number: which toy, 0 or more.
        seed: which clip of it.
        seconds: its length, at least 2.
        frame_rate: pictures a second.

    Returns:
        Pictures, uint8 `[seconds * frame_rate, 120, 160, 3]`, and the notes that they show.
    """
    rng = np.random.default_rng([_APART, number, seed])
    toy = Toy(number, rng)
    score = improvise("toy", toy.instrument, rng, seconds)
    return film(toy, moments(score, frame_rate, toy.compass), rng, SIZE), score
