"""Result files say which command made them, and give back what was written."""

import pandas as pd
import pytest
from samples import read_results
from test_tables import result

from contav_lib.experiments.results_file import command, save_results
from contav_lib.experiments.tables import as_text, measures_table, results_table


@pytest.fixture
def results():
    by_method = {"fine-tuning": (1.0, 2.5), "LwF, plain": (4.0, 4.1), "ContAV-Sep": (1 / 3, 7.005)}
    return {
        name: [result(seed, sdr) for seed, sdr in zip((6, 8), pair, strict=True)] for name, pair in by_method.items()
    }


def test_what_is_written_is_read(results, tmp_path):
    table = measures_table(results, {"fine-tuning": "finetune"})
    made_by = command("compare", ["--seeds", "6", "8", "--save", "a b.csv"])
    save_results(tmp_path / "sub" / "a b.csv", made_by, results, table)
    first, read = read_results(tmp_path / "sub" / "a b.csv")
    assert first == made_by == "contav compare --seeds 6 8 --save 'a b.csv'"
    pd.testing.assert_frame_equal(
        read[table.columns], table.rename_axis("name"), check_exact=True, check_index_type=False
    )
    assert read.loc["ContAV-Sep", ["sdr_seed_6", "forgetting_seed_8"]].tolist() == [1 / 3, 7.005]
    assert as_text(read, paper=True).equals(results_table(results, paper=True))
