"""The losses against loops that spell their equations out."""

import pytest
import torch
from torch.nn.functional import normalize

from contav_lib.losses import (
    contrastive_loss,
    cross_modal_similarity,
    cross_task_rows,
    mask_distillation,
    separation_loss,
)

PAIRS = (("audio", "motion"), ("audio", "object"), ("motion", "object"))


def rows_of(count: int = 7, width: int = 5) -> dict[str, torch.Tensor]:
    return {name: torch.randn(count, width) for name in ("audio", "motion", "object")}


def spelled_out(anchors, candidates, positives, temperature) -> float:
    total = 0.0
    for i, anchor in enumerate(anchors):
        similar = torch.stack([anchor @ candidate for candidate in candidates]) / temperature
        chosen = [(similar[j].exp() / similar.exp().sum()).log() for j in range(len(candidates)) if positives[i, j]]
        total -= sum(chosen) / len(chosen) / len(anchors)
    return float(total)


def test_separation_loss_is_a_weighted_mean():
    masks, targets, weights = torch.rand(3, 2, 4, 5), torch.rand(3, 2, 4, 5), torch.rand(3, 1, 4, 5)
    loss = separation_loss(masks, targets, weights)
    terms = [weights[b, 0] * (masks[b, n] - targets[b, n]).abs() for b in range(3) for n in range(2)]
    assert loss.item() == pytest.approx(sum(term.mean().item() for term in terms) / 6, rel=1e-5)
    assert separation_loss(targets, targets, weights) == 0


def test_distillation_counts_every_memory_source_alike_and_is_zero_for_equal_masks():
    new, old, weights = torch.rand(4, 3, 5), torch.rand(4, 3, 5), torch.rand(4, 3, 5)
    by_hand = sum((weights[k] * (new[k] - old[k]).abs()).mean().item() for k in range(4)) / 4
    assert mask_distillation(new, old, weights).item() == pytest.approx(by_hand, rel=1e-5)
    assert mask_distillation(new, new.clone(), weights) == 0


@pytest.mark.parametrize("temperature", [0.05, 1.0])
def test_contrastive_loss_against_its_equation(temperature):
    rows = {name: normalize(value, dim=1) for name, value in rows_of().items()}
    classes = torch.tensor([0, 1, 0, 2, 1, 0, 3])
    positives = classes[:, None] == classes[None, :]
    loss = contrastive_loss(rows["audio"], rows["object"], positives, temperature)
    expected = spelled_out(rows["audio"].double(), rows["object"].double(), positives, temperature)
    assert loss.item() == pytest.approx(expected, rel=1e-4)


def test_over_rows_an_anchors_sum_is_divided_by_the_number_of_candidates():
    rows = {name: normalize(value, dim=1) for name, value in rows_of().items()}
    classes = torch.tensor([0, 1, 0, 2, 1, 0, 3])
    positives = classes[:, None] == classes[None, :]
    expected = 0.0
    for i in range(7):
        log_softmax = (rows["object"] @ rows["audio"][i] / 0.1).log_softmax(0)
        expected -= sum(log_softmax[j].item() for j in range(7) if classes[j] == classes[i]) / 7 / 7
    loss = contrastive_loss(rows["audio"], rows["object"], positives, 0.1, mean_over_rows=True)
    assert loss.item() == pytest.approx(expected, rel=1e-4)


def test_similarity_is_the_mean_over_pairs_and_directions():
    rows, positives = rows_of(), torch.eye(7, dtype=torch.bool)
    loss = cross_modal_similarity(rows, positives, PAIRS, 0.1)
    unit = {name: normalize(value.double(), dim=1) for name, value in rows.items()}
    both = [
        spelled_out(unit[a], unit[b], positives, 0.1) for one, other in PAIRS for a, b in [(one, other), (other, one)]
    ]
    assert loss.item() == pytest.approx(sum(both) / 6, rel=1e-4)
    longer = {name: 3 * value for name, value in rows.items()}
    assert cross_modal_similarity(longer, positives, PAIRS, 0.1).item() == pytest.approx(loss.item(), rel=1e-5)


def test_the_order_of_rows_makes_no_difference():
    rows, classes = rows_of(), torch.tensor([0, 1, 0, 2, 1, 0, 3])
    order = torch.randperm(7)
    loss = cross_modal_similarity(rows, classes[:, None] == classes, PAIRS)
    shuffled = {name: value[order] for name, value in rows.items()}
    again = cross_modal_similarity(shuffled, classes[order][:, None] == classes[order], PAIRS)
    assert again.item() == pytest.approx(loss.item(), rel=1e-5)


@pytest.mark.parametrize("pairs", [(), (("audio", "smell"),)])
def test_a_pair_without_features_is_refused(pairs):
    with pytest.raises(ValueError, match="CrossSDC compares pairs"):
        cross_modal_similarity(rows_of(), torch.eye(7, dtype=torch.bool), pairs)


def test_memory_sources_stand_there_once_more_with_old_features():
    features = {"audio": torch.randn(2, 2, 5), "object": torch.randn(2, 2, 5)}
    old = {name: torch.randn(2, 5) for name in features}
    classes, videos = torch.tensor([[4, 0], [1, 4]]), torch.tensor([[7, 2], [3, 8]])
    memory = torch.tensor([1, 2])
    rows, same_video, same_class = cross_task_rows(features, classes, videos, memory, old)
    for name in features:
        assert torch.equal(rows[name], torch.cat([features[name].reshape(4, 5), old[name]]))
    video, label = [7, 2, 3, 8, 2, 3], [4, 0, 1, 4, 0, 1]
    assert same_video.tolist() == [[a == b for b in video] for a in video]
    assert same_class.tolist() == [[a == b for b in label] for a in label]


def test_without_an_old_model_there_are_the_current_rows_only():
    features = {"audio": torch.randn(2, 2, 5)}
    rows, same_video, _ = cross_task_rows(features, torch.zeros(2, 2), torch.arange(4).reshape(2, 2))
    assert rows["audio"].shape == (4, 5) and torch.equal(same_video, torch.eye(4, dtype=torch.bool))
