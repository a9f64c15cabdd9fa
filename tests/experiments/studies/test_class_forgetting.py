"""Which query takes a source's energy: shares of masks that are known, and the table of thieves."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from contav_lib import run
from contav_lib.experiments.result import Result
from contav_lib.experiments.studies.class_forgetting import class_forgetting, energy_taken, masks_of_all_queries
from contav_lib.experiments.studies.retest import setup_of
from contav_lib.mixtures.batch import Batch
from contav_lib.mixtures.fixed import fixed_mixtures
from contav_lib.separators.iquery import IQuery


class Constant(torch.nn.Module):
    """Lets through a share of the amplitude that grows with the class asked for."""

    name, class_queries, num_classes = "constant", True, 4

    def forward(self, mixture, visual, classes):
        masks = (classes[..., None, None] + 1) / 4
        return SimpleNamespace(masks=masks.expand(-1, -1, *mixture.shape[2:]))


def test_a_constant_mask_takes_its_square_of_every_energy(reference, home, monkeypatch):
    monkeypatch.setattr(Result, "separator", lambda self, task=-1, device="cpu": Constant())
    taken = energy_taken(reference)
    for shares in taken:
        assert shares.index.tolist() == reference.tasks[0] and shares.columns.tolist() == reference.classes
        assert np.allclose(shares, [[1 / 16, 1 / 4, 9 / 16, 1]] * 2)
    table = class_forgetting({"a": [reference]}).loc["a"]
    assert (table["thief"] == reference.classes[3]).all() and np.allclose(table["thief_takes"], 1)
    assert np.allclose(table["own"], [1 / 16, 1 / 4])


def test_each_query_is_asked_as_if_alone(reference, home):
    store, separator = setup_of(reference).test, reference.separator()
    batch = store.batch(fixed_mixtures(store, range(4), 3, seed=0))
    with torch.inference_mode():
        every = masks_of_all_queries(separator, batch)
        for number in range(4):
            asked = Batch(**{**vars(batch), "classes": torch.full_like(batch.classes, number)})
            alone = separator(asked.mixture, asked.visual, asked.classes).masks
            assert torch.allclose(every[:, :, number], alone, atol=1e-5)
    assert not torch.allclose(every[:, :, 0], every[:, :, 1], atol=1e-5)


def test_forgetting_of_a_class_is_what_its_column_loses(reference, home):
    table, matrix = class_forgetting({"a": [reference]}).loc["a"], reference.class_matrix()
    assert table.index.tolist() == reference.tasks[0]
    assert table["sdr_learned"].tolist() == pytest.approx(matrix[0, :2].tolist())
    assert table["sdr_final"].tolist() == pytest.approx(matrix[-1, :2].tolist())
    assert table["forgotten"].tolist() == pytest.approx((matrix[0, :2] - matrix[-1, :2]).tolist())
    assert set(table["thief"]) <= set(reference.tasks[1])
    twice = class_forgetting({"a": [reference, reference]})  # means over seeds
    pd.testing.assert_frame_equal(twice, class_forgetting({"a": [reference]}))


def test_what_has_no_thief_is_refused(home, tiny, reference, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(ValueError, match="'iquery' has no class queries"):
        patch.setattr(IQuery, "class_queries", False)
        energy_taken(reference)
    one = run(tiny(steps=2, tasks=1), progress=False)
    with pytest.raises(ValueError, match="no old classes"):
        energy_taken(one)
    other = run(tiny(steps=2, classes=reference.classes[::-1]), progress=False)
    with pytest.raises(ValueError, match="different orders"):
        class_forgetting({"a": [reference, other]})
