"""From a folder of videos to an experiment in one line: what `--data`, `--dataset` and `--encoder` make of the settings."""

import json

import pytest
from pytest import param

from contav_lib import Config
from contav_lib.cli import main
from contav_lib.datasets.load import load_data
from contav_lib.datasets.minimusic import MUSIC_ORDER
from contav_lib.encoders.pretrained import Pretrained
from contav_lib.utils.registry import open_dataset
from contav_lib.utils.storage import StorageError

ALL, CLIP, IMAGENET = "owlv2+clip+videomae", "clip+videomae", "imagenet"


@pytest.fixture(autouse=True)
def _home_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("CONTAV_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.fixture
def music(tmp_path):
    """`music(layout)`: a folder of MUSIC-21, three empty videos a class."""

    def make(layout="{label}/{video}.mp4", labels=MUSIC_ORDER):
        videos = {label: [f"{label[:9]:_<9}{number:02d}" for number in range(3)] for label in MUSIC_ORDER}
        for path in (layout.format(label=label, video=video) for label in labels for video in videos[label]):
            (tmp_path / "music" / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "music" / path).touch()
        (tmp_path / "music/MUSIC21_solo_videos.json").write_text(json.dumps({"videos": videos}))
        return str(tmp_path / "music")

    return make


@pytest.fixture
def downloaded(monkeypatch):
    """`downloaded("clip", ...)`: these parts of encoders, and no others, seem to have weights here."""

    def make(*names):
        monkeypatch.setattr(Pretrained, "at_hand", classmethod(lambda part, place: part.name in names))

    return make


def configs_of(monkeypatch, *words: str) -> list[Config]:
    """The settings of all experiments that a command would run."""
    asked: list[Config] = []

    def noted(plan, *_, **__):
        asked.extend(config for configs in plan.values() for config in configs)
        raise ValueError("that is enough")

    for module in ("compare", "search", "plans"):
        monkeypatch.setattr(f"contav_lib.experiments.{module}.run_plan", noted)
    monkeypatch.setattr("contav_lib.experiments.run.run", lambda config: noted({"": [config]}))
    assert main(list(words)) == 1
    return asked


@pytest.mark.parametrize(
    "words",
    [
        param(["run"], id="run"),
        param(["compare", "--seeds", "1"], id="compare"),
        param(["study", "terms", "--seeds", "1"], id="study"),
        param(["study", "learning", "--seeds", "1"], id="study of five classes"),
        param(["study", "classes", "--seeds", "1"], id="study of separators"),
        param(["search", "lwf"], id="search"),
    ],
)
def test_every_command_takes_a_folder_in_one_line(words, music, monkeypatch, downloaded):
    downloaded()
    folder = music()
    line = [*words, "--dataset", "music21", "--data", folder]
    for more, encoder in (([], IMAGENET), (["--encoder", "tiny"], "tiny")):
        asked = configs_of(monkeypatch, *line, *more)
        assert asked and {(config.data, config.encoder) for config in asked} == {(f"music21:{folder}", encoder)}
        assert all(set(config.classes) <= set(MUSIC_ORDER) for config in asked)


def test_a_study_of_five_classes_takes_those_that_there_are(tmp_path, monkeypatch):
    for label in "abcdefg":
        for name in "123":
            (tmp_path / "videos" / label).mkdir(parents=True, exist_ok=True)
            (tmp_path / "videos" / label / f"{name}.mp4").touch()
    monkeypatch.setattr(
        "contav_lib.experiments.plans.load_data", lambda *_: type("Corpus", (), {"classes": [*"abcdefg"]})
    )
    asked = configs_of(monkeypatch, "study", "learning", "--data", str(tmp_path / "videos"), "--seeds", "1")
    assert {config.classes for config in asked} == {tuple("abcde")}


@pytest.mark.parametrize("layout", ["{label}/{video}.mp4", "{video}.webm", "videos/{label}/{video}.mkv"])
def test_the_paper_on_its_data_has_its_classes_tasks_and_encoders(music, layout, downloaded):
    data = f"music21:{music(layout)}"
    for here, encoder in (((), CLIP), (("clip", "videomae"), CLIP), (("owlv2", "clip", "videomae"), ALL)):
        downloaded(*here)
        config = Config.profile("paper", data=data)
        assert (config.classes, config.tasks, config.encoder) == (tuple(MUSIC_ORDER), 4, encoder)


def test_the_paper_without_one_of_its_classes_is_refused_before_anything_is_prepared(music):
    folder = music(labels=MUSIC_ORDER[:-1])
    with pytest.raises(ValueError, match="there is no class 'ukulele' in the data .*`contav data report music21:"):
        Config.profile("paper", data=f"music21:{folder}")
    assert Config.profile("paper", data=f"music21:{folder}", classes=()).classes == ()


def test_other_data_have_classes_of_their_own(music, tmp_path):
    folder = music(labels=("violin", "tuba", "flute", "cello"))
    assert Config.profile("paper", data=folder).classes == ()
    (tmp_path / "music/classes.txt").write_text("violin\ntuba\nflute\ncello\n")
    assert Config.profile("paper", data=f"music21:{folder}").classes == ()
    assert open_dataset(f"music21:{folder}").classes == ["violin", "tuba", "flute", "cello"]


def test_what_lacks_of_the_papers_encoders_is_named_at_once(music):
    config = Config.profile("paper", data=f"music21:{music()}")
    with pytest.raises(StorageError) as caught:
        load_data(config.data, encoder=config.encoder)
    for model in ("openai/clip-vit-base-patch32", "MCG-NJU/videomae-base"):
        assert f"`hf download {model}`" in str(caught.value)


@pytest.mark.parametrize(
    ("profile", "here", "encoder"),
    [
        ("lab", (), IMAGENET),
        ("lab", ("clip",), IMAGENET),
        ("lab", ("clip", "videomae"), CLIP),
        ("gpu", (), IMAGENET),
        ("smoke", ("clip", "videomae"), "tiny"),  # for it is quick
    ],
)
def test_videos_of_ones_own_are_looked_at_by_what_has_seen_photographs(profile, here, encoder, music, downloaded):
    downloaded(*here)
    assert Config.profile(profile, data=music()).encoder == encoder
    assert Config.profile(profile, data="mini").encoder == "tiny"
    assert Config.profile(profile, data=music(), encoder="siglip2+videomae").encoder == "siglip2+videomae"


def test_videos_are_named_once(capsys):
    with pytest.raises(SystemExit):
        main(["data", "here", "--data", "there"])
    assert "name the videos once" in capsys.readouterr().err


def test_a_folder_is_exported_and_read_again(video_folder, tmp_path, capsys):
    new = tmp_path / "as videofolder"
    assert main(["data", "export", str(video_folder), str(new)]) == 0
    assert f"--dataset videofolder --data '{new}'" in capsys.readouterr().out
    before, after = (open_dataset(data).clips() for data in (str(video_folder), f"videofolder:{new}"))
    content = [sorted((clip.label, clip.split, clip.path.read_bytes()) for clip in clips) for clips in (before, after)]
    assert content[0] == content[1]
    assert main(["data", "export", "--data", str(video_folder), str(new)]) == 1
    assert "is there already" in capsys.readouterr().err
