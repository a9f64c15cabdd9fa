"""Checkers of lab 1, sounds and masks: a spectrum by hand, the log-frequency axis, masks, SI-SDR, class spectra."""

import math

import torch

from contav_lib.audio import SAMPLE_RATE
from contav_lib.evaluation.metrics import si_sdr
from contav_lib.teaching.behaviour import coded
from contav_lib.teaching.check import NotYet, exercise, require_number


@exercise("lab 1: hertz between two rows")
def check_rows(answer: object, window: int) -> str:
    """Check the distance in Hz of two neighbouring rows of a spectrum made with `window` samples."""
    hertz, right = require_number(answer), SAMPLE_RATE / window
    if math.isclose(hertz, right, rel_tol=0.025):
        return f"{right:.1f} Hz: the window lasts {1000 / right:.0f} ms. A longer one tells finer pitches apart and blurs time."
    if math.isclose(hertz, right / 2, rel_tol=0.02):
        raise NotYet("half of the rate is the highest frequency, and it is shared by half as many rows as samples.")
    if math.isclose(hertz * right, 1, rel_tol=0.02):
        raise NotYet("that is how many seconds the window lasts. A frequency is one over a time.")
    raise NotYet("the slowest wave that fits once into the window: how long does it last, and what is one over that?")


def short_time_spectrum(waveform: torch.Tensor, window: int, hop: int) -> torch.Tensor:
    """Magnitudes `[K, T]` of a waveform `[L]`: every `hop` samples a piece of `window`, under a Hann window, nothing padded."""
    return _spectrum(waveform, window, hop).abs()


def _spectrum(waveform, window, hop, shape=torch.hann_window):
    pieces = waveform.unfold(0, window, hop)
    return torch.fft.rfft(pieces * shape(window, device=waveform.device)).T


def _waveform(random, length, window, hop):
    return dict(waveform=torch.randn(length, generator=random), window=window, hop=hop)


coded(
    "lab 1: short-time spectrum",
    reference=short_time_spectrum,
    cases=lambda random: (_waveform(random, *sizes) for sizes in ((100, 16, 4), (64, 16, 16), (40, 8, 3))),
    many=lambda random: _waveform(random, 20_000, 32, 8),
    mistakes={
        "the pieces have hard ends: multiply each by the Hann window first.": (
            lambda x, w, h: _spectrum(x, w, h, torch.ones).abs()
        ),
        "this is power, the square of what is asked for.": lambda x, w, h: _spectrum(x, w, h).abs().square(),
        "the real part alone depends on where the wave stands: take the magnitude of the complex number.": (
            lambda x, w, h: _spectrum(x, w, h).real
        ),
        "your window ends with a 0, as it begins with one (np.hanning does so). Take torch.hann_window(window) as it is.": (
            lambda x, w, h: _spectrum(x, w, h, lambda n, device: torch.hann_window(n, False, device=device)).abs()
        ),
        "the window is applied twice.": (
            lambda x, w, h: _spectrum(x, w, h, lambda n, device: torch.hann_window(n, device=device) ** 2).abs()
        ),
        "time runs along the first axis here: rows should be frequencies, columns moments.": (
            lambda x, w, h: short_time_spectrum(x, w, h).T
        ),
        "the upper half of the rows mirrors the lower one: rfft leaves it out.": (
            lambda x, w, h: torch.fft.fft(x.unfold(0, w, h) * torch.hann_window(w, device=x.device)).abs().T
        ),
    },
    right="pieces, a window over each, one Fourier transform for all, and the size of each complex number.",
    otherwise="take the first `window` samples alone: which K numbers should stand in the first column?",
)


def warp(magnitude: torch.Tensor, bins: int) -> torch.Tensor:
    """Resample `[K, T]` to `bins` log-spaced rows, between two rows by a straight line: `audio.warp` for one spectrum."""
    return _between(magnitude, _places(len(magnitude) - 1, bins, magnitude.device))


def _places(top, bins, device, steps=1):
    fraction = torch.arange(bins, dtype=torch.float64, device=device) / (bins - steps)
    return (21**fraction - 1) / 20 * top


def _between(magnitude, places):
    last = len(magnitude) - 1
    below = places.floor().long().clamp(0, last)
    share = (places - below).to(magnitude)[:, None]
    return (1 - share) * magnitude[below] + share * magnitude[(below + 1).clamp(max=last)]


def _magnitude(random, rows, frames, bins):
    return dict(magnitude=torch.rand(rows, frames, generator=random), bins=bins)


coded(
    "lab 1: warp to log frequency",
    reference=warp,
    cases=lambda random: (_magnitude(random, *sizes) for sizes in ((33, 4, 16), (17, 3, 40), (9, 9, 9))),
    many=lambda random: _magnitude(random, 513, 64, 2000),
    mistakes={
        "a place between two rows takes one of them whole: mix both, by how near they are.": (
            lambda m, b: m[_places(len(m) - 1, b, m.device).floor().long().clamp(max=len(m) - 1)]
        ),
        "a place between two rows takes the nearest whole: mix both, by how near they are.": (
            lambda m, b: m[_places(len(m) - 1, b, m.device).round().long()]
        ),
        "the shares of the two rows are exchanged: the nearer one counts more.": (
            lambda m, b: _between(m, 2 * (p := _places(len(m) - 1, b, m.device)).floor() + 1 - p)
        ),
        "the rows are evenly spaced: where is the 21 to the power of i / (F - 1)?": (
            lambda m, b: _between(m, torch.linspace(0, len(m) - 1, b, device=m.device, dtype=torch.float64))
        ),
        "it is upside down: row 0 is the lowest frequency.": lambda m, b: warp(m, b).flip(0),
        "the last row does not reach the highest frequency: i runs to F - 1, so divide by F - 1.": (
            lambda m, b: _between(m, _places(len(m) - 1, b, m.device, steps=0))
        ),
        "K rows are numbered 0 to K - 1: multiply by K - 1.": (
            lambda m, b: _between(m, _places(len(m), b, m.device).clamp(max=len(m) - 1))
        ),
    },
    right="F places on the linear axis, and at each the two neighbours, mixed by how near they are.",
    otherwise="print the places p for F = 5 and K = 9 and work out row 1 of the answer by hand.",
)


def soft_masks(magnitudes: torch.Tensor, exponent: float) -> torch.Tensor:
    """Shares `[B, N, F, T]` of the sources' magnitudes to the power of `exponent`; 0 where all are silent."""
    return _shares((magnitudes / magnitudes.amax(1, keepdim=True).clamp(min=1e-30)) ** exponent)


def _shares(power):
    return power / power.sum(1, keepdim=True).clamp(min=1e-30)


def _magnitudes(random):
    loud = torch.rand(2, 3, 8, 5, generator=random)
    for exponent in (1.0, 2.0, 0.5):
        yield dict(magnitudes=loud, exponent=exponent)
    yield dict(magnitudes=loud * (torch.arange(5) > 2), exponent=2.0)
    yield dict(magnitudes=1e-3 * loud, exponent=2.0)
    yield dict(magnitudes=1e-3 * loud, exponent=60.0)


coded(
    "lab 1: soft and hard masks",
    reference=soft_masks,
    cases=_magnitudes,
    many=lambda random: dict(magnitudes=torch.rand(4000, 2, 4, 4, generator=random), exponent=2.0),
    mistakes={
        "the exponent is not used.": lambda m, p: soft_masks(m, 1.0),
        "these are always squares: the exponent is not used.": lambda m, p: soft_masks(m, 2.0),
        "it is all or nothing: the louder one gets a larger share here, not everything.": (
            lambda m, p: ((m == m.amax(1, keepdim=True)) & (m > 0)).to(m)
        ),
        "the shares are raised to the power, so they no longer sum to 1: power first, then share.": (
            lambda m, p: soft_masks(m, 1.0) ** p
        ),
        "the shares are taken along the frequencies: at each pixel the sources share.": (
            lambda m, p: m**p / (m**p).sum(2, keepdim=True).clamp(min=1e-30)
        ),
        "the shares are taken along the mixtures: the sources are the second axis.": (
            lambda m, p: soft_masks(m.transpose(0, 1), p).transpose(0, 1)
        ),
        "right except in soft passages: divided by the loudest pixel of all, a soft one is still small. Each pixel has a "
        "loudest source of its own.": lambda m, p: _shares((m / m.max()) ** p),
        "a softmax is a share of exponentials; here powers are shared.": lambda m, p: (p * m).softmax(1),
        "what you add below is larger than the powers of soft sounds: there the masks fade away. Only ratios matter: "
        "divide by the loudest source first.": lambda m, p: m**p / ((m**p).sum(1, keepdim=True) + 1e-10),
        "right except in soft passages: a small number to a high power is 0 to the computer. Divide by the loudest source of "
        "the pixel first, which changes no share.": lambda m, p: _shares(m**p),
        "in silence it divides 0 by 0.": lambda m, p: m**p / (m**p).sum(1, keepdim=True),
    },
    right="one formula from soft to hard: shares of magnitude, of power, and at last the loudest takes all.",
    otherwise="one pixel with magnitudes 3 and 1: for p = 1 the shares are 3/4 and 1/4. What are they for p = 2? "
    "Then make all magnitudes a million times smaller: no share may change.",
)


def _projected(reference, estimate):
    return (reference * estimate).sum(-1, keepdim=True) / reference.square().sum(-1, keepdim=True) * reference


def _decibel(target, error):
    return 10 * (target.square().sum(-1) / error.square().sum(-1)).log10()


def _centred(*waveforms):
    return [waveform - waveform.mean(-1, keepdim=True) for waveform in waveforms]


def _without_mean(reference, estimate):
    target = _projected(reference, estimate)
    return _decibel(target, estimate - target)


def _of_reference(reference, estimate):
    reference, estimate = _centred(reference, estimate)
    return _decibel(reference, estimate - reference)


def _of_estimate(reference, estimate):
    reference, estimate = _centred(reference, estimate)
    scale = (reference * estimate).sum(-1, keepdim=True) / estimate.square().sum(-1, keepdim=True)
    return _decibel(scale * reference, estimate - scale * reference)


def _wrong_error(reference, estimate):
    reference, estimate = _centred(reference, estimate)
    return _decibel(_projected(reference, estimate), estimate - reference)


def _pairs(random, *shape):
    references = torch.randn(*shape, generator=random) + 0.5
    noise = torch.randn(*shape, generator=random)
    return dict(references=references, estimates=0.7 * references + 0.4 * noise - 0.3)


coded(
    "lab 1: SI-SDR",
    reference=si_sdr,
    cases=lambda random: (_pairs(random, *shape) for shape in ((2, 3, 50), (4, 40), (30,))),
    many=lambda random: _pairs(random, 4000, 2, 16),
    mistakes={
        "a constant offset is no sound: take the mean away from both first.": _without_mean,
        "a louder copy would get another score: scale the reference before you compare.": _of_reference,
        "a divides by the energy of the estimate. It is the reference that is scaled: its energy stands below.": _of_estimate,
        "the error is what is left of the estimate when the scaled reference is taken away.": _wrong_error,
        "20 log10 is for amplitudes; these are energies.": lambda s, e: 2 * si_sdr(s, e),
        "that is the natural logarithm; decibels have log10.": lambda s, e: si_sdr(s, e) * math.log(10),
        "upside down: less error should score higher.": lambda s, e: -si_sdr(s, e),
        "there is no logarithm yet: decibels are asked for.": lambda s, e: 10 ** (si_sdr(s, e) / 10),
        "decibels are ten times the logarithm.": lambda s, e: si_sdr(s, e) / 10,
        "one number for all: each estimate has a score of its own, summed along the last axis only.": (
            lambda s, e: si_sdr(s.flatten(), e.flatten())
        ),
    },
    right="the part of the estimate that is the reference, over the part that is not. Louder or softer, the score stays.",
    otherwise="test it on estimate = 2 * reference (+ a little noise) by hand: the score must not change with the 2.",
)


def template_masks(power: torch.Tensor, labels: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Masks `[B, N, F]` for mixtures of the classes `wanted [B, N]`, from crops' power `[M, F, T]` and their `labels [M]`.

    Each crop's mean spectrum has the sum 1; a class has the mean of its crops'. 0 where no wanted class has any power.
    """
    return _shares(_class_means(_unit_spectra(power), labels)[wanted])


def _unit_spectra(power):
    spectra = power.mean(2)
    return spectra / spectra.sum(1, keepdim=True)


def _class_means(spectra, labels):
    members = torch.nn.functional.one_hot(labels).to(spectra)  # [M, K]
    return members.T @ spectra / members.sum(0)[:, None]


def _crops(random, crops, classes, bins, frames, mixtures):
    loudness = 0.2 + 3 * torch.rand(crops, 1, 1, generator=random)
    power = loudness * torch.rand(crops, bins, frames, generator=random).square()
    power[:, -2:] = 0  # rows where nothing sounds
    labels = torch.cat([torch.arange(classes), torch.zeros(crops - classes).long()])
    return dict(power=power, labels=labels, wanted=torch.randint(0, classes, (mixtures, 2), generator=random))


coded(
    "lab 1: template masks",
    reference=template_masks,
    cases=lambda random: (_crops(random, *sizes) for sizes in ((9, 3, 8, 5, 6), (7, 4, 6, 3, 5))),
    many=lambda random: _crops(random, 4000, 5, 8, 4, 500),
    mistakes={
        "a loud crop counts more than a soft one: scale each crop's spectrum to the sum 1 before you average.": (
            lambda p, k, w: _shares(_class_means(p.mean(2), k)[w])
        ),
        "a class with many crops gets a larger share: divide each class's sum by how many crops it has.": (
            lambda p, k, w: _shares((torch.nn.functional.one_hot(k).to(p).T @ _unit_spectra(p))[w])
        ),
        "squared once too often: `power` is power already.": lambda p, k, w: template_masks(p.square(), k, w),
        "these are spectra; a mask is a class's share of the sum of both.": (
            lambda p, k, w: _class_means(_unit_spectra(p), k)[w]
        ),
        "the shares are of all classes; only those in the mixture share it.": (
            lambda p, k, w: ((s := _class_means(_unit_spectra(p), k)) / s.sum(0).clamp(min=1e-30))[w]
        ),
        "all or nothing: a mask is a share here, the louder class does not take all.": (
            lambda p, k, w: (template_masks(p, k, w) > 0.5).to(p)
        ),
        "the two masks of a mixture are exchanged.": lambda p, k, w: template_masks(p, k, w).flip(1),
        "in rows where nothing sounds it divides 0 by 0.": (
            lambda p, k, w: (s := _class_means(_unit_spectra(p), k)[w]) / s.sum(1, keepdim=True)
        ),
    },
    right="a spectrum a crop, a mean a class, a share a mixture: a separator in three lines, and not a bad one.",
    otherwise="go in three steps and print what each sums to: crops to 1 over F, classes to 1 over F, masks to 1 over N.",
)
