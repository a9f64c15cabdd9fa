"""What the similarity explorer tells the page, and what it makes of what the page tells it."""

import matplotlib

matplotlib.use("agg")

from io import BytesIO

import numpy as np
import pytest
import torch
import traitlets
from PIL import Image

from contav_lib.analysis.similarity import SourceFeatures
from contav_lib.losses import contrastive_loss
from contav_lib.widgets.similarity_explorer import SimilarityExplorer

PAIR = ("audio", "object")
CELL = {"panel": "new", "average": False, "row": ["new", 3], "column": ["new", 1]}


@pytest.fixture
def heard() -> SourceFeatures:
    """Six sources of three classes; the first of two models does not know the last class."""
    features = {name: torch.randn(2, 6, 5) for name in ("audio", "object", "motion")}
    for value in features.values():
        value[0, [2, 5]] = float("nan")
    return SourceFeatures(
        features,
        [1, 0, 2, 1, 0, 2],
        [["cello", "<b>flute</b>"], ["violin"]],
        sound=lambda row: torch.linspace(-1, 1, 50) * row / 5,
        picture=lambda row: None if row else np.full((4, 6, 3), 200, np.uint8),
    )


@pytest.fixture
def explorer(heard, monkeypatch) -> SimilarityExplorer:
    """It keeps in `sent` what it sends to the page."""
    widget = SimilarityExplorer(heard)
    widget.sent = []
    monkeypatch.setattr(widget, "send", lambda content, buffers: widget.sent.append((content, buffers)))
    return widget


def test_the_features_travel_as_they_are(explorer, heard):
    sent = np.frombuffer(explorer._features, "<f4").reshape(3, 2, 6, 5)
    for place, name in enumerate(explorer._about["modalities"]):
        np.testing.assert_array_equal(sent[place], heard.features[name].numpy())


def test_the_page_gets_a_clustered_order_for_every_pair_and_model(explorer, heard):
    orders = np.frombuffer(explorer._orders, "<i4").reshape(3, 3, 2, 6)
    assert orders[0, 1, 1].tolist() == heard.order_clustered(PAIR, 1).tolist() == orders[1, 0, 1].tolist()
    assert all(sorted(order) == list(range(6)) for order in orders[~np.eye(3, dtype=bool)].reshape(-1, 6).tolist())


def test_matrices_of_old_new_and_difference(explorer, heard):
    old, new = heard.similarity(PAIR, 0), heard.similarity(PAIR, 1)
    assert torch.equal(explorer.matrix(), new)
    assert torch.equal(explorer.matrix("old")[:2, :2], old[:2, :2])
    assert torch.equal(explorer.matrix("difference")[3, [0, 1]], (new - old)[3, [0, 1]])
    explorer.average = True
    assert torch.equal(explorer.matrix(), heard.class_means(new))


def test_frames_carry_names(explorer):
    frame = explorer.to_frame()
    assert frame.index.names == ["task", "class", "source"]
    assert frame.loc[(2, "violin", "violin 1"), (1, "cello", "cello 2")] == pytest.approx(
        explorer.matrix()[2, 4].item()
    )
    explorer.average = True
    assert explorer.to_frame().index.tolist() == [(1, "cello"), (1, "<b>flute</b>"), (2, "violin")]


def test_a_chosen_cell_comes_to_python_and_follows_the_controls(explorer, heard):
    assert explorer.selected == {}
    explorer._cell = CELL
    assert explorer.selected["row"] == "<b>flute</b> 2" and explorer.selected["row_model"] == "after task 2"
    assert explorer.selected["value"] == pytest.approx(heard.similarity(PAIR, 1)[3, 1].item())
    explorer.pair = ("motion", "audio")
    assert explorer.selected["value"] == pytest.approx(heard.similarity(("motion", "audio"), 1)[3, 1].item())
    explorer.model = 0
    assert explorer.selected["value"] == pytest.approx(heard.similarity(("motion", "audio"), 0)[3, 1].item())


def test_a_chosen_difference_and_a_chosen_mean(explorer, heard):
    explorer._cell = {**CELL, "panel": "difference"}
    change = heard.similarity(PAIR, 1) - heard.similarity(PAIR, 0)
    assert explorer.selected["value"] == pytest.approx(change[3, 1].item())
    explorer._cell = {"panel": "old", "average": True, "row": ["old", 1], "column": ["old", 0]}
    assert explorer.selected["value"] == pytest.approx(heard.class_means(heard.similarity(PAIR, 0))[1, 0].item())
    explorer.model = 0  # there is no old model before the first
    assert explorer.selected == {}


@pytest.mark.parametrize("rule", ["video", "class"])
def test_the_loss_of_the_chosen_row_is_the_librarys(explorer, heard, rule):
    explorer._cell, explorer.positives = CELL, rule
    rows = heard.rows(1)
    loss = contrastive_loss(rows.features["audio"][3:4], rows.features["object"], rows.positives[rule][3:4], 0.05)
    assert explorer.loss_table()["term"].sum() == pytest.approx(loss.item(), rel=1e-5)


def test_across_tasks_the_old_models_rows_are_candidates_too(explorer, heard):
    explorer._cell, explorer.positives = {**CELL, "panel": "rows", "row": ["old", 3]}, "video"
    table = explorer.loss_table()
    assert table["model"].tolist() == ["after task 2"] * 6 + ["after task 1"] * 4
    rows = heard.rows(1, 0)
    loss = contrastive_loss(rows.features["audio"][8:9], rows.features["object"], rows.positives["video"][8:9], 0.05)
    assert rows.sources[8] == 3 and table["term"].sum() == pytest.approx(loss.item(), rel=1e-5)


def test_without_a_row_or_a_rule_there_is_no_loss(explorer):
    with pytest.raises(ValueError, match="Click a cell"):
        explorer.loss_table()
    explorer._cell = CELL
    with pytest.raises(ValueError, match="choose the positives"):
        explorer.loss_table()
    explorer._cell, explorer.positives = {**CELL, "panel": "old", "row": ["old", 2]}, "class"
    with pytest.raises(ValueError, match="after task 1 .*violin 1"):
        explorer.loss_table()


def test_sounds_and_frames_are_sent_when_asked_for(explorer):
    explorer._receive(explorer, {"kind": "source", "source": 0}, [])
    explorer._receive(explorer, {"kind": "source", "source": 5}, [])
    (first, (_, picture)), (second, (sound, nothing)) = explorer.sent
    assert first == {"kind": "source", "source": 0} and second["source"] == 5
    assert np.asarray(Image.open(BytesIO(picture))).shape == (4, 6, 3) and nothing == b""
    np.testing.assert_allclose(np.frombuffer(sound, "<i2") / 32767, np.linspace(-1, 1, 50), atol=1e-4)


@pytest.mark.parametrize(
    "content", [{}, {"kind": "source"}, {"kind": "source", "source": 6}, {"kind": "source", "source": "0"}]
)
def test_a_question_that_makes_no_sense_gets_no_answer(explorer, content):
    explorer._receive(explorer, content, [])
    assert explorer.sent == []


def test_a_damaged_video_is_told_to_the_page(explorer, heard):
    def damaged(_row):
        raise ValueError("cello_0001.mp4: is truncated")

    object.__setattr__(heard, "picture", damaged)
    explorer._receive(explorer, {"kind": "source", "source": 0}, [])
    assert explorer.sent[0][0]["error"] == "cello_0001.mp4: is truncated"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("pair", ("audio", "smell"), "audio, object, motion"),
        ("pair", ("audio", "audio"), "two different"),
        ("model", 2, "0 .. 1"),
        ("old", -2, "-1 .. 1"),
        ("order", "random", "learned"),
    ],
)
def test_settings_that_make_no_sense_are_refused(explorer, name, value, message):
    with pytest.raises(traitlets.TraitError, match=message):
        setattr(explorer, name, value)


def test_a_panel_that_is_not_there_is_refused(explorer):
    with pytest.raises(ValueError, match="'newest'"):
        explorer.matrix("newest")
    explorer.model = 0
    with pytest.raises(ValueError, match="no old model"):
        explorer.matrix("old")


@pytest.mark.parametrize("model", [0, 1])
def test_a_small_figure_is_stored_for_where_no_widget_can_be(explorer, model):
    explorer.model = model
    data, _ = explorer._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    assert data["text/html"].count("<img ") == 2 and len(data["text/html"]) < 300_000
    assert "similarity" in data["text/html"].lower()


def test_a_result_is_listened_to(reference, home):
    explorer = SimilarityExplorer(reference, mixtures=1)
    assert explorer.to_frame().shape == (4, 4) and explorer._about["models"] == ["after task 1", "after task 2"]
