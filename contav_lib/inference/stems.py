"""What came of separating videos: the sounds, and how they are written to files."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from contav_lib import audio
from contav_lib.datasets.prepare import FRAME_RATE
from contav_lib.media import each_picture, write_flac, write_video
from contav_lib.utils.extras import extras

PICTURE_RATE = 24.0  # pictures a second of what is written
LONGEST_SIDE = 640  # pixels of them, at most
_OWN, _OTHER = (0, 158, 115), (200, 200, 200)  # colours of the box of who is heard, and of the others


@dataclass(frozen=True, eq=False)
class SeparationResult:
    """Separated sounds of N players, in the order of the videos, or of the classes told, or from left to right.

    Attributes:
        labels: the class that each player's sound was asked for as.
        unknown: whether a player was recognised as none of the classes learned; its label is the nearest one then.
        confidence: see `prototypes.Recognition`; 1 where the class was told.
        sounds: what was separated, `[N, samples]`, as loud as in the mixture.
        mixture: `[samples]`. rate: samples a second.
        videos: the file that shows each player.
        boxes: where players were found who share a video: left, top, right and bottom in shares of the picture's width and
            height, `[N, n, 4]`, 8 a second; they may reach a little beyond its edges. None where each has a video.
    """

    labels: list[str]
    unknown: list[bool]
    confidence: list[float]
    sounds: torch.Tensor
    mixture: torch.Tensor
    rate: int = audio.SAMPLE_RATE
    videos: list[Path] = field(default_factory=list)
    boxes: torch.Tensor | None = None

    @property
    def names(self) -> list[str]:
        """The labels as readable names, those of equal players with numbers."""
        names = [label.replace("_", " ") for label in self.labels]
        return [name if names.count(name) == 1 else f"{name} {number + 1}" for number, name in enumerate(names)]

    def stems(self) -> dict[str, torch.Tensor]:
        """The mixture and the separated sounds by readable names, for `StemPlayer`."""
        return {"mixture": self.mixture, **dict(zip(self.names, self.sounds, strict=True))}

    def write(self, folder: str | Path, boxes: bool = False) -> list[Path]:
        """Write `mixture.flac` and, for each player, its sound as FLAC and a video of it alone with this sound.

        Args:
            folder: made if need be; files of the same names are replaced, each in one step.
            boxes: show the whole picture with the boxes, the player's own in green, in place of the player alone.

        Returns:
            the files.

        Raises:
            StorageError: the disk is full or refuses.
        """
        written = [Path(folder, "mixture.flac")]
        write_flac(written[0], self.mixture, self.rate)
        for player, (name, sound, video) in enumerate(zip(self.names, self.sounds, self.videos, strict=True)):
            # Labels come from a file, and may hold anything.
            base = Path(folder, f"{player + 1}_{re.sub(r'[^A-Za-z0-9-]+', '_', name)[:60]}")
            written += [base.with_suffix(".flac"), base.with_suffix(".mp4")]
            write_flac(written[-2], sound, self.rate)
            write_video(written[-1], sound, self.rate, self._pictures(video, player, boxes), PICTURE_RATE)
        return written

    def _pictures(self, video: Path, player: int, with_boxes: bool) -> Iterator[np.ndarray]:
        """The pictures of a player's video, height and width even, as long as its sound."""
        count, each = round(len(self.mixture) / self.rate * PICTURE_RATE), round(PICTURE_RATE / FRAME_RATE)
        pictures: Iterator[np.ndarray] = islice(each_picture(video, PICTURE_RATE, LONGEST_SIDE), count)
        if self.boxes is not None and with_boxes:
            last = self.boxes.shape[1] - 1
            pictures = (
                self._drawn(picture, self.boxes[:, min(number // each, last)], player)
                for number, picture in enumerate(pictures)
            )
        elif self.boxes is not None:
            pictures = cut_out(pictures, self.boxes[player], each)
        for picture in pictures:
            height, width = picture.shape[:2]
            yield picture[: height - height % 2, : width - width % 2]

    def _drawn(self, picture: np.ndarray, boxes: torch.Tensor, player: int) -> np.ndarray:
        with extras():
            from PIL import Image, ImageDraw
        image = Image.fromarray(picture)
        tool = ImageDraw.Draw(image)
        for number, box in enumerate((boxes * torch.tensor([*image.size, *image.size])).tolist()):
            colour = _OWN if number == player else _OTHER
            tool.rectangle(box, outline=colour, width=2)
            tool.text((max(box[0], 0) + 4, max(box[1], 0) + 3), self.names[number], fill=colour)
        return np.asarray(image)


def cut_out(pictures: Iterable[np.ndarray], boxes: torch.Tensor, each: int = 1) -> Iterator[np.ndarray]:
    """The parts of pictures `[height, width, 3]` within a box that moves but never grows.

    Args:
        pictures: in the order of time.
        boxes: left, top, right and bottom in shares of width and height, `[n, 4]`; the last one holds on. Where one reaches
            beyond an edge, the last pixels are repeated.
        each: pictures for which a box holds.
    """
    high = wide = 0
    for number, picture in enumerate(pictures):
        height, width = picture.shape[:2]
        box = boxes[min(number // each, len(boxes) - 1)] * torch.tensor([width, height, width, height])
        left, top, right, bottom = box.tolist()
        # Once, for half a pixel may be rounded up or down.
        high, wide = high or round(bottom - top), wide or round(right - left)
        rows, columns = np.arange(high) + round(top), np.arange(wide) + round(left)
        yield picture[rows.clip(0, height - 1)][:, columns.clip(0, width - 1)]
