"""Sounds on their way to a browser: checked, levelled, packed into 16 bits, and drawn."""

import base64
import io
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import torch

from contav_lib import audio

RATES = (8_000, 96_000)  # Hz: what every browser plays
MOST_SAMPLES = 6_000_000  # of all sounds together: 12 MB, some nine minutes at 11,025 Hz
BINS = 96  # rows of a spectrogram's picture
COLUMNS = 300  # at most
QUIETEST = -70.0  # dB below the loudest pixel, where a spectrogram's picture is black
_BLOCK = 0.4  # seconds: the shortest sound that has a loudness by the standard


def as_waveforms(sounds: Mapping[str, Any], rate: int) -> tuple[dict[str, np.ndarray], list[str]]:
    """Check and convert sounds.

    Args:
        sounds: by name; each a waveform `[samples]` (array, tensor, list) or an audio file.
        rate: of the waveforms, in Hz; files are resampled to it.

    Returns:
        The waveforms, float32, shorter ones padded with zeros to the longest; and what a listener should know of that.

    Raises:
        ValueError: there is no sound, too much of it, or one that is not a finite waveform.
    """
    if not sounds:
        raise ValueError('There is no sound to play. Give at least one, as {"name": waveform}.')
    if not RATES[0] <= rate <= RATES[1]:
        raise ValueError(
            f"sample_rate is {rate} Hz; browsers play {RATES[0]:,} to {RATES[1]:,} Hz. Resample the sound."
        )
    waveforms = {str(name): _as_waveform(name, sound, rate) for name, sound in sounds.items()}
    longest = max(map(len, waveforms.values()))
    if longest * len(waveforms) > MOST_SAMPLES:
        raise ValueError(
            f"{len(waveforms)} sound(s) of up to {longest / rate:,.0f} s are too much for a page of a browser, which would "
            f"hold {MOST_SAMPLES / len(waveforms) / rate:,.0f} s of each. Cut out the seconds that matter, as in "
            "waveform[start * sample_rate : stop * sample_rate]."
        )
    short = [f"{name} ({len(w) / rate:.2f} s)" for name, w in waveforms.items() if len(w) < longest]
    notes = [f"Padded with silence to {longest / rate:.2f} s: {', '.join(short)}."] if short else []
    return {name: np.pad(w, (0, longest - len(w))) for name, w in waveforms.items()}, notes


def _as_waveform(name: object, sound: Any, rate: int) -> np.ndarray:
    if isinstance(sound, str | Path):
        from contav_lib.media import read_audio

        sound = read_audio(sound, rate)
    if isinstance(sound, torch.Tensor):
        sound = sound.detach().cpu().float()
    try:
        waveform = np.asarray(sound, dtype=np.float32)
    except (TypeError, ValueError):
        raise ValueError(
            f"{name!r} is a {type(sound).__name__}; a sound is a waveform [samples] or an audio file."
        ) from None
    if waveform.ndim != 1 or not len(waveform):
        raise ValueError(f"{name!r} has shape {list(waveform.shape)}; a sound is [samples]: one channel, not empty.")
    if not np.isfinite(waveform).all():
        first = int(np.argmin(np.isfinite(waveform)))
        raise ValueError(
            f"{name!r} is not finite: {waveform[first]} at sample {first} ({first / rate:.2f} s). Look for a division by "
            "zero or a logarithm of zero where it was computed."
        )
    return waveform


def pack(waveform: np.ndarray) -> tuple[bytes, float]:
    """Pack into 16-bit little-endian samples; return them and what full scale stands for.

    That is the peak, so that quiet sounds keep all 16 bits.
    """
    scale = float(np.abs(waveform).max()) or 1.0
    return np.round(waveform / scale * 32767).astype("<i2").tobytes(), scale


def loudness(waveform: np.ndarray, rate: int) -> float:
    """Integrated loudness in LUFS (ITU-R BS.1770-4, by pyloudnorm); minus infinity for what counts as silence."""
    import pyloudnorm

    repeats = int(np.ceil(_BLOCK * rate / len(waveform))) + 1 if len(waveform) <= _BLOCK * rate else 1
    with np.errstate(divide="ignore"):
        return float(pyloudnorm.Meter(rate).integrated_loudness(np.tile(waveform, repeats).astype(np.float64)))


def matching_gains(waveforms: Sequence[np.ndarray], rate: int) -> list[float]:
    """Factors that make all sounds as loud as the loudest one, or as loud as they can be without clipping.

    A silent sound keeps its level.
    """
    levels = np.array([loudness(waveform, rate) for waveform in waveforms])
    heard = np.isfinite(levels)
    if not heard.any():
        return [1.0] * len(waveforms)
    peaks = np.array([np.abs(waveform).max() for waveform in waveforms])
    headroom = -20 * np.log10(np.maximum(peaks, 1e-9))
    target = min(levels[heard].max(), (levels + headroom)[heard].min())
    return [float(gain) for gain in np.where(heard, 10 ** ((target - np.where(heard, levels, target)) / 20), 1.0)]


def pictures(waveforms: Sequence[np.ndarray]) -> list[bytes]:
    """Spectrograms for the eye, on one scale: uint8 `[BINS, frames]` row by row, lowest frequency first.

    0 is `QUIETEST` dB and less, 255 the loudest pixel of all. The frequency axis is `audio.warp`'s.
    """
    samples = torch.from_numpy(np.stack(waveforms))
    hop = max(256, samples.shape[1] // COLUMNS + 1)
    magnitudes = audio.warp(audio.stft(samples, hop=hop).abs()[:, None], BINS)[:, 0]
    decibels = 20 * torch.log10((magnitudes / magnitudes.max().clamp(min=1e-9)).clamp(min=1e-9))
    levels = ((decibels - QUIETEST) / -QUIETEST * 255).clamp(0, 255).round().to(torch.uint8)
    return [level.numpy().tobytes() for level in levels]


def audio_element(label: str, waveform: np.ndarray, rate: int) -> str:
    """An HTML `<audio>` element that holds its sound, a FLAC file; louder than full scale is clipped."""
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, np.clip(waveform, -1, 1), rate, format="FLAC", subtype="PCM_16")
    return (
        f'<audio controls preload="metadata" style="width: 260px; height: 32px" aria-label="{escape(label)}" '
        f'src="data:audio/flac;base64,{base64.b64encode(file.getvalue()).decode()}"></audio>'
    )


def waveform_uri(waveform: np.ndarray, highest: float, width: int = 480, height: int = 36) -> str:
    """PNG of a waveform as the address of an `<img>` element: grey-blue on nothing, to be seen on light and dark."""
    from PIL import Image

    columns = np.array_split(waveform, min(width, len(waveform)))
    half = height / 2
    top, bottom = (half - np.array([f(column) for column in columns]) / highest * half for f in (np.max, np.min))
    rows = np.arange(height)[:, None]
    ink = (rows >= np.floor(top)) & (rows <= np.ceil(bottom))
    picture = Image.fromarray(ink.astype(np.uint8), "P")
    picture.putpalette([0, 0, 0, 0x56, 0x94, 0xC9])
    file = io.BytesIO()
    picture.save(file, "PNG", transparency=0, optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
