"""Features that an experiment's separator gave the sources of the same test mixtures after each task."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import cache
from pathlib import Path

import numpy as np
import torch

from contav_lib.analysis.similarity import MOST_SOURCES, SourceFeatures
from contav_lib.audio import SAMPLE_RATE
from contav_lib.config import Config
from contav_lib.experiments.result import Result
from contav_lib.experiments.setup import Setup
from contav_lib.mixtures.batch import MixtureSpec
from contav_lib.mixtures.clip_store import ClipStore
from contav_lib.utils.devices import mixed_precision, pick_device
from contav_lib.utils.registry import open_dataset

_USUAL_SOURCES = 300  # not more than so many unless asked for
_PICTURES_A_SECOND = 2.0
_PICTURE_SIDE = 160  # pixels of the longer side


@torch.inference_mode()
def extract_features(result: Result, mixtures: int | None = None, device: str = "auto") -> SourceFeatures:
    """Extract features of the sources of an experiment's fixed test mixtures, sorted by class, after each task.

    Args:
        result: of the experiment; it may still be running: then as far as it has come.
        mixtures: fixed test mixtures of each task; two a class by default, fewer where that makes over 300 sources.
        device: where to compute.

    Raises:
        ValueError: nothing is learned yet, too many sources, or no such device.
    """
    config = Config.from_json(result.config)
    learned = int(np.isfinite(result.over_all_seen()).sum())
    if not learned:
        raise ValueError(f"{result.folder} holds no model yet: its first task is still being learned. Try again later.")
    setup = Setup.build(config, pick_device(device))
    bank = setup.test
    most = max(1, _USUAL_SOURCES // (config.num_sources * learned))
    counts = [mixtures or min(2 * len(labels), most) for labels in result.tasks[:learned]]
    if (total := config.num_sources * sum(counts)) > MOST_SOURCES:
        raise ValueError(
            f"mixtures={mixtures} makes {total} sources, and more than {MOST_SOURCES} can't be shown. "
            f"Ask for {MOST_SOURCES // (config.num_sources * learned)} mixtures a task or fewer."
        )
    specs = [setup.mix_task(bank, task, count) for task, count in enumerate(counts)]
    features = _features_after_each_task(result, bank, specs)
    spec = MixtureSpec(*(torch.cat([getattr(part, field.name) for part in specs]) for field in fields(MixtureSpec)))
    clips = spec.clips.flatten()
    order = bank.classes[clips].argsort(stable=True)
    return SourceFeatures.from_features(
        {name: value[:, order] for name, value in features.items()},
        bank.classes[clips][order],
        result.tasks[:learned],
        videos=clips[order],
        names=[bank.ids[clip] for clip in clips[order].tolist()],
        temperature=config.method_settings.get("temperature", 0.05),
        sound=lambda row: _sound(bank, spec, int(order[row])),
        picture=lambda row: _picture(config, bank, spec, int(order[row])),
    )


def _features_after_each_task(result: Result, bank: ClipStore, specs: Sequence[MixtureSpec]) -> dict[str, torch.Tensor]:
    """By modality `[T, R, D]`; the sources of tasks not yet learned are NaN."""
    batches = [list(bank.batches(spec)) for spec in specs]
    rows = sum(spec.clips.numel() for spec in specs)
    steps = []
    for task in range(len(specs)):
        separator = result.separator(task, bank.device)
        with mixed_precision(bank.device):
            heard = [
                separator(batch.mixture, batch.visual, batch.classes).features
                for part in batches[: task + 1]
                for batch in part
            ]
        steps.append({name: _padded([part[name] for part in heard], rows) for name in heard[0]})
    return {name: torch.stack([step[name] for step in steps]) for name in steps[0]}


def _padded(parts: Sequence[torch.Tensor], rows: int) -> torch.Tensor:
    """Batches of features `[B, N, D]` one below the other, `[rows, D]`, NaN where there are no more."""
    table = torch.cat([part.flatten(0, 1) for part in parts]).float().cpu()
    return torch.cat([table, table.new_full((rows - len(table), table.shape[1]), float("nan"))])


def _sound(bank: ClipStore, spec: MixtureSpec, place: int) -> torch.Tensor:
    """The true sound of a source, as loud as in its own video."""
    sources = spec.clips.shape[1]
    mixture, number = divmod(place, sources)
    batch = bank.batch(spec[mixture : mixture + 1], keep_waveforms=True)
    assert batch.sources is not None  # asked for
    return (batch.sources[0, number] * sources).cpu()


def _picture(config: Config, bank: ClipStore, spec: MixtureSpec, place: int) -> np.ndarray | None:
    """The frame in the middle of a source's crop; None where the videos are not there (prepared clips alone)."""
    path = _videos(config.data, config.clips_per_class).get(bank.ids[spec.clips.flatten()[place]])
    if path is None or not path.is_file():
        return None
    from contav_lib.media import read_frames

    frames = read_frames(path, _PICTURES_A_SECOND, _PICTURE_SIDE)
    middle = spec.starts.flatten()[place].item() / SAMPLE_RATE + bank.spectrogram.seconds / 2
    return frames[min(int(middle * _PICTURES_A_SECOND), len(frames) - 1)].numpy()


@cache
def _videos(data: str, clips_per_class: tuple[int, int, int]) -> Mapping[str, Path]:
    """A data set's videos by clip id; none where the folder is not there."""
    from contav_lib.datasets.clip import find_clips

    try:
        return {clip.id: clip.path for clip in find_clips(open_dataset(data, clips_per_class).videos)}
    except ValueError:
        return {}
