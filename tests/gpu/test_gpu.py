"""The GPU computes what the processor does, in bfloat16 nearly so, and is not waited for between records."""

import sys
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from samples import SMALL
from waiting import between_records

from contav_lib import Config, run
from contav_lib.audio import istft, magnitude, reconstruct, stft, unwarp, warp
from contav_lib.continual.tasks import Task
from contav_lib.evaluation.metrics import bss_eval, plain_sdr, score_sources
from contav_lib.losses import total
from contav_lib.methods import method_class
from contav_lib.mixtures.batch import Batch
from contav_lib.mixtures.clip_store import ClipStore
from contav_lib.separators import separator as contract
from contav_lib.separators.contract import make_batch

sys.path.append(str(Path(__file__).parents[1] / "separators"))
from small_separators import NAMES, make

METHODS = ("finetune", "replay", "contav", "lwf", "plop", "ewf", "avcil", "ewc", "freeze", "adapters")
CLOSE = dict(rtol=1e-3, atol=1e-4)  # float32, sums in another order
DECIBELS = dict(rtol=0, atol=1e-3)

every_separator = pytest.mark.parametrize("name", NAMES)


def batch_of(classes: int = 6, memory: int = 4) -> Batch:
    return make_batch((64, 32, 512, 768), mixtures=4, classes=classes, memory=memory)


def sent(batch: Batch, device: torch.device) -> Batch:
    """The batch as the store of clips would have made it on the device."""
    tensors = {name: value.to(device) for name, value in batch.tensors().items()}
    return Batch.from_tensors(tensors)


def learning(name: str, method: str, device: torch.device):
    """A method in the middle of its second task, and the separator, with the same weights on every device."""
    torch.manual_seed(0)
    separator, chosen = make(name, 4), method_class(method)()
    tasks = [Task(0, tuple(range(4)), tuple(range(4)), (0, 1), ()), Task(1, (4, 5), tuple(range(6)), (2, 3), (0, 1))]
    torch.manual_seed(1)
    first, second = (sent(batch, device) for batch in (batch_of(4, 0), batch_of()))
    chosen.begin_task(tasks[0], separator.to(device))
    chosen.after_growing(tasks[0], separator)
    if method == "ewc":
        chosen.mixtures = 4
    chosen.end_task(tasks[0], separator, lambda number: first, lambda number: first)
    chosen.begin_task(tasks[1], separator)
    separator.grow(6, torch.Generator().manual_seed(2))
    separator.to(device).train()
    chosen.after_growing(tasks[1], separator)
    return separator, chosen, second


def terms_and_gradients(name: str, method: str, device: torch.device):
    separator, chosen, batch = learning(name, method, device)
    with torch.no_grad():  # away from the weights that the first task has left, so that nothing is 0
        for number, weight in enumerate(separator.parameters()):
            weight.add_(0.01 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(number)).to(device))
    asked = chosen.on_batch(batch)
    answer = separator(asked.mixture, asked.visual, asked.classes)
    terms = separator.losses(asked, answer) | chosen.losses(asked, answer)
    total(terms).backward()
    gradients = [weight.grad.cpu() for weight in separator.parameters() if weight.grad is not None]
    return {key: value.detach().cpu() for key, value in terms.items()}, gradients


@every_separator
def test_masks_and_features_are_the_processors(device, name):
    separator, batch = make(name, 6).eval(), batch_of()
    there = sent(batch, device)
    here = separator(batch.mixture, batch.visual, batch.classes)
    found = separator.to(device)(there.mixture, there.visual, there.classes)
    torch.testing.assert_close(found.masks.cpu(), here.masks, **CLOSE)
    for key, value in here.features.items():
        torch.testing.assert_close(found.features[key].cpu(), value, **CLOSE)


@every_separator
@pytest.mark.parametrize("method", METHODS)
def test_every_loss_term_and_its_gradients_are_the_processors(device, name, method, monkeypatch):
    monkeypatch.setattr(contract, "mixed_precision", lambda device: nullcontext())  # the old model in float32, too
    if method == "freeze" and not make(name).class_queries:
        pytest.skip("it has no query for each class")
    terms, gradients = terms_and_gradients(name, method, torch.device("cpu"))
    found, of_device = terms_and_gradients(name, method, device)
    assert terms.keys() == found.keys()
    for key, value in terms.items():
        torch.testing.assert_close(found[key], value, **CLOSE, msg=lambda text, key=key: f"{key}: {text}")
    largest = max(float(gradient.abs().max()) for gradient in gradients)
    for one, other in zip(gradients, of_device, strict=True):
        torch.testing.assert_close(other, one, rtol=1e-2, atol=1e-3 * largest)


def test_spectrograms_and_waveforms_are_the_processors(device):
    waves = torch.rand(2, 3, 65_535) - 0.5
    spectra = stft(waves)
    torch.testing.assert_close(stft(waves.to(device)).cpu(), spectra, rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(istft(spectra.to(device)).cpu(), istft(spectra), **CLOSE)
    levels = magnitude(spectra)
    warped = warp(levels, 256)
    torch.testing.assert_close(warp(levels.to(device), 256).cpu(), warped, **CLOSE)
    torch.testing.assert_close(unwarp(warped.to(device), 512).cpu(), unwarp(warped, 512), **CLOSE)
    masks = torch.rand(2, 3, 256, 256)
    mixture = spectra.sum(1)
    torch.testing.assert_close(
        reconstruct(mixture.to(device), masks.to(device)).cpu(), reconstruct(mixture, masks), **CLOSE
    )


def test_scores_are_the_processors(device):
    references = torch.randn(3, 2, 20_000)
    estimates = references + 0.3 * references.flip(1) + 0.1 * torch.randn_like(references)
    mixture = references.sum(1)
    there = [part.to(device) for part in (references, estimates, mixture)]
    for name, value in bss_eval(references, estimates).items():
        torch.testing.assert_close(bss_eval(*there[:2])[name].cpu(), value, **DECIBELS)
    torch.testing.assert_close(plain_sdr(*there[:2]).cpu(), plain_sdr(references, estimates), **DECIBELS)
    for name, value in score_sources(references, estimates, mixture).items():
        torch.testing.assert_close(score_sources(*there)[name], value, **DECIBELS)


def test_batches_are_the_processors_and_sound_lies_there_in_16_bits(device, home, video_folder):
    from contav_lib.datasets.load import load_data

    clips = load_data(str(video_folder)).select("train")
    numbers = {label: number for number, label in enumerate(dict.fromkeys(clips.labels))}
    here, there = (ClipStore(clips, numbers, SMALL, device=place) for place in ("cpu", device))
    assert there._waveforms.values.dtype == torch.int16 and there._waveforms.values.device.type == device.type
    assert there._objects.values.dtype == torch.float16
    spec = here.spec(torch.tensor([[0, 3], [1, 4]]), torch.Generator().manual_seed(0), gain=0.5)
    expected, found = (store.batch(spec).tensors() for store in (here, there))
    for tensors in (expected, found):  # where a mixture is silent, a ratio is made of rounding errors
        tensors["ratio_masks"] = tensors["ratio_masks"] * tensors["mixture"]
    for name, value in expected.items():
        torch.testing.assert_close(found[name].cpu(), value, rtol=1e-3, atol=1e-3)


@every_separator
def test_bfloat16_is_close_and_what_must_be_exact_stays_float32(device, name):
    separator, batch = make(name, 6).to(device).eval(), sent(batch_of(), device)
    exact = separator(batch.mixture, batch.visual, batch.classes)
    with torch.autocast(device.type, dtype=torch.bfloat16):
        rough = separator(batch.mixture, batch.visual, batch.classes)
    assert rough.masks.dtype == torch.float32
    assert (rough.masks - exact.masks).abs().mean() < 0.02
    terms, exact_terms = (separator.losses(batch, answer) for answer in (rough, exact))
    for key, value in terms.items():
        assert value.dtype == torch.float32
        torch.testing.assert_close(value, exact_terms[key], rtol=0.05, atol=0.01)


@contextmanager
def waiting_is_an_error(device: torch.device):
    if device.type != "cuda":
        yield
        return
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


@every_separator
@pytest.mark.parametrize("method", METHODS)
def test_no_step_between_two_records_waits(device, home, video_folder, monkeypatch, name, method):
    if method == "freeze" and not make(name).class_queries:
        pytest.skip("it has no query for each class")
    sizes = dict(tasks=2, steps=8, record_every=8, validations=1, checkpoint_every=100, batch_size=2)
    others = dict(frames=16, bins=64, width=4, test_mixtures=1, validation_mixtures=1, device=str(device))
    config = Config.profile("smoke", data=str(video_folder), separator=name, method=method, seed=1, **sizes | others)
    steps = between_records(monkeypatch, lambda: waiting_is_an_error(device))
    result = run(replace(config, method_settings=few(config)), progress=False)
    assert len(steps) >= 16 and result.learned == 2


def few(config: Config) -> dict:
    """The method's settings, with little to do at a task's end."""
    return {**config.method_settings, **({"mixtures": 2} if config.method == "ewc" else {})}


def test_a_compiled_separator_is_close_to_the_plain_one(device):
    separator, batch = make("iquery", 6).to(device).eval(), sent(batch_of(), device)
    plain = separator(batch.mixture, batch.visual, batch.classes).masks
    separator.compile(backend="inductor" if device.type == "cuda" else "eager", fullgraph=True)
    torch.testing.assert_close(separator(batch.mixture, batch.visual, batch.classes).masks, plain, **CLOSE)
