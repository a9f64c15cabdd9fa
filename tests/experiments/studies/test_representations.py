"""CKA against its definition and against noise; probes on classes that can, and can't, be told apart."""

import numpy as np
import pytest
import torch

from contav_lib import run
from contav_lib.evaluation.evaluate import source_features
from contav_lib.experiments.studies.representations import (
    cka_to_end,
    linear_cka,
    probe_accuracy,
    representations,
    ridge_classifier,
)
from contav_lib.experiments.studies.retest import setup_of


def test_cka_does_not_see_rotation_scale_and_shift():
    x = torch.randn(40, 6)
    rotation = torch.linalg.qr(torch.randn(6, 6)).Q
    assert linear_cka(x, x) == pytest.approx(1)
    assert linear_cka(x, 3 * x @ rotation + 5) == pytest.approx(1, abs=1e-5)
    assert linear_cka(x, x * torch.tensor([10.0, 1, 1, 1, 1, 1])) < 0.9


def test_cka_of_noise_is_about_zero_where_the_plain_estimate_is_not():
    noise = [(torch.randn(80, 48), torch.randn(80, 48)) for _ in range(20)]
    assert abs(np.mean([linear_cka(x, y) for x, y in noise])) < 0.03

    def plain(x, y):  # Kornblith et al., eq. 6
        x, y = x - x.mean(0), y - y.mean(0)
        return ((y.T @ x).norm() ** 2 / ((x.T @ x).norm() * (y.T @ y).norm())).item()

    assert np.mean([plain(x, y) for x, y in noise]) > 0.3


def test_cka_meets_the_plain_estimate_with_many_samples():
    x = torch.randn(3000, 4)
    y = x @ torch.randn(4, 4) + torch.randn(3000, 4)
    u, v = x - x.mean(0), y - y.mean(0)
    plain = ((v.T @ u).norm() ** 2 / ((u.T @ u).norm() * (v.T @ v).norm())).item()
    assert linear_cka(x, y) == pytest.approx(plain, abs=0.005)


def test_cka_refuses_what_it_can_not_compare():
    with pytest.raises(ValueError, match="4 or more: there are 3 and 3"):
        linear_cka(torch.randn(3, 2), torch.randn(3, 2))
    with pytest.raises(ValueError, match="the same samples"):
        linear_cka(torch.randn(5, 2), torch.randn(6, 2))
    assert np.isnan(linear_cka(torch.ones(5, 2), torch.randn(5, 2)))


def test_a_ridge_tells_classes_apart_that_differ_and_no_others():
    classes = torch.arange(5).repeat(40)
    centres = 4 * torch.randn(5, 8)
    seen, asked = (centres[classes] + torch.randn(200, 8) for _ in range(2))
    assert (ridge_classifier(seen, classes, asked) == classes).double().mean() > 0.95
    noise = ridge_classifier(torch.randn(200, 8), classes, torch.randn(200, 8))
    assert (noise == classes).double().mean() < 0.4


def test_similarity_to_the_end_is_measured_for_old_tasks(reference, home):
    similarities = cka_to_end(reference)
    assert list(similarities) == [0] and similarities[0].keys() == {"audio", "object", "motion"}
    assert all(-1 <= value < 1 for value in similarities[0].values())


def test_probes_are_never_told_the_class(reference, home, monkeypatch):
    asked = []
    separator = reference.separator()
    original = type(separator).forward

    def forward(self, mixture, visual, classes):
        asked.append(classes)
        return original(self, mixture, visual, classes)

    monkeypatch.setattr(type(separator), "forward", forward)
    accuracy = probe_accuracy(reference)
    assert all((classes == 0).all() and classes.shape[1] == 1 for classes in asked)
    assert all(value.shape == (3, 2) and (value >= 0).all() and (value <= 1).all() for value in accuracy.values())


def test_features_stand_in_the_order_of_the_sources(reference, home):
    store, separator = setup_of(reference).test, reference.separator()
    spec = store.spec(torch.tensor([[0, 3], [5, 1]]), torch.Generator().manual_seed(0))
    found = source_features(separator, store, spec)
    batch = store.batch(spec)
    with torch.inference_mode():
        wanted = separator(batch.mixture, batch.visual, batch.classes).features
    assert torch.equal(found["object"][2], wanted["object"][1, 0]) and len(found["audio"]) == 4


def test_the_table_has_means_over_seeds(reference, home):
    table = representations({"a": [reference, reference]})
    assert table.index.tolist() == [("a", name) for name in ("audio", "object", "motion")]
    assert table["sdr_final"].tolist() == pytest.approx([reference.matrix()[-1, 0]] * 3)
    accuracy = probe_accuracy(reference)["audio"]
    row = table.loc[("a", "audio")]
    found = [row[f"probe_{when}"] for when in ("untrained", "learned", "final")]
    assert found == pytest.approx([accuracy[0, 0], accuracy[1, 0], accuracy[2, 0]])
    assert row["cka_task_1"] == pytest.approx(cka_to_end(reference)[0]["audio"])


def test_one_task_has_no_old_representations(home, tiny):
    one = run(tiny(steps=2, tasks=1), progress=False)
    for measure in (cka_to_end, probe_accuracy):
        with pytest.raises(ValueError, match="no old classes"):
            measure(one)
