"""Chance assemblies of simple shapes, from which invented instruments are made."""

from __future__ import annotations

import colorsys
import math
from dataclasses import dataclass

import numpy as np

from contav_lib.minimusic.drawing.canvas import Canvas, Colour, Point, as_colour, mirrored, ribbon, rim, shade, smooth


@dataclass(frozen=True)
class Shape:
    """A filled outline, or a line of this width, in the toy's own units; `colour` counts in the toy's palette."""

    points: tuple[Point, ...]
    colour: int
    tint: float = 1.0
    width: float | None = None

    def placed(self, x: float, y: float, degrees: float = 0.0, flip: int = 1) -> Shape:
        """Return the shape turned, mirrored about its x axis for `flip` -1, and moved."""
        cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        points = tuple((x + a * cosine - b * sine, y + flip * (a * sine + b * cosine)) for a, b in self.points)
        return Shape(points, self.colour, self.tint, self.width)

    def paint(self, canvas: Canvas, palette: list[Colour]) -> None:
        """Paint the shape in its colour of the palette."""
        colour = shade(palette[self.colour], self.tint)
        if self.width is None:
            canvas.polygon(self.points, colour, rim(colour))
        else:
            canvas.line(self.points, colour, self.width)


def outline(rng: np.random.Generator, length: float, wide: float) -> list[Point]:
    """Draw by lot a closed shape about the origin, `length` along x and `wide` along y: an oval, a pebble, a star."""
    kind, angles = rng.integers(7), np.linspace(0, 2 * np.pi, int(rng.integers(3, 9)), endpoint=False)
    if kind == 0:
        points = _oval(1, 1)
    elif kind == 1:  # a pebble
        radii = rng.uniform(0.6, 1.1, 8)[: len(angles)]
        points = smooth(np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1))
    elif kind == 2:
        points = [(math.cos(angle), math.sin(angle)) for angle in angles]
    elif kind == 3:  # a star
        angles = np.linspace(0, 2 * np.pi, 2 * len(angles), endpoint=False)
        points = [(math.cos(a), math.sin(a)) if k % 2 else (0.6 * math.cos(a), 0.6 * math.sin(a))
                  for k, a in enumerate(angles)]  # fmt: skip
    elif kind == 4:  # a bar, perhaps a wedge
        end = rng.uniform(0.4, 1)
        points = [(-1, -1), (1, -end), (1, end), (-1, 1)]
    elif kind == 5:  # turned on a lathe
        points = mirrored(list(zip(np.linspace(-1, 1, 6), [0, *rng.uniform(0.2, 1, 4), 0], strict=True)))
    else:  # a bent tube
        curve = np.stack([np.linspace(-1, 1, 5), rng.uniform(-0.8, 0.8, 5)], axis=1)
        points = ribbon(smooth(curve, closed=False), rng.uniform(0.2, 0.5))
    return [(length / 2 * float(x), wide / 2 * float(y)) for x, y in points]


def pattern(rng: np.random.Generator, length: float, wide: float) -> list[Shape]:
    """Draw by lot what is painted or fixed on a part: discs, bars, cords, rings, pegs; sometimes nothing."""
    kind, count, colour = rng.integers(7), int(rng.integers(2, 10)), int(rng.integers(3))
    tint, size = rng.uniform(0.5, 1.6), rng.uniform(0.03, 0.09) * max(wide, 12)
    along = np.linspace(-0.36, 0.36, count) * length
    if kind == 0:
        rows = np.linspace(-0.25, 0.25, int(rng.integers(1, 4))) * wide
        return [Shape(_disc(x, y, size), colour, tint) for x in along for y in rows]
    if kind == 1:
        high = rng.uniform(0.2, 0.45) * wide
        return [Shape(((x, -high), (x, high)), colour, tint, rng.uniform(0.8, 3)) for x in along]
    if kind == 2:
        return [Shape(((-0.4 * length, y), (0.4 * length, y)), colour, tint, 0.8)
                for y in np.linspace(-0.25, 0.25, count) * wide]  # fmt: skip
    if kind == 3:
        return [Shape(tuple(_oval(part * length / 2, part * wide / 2)), (colour + k) % 3, tint)
                for k, part in enumerate((0.75, 0.5, 0.25)[: int(rng.integers(1, 4))])]  # fmt: skip
    if kind == 4:  # pegs beyond the edge
        reach = rng.uniform(0.55, 0.75) * wide
        pegs = [Shape(((x, -reach), (x, reach)), colour, tint, 1.6) for x in along]
        return pegs + [Shape(_disc(x, side * reach, size), colour, tint) for x in along for side in (-1, 1)]
    if kind == 5:
        return [Shape(tuple(outline(rng, 0.5 * length, 0.5 * wide)), colour, tint)]
    return []


def assemble(rng: np.random.Generator, length: float, wide: float) -> list[Shape]:
    """Draw by lot a main part, up to four more about it, and what is on them, in the order of painting."""
    shapes: list[Shape] = []
    for part in range(int(rng.integers(1, 5))):
        grown = 1 if part == 0 else rng.uniform(0.2, 0.6)
        long, broad = grown * length, grown * wide * rng.uniform(0.7, 1.4)
        made = [Shape(tuple(outline(rng, long, broad)), int(rng.integers(3)), rng.uniform(0.7, 1.2))]
        made += pattern(rng, long, broad)
        x, y = (0, 0) if part == 0 else (rng.uniform(-0.6, 0.6) * length, rng.uniform(0, 0.6) * wide)
        degrees = 0 if part == 0 else rng.choice([0, 90, rng.uniform(-90, 90)])
        sides = (1, -1) if part and rng.random() < 0.5 else (1,)  # a part above, and its mirror image below
        placed = [shape.placed(x, side * y, degrees, side) for side in sides for shape in made]
        shapes = placed + shapes if rng.random() < 0.4 else shapes + placed
    return shapes


def _oval(wide: float, high: float) -> list[Point]:
    return [(wide * math.cos(a), high * math.sin(a)) for a in np.linspace(0, 2 * np.pi, 20, endpoint=False)]


def _disc(x: float, y: float, radius: float) -> tuple[Point, ...]:
    return tuple((x + a, y + b) for a, b in _oval(radius, radius))


def three_colours(rng: np.random.Generator) -> list[Colour]:
    """Three colours, of any hue, pale or strong."""
    hsv = zip(rng.random(3), rng.uniform(0, 0.9, 3), rng.uniform(0.2, 0.95, 3), strict=True)
    return [as_colour(round(255 * channel) for channel in colorsys.hsv_to_rgb(*colour)) for colour in hsv]
