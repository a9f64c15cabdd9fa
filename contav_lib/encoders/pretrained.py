"""Encoders whose networks others trained and `transformers` loads, from a folder or from what was downloaded before.

Nothing is downloaded here: where weights are missing, the error says how to get them.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import torch
from torch import nn

from contav_lib.encoders.frozen import Frozen, fit, hash_of
from contav_lib.utils.extras import extras
from contav_lib.utils.storage import StorageError, file_errors, read_json


class Pretrained:
    """A part of an encoder: a frozen network with the pictures that it was trained on.

    Args:
        place: a folder with `config.json`, `preprocessor_config.json` and the weights, or the name of a model on the Hugging
            Face hub; `checkpoint` by default.

    Class attributes:
        checkpoint: the name of the usual model on the hub.
        network_class: of `transformers`.
        at_once: see `Frozen`.

    Raises:
        ValueError: the folder holds another kind of network.
        StorageError: there is no such folder, no such model was downloaded, or a file is damaged.
        MissingExtra: `transformers` is not installed.
    """

    name: ClassVar[str]
    version = "1"
    longest_side = 400  # 16:9 pictures whose shorter side is 224
    checkpoint: ClassVar[str]
    network_class: ClassVar[str]
    at_once = 32

    def __init__(self, place: str = ""):
        self.folder = find_folder(place or self.checkpoint)
        settings = read_json(self.folder / "preprocessor_config.json")
        with file_errors(self.folder / "preprocessor_config.json", "Download it again."):
            mean, spread = settings["image_mean"], settings["image_std"]
            self._cut = bool(settings.get("do_center_crop", False))
            self._mode = {2: "bilinear", 3: "bicubic"}[settings.get("resample", 3)]
        self.frozen = Frozen(load_network(self.network_class, self.folder), mean, spread, self.at_once)
        self.network = self.frozen.network
        self.weights_hash = hash_of(weights_in(self.folder))

    @classmethod
    def at_hand(cls, place: str) -> bool:
        """Return whether its weights lie on this machine; nothing is loaded."""
        try:
            return find_spec("transformers") is not None and bool(weights_in(find_folder(place or cls.checkpoint)))
        except StorageError:
            return False

    def fit(self, frames: torch.Tensor) -> torch.Tensor:
        """Pictures `[n, height, width, 3]` uint8 as squares of the network's size, `[n, 3, side, side]` uint8."""
        return fit(frames, self.network.config.image_size, self._cut, self._mode)


def find_folder(place: str) -> Path:
    """The folder of a model: `place` itself, or where the hub's model of this name was downloaded to.

    Raises:
        StorageError: there is neither.
        MissingExtra: `transformers` is not installed.
    """
    if (folder := Path(place).expanduser()).is_dir():
        return folder
    with extras():
        from huggingface_hub import snapshot_download
    try:
        return Path(snapshot_download(place, local_files_only=True))  # never asks the network
    except (OSError, ValueError) as error:
        raise StorageError(
            f"{place!r}: there is no such folder, and no model of this name was downloaded. Where there is a network, run "
            f"`hf download {place}`; or bring the model's folder here and write its path behind a colon, such as "
            "encoder='clip:<folder>+videomae:<folder>'. encoder='imagenet' needs no download."
        ) from error


def weights_in(folder: Path) -> list[Path]:
    """The files of a model's weights, in the order in which `transformers` prefers them."""
    return sorted(folder.glob("*.safetensors")) or sorted(folder.glob("pytorch_model*.bin"))


def load_network(network_class: str, folder: Path) -> nn.Module:
    """The network in a folder, all of whose weights must be there.

    Raises:
        ValueError: the folder holds another kind of network.
        StorageError: a file is missing or damaged.
        MissingExtra: `transformers` is not installed.
    """
    with extras():
        from contav_lib.utils import _torchaudio  # noqa: F401  # transformers imports torchaudio, which loads this way only
        import transformers  # isort: skip
    verbosity = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity_error()  # it warns of weights that are not needed, such as those for text
    try:
        with file_errors(folder, "Download it again."):
            network, found = getattr(transformers, network_class).from_pretrained(
                folder,
                local_files_only=True,
                output_loading_info=True,
                ignore_mismatched_sizes=True,
                dtype=torch.float32,
            )
    finally:
        transformers.logging.set_verbosity(verbosity)
    # Weights that are not in the file, or have another size there, would be random.
    if lacking := sorted([*found["missing_keys"], *(entry[0] for entry in found["mismatched_keys"])]):
        kind = read_json(folder / "config.json").get("model_type")
        raise ValueError(
            f"{folder} holds a network of the kind {kind!r}, no {network_class}: {len(lacking)} weights are missing or of "
            f"another size, such as {lacking[0]!r}. Give the folder of the right model."
        )
    return network
