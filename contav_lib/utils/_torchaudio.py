"""The only import of torchaudio: `from contav_lib.utils._torchaudio import torchaudio`.

The torchaudio wheel links CUDA libraries, so with a CPU-only torch its plain import fails on `libc10_cuda.so`. All
that the kit uses (resampling, spectrograms) is pure Python, so there we let it load without its compiled extension.
"""

import sys
from types import ModuleType

import torch


def _without_extension() -> ModuleType:
    """Stand-in for `torchaudio._extension` that says: no compiled extension here."""

    def fail_if_no_align(function):
        def unavailable(*args, **kwargs):
            raise RuntimeError(f"{function.__name__} needs torchaudio's compiled extension, which did not load.")

        return unavailable

    stub = ModuleType("torchaudio._extension")
    vars(stub).update(_IS_TORCHAUDIO_EXT_AVAILABLE=False, _IS_ALIGN_AVAILABLE=False, fail_if_no_align=fail_if_no_align)
    return stub


try:
    import torchaudio  # untouched where it works: with CUDA, on a Mac, or imported already by the user
except OSError:
    if torch.version.cuda is not None:  # a torch with CUDA should load it: the installation is at fault, so say so
        raise
    sys.modules["torchaudio._extension"] = _without_extension()
    import torchaudio

__all__ = ["torchaudio"]
