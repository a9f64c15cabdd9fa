"""What a learner should know of a clip's pictures before blaming a method: they stand still, or no player was found in them."""

from collections.abc import Iterable, Iterator

import numpy as np
import torch

STILL = 1.5  # of 255: still pictures, compressed as badly as can be, have 0.5 at most; a square of 12 pixels that moves has 10
_BLOCK = 8  # pixels: means over such squares hide the noise of compression


class Watch:
    """Looks on while the pictures of one clip are encoded.

    Attributes:
        energy: motion energy, 0 to 255: how much the brightness changes from one picture to the next in the square of 8 x 8
            pixels where it changes most; the mean over time.
        cut: pictures in which a detector looked for something.
        missed: those of them in which it found nothing.
    """

    def __init__(self):
        self.energy, self.cut, self.missed = 0.0, 0, 0

    def motion(self, pictures: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Pass pictures `[height, width, 3]` uint8 on, and measure how they change."""
        before, total, count = None, 0.0, 0
        for picture in pictures:
            high, wide = (max(side // _BLOCK, 1) for side in picture.shape[:2])
            green = picture[: high * _BLOCK, : wide * _BLOCK, 1]
            blocks = green.reshape(high, green.shape[0] // high, wide, -1).mean((1, 3), dtype=np.float32)
            total += 0.0 if before is None else float(np.abs(blocks - before).max())
            before, count = blocks, count + 1
            yield picture
        self.energy = total / max(count - 1, 1)

    def found(self, found: torch.Tensor) -> None:
        """Count in which pictures, `[n]` bool, a detector found what it looked for."""
        self.cut, self.missed = self.cut + len(found), self.missed + int((~found).sum())

    @property
    def remark(self) -> str:
        """What is odd about the clip, in words; "" where nothing is."""
        still = f"a still picture (motion energy {self.energy:.2f})" if self.energy < STILL else ""
        unseen = f"without a detection in {self.missed} of {self.cut} pictures" if self.missed else ""
        return ", ".join(filter(None, (still, unseen)))
