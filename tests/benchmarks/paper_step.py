"""One ContAV-Sep training step at the paper's sizes: batch 4, task 4, one memory source a mixture, an old model."""

import torch

from contav_lib.audio import loss_weights, ratio_masks
from contav_lib.config import Config
from contav_lib.continual.tasks import Task
from contav_lib.experiments.setup import make_method, make_separator
from contav_lib.losses import total
from contav_lib.mixtures.batch import Batch, SpectrogramSize
from contav_lib.separators import forward_batch
from contav_lib.training.optimizers import Optimizers

BATCH, SOURCES = 4, 2


class PaperStep:
    """Tensors ready -> forward, all four losses with the old model's part, backward, the paper's optimizers."""

    def __init__(self, old_classes: int, classes: int, device: torch.device | str = "cpu"):
        config = Config.profile("paper", method="contav")
        self.separator, self.method = make_separator(config, old_classes).to(device), make_method(config)
        self.method.begin_task(Task(index=3, classes=(), seen=(), clips=(), memory=()), self.separator)
        self.separator.grow(classes)
        self.separator.train()
        self.optimizers = Optimizers(config, self.separator, steps=100, first_task=False)
        self.batch = paper_batch(old_classes, classes, device)

    def __call__(self) -> None:
        self.losses().backward()
        self.optimizers.step(0)

    def losses(self) -> torch.Tensor:
        """Sum of all four; the old model is asked on the way."""
        separation = forward_batch(self.separator, self.batch)
        return total(self.separator.losses(self.batch, separation) | self.method.losses(self.batch, separation))


def paper_batch(old_classes: int, classes: int, device: torch.device | str) -> Batch:
    """Mixtures of one memory source and one new source each."""
    sizes = SpectrogramSize()
    magnitudes = torch.rand(BATCH, SOURCES, sizes.bins, sizes.frames).square()
    mixture = magnitudes.sum(1, keepdim=True)
    memory, new = torch.randint(0, old_classes, (BATCH,)), torch.randint(old_classes, classes, (BATCH,))
    tensors = {
        "mixture": mixture,
        "ratio_masks": ratio_masks(magnitudes, mixture),
        "weights": loss_weights(mixture),
        "visual.object": torch.randn(BATCH, SOURCES, 512),
        "visual.motion": torch.randn(BATCH, SOURCES, 768, 8),
        "visual.motion_mask": torch.zeros(BATCH, SOURCES, 8, dtype=torch.bool),
        "classes": torch.stack([memory, new], 1),
        "videos": torch.arange(BATCH * SOURCES).reshape(BATCH, SOURCES),
        "is_old_class": torch.tensor([[True, False]]).expand(BATCH, -1),
    }
    return Batch.from_tensors({name: value.to(device) for name, value in tensors.items()})
