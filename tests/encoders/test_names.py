"""Names of encoders and of their parts, and what follows from them: widths, results, folders; encoders are never mixed."""

import sys

import pytest
import torch

from contav_lib import Config, run, separate
from contav_lib.datasets.load import load_data
from contav_lib.encoders.encoder import Encoder, in_pairs, make_encoder
from contav_lib.experiments.run import is_finished
from contav_lib.utils.registry import ENCODERS, encoder_parts, encoder_with_versions


class Colours:
    """Looks at objects only: mean colours, 96 values."""

    version, weights_hash, longest_side, object_dim = "3", "a1", 32, 96

    def __init__(self, place: str = "1"):
        self.factor = float(place)

    def objects(self, frames):
        return self.factor * frames.float().mean((1, 2)).repeat(1, 32) / 255


class Flicker:
    """Looks at motion only: how the mean brightness changes, 64 values."""

    version, weights_hash, longest_side, motion_dim = "7", "b2", 48, 64

    def motion(self, frames):
        brightness = in_pairs(frames).float().mean((1, 2, 3)) / 255
        return (brightness[1::2] - brightness[::2]).unsqueeze(1).expand(-1, 64)


class Middle:
    """Cuts out the middle of each picture."""

    version, weights_hash, longest_side = "1", "", 640

    def crop(self, frames, label):
        return frames[:, 8:-8, 8:-8], torch.ones(len(frames), dtype=torch.bool)


@pytest.fixture(autouse=True)
def parts():
    for name, part in (("colours", Colours), ("flicker", Flicker), ("middle", Middle)):
        ENCODERS.register(name)(part)


@pytest.mark.parametrize(
    ("name", "jobs"),
    [
        ("tiny", dict(crop="tiny", objects="tiny", motion="tiny")),
        ("colours+flicker", dict(objects="colours", motion="flicker")),
        ("flicker+colours", dict(objects="colours", motion="flicker")),
        ("tiny+flicker", dict(crop="tiny", objects="tiny", motion="flicker")),
        ("middle+colours:2+tiny", dict(crop="middle", objects="colours", motion="tiny")),
        ("middle+tiny", dict(crop="middle", objects="tiny", motion="tiny")),
    ],
)
def test_each_job_has_one_part(name, jobs):
    assert {job: part.name for job, (part, _) in encoder_parts(name).items()} == jobs


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tinny", "There is no encoder called 'tinny'; did you mean 'tiny'"),
        ("colours+", "There is no encoder called ''"),
        ("colours", "encoder='colours': nothing in it looks at motion. .* such as 'clip\\+videomae'"),
        ("middle+flicker", "nothing in it looks at objects"),
        ("tiny+middle", "middle would have nothing to do"),
        ("tiny+colours+flicker", "colours would have nothing to do"),
    ],
)
def test_parts_that_make_no_whole_are_refused(name, message):
    for refuse in (make_encoder, lambda name: Config.profile("smoke", encoder=name)):
        with pytest.raises(ValueError, match=message):
            refuse(name)


def test_a_place_for_what_takes_none_is_refused():
    with pytest.raises(ValueError, match="encoder='colours\\+flicker:here': 'flicker' takes no place"):
        make_encoder("colours+flicker:here")


def test_parts_are_joined():
    encoder = make_encoder("middle+colours:2+flicker")
    assert isinstance(encoder, Encoder)
    assert (encoder.name, encoder.version, encoder.longest_side) == ("middle+colours+flicker", "1+3+7", 640)
    assert (encoder.object_dim, encoder.motion_dim) == (96, 64)
    frames = torch.randint(256, (4, 40, 40, 3), dtype=torch.uint8)
    assert encoder.crop(frames, "violin")[0].shape == (4, 24, 24, 3)
    assert torch.equal(encoder.objects(frames), 2 * Colours().objects(frames))
    assert torch.equal(encoder.motion(frames), Flicker().motion(frames))
    assert torch.equal(make_encoder("colours+flicker").crop(frames, "violin")[0], frames)


def test_versions_and_places_are_part_of_names_but_for_tiny():
    assert encoder_with_versions("tiny") == "tiny"
    assert encoder_with_versions("colours+flicker") == "colours-3+flicker-7"
    placed = encoder_with_versions("colours:/some/where+flicker")
    assert placed.startswith("colours-3-") and placed.endswith("+flicker-7") and "/" not in placed
    assert placed != encoder_with_versions("colours:/else/where+flicker")


def test_another_version_is_another_result(monkeypatch):
    before = Config.profile("smoke", encoder="colours+flicker", device="cpu")
    monkeypatch.setattr(Flicker, "version", "8")
    assert before.to_json()["encoder_versions"] == "colours-3+flicker-8"
    assert Config.from_json(before.to_json()) == before
    names = {before.name, Config.profile("smoke", encoder="colours+tiny", device="cpu").name}
    monkeypatch.setattr(Flicker, "version", "7")
    assert len(names | {before.name}) == 3


def test_widths_are_no_settings_and_those_of_the_encoder():
    settings = Config.profile("smoke", encoder="colours+flicker").separator_settings
    assert (settings["object_dim"], settings["motion_dim"]) == (96, 64)
    settings = Config.profile("smoke", encoder="tiny+flicker", separator="coseparation").separator_settings
    assert settings["object_dim"] == 512 and "motion_dim" not in settings
    with pytest.raises(ValueError, match="no setting called 'object_dim'"):
        Config.profile("smoke", object_dim=96)


SIZES = {
    "iquery": dict(mask_dim=8, hidden=16, heads=2, feed_forward=24),
    "coseparation": {},
    "soundofpixels": dict(mask_dim=8),
}


@pytest.mark.parametrize("separator", SIZES)
def test_features_of_any_width_are_learned_from(separator, home, video_folder, monkeypatch):
    monkeypatch.delattr(Colours, "object_dim")  # as where only the weights tell: the features do
    monkeypatch.setattr(Colours, "__init__", lambda self: setattr(self, "object_dim", 96) or setattr(self, "factor", 1))
    short = dict(frames=16, bins=64, width=4, tasks=2, steps=2, batch_size=2, test_mixtures=1, validation_mixtures=1)
    settings = dict(data=str(video_folder), encoder="colours+flicker", separator=separator)
    config = Config.profile("smoke", **settings, **short, **SIZES[separator])
    result = run(config, progress=False)
    sizes = result.separator().config
    assert (sizes.object_dim, getattr(sizes, "motion_dim", 64)) == (96, 64) and is_finished(config)
    videos = [video_folder / "drum/test0.mp4", video_folder / "flute/test0.mp4"]
    assert separate(result, videos).sounds.isfinite().all()


def test_encoders_are_not_mixed_in_one_experiment(home, tiny, monkeypatch):
    config = tiny(encoder="colours+flicker", tasks=2, steps=1, method="finetune")
    result = run(config, progress=False)
    (cache,) = home.glob("data/*-colours-3+flicker-7-prepared")
    monkeypatch.setattr(Flicker, "weights_hash", "other")
    videos = [f"{config.data}/drum/test0.mp4", f"{config.data}/flute/test0.mp4"]
    with pytest.raises(
        ValueError, match=r"was learned from features of the encoder 'colours\+flicker 3\+7 .*don't mix"
    ):
        separate(result, videos)
    sys.modules["contav_lib.datasets.load"]._load.cache_clear()
    (result.folder / "checkpoints/task_2.safetensors").unlink()  # as where it was stopped
    with pytest.raises(ValueError, match="learn again from the beginning"):
        run(config, progress=False)
    assert run(config, fresh=True, progress=False).folder == result.folder


def test_prepared_clips_of_another_encoder_are_refused_where_none_can_be_made(home, video_folder, monkeypatch):
    load = sys.modules["contav_lib.datasets.load"]
    made = load_data(str(video_folder), encoder="colours+flicker")
    monkeypatch.setitem(sys.modules, "av", None)  # a machine that only trains
    load._load.cache_clear()
    assert load_data(str(video_folder), encoder="colours+flicker").maker == made.maker
    (cache,) = home.glob("data/*-colours-3+flicker-7-prepared")
    load._load.cache_clear()
    cache.rename(str(cache).replace("colours-3+flicker-7", "colours-3+tiny-2"))
    with pytest.raises(
        ValueError, match=r"holds features of the encoder 'colours\+flicker 3\+7 .*'colours\+tiny 3\+2'"
    ):
        load_data(str(video_folder), encoder="colours+tiny")
