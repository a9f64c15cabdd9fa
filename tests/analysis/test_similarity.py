"""Cosine matrices, orders and loss tables against what they are defined to be."""

import pytest
import torch

from contav_lib.analysis.similarity import MOST_SOURCES, SourceFeatures
from contav_lib.losses import contrastive_loss

TASKS = [["cello", "flute"], ["violin"]]
CLASSES = [1, 0, 2, 1, 0, 2]
PAIR = ("audio", "object")


def heard(**changes) -> SourceFeatures:
    """Six sources of three classes, heard by two models; the first does not know class 2. Sources 0 and 3 are one video."""
    features = {name: torch.randn(2, 6, 5) for name in ("audio", "object", "motion")}
    for value in features.values():
        value[0, [2, 5]] = float("nan")
    return SourceFeatures(**dict(features=features, classes=CLASSES, tasks=TASKS, videos=[7, 1, 2, 7, 4, 5]) | changes)


def test_similarity_is_the_cosine_and_nan_where_a_class_is_not_known():
    features = {name: 3 * torch.randn(2, 6, 5) for name in ("audio", "object")}
    features["audio"][0, 2] = float("nan")
    sources = heard(features=features)
    expected = torch.nn.functional.cosine_similarity(features["audio"][1][:, None], features["object"][1][None], dim=2)
    assert torch.allclose(sources.similarity(PAIR, 1).float(), expected, atol=1e-6)
    assert sources.similarity(PAIR, 0)[2].isnan().all() and not sources.similarity(PAIR, 0)[0].isnan().any()
    across = torch.nn.functional.cosine_similarity(features["audio"][1][:, None], features["object"][0][None], dim=2)
    assert torch.allclose(sources.similarity(PAIR, 1, 0).float(), across, atol=1e-6)


def test_known_are_the_sources_with_all_features():
    assert heard().known(0).tolist() == [True, True, False, True, True, False]
    assert heard().known(1).all()


def test_class_means_leave_out_what_has_no_value():
    sources = heard()
    matrix = sources.similarity(PAIR, 1)
    matrix[0, 1] = float("nan")
    means = sources.class_means(matrix)
    assert means[1, 0].item() == pytest.approx(matrix[[0, 3, 3], [4, 1, 4]].mean().item())
    assert means[2, 2].item() == pytest.approx(matrix[[2, 2, 5, 5], [2, 5, 2, 5]].mean().item())
    assert sources.class_means(sources.similarity(PAIR, 0))[2].isnan().all()


def test_the_order_learned_is_by_class_and_keeps_the_order_within():
    assert heard().order_learned().tolist() == [1, 4, 0, 3, 2, 5]


def test_the_clustered_order_puts_alike_sources_together_and_unknown_ones_last():
    centre = torch.eye(5)[[0, 1, 2, 0, 1, 2]] + 0.05 * torch.randn(6, 5)
    features = {name: centre[None].repeat(2, 1, 1) for name in PAIR}
    for value in features.values():
        value[0, [2, 5]] = float("nan")
    order = heard(features=features).order_clustered(PAIR, 1).tolist()
    assert sorted(order) == list(range(6))
    assert all(abs(order.index(a) - order.index(a + 3)) == 1 for a in range(3))
    assert sorted(heard(features=features).order_clustered(PAIR, 0)[-2:].tolist()) == [2, 5]


def test_rows_hold_every_known_source_and_once_more_what_the_old_model_knows():
    sources = heard()
    rows = sources.rows(1, old=0)
    assert rows.sources.tolist() == [0, 1, 2, 3, 4, 5, 0, 1, 3, 4]
    assert rows.models.tolist() == [1] * 6 + [0] * 4
    assert torch.equal(rows.features["audio"][6:], sources.features["audio"][0, [0, 1, 3, 4]])
    assert rows.positives["video"][0].nonzero().flatten().tolist() == [0, 3, 6, 8]
    assert rows.positives["class"][2].nonzero().flatten().tolist() == [2, 5]
    alone = sources.rows(0)
    assert alone.sources.tolist() == [0, 1, 3, 4] and alone.models.tolist() == [0] * 4


@pytest.mark.parametrize("rule", ["video", "class"])
@pytest.mark.parametrize("old", [None, 0])
def test_a_loss_table_adds_up_to_the_contrastive_loss(rule, old):
    rows = heard().rows(1, old)
    tables = [rows.loss_table(row, PAIR, rule, 0.05) for row in range(len(rows.sources))]
    for row, table in enumerate(tables):
        anchor, positive = rows.features["audio"][row : row + 1], rows.positives[rule][row : row + 1]
        loss = contrastive_loss(anchor, rows.features["object"], positive, 0.05)
        assert table["term"].sum() == pytest.approx(loss.item(), rel=1e-5)
        assert table["softmax"].sum() == pytest.approx(1)
        assert (table["term"] > 0).tolist() == table["positive"].tolist()
    whole = contrastive_loss(rows.features["audio"], rows.features["object"], rows.positives[rule], 0.05)
    assert sum(table["term"].sum() for table in tables) / len(tables) == pytest.approx(whole.item(), rel=1e-5)


def test_one_model_and_plain_numbers_will_do():
    sources = SourceFeatures({"a": torch.randn(3, 4), "b": torch.randn(3, 4)}, [0, 1, 1], [["x", "y"]])
    assert sources.models == ["after task 1"] and sources.names == ["x 1", "y 1", "y 2"]
    assert sources.pairs == [("a", "b")] and sources.videos.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(features={"audio": torch.zeros(2, 6, 5)}), "Two modalities or more"),
        (dict(features={"audio": torch.zeros(2, 6, 5), "object": torch.zeros(2, 6, 4)}), "all \\[models, sources"),
        (dict(classes=[0, 1]), "6 sources; there are 2 names of models, \\(2,\\) classes"),
        (dict(classes=[0, 1, 2, 3, 0, 1]), "Class numbers are 0 .. 2 here; there is a 3"),
        (dict(videos=[1, 2]), "\\(2,\\) videos"),
        (dict(models=["one"]), "1 names of models"),
        (dict(names=["one"]), "1 names of sources"),
        (dict(temperature=0.0), "temperature=0.0"),
        (dict(features={name: torch.full((2, 6, 5), float("inf")) for name in PAIR}), "infinite"),
        (dict(features={name: torch.zeros(1, MOST_SOURCES + 1, 2) for name in PAIR}), "sources can't be shown"),
        (dict(features={name: torch.zeros(1, 0, 2) for name in PAIR}), "0 sources can't be shown"),
    ],
)
def test_what_does_not_fit_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        heard(**changes)
