"""How well classes are recognised by their looks after each task."""

import pytest
import torch

from contav_lib.analysis.recognition import recognition_matrix
from contav_lib.continual.prototypes import Prototypes, Recognition


@pytest.mark.parametrize("space", ["frozen", "learned"])
def test_the_matrix_of_recognition(reference, home, space):
    found = recognition_matrix(reference, space)
    for table in (found.accuracy, found.nearest):
        assert table.shape == (2, 2) and torch.tensor(table).isnan().nonzero().tolist() == [[0, 1]]
    known = torch.tensor(found.accuracy[1] + found.unknown[1])
    assert (known <= 1 + 1e-6).all() and (found.nearest[1] >= found.accuracy[1]).all()
    assert ((found.unknown >= 0) & (found.unknown <= 1)).all()


def test_shares_are_counted_by_task(reference, home, monkeypatch):
    """A model that takes everything for class 3, and never for a stranger, is right about half of task 2."""

    def always_3(self, looks):
        answer = torch.full((len(looks),), 3)
        return Recognition(answer, torch.ones(len(looks)), answer)

    monkeypatch.setattr(Prototypes, "recognise", always_3)
    found = recognition_matrix(reference)
    assert found.accuracy[1].tolist() == found.nearest[1].tolist() == [0, 0.5]
    assert not found.unknown.any()


def test_an_unknown_space_is_refused(reference, home):
    with pytest.raises(ValueError, match="not 'audio'"):
        recognition_matrix(reference, "audio")
