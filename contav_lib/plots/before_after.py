"""Twenty seconds of forgetting for the first page: a picture and a sound, from the starter pack.

`python -m contav_lib.plots.before_after data` writes `before_after.png` and `before_after.flac`.
"""

import argparse
from pathlib import Path

import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from contav_lib.audio import SAMPLE_RATE, stft
from contav_lib.experiments.result import Result
from contav_lib.experiments.starter import PAIR, starter
from contav_lib.media import read_audio, write_flac
from contav_lib.plots.signals import decibel
from contav_lib.utils.storage import write_atomically

SECONDS = 5  # of each part


def parts() -> dict[str, torch.Tensor]:
    """Sounds by what they are: the mixture, then the drum as it is separated in it; `SECONDS` each, at `SAMPLE_RATE`."""
    results = starter()
    finetune, contav = results["fine-tuning"], results["ContAV-Sep"]
    found = {
        f"{PAIR[0]} and {PAIR[1]}\ntogether": _pair(finetune)["mixture"],
        **_separated("after task 1", finetune, 0),
        **_separated("after task 4, fine-tuning", finetune, 3),
        **_separated("after task 4, ContAV-Sep", contav, 3),
    }
    return {
        title: torch.as_tensor(read_audio(path, SAMPLE_RATE))[: SECONDS * SAMPLE_RATE] for title, path in found.items()
    }


def draw(sounds: dict[str, torch.Tensor]) -> Figure:
    """Spectrograms side by side, one decibel scale."""
    spectra = {title: stft(sound).abs() for title, sound in sounds.items()}
    loudest = max(float(spectrum.max()) for spectrum in spectra.values())
    figure, axes = plt.subplots(1, len(spectra), figsize=(12, 2.9), layout="constrained", sharey=True)
    for ax, (title, spectrum) in zip(axes, spectra.items(), strict=True):
        extent = (0, SECONDS, 0, SAMPLE_RATE / 2000)
        ax.imshow(
            decibel(spectrum, loudest), origin="lower", aspect="auto", extent=extent, cmap="magma", vmin=-70, vmax=0
        )
        ax.set_title(title, fontsize=10)
        ax.set_xlabel("time, s")
    axes[0].set_ylabel("frequency, kHz")
    return figure


def _pair(result: Result) -> dict:
    return next(example for example in result.examples() if example["labels"] == list(PAIR))


def _separated(when: str, result: Result, task: int) -> dict[str, Path]:
    example = _pair(result)
    score = example["scores"][task][0]
    return {f"the {PAIR[0]} {when}:\n{score['sdr']:.1f} dB SDR": example["separated"][task][0]}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    sounds = parts()
    write_flac(folder / "before_after.flac", torch.cat(list(sounds.values())), SAMPLE_RATE)
    figure = draw(sounds)
    write_atomically(folder / "before_after.png", lambda part: figure.savefig(part, format="png", dpi=100))
