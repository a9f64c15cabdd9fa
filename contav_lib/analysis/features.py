"""Features that an experiment's separator gave the sources of the same test mixtures after each task."""

from collections.abc import Sequence
from dataclasses import fields

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from contav_lib.analysis.pictures import pictures_of
from contav_lib.analysis.similarity import MOST_SOURCES, SourceFeatures
from contav_lib.audio import SAMPLE_RATE
from contav_lib.config import Config
from contav_lib.evaluation.evaluate import source_features
from contav_lib.experiments.result import Result
from contav_lib.experiments.setup import Setup
from contav_lib.mixtures.batch import MixtureSpec
from contav_lib.mixtures.clip_store import ClipStore
from contav_lib.utils.devices import pick_device

_USUAL_SOURCES = 300  # not more than so many unless asked for


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
    learned = result.learned
    if not learned:
        raise ValueError(f"{result.folder} holds no model yet: its first task is still being learned. Try again later.")
    setup = Setup.build(config, pick_device(device))
    store = setup.test
    most = max(1, _USUAL_SOURCES // (config.num_sources * learned))
    counts = [mixtures or min(2 * len(labels), most) for labels in result.tasks[:learned]]
    if (total := config.num_sources * sum(counts)) > MOST_SOURCES:
        raise ValueError(
            f"mixtures={mixtures} makes {total} sources, and more than {MOST_SOURCES} can't be shown. "
            f"Ask for {MOST_SOURCES // (config.num_sources * learned)} mixtures a task or fewer."
        )
    specs = [setup.mix_task(store, task, count) for task, count in enumerate(counts)]
    features = _features_after_each_task(result, store, specs)
    spec = MixtureSpec(*(torch.cat([getattr(part, field.name) for part in specs]) for field in fields(MixtureSpec)))
    clips = spec.clips.flatten()
    order = store.classes[clips].argsort(stable=True)
    return SourceFeatures(
        {name: value[:, order] for name, value in features.items()},
        store.classes[clips][order],
        result.tasks[:learned],
        videos=clips[order],
        names=[store.ids[clip] for clip in clips[order].tolist()],
        temperature=config.method_settings.get("temperature", 0.05),
        sound=lambda row: _sound(store, spec, int(order[row])),
        picture=lambda row: _picture(config, store, spec, int(order[row])),
    )


def _features_after_each_task(
    result: Result, store: ClipStore, specs: Sequence[MixtureSpec]
) -> dict[str, torch.Tensor]:
    """By modality `[T, R, D]`; the sources of tasks not yet learned are NaN."""
    steps = []
    for task in range(len(specs)):
        separator = result.separator(task, store.device)
        heard = [source_features(separator, store, spec) for spec in specs[: task + 1]]
        steps.append({name: torch.cat([part[name] for part in heard]) for name in heard[0]})
    return {name: pad_sequence([step[name] for step in steps], True, torch.nan) for name in steps[0]}


def _sound(store: ClipStore, spec: MixtureSpec, place: int) -> torch.Tensor:
    """The true sound of a source, as loud as in its own video."""
    sources = spec.clips.shape[1]
    mixture, number = divmod(place, sources)
    batch = store.batch(spec[mixture : mixture + 1], keep_waveforms=True)
    assert batch.sources is not None  # asked for
    return (batch.sources[0, number] * sources).cpu()


def _picture(config: Config, store: ClipStore, spec: MixtureSpec, place: int) -> np.ndarray | None:
    """The picture nearest to the middle of a source's crop, of one a second; None where there is no video."""
    pictures = pictures_of(config.data, config.clips_per_class, store.ids[spec.clips.flatten()[place]])
    middle = spec.starts.flatten()[place].item() / SAMPLE_RATE + store.spectrogram.seconds / 2
    return pictures[min(round(middle), len(pictures) - 1)] if len(pictures) else None
