"""What is wrong with a separated sound, as a listener would call it: measured, not guessed."""

from typing import Any

import torch

from contav_lib.evaluation.metrics import is_audible, score_sources, si_sdr

SILENCE = -20.0  # dB: a sound so much weaker than its source ought to be counts as missing
MIXTURE = 10.0  # dB: what differs from the mixture by so little is the mixture
LEFTOVERS = 10.0  # dB of SIR below which the other sources are clearly heard beside the wanted one
KINDS = {
    "silence": f"more than {-SILENCE:.0f} dB weaker than the true sound",
    "the mixture": f"what differs from the mixture is {MIXTURE:.0f} dB weaker, and it is nearer to it than to the true sound",
    "swapped": "holds more of the other sound than of its own (SIR below 0 dB)",
    "leftovers": f"its own sound, with the other one clearly beside it (SIR below {LEFTOVERS:.0f} dB)",
    "clean": f"its own sound, the other one at least {LEFTOVERS:.0f} dB weaker",
}


def heard_as(truth: torch.Tensor, separated: torch.Tensor) -> list[dict[str, Any]]:
    """Measure `sdr` and `sir` of separated sounds, in dB, and say which `kind` of `KINDS` each is: the first that fits.

    Args:
        truth: the sources as they stand in the mixture, `[N, L]`, none silent.
        separated: `[N, L]`; a sound of zeros has no scores.
    """
    mixture = truth.sum(0)
    audible = is_audible(separated)
    scored = torch.where(audible.unsqueeze(1), separated, mixture)  # scores of one sound do not depend on the others
    scores = {name: values[0] for name, values in score_sources(truth[None], scored[None], mixture[None]).items()}
    level = 10 * (separated.square().sum(1) / truth.square().sum(1)).clamp(min=1e-12).log10()
    like_mixture = si_sdr(mixture.expand_as(separated), separated)
    rows: list[dict[str, Any]] = []
    for n, is_heard in enumerate(audible.tolist()):
        sdr, sir = float(scores["sdr"][n]), float(scores["sir"][n])
        if level[n] < SILENCE:
            kind = "silence"
        elif like_mixture[n] >= MIXTURE and like_mixture[n] > scores["si_sdr"][n]:
            kind = "the mixture"
        else:
            kind = "swapped" if sir < 0 else "leftovers" if sir < LEFTOVERS else "clean"
        rows.append({"sdr": round(sdr, 2), "sir": round(sir, 2), "kind": kind} if is_heard else {"kind": kind})
    return rows
