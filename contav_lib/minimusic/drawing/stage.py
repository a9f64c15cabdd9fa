"""The place where the player is seen: the room, the light, the camera's slow drift and the sensor's noise."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from contav_lib.minimusic.drawing.canvas import Canvas, choose, shade

SCENE = (160, 120)
MARGIN = 8
"""Scene units painted beyond each edge of the picture, so that the camera may drift."""
OVERSAMPLING = 2
"""Everything is drawn this many times too large and then reduced, which smooths the edges."""

Place = tuple[float, float, float]
"""Where a player's own scene lies on the stage: its left and top in scene units, and its scale."""
ALONE: Place = (0.0, 0.0, 1.0)

WALLS = [(196, 186, 168), (120, 138, 158), (92, 80, 100), (150, 168, 150), (70, 84, 96), (176, 140, 120), (60, 58, 66)]
FLOORS = [(110, 84, 62), (78, 70, 66), (140, 120, 96), (58, 62, 70)]
CLOTHS = [(120, 28, 40), (34, 58, 92), (40, 76, 60), (84, 52, 96)]


class Stage:
    """One clip's room and camera: `room` is painted once, each picture is a window of a painted copy of it.

    Args:
        size: width and height of the finished pictures in pixels (4 : 3).
        frames: number of pictures.
    """

    def __init__(self, rng: np.random.Generator, size: tuple[int, int], frames: int):
        self._size = size
        self._unit = OVERSAMPLING * size[0] / SCENE[0]
        self._zoom = rng.uniform(0.94, 1.1)
        self._shift = rng.uniform(-5, 5), rng.uniform(-2, 2)
        self._path = _drift(rng, frames, round(MARGIN * self._unit))
        gain = rng.uniform(0.86, 1.08) * (1 + rng.uniform(-0.04, 0.04, 3))
        levels = np.arange(256)[None] * gain[:, None]
        self._light = np.clip(levels, 0, 255).astype(int).ravel().tolist()
        # Noise of a few grey levels: one sheet, cut elsewhere for each picture.
        sheet = rng.integers(0, rng.integers(2, 8), (size[1] + 16, size[0] + 16, 1), dtype=np.uint8)
        self._grain, self._cuts = np.repeat(sheet, 3, axis=2), rng.integers(0, 17, (frames, 2)).tolist()
        self.room = self._paint_room(rng)

    def canvas(self, image: Image.Image, closeness: float = 1.0, place: Place = ALONE) -> Canvas:
        """Canvas for a player, in scene units, moved and magnified by this clip's framing and by `closeness`."""
        # A picture grows about its lower edge, where players sit; from near, about the face, so that this stays in it.
        zoom, (right, down) = self._zoom * closeness, self._shift
        middle = 110 if closeness == 1 else 30
        scene = self._whole(image).placed(place[0], place[1], 0, place[2])
        return scene.placed(80 * (1 - zoom) + right, middle * (1 - zoom) + down, 0, zoom)

    def box(self, place: Place, frame: int) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of a player's own scene in a picture, in pixels; they may lie beyond its edges."""
        pixels = (np.array([*place[:2]]) + [[0, 0], np.multiply(SCENE, place[2])] + MARGIN) * self._unit
        (left, top), (right, bottom) = (pixels - self._path[frame]) / OVERSAMPLING
        return left, top, right, bottom

    def _whole(self, image: Image.Image) -> Canvas:
        edge = MARGIN * self._unit
        return Canvas(ImageDraw.Draw(image), self._unit, 0.0, edge, edge)

    def photograph(self, image: Image.Image, frame: int) -> Image.Image:
        """Return the camera's view of a painted image: cropped, reduced, lit."""
        (left, top), (width, height) = self._path[frame], self._size
        box = (left, top, left + OVERSAMPLING * width, top + OVERSAMPLING * height)
        return image.reduce(OVERSAMPLING, box).point(self._light)

    def develop(self, pictures: np.ndarray) -> np.ndarray:
        """Add the sensor's noise to the pictures, uint8 `[n, height, width, 3]`, in place."""
        # Room at the top first: unsigned bytes wrap around.
        np.minimum(pictures, 255 - self._grain.max(), out=pictures)
        width, height = self._size
        for picture, (top, left) in zip(pictures, self._cuts, strict=True):
            picture += self._grain[top : top + height, left : left + width]
        return pictures

    def _paint_room(self, rng: np.random.Generator) -> Image.Image:
        width, height = (round((side + 2 * MARGIN) * self._unit) for side in SCENE)
        wall = choose(WALLS, rng)
        corners = np.array([[shade(wall, rng.uniform(0.6, 1.3)) for _ in range(2)] for _ in range(2)], dtype=float)
        down, right = np.linspace(0, 1, height)[:, None, None], np.linspace(0, 1, width)[None, :, None]
        top, bottom = (row[0] * (1 - right) + row[1] * right for row in corners)
        room = Image.fromarray((top * (1 - down) + bottom * down).astype(np.uint8))
        canvas = self._whole(room)
        decorations = [None, _window, _curtains, _pictures, _shelves, _panels, _spotlights]
        if decorate := decorations[rng.integers(len(decorations))]:
            decorate(canvas, wall, rng)
        if rng.random() < 0.7:
            floor, horizon = choose(FLOORS, rng), rng.uniform(88, 104)
            canvas.box(-9, horizon, 170, 130, floor)
            canvas.line([(-9, horizon), (170, horizon)], shade(wall, 0.5), 1.5)
        return room


def _drift(rng: np.random.Generator, frames: int, reach: int) -> list[tuple[int, int]]:
    """Top left corner of the view in each picture: a slow pan, and now and then a small jolt of the hand."""
    ends = rng.uniform(-0.4, 0.4, (2, 2))
    along = np.linspace(0, 1, frames)[:, None]
    jolts = np.cumsum((rng.random((frames, 2)) < 0.03) * rng.choice([-1, 1], (frames, 2)), axis=0)
    path = np.clip(reach * (1 + ends[0] * (1 - along) + ends[1] * along) + jolts, 0, 2 * reach)
    return [(int(x), int(y)) for x, y in path.round()]


def _window(canvas, wall, rng) -> None:
    left, top, width = rng.uniform(-5, 110), rng.uniform(-4, 10), rng.uniform(32, 50)
    sky = choose([(160, 200, 232), (236, 196, 150), (44, 52, 88)], rng)
    canvas.box(left, top, left + width, top + 58, shade(wall, 1.5), shade(wall, 0.6))
    canvas.box(left + 3, top + 3, left + width - 3, top + 55, sky)
    canvas.line([(left + width / 2, top), (left + width / 2, top + 58)], shade(wall, 1.5), 2)
    canvas.line([(left, top + 26), (left + width, top + 26)], shade(wall, 1.5), 2)


def _curtains(canvas, wall, rng) -> None:
    cloth, step = choose(CLOTHS, rng), rng.uniform(9, 16)
    for fold in range(20):
        left = -9 + fold * step
        canvas.box(left, -9, left + step, 130, shade(cloth, 0.85 + 0.15 * (fold % 2)))
        canvas.box(left, -9, left + step / 4, 130, shade(cloth, 0.65))


def _pictures(canvas, wall, rng) -> None:
    for left in (rng.uniform(-6, 14), rng.uniform(112, 130)):
        top, width, height = rng.uniform(2, 18), rng.uniform(20, 30), rng.uniform(20, 34)
        canvas.box(left, top, left + width, top + height, shade(wall, 0.45))
        canvas.box(left + 2, top + 2, left + width - 2, top + height - 2, choose(WALLS + CLOTHS, rng))


def _shelves(canvas, wall, rng) -> None:
    board = choose(FLOORS, rng)
    for shelf in range(4):
        foot, left = 14 + 26 * shelf, -9.0
        while left < 168:
            width = rng.uniform(3, 8)
            canvas.box(left, foot - rng.uniform(12, 19), left + width, foot, shade(choose(WALLS + CLOTHS, rng), 0.75))
            left += width
        canvas.box(-9, foot, 170, foot + 3, board)


def _panels(canvas, wall, rng) -> None:
    step = rng.uniform(18, 40)
    for panel in range(12):
        left = -9 + panel * step
        canvas.line([(left, -9), (left, 130)], shade(wall, 0.75), 1)
        canvas.line([(left + 1, -9), (left + 1, 130)], shade(wall, 1.2), 1)


def _spotlights(canvas, wall, rng) -> None:
    canvas.box(-9, -9, 170, 130, shade(wall, 0.35))
    for _ in range(int(rng.integers(1, 4))):
        x, foot, width = rng.uniform(20, 140), rng.uniform(30, 130), rng.uniform(24, 44)
        beam = shade(choose([(240, 220, 160), (150, 180, 240), (230, 150, 190)], rng), 0.42)
        canvas.polygon([(x - 3, -9), (x + 3, -9), (foot + width, 130), (foot - width, 130)], beam)
