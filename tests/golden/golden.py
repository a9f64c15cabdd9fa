"""Reading the golden files: tensors by name, numbers by name, and the sizes they were made with."""

import json
from functools import cache
from pathlib import Path

import torch
from official import PREDICTOR_NAMES, UNET_NAMES, Weights, convert, our_name
from safetensors.torch import load_file

from contav_lib import Config
from contav_lib.separators.iquery import IQuery, IQueryConfig


class Golden:
    """One golden file pair, `<name>.json` and `<name>.safetensors`."""

    def __init__(self, folder: Path, name: str):
        description = json.loads((folder / f"{name}.json").read_text())
        self.config = description["config"]
        self.scalars = {key: entry["value"] for key, entry in description.get("scalars", {}).items()}
        self._tensors = load_file(folder / f"{name}.safetensors")

    def __getitem__(self, name: str) -> torch.Tensor:
        """A tensor as the authors' code saw it: float16 storage is exact, so it becomes float32."""
        tensor = self._tensors[name]
        return tensor.float() if tensor.dtype == torch.float16 else tensor

    def __contains__(self, name: str) -> bool:
        return name in self._tensors

    def under(self, prefix: str) -> dict[str, torch.Tensor]:
        """All tensors whose names start with `prefix`, by the rest of their names."""
        return {name.removeprefix(prefix): self[name] for name in self._tensors if name.startswith(prefix)}


@cache
def load(folder: Path, name: str) -> Golden:
    return Golden(folder, name)


def iquery_from_states(sound: dict, mask: dict, heads: int, padding: str = "added") -> IQuery:
    """An `IQuery` with the weights of the authors' sound network and mask predictor."""
    num_classes, sizes, weights = convert(sound, mask)
    iquery = IQuery(num_classes, IQueryConfig(**sizes, heads=heads, padding=padding))
    iquery.load_state_dict(weights)
    return iquery.eval()


def released(golden: Golden, **changes) -> Config:
    """The authors' code as released, by name, in the sizes of the golden training step."""
    sizes = {"width": "ngf", "mask_dim": "fc_dim", "hidden": "hid", "heads": "heads", "feed_forward": "ff", "frames": "T",
             "encoder_layers": "enc", "decoder_layers": "dec", "batch_size": "batch"}  # fmt: skip
    sizes = {ours: golden.config[theirs] for ours, theirs in sizes.items()}
    return Config.profile("paper", **{"as_released": True, "device": "cpu", "threads": 1} | sizes | changes)


def recorded(golden: Golden, step: str) -> tuple[Weights, Weights]:
    """Weights and batch of the golden training step "s0" or "s1", by the names that the recipe in `paper_setting.md` gives."""
    owners = {"": step, "old_": "s0"} if step == "s1" else {"": step}
    weights = {f"{prefix}{network}.{name}": value for prefix, owner in owners.items() for network in ("sound", "mask")
               for name, value in golden.under(f"{owner}.{network}.").items()}  # fmt: skip
    inputs = ("mag_mix", "mags.", "frames_features.", "motions.", "motion_masks.")
    batch = {f"{name}{rest}": value for name in inputs for rest, value in golden.under(name).items()}
    return weights, batch | {f"classes.{n}": value for n, value in golden.under(f"{step}.classes.").items()}


def our_parameter(name: str, levels: int) -> str | None:
    """Our name of the authors' parameter `sound.<...>` or `mask.<...>`; None for an idle one."""
    network, rest = name.split(".", 1)
    table, prefix = (UNET_NAMES, "unet") if network == "sound" else (PREDICTOR_NAMES, "predictor")
    ours = our_name(rest, table, levels)
    return ours and f"{prefix}.{ours}"


def assert_near(actual: torch.Tensor, expected: torch.Tensor, tolerance: float = 1e-5) -> None:
    torch.testing.assert_close(actual.reshape(expected.shape).to(expected), expected, rtol=0, atol=tolerance)
