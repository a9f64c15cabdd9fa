"""What an experiment's separator made of its fixed test mixtures."""

import json

import numpy as np
import pytest
import torch

from contav_lib.analysis.features import extract_features
from contav_lib.evaluation.task_matrix import forget_scores
from contav_lib.experiments.result import Result
from contav_lib.experiments.setup import Setup, spectrogram_of


@pytest.fixture
def sources(reference, home):
    return extract_features(reference)


def test_features_are_what_the_separator_says_of_the_fixed_mixtures(sources, reference, tiny):
    setup = Setup.build(tiny())
    test, draw = setup.test, setup.mix_task(setup.test, 0, 2 * len(reference.tasks[0]))
    batch = test.batch(draw)
    with torch.inference_mode():
        said = reference.separator(1)(batch.mixture, batch.visual, batch.classes).features["audio"].flatten(0, 1)
    order = batch.classes.flatten().argsort(stable=True)
    expected = torch.nn.functional.normalize(said[order], dim=1)
    assert torch.allclose(sources.features["audio"][1, : len(order)], expected, atol=1e-5)
    assert sources.videos[: len(order)].tolist() == draw.clips.flatten()[order].tolist()


def test_sources_stand_by_class_and_are_unknown_before_their_task(sources, reference):
    assert sources.classes.tolist() == sorted(sources.classes.tolist())
    assert sources.known(0).tolist() == [number < len(reference.tasks[0]) for number in sources.classes.tolist()]
    assert sources.known(1).all() and sources.tasks == reference.tasks
    assert [name.split("/")[0] for name in sources.names] == [
        sources.labels[number] for number in sources.classes.tolist()
    ]


def test_a_source_can_be_heard_and_seen(sources, tiny):
    sound, picture = sources.sound(3), sources.picture(3)
    assert sound.shape == (spectrogram_of(tiny()).samples,) and 0.05 < sound.abs().max() <= 1
    assert picture.shape == (48, 64, 3) and picture.dtype == np.uint8


def test_without_the_videos_there_is_no_picture(sources, monkeypatch):
    monkeypatch.setattr("contav_lib.analysis.features.pictures_of", lambda *_: [])
    assert sources.picture(0) is None


def test_fewer_mixtures_are_fewer_sources(reference, home):
    assert len(extract_features(reference, mixtures=1).names) == 4


def test_too_many_sources_are_refused_with_advice(reference, home):
    with pytest.raises(ValueError, match="Ask for 100 mixtures a task or fewer"):
        extract_features(reference, mixtures=1000)


def test_a_run_that_has_measured_nothing_yet_has_nothing_to_listen_to(reference, home, tmp_path):
    scores = json.loads((reference.folder / "matrix.json").read_text())
    scores = forget_scores(scores, 0)
    for name in ("config.json", "matrix.json"):
        (tmp_path / name).write_text((reference.folder / name).read_text())
    (tmp_path / "matrix.json").write_text(json.dumps(scores))
    with pytest.raises(ValueError, match="holds no model yet"):
        extract_features(Result(tmp_path))
