"""An open-vocabulary detector that cuts out of each picture what the object encoder should look at: "owlv2+clip+videomae".

It stands in for the authors' Detic, and asks as they do: for the instrument; where there is none, for who plays it; then for
anybody; and where nothing is found, the whole picture is taken.
"""

from collections.abc import Callable, Sequence
from typing import ClassVar

import torch
from torch.nn.functional import pad

from contav_lib.encoders.frozen import fit
from contav_lib.encoders.pretrained import Pretrained
from contav_lib.utils.extras import extras
from contav_lib.utils.registry import ENCODERS

CROP = 224  # side of the crops in pixels, which CLIP looks at as they are
SCORE = 0.1  # of a box that counts, 0 to 1: the usual threshold of OWLv2
PROPOSALS = 100  # boxes of a picture in which players may be
SMALLEST = 8  # pixels: where the best box is narrower, the whole picture is taken


@ENCODERS.register("owlv2")
class Owlv2(Pretrained):
    """OWLv2: finds what a text names.

    References:
        Minderer et al., Scaling Open-Vocabulary Object Detection, NeurIPS 2023.
    """

    longest_side = 960
    checkpoint: ClassVar[str] = "google/owlv2-base-patch16-ensemble"
    network_class: ClassVar[str] = "Owlv2ForObjectDetection"
    at_once = 4

    def __init__(self, place: str = ""):
        super().__init__(place)
        with extras():
            from transformers import CLIPTokenizer
        self._tokenizer = CLIPTokenizer.from_pretrained(self.folder, local_files_only=True)
        self._side = self.network.config.vision_config.image_size

    def crop(self, frames: torch.Tensor, label: str) -> tuple[torch.Tensor, torch.Tensor]:
        """See `Encoder.crop`. The middle square of the best box of each picture: `[n, 224, 224, 3]`."""
        boxes, found = self.boxes(frames, label)
        crops = [
            fit(frame[None, top:bottom, left:right], CROP)
            for frame, (left, top, right, bottom) in zip(frames, boxes.tolist(), strict=True)
        ]
        return torch.cat(crops).permute(0, 2, 3, 1), found

    def boxes(self, frames: torch.Tensor, label: str) -> tuple[torch.Tensor, torch.Tensor]:
        """Boxes to look at in pictures `[n, height, width, 3]` uint8 for what `label` names: `[n, 4]` int64.

        Left, top, right and bottom, in pixels; and whether anything was found, `[n]` bool.
        """
        name = label.replace("_", " ") or "musical instrument"
        texts = [name, f"person playing the {name}", "person"]
        height, width = frames.shape[1:3]
        found = self._ask(self._best, frames, texts)
        middle, half = found[..., :2], found[..., 2:4] / 2
        corners = torch.cat([middle - half, middle + half], -1).round().long()
        corners = corners.clamp(min=0).minimum(torch.tensor([width, height, width, height]))
        whole = torch.tensor([0, 0, width, height]).expand(len(frames), 1, 4)
        large = (corners[..., 2:] - corners[..., :2]).amin(-1) >= SMALLEST
        counts = torch.cat([(found[..., 4] >= SCORE) & large, torch.ones(len(frames), 1, dtype=torch.bool)], 1)
        first = counts.int().argmax(1)  # of the texts, in their order, and of the whole picture
        return torch.cat([corners, whole], 1)[torch.arange(len(frames)), first], first < len(texts)

    def detect(self, frames: torch.Tensor, labels: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """See `contav_lib.inference.players.Detector`: of each picture the `PROPOSALS` boxes that score best for any class."""
        texts = [f"person playing the {label.replace('_', ' ')}" for label in labels]
        found = self._ask(self._all, frames[::2], texts)
        best = found[..., 4:].amax(2).topk(min(PROPOSALS, found.shape[1]), dim=1).indices
        middle, size, scores = found[torch.arange(len(found)).unsqueeze(1), best].split([2, 2, len(labels)], 2)
        return torch.cat([middle - size / 2, middle + size / 2], 2), scores - SCORE

    def _ask(self, answer: Callable, frames: torch.Tensor, texts: Sequence[str]) -> torch.Tensor:
        """What `_best` or `_all` says of pictures `[n, height, width, 3]` uint8, middles and sizes of boxes in their pixels."""
        height, width = frames.shape[1:3]
        longest = max(height, width)
        squares = pad(frames, (0, 0, 0, longest - width, 0, longest - height))  # black below and to the right
        words = self._tokenizer(
            texts, padding="max_length", truncation=True, max_length=self.network.config.text_config.max_position_embeddings,
            return_tensors="pt",
        ).to(self.frozen.device)  # fmt: skip
        found = self.frozen(fit(squares, self._side, mode="bilinear"), lambda pictures: answer(pictures, words))
        return torch.cat([found[..., :4] * longest, found[..., 4:]], -1)

    def _all(self, pictures: torch.Tensor, words: dict[str, torch.Tensor]) -> torch.Tensor:
        """Every box of each picture: its middle and size, in shares, and its score for each text, `[n, K, 4 + texts]`."""
        asked = {name: values.repeat(len(pictures), 1) for name, values in words.items()}
        answer = self.network(pixel_values=pictures, **asked)
        return torch.cat([answer.pred_boxes, answer.logits.sigmoid()], -1)

    def _best(self, pictures: torch.Tensor, words: dict[str, torch.Tensor]) -> torch.Tensor:
        """The best box for each picture and text: its middle and size, in shares, and its score, `[n, texts, 5]`."""
        asked = {name: values.repeat(len(pictures), 1) for name, values in words.items()}
        answer = self.network(pixel_values=pictures, **asked)
        scores, best = answer.logits.sigmoid().max(1)  # [n, texts]
        boxes = answer.pred_boxes.gather(1, best.unsqueeze(-1).expand(-1, -1, 4))
        return torch.cat([boxes, scores.unsqueeze(-1)], -1)
