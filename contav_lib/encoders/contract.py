"""The contract of an encoder as a check that anybody can run on one of their own: `check_encoder(MyEncoder)`."""

from contextlib import suppress

import torch

from contav_lib.encoders.encoder import Encoder, make_encoder

KINDS = dict(version=str, weights_hash=str, longest_side=int, object_dim=int, motion_dim=int)
FRAMES = 8


class ContractBroken(AssertionError):
    """An encoder or a separator does not keep its contract; the message says what was found."""


def need(kept: bool, otherwise: str) -> None:
    """Raise `ContractBroken` with the text `otherwise`, unless the contract is kept."""
    if not kept:
        raise ContractBroken(otherwise)


def check_encoder(encoder: str | type[Encoder]) -> None:
    """Try on a few random pictures whether an encoder, a registered name or a class, keeps the contract.

    Raises:
        ContractBroken: it does not.
    """
    made = make_encoder(encoder) if isinstance(encoder, str) else encoder()
    for name, kind in KINDS.items():
        value = getattr(made, name, None)
        need(isinstance(value, kind), f"its {name} is {value!r}, not {kind.__name__}.")
    frames = torch.randint(256, (FRAMES, 60, 80, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    for name, rows, width in (("objects", FRAMES, made.object_dim), ("motion", FRAMES // 2, made.motion_dim)):
        ask = getattr(made, name)
        found = ask(frames)
        what = f"{name} makes {list(found.shape)}, {found.dtype}, of {FRAMES} pictures"
        need(found.shape == (rows, width) and found.dtype == torch.float32, f"{what}, not [{rows}, {width}], float32.")
        need(not found.requires_grad, f"{name} follows gradients: write @torch.no_grad() above it.")
        need(bool(found.isfinite().all()), f"{name} makes values that are infinite or not a number.")
        need(
            torch.equal(ask(frames), found),
            f"{name} makes other features when asked again: is a network in train mode?",
        )
    crops, cut = made.crop(frames, "violin")
    kept = crops.dtype == torch.uint8 and crops.ndim == 4 and (len(crops), crops.shape[3]) == (FRAMES, 3)
    need(kept, f"crop makes {list(crops.shape)}, {crops.dtype}, not [{FRAMES}, height, width, 3], uint8.")
    need(
        cut.shape == (FRAMES,) and cut.dtype == torch.bool,
        f"crop says {list(cut.shape)}, {cut.dtype}, not [{FRAMES}], bool.",
    )
    alone = torch.cat([made.objects(frame[None]) for frame in frames])
    need(torch.allclose(alone, made.objects(frames), atol=1e-3), "objects of a picture change with those beside it.")
    for count in (0, FRAMES - 1):
        with suppress(ValueError):
            made.motion(frames[:count])
            need(False, f"motion takes {count} pictures: it must raise a ValueError unless they are 2 a step.")
