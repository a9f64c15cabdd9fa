"""AV-CIL: similarity of the current features only, and attention that stays where it was."""

import pytest
import torch
from continual import batch_of, learning, losses, old_batch, second_task
from torch.nn.functional import normalize

from contav_lib.methods.avcil import attention_distance


def test_instance_and_class_terms_equal_a_plain_loop(make_store):
    store = make_store()
    task = second_task(store)
    chosen, separator = learning("avcil", task, instance_weight=1, class_weight=1, temperature=0.1)
    batch = batch_of(store, task)
    separator.eval()
    features = separator(batch.mixture, batch.visual, batch.classes).features
    unit = {name: normalize(value.flatten(0, 1), dim=1) for name, value in features.items()}
    terms = losses(chosen, separator, batch)
    for name, labels in (("instance_aware", batch.videos.flatten()), ("class_aware", batch.classes.flatten())):
        rows = []
        for a, b in [(a, b) for pair in separator.modality_pairs for a, b in (pair, pair[::-1])]:
            for i in range(len(labels)):
                log_softmax = (unit[b] @ unit[a][i] / 0.1).log_softmax(0)
                of_positives = -log_softmax[labels == labels[i]]
                # As published: by video, the mean over positives; by class, their sum divided by the number of rows.
                rows.append(of_positives.mean() if name == "instance_aware" else of_positives.sum() / len(labels))
        assert terms[name].item() == pytest.approx(torch.stack(rows).mean().item(), rel=1e-4)


def test_attention_is_distilled_on_memory_and_free_while_nothing_has_changed(make_store):
    store = make_store()
    chosen, separator = learning("avcil", second_task(store), grow=False)
    batch = old_batch(store)
    separator.eval()
    terms = losses(chosen, separator, batch)
    assert terms.keys() == {"instance_aware", "class_aware", "distillation", "attention"}
    assert terms["attention"].item() == pytest.approx(0, abs=1e-6)
    assert terms["distillation"].item() == pytest.approx(0, abs=1e-6)
    with torch.no_grad():
        for parameter in separator.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    moved = losses(chosen, separator, batch)
    assert moved["attention"] > 1e-6 and moved["distillation"] > 1e-6


def test_attention_maps_are_the_wanted_querys_probabilities(make_store):
    store = make_store()
    task = second_task(store)
    _, separator = learning("avcil", task)
    batch = batch_of(store, task)
    to_motion, to_audio = separator.eval()(batch.mixture, batch.visual, batch.classes).attention
    assert to_motion.shape == (12, 2, 2, 8) and to_audio.shape == (12, 2, 2, 16)  # heads, then motion steps or tokens
    for map in (to_motion, to_audio):
        assert torch.allclose(map.sum(-1), torch.ones(12, 2, 2), atol=1e-5)
    swapped = separator(batch.mixture, {k: v.flip(1) for k, v in batch.visual.items()}, batch.classes.flip(1)).attention
    assert torch.allclose(swapped[0].flip(1), to_motion, atol=1e-5)
    assert torch.allclose(swapped[1].flip(1), to_audio, atol=1e-5)


def test_the_distance_is_the_kullback_leibler_divergence():
    old, new = torch.tensor([[[0.5, 0.5, 0.0]]]), torch.tensor([[[0.25, 0.5, 0.25]]])
    assert attention_distance(new, old).item() == pytest.approx(0.5 * torch.tensor(2.0).log().item(), rel=1e-5)
    assert attention_distance(old, old) == 0


def test_without_attention_there_is_no_such_term(make_store):
    store = make_store()
    task = second_task(store)
    chosen, separator = learning("avcil", task)
    separator.keep_attention = chosen.teacher.separator.keep_attention = False
    assert losses(chosen, separator, batch_of(store, task)).keys() == {"instance_aware", "class_aware", "distillation"}
