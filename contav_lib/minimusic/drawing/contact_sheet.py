"""Contact sheet of all 20 players."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from contav_lib.minimusic.composition import compose
from contav_lib.minimusic.drawing import PLAYERS, draw

COLUMNS, WIDTH, HEIGHT, CAPTION = 5, 160, 120, 18
BACKGROUND = "#333333"  # of names in white, for a light page as for a dark one


def contact_sheet(seed: int = 0) -> Image.Image:
    """Draw one picture of each class with its name beneath, 5 in a row; another seed shows other clips."""
    rows = -(-len(PLAYERS) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * WIDTH, rows * (HEIGHT + CAPTION)), BACKGROUND)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    for place, label in enumerate(sorted(PLAYERS)):
        rng = np.random.default_rng([seed, place])
        score = compose(label, rng, duration=4.0)
        pictures = draw(score, rng)
        loudest = max(score.notes, key=lambda note: note.velocity)
        shown = min(math.ceil(loudest.start * 8), len(pictures) - 1)
        left, top = place % COLUMNS * WIDTH, place // COLUMNS * (HEIGHT + CAPTION)
        sheet.paste(Image.fromarray(pictures[shown]), (left, top))
        pen.text((left + WIDTH / 2, top + HEIGHT + CAPTION / 2), label.replace("_", " "), "white", font, "mm")
    return sheet
