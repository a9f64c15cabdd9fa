"""The tiny encoders keep the contract of an encoder, and their features tell instruments and movements apart.

They were trained on invented instruments, so of MiniMUSIC's classes they needn't know any; but they must see more of
them than networks without training and thumbnails of a few pixels do.
"""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from measure_tiny import thumbnails, untrained

from contav_lib.encoders import tiny
from contav_lib.media import read_frames, write_video
from contav_lib.minimusic.composition import INSTRUMENTS, compose
from contav_lib.minimusic.drawing import draw
from contav_lib.minimusic.train_tiny import music_of
from contav_lib.utils.storage import load_tensors

pytestmark = pytest.mark.slow

CLIPS, FOR_PROBE = 8, 5  # clips a class, and how many of them the linear probes learn from
CLASSES = list(INSTRUMENTS)


@pytest.fixture(scope="module")
def encoder():
    return tiny.TinyEncoder()


@dataclass
class Seen:
    """Features of one clip, and what was really played in each motion step."""

    objects: torch.Tensor  # [seconds, 512]
    motion: torch.Tensor  # [steps, 768]
    music: torch.Tensor  # [3, steps]: onset, loudness, pitch


@pytest.fixture(scope="module")
def ways(encoder, tmp_path_factory) -> dict[str, list[list[Seen]]]:
    """CLIPS clips of each class through real compressed video files, as each way to see shows them."""
    path = tmp_path_factory.mktemp("videos") / "clip.mp4"
    sights = {"tiny": encoder, "untrained": untrained(), "thumbnails": thumbnails()}

    @torch.no_grad()
    def see(label: str, seed: int) -> list[Seen]:
        rng = np.random.default_rng([7, seed, CLASSES.index(label)])
        score = compose(label, rng, 4.0)
        write_video(path, np.zeros(11025), 11025, draw(score, rng), 8.0)
        frames = read_frames(path, 8.0)
        music = torch.from_numpy(music_of(score, 8.0)).float().unflatten(1, (-1, 2)).amax(2)
        return [Seen(sight.objects(frames[::8]), sight.motion(frames), music) for sight in sights.values()]

    ways = {name: [] for name in sights}
    for label in CLASSES:
        clips = [see(label, seed) for seed in range(CLIPS)]
        for name, of_class in zip(ways, zip(*clips, strict=True), strict=True):
            ways[name].append(list(of_class))
    return ways


@pytest.fixture(scope="module")
def seen(ways) -> list[list[Seen]]:
    return ways["tiny"]


def linear_probe(features: torch.Tensor, wanted: torch.Tensor, penalty: float):
    """Ridge regression by Cholesky; a function from features to predictions."""
    mean, offset = features.double().mean(0), wanted.double().mean(0)
    x, y = features.double() - mean, wanted.double() - offset
    weights = torch.cholesky_solve(x.T @ y, torch.linalg.cholesky(x.T @ x + penalty * torch.eye(x.shape[1])))
    return lambda features: (features.double() - mean) @ weights + offset


def test_shapes_kinds_and_scale(encoder):
    frames = torch.from_numpy(draw(compose("violin", np.random.default_rng(1), 4.0), np.random.default_rng(2)))
    objects, motion = encoder.objects(frames), encoder.motion(frames)
    assert objects.shape == (32, 512) and motion.shape == (16, 768)
    assert objects.dtype == motion.dtype == torch.float32 and not objects.requires_grad
    spread = encoder.motion(frames[::2])  # as where few pictures show a whole video
    assert all(0.5 < features.std() < 2 for features in (objects, motion, spread))


def test_the_same_frames_give_the_same_features(encoder):
    frames = torch.randint(0, 256, (6, 120, 160, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    other = tiny.TinyEncoder()
    assert other.weights_hash == encoder.weights_hash
    assert torch.equal(encoder.objects(frames), other.objects(frames))
    assert torch.equal(encoder.motion(frames), other.motion(frames))
    assert torch.allclose(encoder.objects(frames)[4:5], encoder.objects(frames[4:5]), atol=1e-4)


def test_a_step_sees_its_two_frames_and_the_one_before(encoder):
    frames = torch.randint(0, 256, (8, 120, 160, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    before = encoder.motion(frames)
    frames[3] = 255 - frames[3]
    changed = (encoder.motion(frames) - before).abs().amax(1) > 1e-3
    assert changed.tolist() == [False, True, True, False]


@pytest.mark.parametrize("size", [(1, 2), (48, 64), (240, 320), (91, 211)])
def test_any_size_of_frame(encoder, size):
    frames = torch.zeros(2, *size, 3, dtype=torch.uint8)
    assert encoder.objects(frames).isfinite().all() and encoder.motion(frames).isfinite().all()


@pytest.mark.parametrize("count", [0, 1, 5])
def test_an_odd_number_of_frames(encoder, count):
    with pytest.raises(ValueError, match=f"{count} frames were given"):
        encoder.motion(torch.zeros(count, 48, 64, 3, dtype=torch.uint8))


def test_weights_are_small_and_their_absence_is_explained(tmp_path):
    assert tiny.WEIGHTS.stat().st_size < 3e6
    with pytest.raises(FileNotFoundError, match=r"none\.safetensors is missing.*train_tiny"):
        tiny.TinyEncoder(tmp_path / "none.safetensors")


def standardised(known: torch.Tensor, new: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """By the mean and spread of what is known, so that no way to see gains or loses by its units."""
    mean, spread = known.mean(0), known.std(0) + 1e-6
    return (known - mean) / spread, (new - mean) / spread


def class_accuracy(seen: list[list[Seen]]) -> float:
    """How often a linear probe names the class of a clip it has not seen, from one picture."""
    known = torch.cat([clip.objects for clips in seen for clip in clips[:FOR_PROBE]])
    new = torch.stack([clip.objects[2] for clips in seen for clip in clips[FOR_PROBE:]])
    known, new = standardised(known, new)
    probe = linear_probe(known, torch.eye(len(CLASSES)).repeat_interleave(FOR_PROBE * 4, 0), 100.0)
    truth = torch.arange(len(CLASSES)).repeat_interleave(CLIPS - FOR_PROBE)
    return (probe(new).argmax(1) == truth).double().mean().item()


def register_correlation(seen: list[list[Seen]]) -> float:
    """How the mean pitch of clips goes with what a linear probe says of their movements."""

    def registers(clips):
        return torch.stack([clip.music[2].nanmean() for clip in clips])[:, None]

    known = [clip for clips in seen for clip in clips[:FOR_PROBE]]
    new = [clip for clips in seen for clip in clips[FOR_PROBE:]]
    moved = standardised(*(torch.stack([clip.motion.mean(0) for clip in clips]) for clips in (known, new)))
    predicted = linear_probe(moved[0], registers(known), 10.0)(moved[1])
    return torch.corrcoef(torch.cat([predicted, registers(new).double()], 1).T)[0, 1].item()


def test_the_weights_say_what_made_them():
    _, made_of = load_tensors(tiny.WEIGHTS)
    assert made_of["version"] == tiny.TinyEncoder.version and made_of["toys"] >= 300


def test_one_picture_tells_the_class_better_than_fools_do(ways):
    accuracy = {name: class_accuracy(seen) for name, seen in ways.items()}
    assert accuracy["tiny"] > max(accuracy["untrained"], accuracy["thumbnails"]) + 0.1


@pytest.mark.parametrize(("row", "least"), [(0, 0.6), (1, 0.3)], ids=["onset", "loudness"])
def test_motion_follows_the_music(seen, row, least):
    """What motion predicts goes with what was played in this clip, and not with another clip of the same class."""
    known = [clip for clips in seen for clip in clips[:FOR_PROBE]]
    probe = linear_probe(
        torch.cat([clip.motion for clip in known]), torch.cat([clip.music[row] for clip in known])[:, None], 300.0
    )
    pairs = []
    for clips in seen:
        new = clips[FOR_PROBE:]
        for clip, other in zip(new, new[1:] + new[:1], strict=True):
            predicted = probe(clip.motion)[:, 0]
            played = (clip.music[row].double(), other.music[row].double())
            if all(music.std() > 0 for music in played):
                pairs.append([torch.corrcoef(torch.stack([predicted, music]))[0, 1].item() for music in played])
    own, shuffled = np.array(pairs).T
    assert own.mean() > least
    # All clips swell and fade alike, so another clip's loudness agrees a little, too: the gain must be clear clip by clip.
    gain = own - shuffled
    assert gain.mean() > 3 * gain.std(ddof=1) / np.sqrt(len(gain))


def test_motion_tells_the_register_better_than_fools_do(ways):
    correlation = {name: register_correlation(seen) for name, seen in ways.items()}
    assert correlation["tiny"] > max(correlation["untrained"], correlation["thumbnails"]) + 0.1
