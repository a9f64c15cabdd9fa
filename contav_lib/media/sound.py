"""The sound of a file as one waveform."""

from collections.abc import Iterable, Iterator
from itertools import chain
from math import gcd, isfinite
from pathlib import Path

import numpy as np
import torch

from contav_lib.media.clock import Clock
from contav_lib.media.opening import MediaError, decoded, opened, streams_of
from contav_lib.utils._torchaudio import torchaudio

SILENCE = 1e-3  # a sound whose loudest sample stays below is silent: -60 dB of full scale
_HOLE = 0.1  # seconds between two time stamps, beyond their samples, that are a hole; less is a coder's inaccuracy
_LOUDEST = 1.25  # coders overshoot full scale so far; what is louder was stored in another scale, or mixed too loud
_CANCELLED = 0.01  # share of the channels' power that is left of their mean where they are in opposite phase
_MOST_PHASES = 441  # of the resampling filter: rate / gcd(native rate, rate), 441 for 8,000 or 32,000 -> 11,025 Hz
_PIECE = 20  # seconds that are resampled at once
_MARGIN = 1  # second on both sides of a piece, which its filter looks at


def read_audio(path: str | Path, rate: int = 11025) -> torch.Tensor:
    """Read the sound of a media file: its first track that is not silent.

    It counts from the moment at which the first picture or sound begins, as `each_picture` does; where nothing was
    recorded there is silence.

    Args:
        path: a video or audio file.
        rate: the sampling rate wanted, in Hz.

    Returns:
        A mono waveform `[samples]`, float32 in [-1, 1], resampled to `rate`: the mean of two channels, the first one where they
        cancel each other, FFmpeg's mix of more. What is louder than full scale by far is made quieter as a whole. Of a file
        that was cut off, what is there, with a warning.

    Raises:
        MediaError: the file does not exist, is empty, not media, has no sound, or samples that are no numbers.
    """
    with opened(path) as container:
        tracks = len(streams_of(path, container, "audio"))
    for track in range(tracks):
        waveform = _read_track(path, track, rate)
        if loudest(waveform) >= SILENCE:
            break
    return waveform


def loudest(waveform: torch.Tensor) -> float:
    """The absolute value of the loudest sample."""
    low, high = waveform.aminmax()
    return float(torch.maximum(-low, high))


def _read_track(path: str | Path, track: int, rate: int, only_first: bool = False) -> torch.Tensor:
    """One track as `read_audio` gives it, or only the first of its channels."""
    power = mean_power = 0.0

    def mono(blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        nonlocal power, mean_power
        for channels in blocks:
            mean = channels.mean(axis=0, dtype=np.float32)
            power += float(np.square(channels, dtype=np.float64).sum()) / len(channels)  # some files' samples are huge
            mean_power += float(np.square(mean, dtype=np.float64).sum())
            yield channels[0] if only_first else mean

    with opened(path) as container:
        stream = streams_of(path, container, "audio")[track]
        exact = rate // gcd(stream.rate, rate) <= _MOST_PHASES
        native = stream.rate if exact else rate
        waveform = _resampled(mono(_blocks(path, stream, native)), native, rate)
    peak = loudest(waveform)
    if not isfinite(peak):
        raise MediaError(
            f"{path}: holds samples that are infinite or not a number; save it again from a good recording."
        )
    if mean_power < _CANCELLED * power and not only_first:
        return _read_track(path, track, rate, only_first=True)
    if peak > _LOUDEST:
        waveform /= peak
    return waveform.clamp_(-1, 1)


def _blocks(path: str | Path, stream, rate: int) -> Iterator[np.ndarray]:
    """The sound at `rate` in blocks `[channels, samples]`, one after another from time 0 on, with silence in its holes."""
    import av

    clock = Clock(path, stream.container, "audio")
    resampler, form = None, None
    given, expected = 0, 0.0  # samples; seconds
    for frame, stamp, seconds in decoded(path, stream):
        time = clock.time(stamp, expected)
        if time < expected - _HOLE:
            continue  # what it holds was there before
        now = (frame.sample_rate, frame.layout.name, frame.format.name)
        if now != form or time > expected + _HOLE:
            for block in _converted(resampler, None):
                given += block.shape[1]
                yield block
            if (missing := round(time * rate) - given) > 0:
                given += missing
                yield np.zeros((1, missing), dtype=np.float32)
            resampler = av.AudioResampler("fltp", frame.layout if len(frame.layout.channels) <= 2 else "mono", rate)
            form, expected = now, max(time, given / rate)
        for block in _converted(resampler, frame):
            given += block.shape[1]
            yield block
        expected += seconds
    yield from _converted(resampler, None)


def _converted(resampler, frame) -> list[np.ndarray]:
    """Return what comes out when `frame` goes in; None brings the rest. Without a resampler, nothing does."""
    blocks = resampler.resample(frame) if resampler else []
    return [block.to_ndarray() for block in blocks if block is not None]


def _resampled(blocks: Iterable[np.ndarray], native: int, rate: int) -> torch.Tensor:
    """Blocks `[samples]` at `native` as one waveform at `rate`, resampled piece by piece to save memory.

    Pieces begin and end at whole seconds, so that they join to what the whole would be.
    """
    joined = bytearray()  # which grows where it is
    held: list[np.ndarray] = []
    lead, length = 0, 0  # samples in `held`: those that only the filter looks at, and all
    for block in chain(blocks, [None]):
        if block is not None:
            held.append(block)
            length += len(block)
        if block is None or length >= lead + (_PIECE + _MARGIN) * native:
            waveform = np.concatenate(held)
            done = length if block is None else length // native * native - _MARGIN * native
            new = torchaudio.functional.resample(torch.from_numpy(waveform), native, rate)
            joined += new[lead // native * rate : None if block is None else done // native * rate].numpy().tobytes()
            held = [waveform[done - _MARGIN * native :]]
            lead, length = _MARGIN * native, length - done + _MARGIN * native
    return torch.frombuffer(joined, dtype=torch.float32)
