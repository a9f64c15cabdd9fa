"""VideoMAE: how a video moves, from a network that learned to fill in what is hidden of it; the paper's motion features."""

from typing import ClassVar

import torch

from contav_lib.encoders.encoder import MOTION_SIZE, in_pairs
from contav_lib.encoders.pretrained import Pretrained
from contav_lib.utils.registry import ENCODERS


@ENCODERS.register("videomae")
class VideoMae(Pretrained):
    """VideoMAE's encoder, 16 frames at a time; a feature for every 2 frames, the largest values over the picture.

    References:
        Tong et al., VideoMAE: Masked Autoencoders are Data-Efficient Learners, NeurIPS 2022.
    """

    checkpoint: ClassVar[str] = "MCG-NJU/videomae-base"
    network_class: ClassVar[str] = "VideoMAEModel"
    motion_dim = MOTION_SIZE
    at_once = 4

    def __init__(self, place: str = ""):
        super().__init__(place)
        self.motion_dim = self.network.config.hidden_size

    def motion(self, frames: torch.Tensor) -> torch.Tensor:
        """See `Encoder.motion`. A last window that is not full is filled with its last frame."""
        together = self.network.config.num_frames
        filling = frames[-1:].expand(-len(frames) % together, -1, -1, -1)
        pictures = self.fit(torch.cat([in_pairs(frames), filling]))
        steps = self.frozen(pictures.unflatten(0, (-1, together)), self._steps).flatten(0, 1)
        return steps[: len(frames) // 2]

    def _steps(self, windows: torch.Tensor) -> torch.Tensor:
        """Windows `[w, 16, 3, side, side]` -> `[w, 8, motion_dim]`."""
        seen = self.network(windows).last_hidden_state  # [w, steps * places, D]
        return seen.unflatten(1, (windows.shape[1] // self.network.config.tubelet_size, -1)).amax(2)
