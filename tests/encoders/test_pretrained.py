"""Encoders of `transformers`: the real code on small random networks, without any network but those."""

import json
import shutil
import time

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from small_networks import MEAN, SPREAD, save

from contav_lib.encoders.contract import check_encoder
from contav_lib.encoders.detector import CROP, Owlv2
from contav_lib.encoders.encoder import make_encoder
from contav_lib.encoders.frozen import fit
from contav_lib.encoders.pretrained import Pretrained, find_folder
from contav_lib.encoders.videomae import VideoMae
from contav_lib.utils.storage import StorageError

pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Folders of small networks by kind."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield {kind: save(kind, tmp_path_factory.mktemp(kind)) for kind in ("clip", "siglip2", "videomae", "owlv2")}


@pytest.fixture
def pictures() -> torch.Tensor:
    return torch.randint(256, (20, 90, 120, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", ["clip+videomae", "siglip2+videomae", "tiny+videomae", "owlv2+clip+videomae"])
def test_they_keep_the_contract(folders, name):
    check_encoder("+".join(f"{part}:{folders[part]}" if part in folders else part for part in name.split("+")))


def test_they_say_what_they_are(folders):
    encoder = make_encoder(f"clip:{folders['clip']}+videomae:{folders['videomae']}")
    assert (encoder.name, encoder.version) == ("clip+videomae", "1+1")
    assert (encoder.object_dim, encoder.motion_dim, encoder.longest_side) == (20, 24, 400)
    other = make_encoder(f"siglip2:{folders['siglip2']}+videomae:{folders['videomae']}")
    assert (other.object_dim, other.longest_side) == (24, 400) and other.weights_hash != encoder.weights_hash
    assert encoder.maker == make_encoder(f"clip:{folders['clip']}+videomae:{folders['videomae']}").maker


def test_features_are_those_of_transformers_own_pipeline(folders, pictures):
    from PIL import Image
    from transformers import CLIPImageProcessorPil, CLIPModel

    encoder = make_encoder(f"clip:{folders['clip']}+videomae:{folders['videomae']}")
    processor = CLIPImageProcessorPil.from_pretrained(folders["clip"])
    given = processor(images=[Image.fromarray(picture.numpy()) for picture in pictures], return_tensors="pt")
    with torch.no_grad():
        expected = CLIPModel.from_pretrained(folders["clip"]).get_image_features(**given).pooler_output
    assert torch.allclose(encoder.objects(pictures), expected, atol=0.02 * expected.std().item())


@pytest.mark.parametrize(("cut", "size"), [(True, (90, 120)), (True, (121, 75)), (False, (90, 121)), (True, (20, 30))])
@pytest.mark.parametrize("mode", ["bicubic", "bilinear"])
def test_pictures_are_resized_as_pillow_does(cut, size, mode):
    from PIL import Image

    frames = torch.randint(256, (1, *size, 3), dtype=torch.uint8)
    height, width = [32 * length // min(size) for length in size] if cut else (32, 32)
    whole = Image.fromarray(frames[0].numpy()).resize((width, height), getattr(Image.Resampling, mode.upper()))
    top, left = (height - 32) // 2, (width - 32) // 2
    expected = np.asarray(whole)[top : top + 32, left : left + 32].astype(int)
    assert np.abs(fit(frames, 32, cut, mode)[0].permute(1, 2, 0).numpy() - expected).max() <= 1


def test_motion_is_the_largest_value_over_the_picture_of_windows_of_16(folders, pictures):
    encoder = VideoMae(str(folders["videomae"]))
    window = torch.cat(
        [pictures[16:], pictures[-1:].expand(12, -1, -1, -1)]
    )  # the second one, filled with its last frame
    colours = (torch.tensor(values)[:, None, None] for values in (MEAN, SPREAD))
    mean, spread = colours
    with torch.no_grad():
        tokens = encoder.network(((encoder.fit(window) / 255 - mean) / spread).unsqueeze(0)).last_hidden_state[0]
    expected = torch.stack([tokens[4 * step : 4 * step + 4].amax(0) for step in range(2)])  # 2 x 2 places a step
    assert torch.allclose(encoder.motion(pictures)[8:], expected, atol=1e-4)


@pytest.mark.parametrize(
    ("part", "holds", "message"),
    [
        (
            "clip",
            "siglip2",
            r"a network of the kind 'siglip', no CLIPVisionModelWithProjection: \d+ weights are missing",
        ),
        ("siglip2", "videomae", "a network of the kind 'videomae', no SiglipVisionModel"),
    ],
)
def test_another_network_is_refused(folders, part, holds, message):
    with pytest.raises(ValueError, match=message):
        make_encoder(f"{part}:{folders[holds]}+videomae:{folders['videomae']}")


def test_weights_in_pytorchs_own_form_are_read(folders, tmp_path, pictures):
    folder = shutil.copytree(folders["videomae"], tmp_path / "bin")
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    part = VideoMae(str(folder))
    assert torch.equal(part.motion(pictures), VideoMae(str(folders["videomae"])).motion(pictures)) and part.weights_hash


def test_a_weight_that_is_missing_is_named(folders, tmp_path):
    folder = shutil.copytree(folders["videomae"], tmp_path / "gap")
    weights = load_file(folder / "model.safetensors")
    del weights["videomae.encoder.layer.0.output.dense.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(
        ValueError, match=r"no VideoMAEModel: 1 weights are missing or of another size, such as 'enc.*output"
    ):
        VideoMae(str(folder))


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("model.safetensors", b"\x10"),
        ("model.safetensors", None),
        ("config.json", b"{"),
        ("preprocessor_config.json", None),
        ("preprocessor_config.json", b"{}"),
    ],
)
def test_a_damaged_folder_is_named(folders, tmp_path, file, content):
    folder = shutil.copytree(folders["clip"], tmp_path / "damaged")
    if content is None:
        (folder / file).unlink()
    else:
        (folder / file).write_bytes(content)
    with pytest.raises(StorageError, match="damaged.*missing, damaged"):
        make_encoder(f"clip:{folder}+videomae:{folders['videomae']}")


@pytest.mark.parametrize("place", ["", "someone/some-model", "/no/such/folder"])
def test_what_was_not_downloaded_is_said_at_once(place, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    start = time.perf_counter()
    name, wanted = (f"clip:{place}", place) if place else ("clip", "openai/clip-vit-base-patch32")
    with pytest.raises(StorageError, match=f"'{wanted}': there is no such folder.*`hf download {wanted}`"):
        make_encoder(f"{name}+videomae")
    assert time.perf_counter() - start < 5


def test_a_model_that_was_downloaded_is_found_by_its_name(folders, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    place = tmp_path / "models--openai--clip-vit-base-patch32"
    (place / "refs").mkdir(parents=True)
    (place / "refs/main").write_text("abc")
    snapshot = shutil.copytree(folders["clip"], place / "snapshots/abc")
    assert find_folder("openai/clip-vit-base-patch32") == snapshot
    assert make_encoder(f"clip+videomae:{folders['videomae']}").object_dim == 20


def test_weights_are_never_trained_nor_change(folders):
    part = Owlv2(str(folders["owlv2"]))
    assert isinstance(part, Pretrained) and not part.network.training
    assert not any(weight.requires_grad for weight in part.network.parameters())


class TestDetector:
    """Boxes become crops."""

    @pytest.fixture
    def owl(self, folders):
        return Owlv2(str(folders["owlv2"]))

    @pytest.mark.parametrize("size", [(90, 120), (120, 90), (64, 64)])
    def test_boxes_lie_in_the_picture(self, owl, size):
        frames = torch.randint(256, (5, *size, 3), dtype=torch.uint8)
        boxes, found = owl.boxes(frames, "violin")
        assert boxes.shape == (5, 4) and boxes.dtype == torch.int64 and (boxes >= 0).all()
        assert (boxes[:, 2] <= size[1]).all() and (boxes[:, 3] <= size[0]).all() and (boxes[:, :2] < boxes[:, 2:]).all()
        crops, cut = owl.crop(frames, "violin")
        assert crops.shape == (5, CROP, CROP, 3) and torch.equal(cut, found) and found.dtype == torch.bool

    @pytest.mark.parametrize(
        ("scores", "box"),
        [
            ((0.2, 0.9, 0.9), [30, 30, 90, 60]),  # the instrument comes first, though others score more
            ((0.05, 0.2, 0.9), [0, 0, 60, 60]),  # its player
            ((0.05, 0.05, 0.2), [60, 60, 120, 90]),  # anybody; below the picture there is only padding
            ((0.05, 0.05, 0.05), [0, 0, 120, 90]),  # nothing: the whole picture
        ],
    )
    def test_the_first_text_that_finds_something_decides(self, owl, monkeypatch, scores, box):
        found = torch.tensor([[0.5, 0.375, 0.5, 0.25], [0.25, 0.25, 0.5, 0.5], [0.75, 0.75, 0.5, 0.5]])  # shares of 120
        asked = []

        def best(pictures, words):
            asked.extend(words["input_ids"].shape)
            return torch.cat([found, torch.tensor(scores)[:, None]], 1).expand(len(pictures), -1, -1)

        monkeypatch.setattr(owl, "_best", best)
        boxes, seen = owl.boxes(torch.zeros(2, 90, 120, 3, dtype=torch.uint8), "steel_drum")
        assert boxes.tolist() == [box, box] and seen.tolist() == [max(scores) > 0.1] * 2
        assert asked[:2] == [3, 16]

    def test_a_sliver_does_not_count(self, owl, monkeypatch):
        found = torch.tensor([0.5, 0.5, 0.01, 0.5, 0.9]).expand(1, 3, 5)
        monkeypatch.setattr(owl, "_best", lambda pictures, words: found)
        boxes, seen = owl.boxes(torch.zeros(1, 90, 120, 3, dtype=torch.uint8), "")
        assert boxes.tolist() == [[0, 0, 120, 90]] and seen.tolist() == [False]

    def test_proposals_are_the_best_boxes_of_every_other_picture(self, owl):
        frames = torch.randint(256, (4, 90, 120, 3), dtype=torch.uint8)
        boxes, scores = owl.detect(frames, ["violin", "drum", "steel_drum"])
        assert boxes.shape == (2, 16, 4) and scores.shape == (2, 16, 3)  # of 4 x 4 patches
        assert (boxes[..., 2:] >= boxes[..., :2]).all() and scores.amax(2).diff(dim=1).max() <= 0
        best = owl._ask(owl._best, frames[::2], ["person playing the drum"])[:, 0]
        assert torch.allclose(scores[..., 1].amax(1), best[:, 4] - 0.1, atol=1e-5)

    def test_the_best_box_of_each_text_is_that_of_its_highest_score(self, owl):
        frames = torch.randint(256, (2, 64, 64, 3), dtype=torch.uint8)
        words = owl._tokenizer(["a", "b"], padding="max_length", max_length=16, return_tensors="pt")
        pixels = owl.frozen.standardised(frames.permute(0, 3, 1, 2))
        with torch.no_grad():
            answer = owl._best(pixels, words)
            alone = owl.network(pixel_values=pixels[1:], **words)
        place = alone.logits[0, :, 1].argmax()
        assert torch.allclose(answer[1, 1, :4], alone.pred_boxes[0, place], atol=1e-5)
        assert answer[1, 1, 4] == pytest.approx(alone.logits[0, place, 1].sigmoid().item(), abs=1e-5)

    def test_the_label_reaches_the_detector(self, folders, video_folder, monkeypatch):
        from contav_lib.datasets.clip import find_clips
        from contav_lib.datasets.prepare import prepare

        seen = set()
        monkeypatch.setattr(
            Owlv2, "crop", lambda self, frames, label: seen.add(label) or (frames, frames[:, 0, 0, 0] < 0)
        )
        clips = find_clips(video_folder)[:8]
        encoder = make_encoder("+".join(f"{part}:{folders[part]}" for part in ("owlv2", "clip", "videomae")))
        prepared = prepare(clips, encoder, folders["owlv2"] / "prepared", progress=False)
        assert seen == {clip.label for clip in clips} and len(seen) > 1
        assert set(prepared.remarks.values()) == {"without a detection in 3 of 3 pictures"}
        assert prepared.widths == {"object_dim": 20, "motion_dim": 24} and prepared.maker == encoder.maker
        assert (
            json.loads((folders["owlv2"] / "prepared/manifest.json").read_text())["recipe"]["encoder"] == encoder.name
        )
