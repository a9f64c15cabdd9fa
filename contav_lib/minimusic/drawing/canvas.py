"""A drawing surface measured in scene units, so that a player may stand, lean and grow as it likes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from PIL import ImageDraw

Point = tuple[float, float]
Colour = tuple[int, int, int]


class Canvas:
    """Pillow's drawing tools behind a turn, a scale and a shift: local units in, pixels out.

    The whole scene is 160 units wide and 120 high with (0, 0) at its top left; `placed` gives a canvas with its own
    origin and angle for one instrument or limb.
    """

    def __init__(self, draw: ImageDraw.ImageDraw, across: float, along: float, x: float, y: float):
        self._draw = draw
        self._across, self._along, self._x, self._y = across, along, x, y
        self._scale = math.hypot(across, along)

    def placed(self, x: float, y: float, degrees: float = 0.0, scale: float = 1.0) -> Canvas:
        """Canvas with its origin at (x, y) of this one, turned clockwise by `degrees` and magnified by `scale`."""
        (pixel_x, pixel_y), turn = self.pixel((x, y)), math.radians(degrees)
        cosine, sine = scale * math.cos(turn), scale * math.sin(turn)
        across = self._across * cosine - self._along * sine
        along = self._across * sine + self._along * cosine
        return Canvas(self._draw, across, along, pixel_x, pixel_y)

    def pixel(self, point: Point) -> Point:
        """Place of a local point on the image."""
        x, y = point
        return x * self._across - y * self._along + self._x, x * self._along + y * self._across + self._y

    def local(self, pixel: Point) -> Point:
        """Local point at a place of the image, the inverse of `pixel`: so a place on one canvas is found on another."""
        x, y = pixel[0] - self._x, pixel[1] - self._y
        square = self._scale**2
        return (x * self._across + y * self._along) / square, (y * self._across - x * self._along) / square

    def polygon(self, points: Sequence[Point], fill: Colour, edge: Colour | None = None) -> None:
        """Draw a filled shape; `edge` draws its rim, half a unit wide."""
        self._draw.polygon([self.pixel(point) for point in points], fill, edge)

    def box(self, left: float, top: float, right: float, bottom: float, fill: Colour, edge: Colour | None = None):
        """Draw a filled rectangle."""
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], fill, edge)

    def line(
        self, points: Sequence[Point], fill: Colour, width: float = 1.0, edge: Colour | None = None, outer: float = 0.0
    ) -> None:
        """Draw a line through two or more points; `edge` draws its rim, up to the width `outer`."""
        if edge is not None:
            self.line(points, edge, outer)
        self._draw.line([self.pixel(point) for point in points], fill, max(1, round(width * self._scale)))

    def circle(self, x: float, y: float, radius: float, fill: Colour, edge: Colour | None = None) -> None:
        """Draw a filled disc."""
        pixel_x, pixel_y = self.pixel((x, y))
        radius *= self._scale
        self._draw.ellipse((pixel_x - radius, pixel_y - radius, pixel_x + radius, pixel_y + radius), fill, edge)

    def ellipse(self, x: float, y: float, wide: float, high: float, fill: Colour, edge: Colour | None = None) -> None:
        """Draw a filled ellipse with half axes `wide` and `high`, turned with the canvas."""
        self.polygon([(x + wide * cosine, y + high * sine) for cosine, sine in _ROUND], fill, edge)


_ROUND = [(math.cos(angle), math.sin(angle)) for angle in np.linspace(0, 2 * np.pi, 24, endpoint=False)]


def smooth(points: Sequence[Point] | np.ndarray, closed: bool = True, steps: int = 5) -> list[Point]:
    """A smooth curve through the points (a Catmull-Rom spline), as a longer list of points."""
    knots = np.asarray(points, dtype=float)
    ends = (knots[-1:], knots[:2]) if closed else (knots[:1], knots[-1:])
    knots = np.concatenate([ends[0], knots, ends[1]])
    before, start, end, after = (knots[i : len(knots) - 3 + i, None] for i in range(4))
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    curve = start + 0.5 * t * (
        end - before + t * (2 * before - 5 * start + 4 * end - after + t * (3 * (start - end) + after - before))
    )
    curve = curve.reshape(-1, 2) if closed else np.concatenate([curve.reshape(-1, 2), knots[-1:]])
    return [(float(x), float(y)) for x, y in curve]


def ribbon(points: Sequence[Point], width: float) -> list[Point]:
    """The outline of a band of this width along a curve: a bent tube."""
    curve = np.asarray(points, dtype=float)
    forward = np.gradient(curve, axis=0)
    forward /= np.linalg.norm(forward, axis=1, keepdims=True)
    across = width / 2 * np.stack([-forward[:, 1], forward[:, 0]], axis=1)
    return [(float(x), float(y)) for x, y in np.concatenate([curve + across, (curve - across)[::-1]])]


def mirrored(half: Sequence[Point], steps: int = 5) -> list[Point]:
    """A smooth closed shape, alike on both sides of the x axis, from its upper half (given from left to right)."""
    return smooth([*half, *((x, -y) for x, y in reversed(half) if y)], steps=steps)


def as_colour(channels: Iterable[float]) -> Colour:
    """Red, green and blue, 0 to 255, cut off to whole numbers."""
    red, green, blue = (int(channel) for channel in channels)
    return red, green, blue


def shade(colour: Colour, factor: float) -> Colour:
    """The colour made darker (factor below 1) or lighter (above 1, towards white)."""
    if factor <= 1:
        return as_colour(channel * factor for channel in colour)
    return as_colour(255 - (255 - channel) * (2 - factor) for channel in colour)


def rim(colour: Colour) -> Colour:
    """The colour for the edge of a shape of this colour: darker, or lighter where the colour is nearly black."""
    return shade(colour, 0.6) if sum(colour) > 200 else shade(colour, 1.2)


def vary(colour: Colour, rng: np.random.Generator, amount: int = 9) -> Colour:
    """The colour, a little different each time."""
    return as_colour(np.clip(np.add(colour, rng.integers(-amount, amount + 1, 3)), 0, 255))


def choose(colours: Sequence[Colour], rng: np.random.Generator) -> Colour:
    """One of the colours, a little varied."""
    return vary(colours[int(rng.integers(len(colours)))], rng)
