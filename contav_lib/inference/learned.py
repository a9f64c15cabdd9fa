"""What separating videos needs of an experiment, from its result, from a checkpoint, or from a separator in memory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from contav_lib.config import Config
from contav_lib.continual.prototypes import Prototypes, load_prototypes
from contav_lib.encoders.encoder import Encoder, make_encoder
from contav_lib.experiments.result import Result, check_encoder_of
from contav_lib.separators import Separator, load_separator
from contav_lib.utils.storage import file_errors, read_json, read_metadata


@dataclass(frozen=True, eq=False)
class Learned:
    """A separator with all that goes with it.

    Attributes:
        separator: in eval mode. classes: labels of those that it knows, by number. config: the settings. encoder: of pictures.
        prototypes: gives their looks; it raises an error that says why where they are not there.
    """

    separator: Separator
    classes: list[str]
    config: Config
    encoder: Encoder
    prototypes: Callable[[], Prototypes]


def learned(
    source: Any, task: int, device: torch.device, config: Config | None = None, labels: Sequence[str] | None = None
) -> Learned:
    """Bring together what separating needs; `separate` says what `source`, `config` and `labels` may be.

    Raises:
        ValueError: something is lacking, or the encoder is not the one that was learned with.
        StorageError: a file is missing or damaged.
    """
    if isinstance(source, Result):
        config = Config.from_json(source.config)
        separator = source.separator(task, device)
        encoder = _encoder(config, source.folder)
        known = source.classes[: separator.num_classes]
        return Learned(separator, known, config, encoder, lambda: source.prototypes(task, device))
    if isinstance(source, str | Path) and not (path := Path(source)).is_dir():
        separator = load_separator(path, device)
        with file_errors(path):
            known = [str(label) for label in read_metadata(path)["classes"]][: separator.num_classes]
        folder = path.parent.parent  # of the result, where the checkpoint still lies in it
        if config is None and (folder / "config.json").is_file():
            config = Config.from_json(read_json(folder / "config.json"))
        if config is None:
            raise ValueError(
                f"{path}: a checkpoint does not say with which encoder and spectrograms it was learned. Say so with "
                'config=, such as Config.profile("lab"), or leave it in its result\'s folder.'
            )
        return Learned(separator, known, config, _encoder(config, folder), lambda: load_prototypes(path, device))
    if isinstance(source, Separator):
        if config is None or labels is None:
            raise ValueError(
                "A separator alone knows neither its encoder nor its classes: say with config= the settings it was trained "
                'with, such as Config.profile("lab"), and with labels= the names of its classes in the order of learning.'
            )
        if len(labels) != source.num_classes:
            raise ValueError(
                f"labels={labels!r}: this separator knows {source.num_classes} classes; name each of them."
            )
        return Learned(source.to(device).eval(), list(labels), config, make_encoder(config.encoder), _no_looks)
    raise ValueError(
        f"result={source!r}: give a Result, such as Result(<folder of an experiment>), a checkpoint's file, or a Separator."
    )


def _encoder(config: Config, folder: Path) -> Encoder:
    encoder = make_encoder(config.encoder)
    check_encoder_of(folder, encoder.maker)
    return encoder


def _no_looks() -> Prototypes:
    raise ValueError(
        "A separator alone does not know how its classes look: name what the videos show with classes=, one video a player; "
        "or give the Result or a checkpoint."
    )
