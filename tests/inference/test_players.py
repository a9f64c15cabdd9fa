"""Players found in one video: paths through boxes, real duets seen with the tiny encoder, stems written, refusals."""

import numpy as np
import pytest
import torch

from contav_lib import Config, Result, cli, separate
from contav_lib.continual.prototypes import Prototypes
from contav_lib.datasets.prepare import look
from contav_lib.encoders.encoder import make_encoder
from contav_lib.experiments.setup import make_separator
from contav_lib.inference.players import Windows, best_path, box_iou, find_players, share_of_movement, windows
from contav_lib.inference.stems import SeparationResult, cut_out
from contav_lib.media import read_audio, read_frames, write_video
from contav_lib.minimusic.duets import SIZE, make_duet
from contav_lib.minimusic.generate import make_clip
from contav_lib.separators import save_separator

KNOWN = ["drum", "accordion", "pipa"]
TRAINING = 5  # clips a class from which looks are learned


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """`learned(name)`: a checkpoint of a separator that nobody trained, with true looks of three classes; and its parts."""
    root = tmp_path_factory.mktemp("learned")
    encoder = make_encoder("tiny")
    looks = []
    for label in KNOWN:
        for index in range(TRAINING):
            make_clip(root, label, index)
            seen = look(root / label / f"{label}_{index:04d}.mp4", encoder)["object"].float()
            looks.append(torch.nn.functional.normalize(seen, dim=1).mean(0))
    prototypes = Prototypes.learn(torch.stack(looks), torch.arange(len(KNOWN)).repeat_interleave(TRAINING))
    prototypes = Prototypes(prototypes.vectors, prototypes.thresholds - 0.18)  # so few clips make strict ones
    config = Config.profile("smoke", width=4, mask_dim=8, hidden=16, heads=2, feed_forward=24)
    torch.manual_seed(0)
    separator = make_separator(config, len(KNOWN)).eval()
    save_separator(root / "some.safetensors", separator, KNOWN, prototypes=prototypes.tensors())
    return root / "some.safetensors", separator, config, prototypes


@pytest.fixture(scope="module")
def duet(tmp_path_factory):
    return make_duet(tmp_path_factory.mktemp("duet"), ["accordion", "drum"], number=8)


def share(boxes, duet) -> torch.Tensor:
    """Intersection over union of boxes found (in shares) and true ones, the mean over time: `[found, true]`."""
    truth = torch.from_numpy(duet.boxes).float() / torch.tensor([*SIZE, *SIZE])
    return box_iou(boxes.clamp(0, 1).transpose(0, 1), truth.clamp(0, 1).transpose(0, 1)).mean(0)


def find(video, prototypes, *asked):
    encoder = make_encoder("tiny")
    return find_players(video, encoder, Windows(encoder, prototypes), KNOWN, *asked)


def test_both_players_of_a_duet_are_found(learned, duet, monkeypatch):
    detected = []
    detect = Windows.detect
    monkeypatch.setattr(Windows, "detect", lambda *given: detected or detected.extend(detect(*given)) or detected)
    for told, count in (([1, 0], None), ([0, 1], None), ([], None), ([], 2)):
        boxes = find(duet.video, learned[-1], told, count)
        right = share(boxes, duet)
        expected = [duet.labels.index(KNOWN[number]) for number in told] or [0, 1]  # untold: from left to right
        assert len(boxes) == 2 and boxes.shape[1] == 96
        assert all(right[row, column] > 0.5 for row, column in enumerate(expected))


def test_a_long_video_is_looked_at_in_pieces(learned, duet, monkeypatch):
    whole = find(duet.video, learned[-1], [1, 0])
    monkeypatch.setattr("contav_lib.inference.players.PIECE", 10)
    pieces = find(duet.video, learned[-1], [1, 0])
    assert pieces.shape == whole.shape
    assert (box_iou(pieces.transpose(0, 1), whole.transpose(0, 1)).diagonal(dim1=1, dim2=2).mean(0) > 0.7).all()


@pytest.mark.slow
def test_two_of_a_kind_are_two_players(learned, tmp_path):
    duet = make_duet(tmp_path, ["accordion", "accordion"], number=3)
    assert share(find(duet.video, learned[-1], [1, 1]), duet).diagonal().min() > 0.5  # from left to right


@pytest.mark.slow
def test_one_who_walks_is_followed(learned, tmp_path):
    duet = make_duet(tmp_path, ["drum"], number=1, walk=0.3)
    boxes = find(duet.video, learned[-1], [0])
    middle = (boxes[0, :, 0] + boxes[0, :, 2]) / 2
    true = torch.from_numpy(duet.boxes[0, :, [0, 2]]).float().mean(0) / SIZE[0]
    assert true.std() > 0.1 and torch.corrcoef(torch.stack([middle, true]))[0, 1] > 0.9
    assert share(boxes, duet)[0, 0] > 0.5


def test_a_path_keeps_its_place_while_a_player_is_hardly_seen():
    boxes = torch.tensor([[0.0, 0, 10, 10], [50, 0, 60, 10]]).expand(7, -1, 4)
    scores = torch.tensor([[1.0, 0], [1, 0], [0, 0.2], [1, 0], [0, 5], [0, 5], [0, 5]]).unsqueeze(2)
    path, score = best_path(boxes, scores)
    assert path[:, 0].tolist() == [0, 0, 0, 0, 50, 50, 50] and score == pytest.approx((18 - 0.3) / 7)


def test_a_path_is_of_one_class():
    boxes = torch.tensor([[0.0, 0, 10, 10]]).expand(4, -1, 4)
    scores = torch.tensor([[1.0, 0], [0, 1], [1, 0], [0.5, 0]]).unsqueeze(1)
    assert best_path(boxes, scores)[1] == pytest.approx(2.5 / 4)


def test_windows_cover_the_picture_and_keep_their_shape():
    found = windows(120, 160).float()
    size = found[:, 2:] - found[:, :2]
    assert (size[:, 0] / size[:, 1] - 4 / 3).abs().max() < 0.05
    assert found[:, 0].min() < 0 and found[:, 2].max() > 160  # players are cut off by edges
    assert (found[:, 2] <= 160 + 0.1 * size[:, 0] + 1).all() and len(found.unique(dim=0)) == len(found)


def test_movement_is_shared_out():
    frames = torch.zeros(10, 40, 60, 3, dtype=torch.uint8)
    frames[1::2, 10:20, 10:20] = 200
    frames[1::2, 10:20, 40:50] = 200
    boxes = torch.tensor([[5, 5, 25, 25], [10, 10, 15, 20], [0, 0, 60, 40], [-9, -9, 5, 5]])
    assert torch.allclose(share_of_movement(frames, boxes), torch.tensor([0.5, 0.25, 1, 0]).expand(5, -1))


def test_what_is_cut_out_has_one_size_and_goes_on_beyond_the_edge():
    picture = np.arange(40 * 60 * 3, dtype=np.int64).reshape(40, 60, 3) % 251
    boxes = torch.tensor([[-0.1, 0.5, 0.4, 1.1], [-0.1084, 0.5, 0.3999, 1.1]])
    part, *others = cut_out([picture] * 4, boxes, each=2)
    assert [other.shape for other in others] == [part.shape] * 3 and (others[0] == part).all()
    assert part.shape == (24, 30, 3)
    assert (
        (part[:, :6] == part[:, 6:7]).all()
        and (part[:20, 6:] == picture[20:, :24]).all()
        and (part[20:] == part[19]).all()
    )


class TestSeparate:
    def test_each_player_gets_a_stem_and_a_video_of_its_own(self, learned, duet, tmp_path):
        found = separate(learned[0], [duet.video], classes=["drum", "accordion"], config=learned[2])
        assert found.labels == ["drum", "accordion"] and found.sounds.shape == (2, len(found.mixture))
        assert found.boxes[0, :, 0].min() > found.boxes[1, :, 0].max()  # in the order told, not from left to right
        assert torch.allclose(found.mixture, read_audio(duet.video), atol=1e-6)
        files = found.write(tmp_path / "alone")
        assert [file.name for file in files] == [
            "mixture.flac", "1_drum.flac", "1_drum.mp4", "2_accordion.flac", "2_accordion.mp4"
        ]  # fmt: skip
        assert torch.allclose(read_audio(files[1]), found.sounds[0], atol=1e-4)
        alone, whole = read_frames(files[2], 8.0), read_frames(duet.video, 8.0)
        left, top, right, bottom = (found.boxes[0, 40] * torch.tensor([*SIZE, *SIZE])).round().int().tolist()
        inner = whole[40, top:bottom, left:right].float()[:90, :120]
        assert (alone[40].float()[: inner.shape[0], : inner.shape[1]] - inner).abs().mean() < 8  # both are compressed
        drawn = read_frames(found.write(tmp_path / "boxes", boxes=True)[2], 8.0)
        assert drawn.shape == whole.shape and (drawn[40].float() - whole[40]).abs().amax() > 100

    def test_a_separator_in_memory(self, learned, duet):
        _, separator, config, _ = learned
        videos = [duet.video] * 2
        found = separate(separator, videos, classes=["drum", "pipa"], config=config, labels=KNOWN)
        assert found.sounds.isfinite().all() and found.boxes is None
        for lacking, message in (
            (dict(labels=KNOWN), "config="),
            (dict(config=config), "labels="),
            (dict(config=config, labels=KNOWN[:2]), "knows 3 classes"),
        ):
            with pytest.raises(ValueError, match=message):
                separate(separator, videos, classes=["drum", "pipa"], **lacking)
        with pytest.raises(ValueError, match="does not know how its classes look"):
            separate(separator, videos[:1], config=config, labels=KNOWN)

    def test_a_checkpoint_needs_its_settings(self, learned, duet):
        with pytest.raises(ValueError, match=r"some\.safetensors: a checkpoint does not say .*config="):
            separate(learned[0], [duet.video])

    def test_a_checkpoint_in_its_folder_is_as_its_result(self, reference, home, video_folder):
        videos = [video_folder / "banjo" / "test0.mp4", video_folder / "flute" / "test1.mp4"]
        file = reference.folder / "checkpoints" / "task_2.safetensors"
        one, other = separate(file, videos), separate(reference, videos)
        assert one.labels == other.labels and torch.equal(one.sounds, other.sounds)

    def test_one_player_alone_is_told_from_a_duet(self, learned, tmp_path):
        make_clip(tmp_path, "accordion", 2001)
        with pytest.raises(
            ValueError, match=r"accordion_2001.mp4: 1 player was found.*drum, accordion, pipa.*players=2"
        ):
            separate(learned[0], [tmp_path / "accordion" / "accordion_2001.mp4"], config=learned[2])

    def test_where_nothing_moves_nobody_plays(self, learned, tmp_path):
        frames = np.full((24, 48, 64, 3), 90, np.uint8)
        write_video(tmp_path / "wall.mp4", np.random.default_rng(0).uniform(-0.5, 0.5, 33_075), 11_025, frames, 8.0)
        with pytest.raises(ValueError, match=r"wall\.mp4: no player was found"):
            separate(learned[0], [tmp_path / "wall.mp4"], config=learned[2])
        with pytest.raises(ValueError, match=r"wall\.mp4: 0 of 2 players were found"):
            separate(learned[0], [tmp_path / "wall.mp4"], players=2, config=learned[2])

    @pytest.mark.parametrize(
        ("asked", "message"),
        [
            (dict(players=1), "players=1.*2 to 4 players"),
            (dict(players=5), "players=5"),
            (dict(players=3, classes=["drum", "pipa"]), r"players=3.*one label\s+each"),
            (dict(classes=["drum"]), "sound="),
            (dict(classes="drum"), "one label a player"),
            (dict(classes=["drum", "flute"]), "not learned 'flute'"),
        ],
    )
    def test_what_can_not_be_asked_of_one_video(self, learned, duet, asked, message):
        with pytest.raises(ValueError, match=message):
            separate(learned[0], [duet.video], config=learned[2], **asked)

    def test_players_go_with_one_video(self, learned, duet):
        with pytest.raises(ValueError, match="single video"):
            separate(learned[0], [duet.video] * 2, players=2, config=learned[2])


def test_names_of_files_stay_in_the_folder(duet, tmp_path):
    sounds = torch.zeros(2, 11_025)
    labels = ["../../a b", "\N{VIOLIN}" * 300 + "/x"]
    found = SeparationResult(labels, [False] * 2, [1.0] * 2, sounds, sounds[0], videos=[duet.video] * 2)
    files = found.write(tmp_path / "out")
    assert sorted(tmp_path.rglob("*.*")) == sorted(files) and all(file.parent == tmp_path / "out" for file in files)


def test_the_command_says_what_was_found_and_where_files_are(duet, tmp_path, monkeypatch, capsys):
    boxes = torch.tensor([[[0.0, 0.5, 0.5, 1.0]], [[0.5, 0.5, 1.0, 1.0]]])
    sounds = torch.rand(2, 11_025) - 0.5
    asked = []

    def pretended(result, videos, classes, **more):
        asked.append((result, classes, more["players"]))
        return SeparationResult(
            ["drum", "pipa"], [False, True], [0.9, 0.4], sounds, sounds[0], videos=videos * 2, boxes=boxes
        )

    monkeypatch.setattr("contav_lib.inference.separate", pretended)
    monkeypatch.setattr(Result, "__init__", lambda self, folder: None)
    words = ["separate", str(duet.video), "--result", "some", "--save", str(tmp_path / "out"), "--players", "2"]
    assert cli.main(words) == 0
    said = capsys.readouterr().out
    assert "drum (90% sure)" in said and "pipa (like none learned; the nearest)" in said and "50% to 100%" in said
    assert all(str(file) in said for file in (tmp_path / "out").iterdir()) and asked[0][1:] == (None, 2)
