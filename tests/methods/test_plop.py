"""PLOP: Local POD by hand on a 4 x 4 map, and pseudo-targets that count where the old model is sure."""

import pytest
import torch
from continual import batch_of, learning, losses, old_batch, second_task

from contav_lib.methods.plop import local_pod, pod_distance


def test_local_pod_of_a_4_x_4_map_by_hand():
    map = [[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0], [1.0, 1.0, 0.0, 0.0], [2.0, 0.0, 0.0, 2.0]]
    rows = [[1.5, 3.5, 2.5], [5.5, 7.5, 6.5], [1.0, 0.0, 0.5], [1.0, 1.0, 1.0]]  # means of both halves, then of all
    upper, lower, whole = [3.0, 4.0, 5.0, 6.0], [1.5, 0.5, 0.0, 1.0], [2.25, 2.25, 2.5, 3.5]  # of the columns
    expected = [value for row in rows for value in row] + upper + lower + whole
    assert local_pod(torch.tensor(map)[None, None], scales=(2, 1)).tolist() == [expected]


def test_local_pod_of_a_wide_map_with_channels_equals_plain_loops():
    map = torch.rand(2, 3, 4, 8)
    expected = []
    for one in map:
        rows = [one[:, h].chunk(s, 1)[i].mean(1) for h in range(4) for s in (4, 2, 1) for i in range(s)]
        columns = [one[:, :, w].chunk(s, 1)[i].mean(1) for s in (4, 2, 1) for i in range(s) for w in range(8)]
        expected.append(torch.cat(rows + columns))
    assert torch.allclose(local_pod(map), torch.stack(expected), atol=1e-6)


def test_a_token_list_is_a_map_of_one_row():
    tokens = torch.randn(2, 6, 3)
    assert torch.equal(local_pod(tokens), local_pod(tokens.transpose(1, 2).reshape(2, 3, 1, 6)))


def test_the_distance_is_zero_for_the_same_and_for_scaled_maps_only():
    maps = [torch.rand(2, 3, 8, 4), torch.rand(2, 5, 7)]
    assert pod_distance(maps, [2 * value for value in maps]).item() == pytest.approx(0, abs=1e-6)
    turned = [-value for value in maps]
    assert pod_distance(maps, turned).item() == pytest.approx(4, abs=1e-5)  # opposite unit vectors


def test_nothing_is_lost_while_nothing_has_changed(make_store):
    store = make_store()
    chosen, separator = learning("plop", second_task(store), grow=False, confidence=0)
    terms = losses(chosen, separator.eval(), old_batch(store))
    assert terms.keys() == {"pod", "pseudo"}
    assert all(term.item() == pytest.approx(0, abs=1e-6) for term in terms.values())


@pytest.mark.parametrize("confidence", [0.0, 0.01, 1.0])
def test_only_sure_pixels_are_targets(make_store, confidence):
    store = make_store()
    task = second_task(store)
    chosen, separator = learning("plop", task, old_queries="new_picture", distillation=1.0, confidence=confidence)
    with torch.no_grad():
        for parameter in separator.parameters():
            parameter += 0.05
    batch = chosen.on_batch(batch_of(store, task))
    new = separator.eval()(batch.mixture, batch.visual, batch.classes).masks
    old = chosen.teacher.separator(batch.mixture, batch.visual, batch.classes.clamp(max=1)).masks
    apart = batch.weights * (new - old).abs() * ((2 * old - 1).abs() >= confidence)
    expected = apart[batch.is_old_class].mean().item()
    pseudo = losses(chosen, separator, batch_of(store, task))["pseudo"].item()
    assert pseudo == pytest.approx(expected, rel=1e-4) and (pseudo > 0) == (confidence < 1)


def test_all_sources_are_pseudo_targets_where_the_old_model_answers_for_the_batch_as_it_is(make_store):
    store = make_store()
    task = second_task(store)
    chosen, separator = learning("plop", task, distillation=1.0, confidence=0)
    with torch.no_grad():
        for parameter in separator.parameters():
            parameter += 0.05
    batch = batch_of(store, task)
    new, old = (
        one.eval()(batch.mixture, batch.visual, batch.classes).masks for one in (separator, chosen.teacher.separator)
    )
    expected = (batch.weights * (new - old).abs()).mean().item()
    assert losses(chosen, separator, batch)["pseudo"].item() == pytest.approx(expected, rel=1e-5) and expected > 0


def test_the_old_model_is_asked_once_about_all_mixtures(make_store, monkeypatch):
    store = make_store()
    task = second_task(store)
    chosen, separator = learning("plop", task)
    sizes = []
    chosen.teacher.separator.register_forward_hook(lambda module, inputs, output: sizes.append(len(inputs[0])))
    losses(chosen, separator, batch_of(store, task))
    assert sizes == [12]


def test_a_confidence_that_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="confidence=1.5"):
        learning("plop", second_task(None), confidence=1.5)
