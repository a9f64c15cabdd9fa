"""The device that "auto" picks, and what Apple's GPU can't hold: double precision."""

import pytest
import torch

from contav_lib.evaluation.metrics import plain_sdr, score_sources
from contav_lib.utils import devices


@pytest.mark.parametrize(
    ("cuda", "mps", "picked"),
    [(True, True, "cuda"), (True, False, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_auto_takes_the_gpu_that_is_there(cuda, mps, picked, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: int(cuda))
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert devices.pick_device().type == devices.name_device().type == picked


class OnApplesGpu(torch.Tensor):
    """A tensor that says it lies on Apple's GPU, and refuses what that refuses."""

    device = torch.device("mps")

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        made = super().__torch_function__(func, types, args, kwargs)
        if func is torch.Tensor.cpu:
            return made.as_subclass(torch.Tensor)
        if isinstance(made, torch.Tensor) and made.dtype in (torch.float64, torch.complex128):
            raise TypeError(
                "Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support float64."
            )
        return made


def test_scores_need_no_double_precision_on_apples_gpu():
    references, noise = torch.randn(2, 2, 2, 4000, generator=torch.Generator().manual_seed(0))
    given = references, references + 0.1 * noise, references.sum(1)
    there = [values.as_subclass(OnApplesGpu) for values in given]
    with pytest.raises(TypeError, match="float64"):
        there[0].double()
    for name, scores in score_sources(*given).items():
        assert torch.equal(score_sources(*there)[name], scores), name
    assert torch.equal(plain_sdr(*there[:2]), plain_sdr(*given[:2]))
