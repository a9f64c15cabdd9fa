"""The comparison table: means, spreads and paired differences, from results that are stored and reused."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from samples import read_results
from scipy import stats

from contav_lib import Config, compare
from contav_lib.cli import main
from contav_lib.experiments.compare import by_memory, run_comparison, with_titles
from contav_lib.experiments.rows import Row, all_rows, row_in, rows_of
from contav_lib.experiments.search import search_grid
from contav_lib.experiments.setup import Setup
from contav_lib.experiments.tables import as_text
from contav_lib.experiments.tables import measure as measures
from contav_lib.experiments.template import TEMPLATES, without_network
from contav_lib.methods import Method, method_class, register_method
from contav_lib.methods.method import OTHER_COLOURS
from contav_lib.utils.registry import METHODS

pytestmark = pytest.mark.slow

SIZES = dict(frames=16, bins=64, width=4, mask_dim=8, hidden=16, heads=2, feed_forward=24)
COUNTS = dict(tasks=2, steps=4, batch_size=2, test_mixtures=2, validation_mixtures=1)
COMPARED = ["finetune", "replay", ("replay", 2), "der"]


@pytest.fixture
def settings(video_folder):
    return dict(profile="smoke", data=str(video_folder), **SIZES, **COUNTS)


def test_the_table_is_worked_out_from_the_results(home, settings):
    table = compare(COMPARED, seeds=2, **settings)
    results = run_comparison(COMPARED, seeds=2, **settings)
    assert table.index.tolist() == [("finetune", 0), ("replay", 1), ("replay", 2), ("der", 1)]
    for measure in ("sdr", "sir", "sar", "sdr_improvement", "forgetting", "backward_transfer"):
        values = {
            (row.method, row.exemplars): np.array([run.summary()[measure] for run in runs])
            for row, runs in results.items()
        }
        for row, cells in table.iterrows():
            assert cells[f"{measure}_mean"] == pytest.approx(values[row].mean())
            assert cells[f"{measure}_std"] == pytest.approx(values[row].std(ddof=1))
            half = stats.t.ppf(0.975, 1) * values[row].std(ddof=1) / np.sqrt(2)
            assert cells[f"{measure}_ci95"] > half  # test clips are a matter of chance, too
            same = next(key for key in results if (key.method, key.exemplars) == row)
            assert cells[f"{measure}_ci95"] == pytest.approx(measures(results, measure)[same].interval().half)
            apart = values[row] - values[("replay", 1)]
            if row == ("replay", 1):
                assert pd.isna(cells[f"{measure}_vs_replay_mean"])  # nothing is compared with itself
            else:
                assert cells[f"{measure}_vs_replay_mean"] == pytest.approx(apart.mean())
                assert cells[f"{measure}_vs_replay_std"] == pytest.approx(apart.std(ddof=1))
                assert cells[f"{measure}_vs_replay_p_holm"] >= cells[f"{measure}_vs_replay_p"] > 0
    assert (table["minutes"] > 0).all()


def test_memory_bytes_are_those_of_the_clips_and_of_the_state(home, settings):
    table = compare([*COMPARED, "joint"], seeds=1, **settings)["memory_bytes"]
    results = run_comparison(["joint"], seeds=1, **settings)
    (result,) = next(iter(results.values()))
    assert table[("finetune", 0)] == 0 and table[("replay", 2)] == 2 * table[("replay", 1)] > 0
    assert table[("joint", 0)] == 3 * table[("replay", 1)]  # all three clips of each old class
    assert table[("der", 1)] > table[("replay", 1)]  # stored mixtures and masks
    store = Setup.build(Config.from_json(result.config)).train
    assert table[("joint", 0)] == store.nbytes([clip for clip in range(len(store)) if store.classes[clip] < 2])


def test_stored_results_are_reused_and_a_row_can_be_added(home, settings):
    first = run_comparison(["replay"], seeds=1, **settings)
    stamps = {run.folder: run.folder.stat().st_mtime_ns for runs in first.values() for run in runs}
    table = compare(["finetune", "replay"], seeds=[0], **settings)
    assert len(table) == 2 and all(folder.stat().st_mtime_ns == stamp for folder, stamp in stamps.items())
    assert table["sdr_std"].isna().all() and table["sdr_ci95"].isna().all()  # one seed has no spread
    assert table.loc[("replay", 1), "sdr_vs_finetune_mean"] == pytest.approx(
        table.loc[("replay", 1), "sdr_mean"] - table.loc[("finetune", 0), "sdr_mean"]
    )


def test_a_method_and_its_name_with_its_own_memory_are_one(home, settings):
    named, counted = run_comparison(["replay"], seeds=1, **settings), run_comparison([("replay", 1)], 1, **settings)
    assert named[Row("replay", 1)][0].folder == counted[Row("replay", 1)][0].folder


def test_joint_training_is_one_row_whatever_memory_is_asked_for(home, settings):
    assert run_comparison([("joint", 2)], 1, **settings).keys() == {Row("joint", 0)}


def test_what_the_rows_say_already_is_refused_as_an_override():
    for setting in (dict(method="replay"), dict(seed=3), dict(exemplars=2)):
        with pytest.raises(ValueError, match=f"{next(iter(setting))}: give methods and seeds as such"):
            compare(["replay"], 1, "smoke", **setting)


TABLE_1 = ["fine-tuning", "LwF", "EWC", "PLOP", "EWF", "LwF + memory", "EWC + memory", "PLOP + memory", "EWF + memory",
           "AV-CIL", "ContAV-Sep", "upper bound"]  # fmt: skip
BEYOND = ["replay", "replay, clips that agree", "DER++", "distillation only", "LwF, asks with a prototype",
          "LwF, asks with a new picture", "LwF + memory, asks with a new picture", "PLOP, asks with a new picture",
          "PLOP + memory, asks with a new picture", "EWF, asks with a new picture", "frozen, new queries",
          "low-rank adapters + memory", "from scratch"]  # fmt: skip


def test_the_papers_rows_stand_first_and_in_its_order():
    rows = all_rows()
    assert [
        row.name for row in rows if method_class(row.method).__module__.startswith("contav_lib")
    ] == TABLE_1 + BEYOND
    assert all(row.exemplars or not method_class(row.method).needs_memory for row in rows)
    for row in rows[:12]:
        asked = Config.profile("lab", method=row.method, **dict(row.settings)).method_settings.get("old_queries")
        assert asked in (None, "plain")  # the batch as it is, as in the paper


def test_a_registered_method_has_a_row_a_title_a_colour_and_a_search():
    @register_method("mine")
    class Mine(Method):
        exemplars = 2
        tries = (dict(strength=1.0),)

    try:
        assert all_rows()[-1] == Row("mine", 2) and all_rows()[-1].name == Mine.title == "mine"
        assert Mine.colour in OTHER_COLOURS and search_grid()["mine"] == [dict(strength=1.0)]
    finally:
        del METHODS["mine"]


def test_a_bare_method_is_the_variant_that_the_profile_makes_of_it():
    asks = (("old_queries", "new_picture"),)
    assert row_in("lab", Row("lwf", 1)) == Row("lwf", 1, asks)
    assert row_in("lab", Row("lwf", 4)).name == "LwF + 4 exemplars, asks with a new picture"
    assert (
        row_in("paper", Row("lwf", 1)).name == row_in("lab", Row("lwf", 1), old_queries="plain").name == "LwF + memory"
    )
    assert row_in("lab", Row("contav", 1)) == Row("contav", 1)
    assert row_in("lab", Row("contav", 1), instance_weight=0.0, class_weight=0.0).name == "distillation only"


@pytest.mark.parametrize(
    ("methods", "seeds", "message"),
    [
        ([], 1, "at least one method"),
        (["replay", "replay"], 1, "at least one method, and each only once"),
        (["replay"], [1, 1], "at least one seed, and each only once"),
        (["replay"], 0, "seeds=0: give at least one seed.*how many, as in 3, or which, as in"),
        (["replay"], 1.5, "seeds=1.5: give at least one seed"),
        (["replay"], [0, "a"], "seeds=.0, 'a'.: give at least one seed"),
        ("replay", 1, "methods='replay': give at least one method.*as in .'finetune', 'replay'"),
        ([("replay",)], 1, "'replay',. is no method: give its name, or name and exemplars"),
        (("replay", 2), 1, "2 is no method: give its name, or name and exemplars"),
        ([("replay", "2")], 1, "'replay', '2'. is no method"),
        (["repaly"], 1, "'repaly'; did you mean 'replay'"),
        ([("contav", -1)], 1, "exemplars=-1"),
        ([("contav", 1, {"seed": 2})], 1, "seed can't be among a row's settings"),
        ([("contav", 1, {"temprature": 2.0})], 1, "'temprature'; did you mean 'temperature'"),
        ([("avcil", 0)], 1, "'avcil' makes no sense without a memory"),
    ],
)
def test_bad_comparisons_are_refused(methods, seeds, message):
    with pytest.raises(ValueError, match=message):
        compare(methods, seeds, "smoke")


def test_rows_can_be_chosen_by_method_and_by_memory():
    def pairs(*arguments):
        return [(row.method, row.exemplars) for row in rows_of(*arguments)]

    assert rows_of() == all_rows()
    assert [row.name for row in rows_of(["contav", "lwf"])] == [  # in the table's order
        "LwF",
        "LwF + memory",
        "ContAV-Sep",
        "distillation only",
        "LwF, asks with a prototype",
        "LwF, asks with a new picture",
        "LwF + memory, asks with a new picture",
    ]
    assert pairs(["replay", "contav"], [1, 4]) == [("replay", 1), ("replay", 4), ("contav", 1), ("contav", 4)]
    assert pairs(["joint", "replay"], [1, 2]) == [("joint", 0), ("replay", 1), ("replay", 2)]  # joint keeps everything
    with pytest.raises(ValueError, match="'repaly'; did you mean 'replay'"):
        rows_of(["repaly"])


def test_a_separator_without_queries_has_no_row_that_trains_queries_only():
    without = [row for row in all_rows() if row.method != "freeze"]
    assert rows_of(separator="coseparation") == rows_of(separator="soundofpixels") == without != rows_of()
    assert [row.method for row in rows_of(["freeze"], separator="coseparation")] == [
        "freeze"
    ]  # asked for: it says why not


def test_results_are_grouped_by_memory_for_the_figure():
    rows = {Row("replay", 1): ["a"], Row("contav", 1): ["b"], Row("replay", 2): ["c"]}
    assert by_memory(rows) == {"replay": {1: ["a"], 2: ["c"]}, "ContAV-Sep": {1: ["b"]}}


def test_rows_have_readable_names():
    rows = [
        Row("lwf", 0),
        Row("lwf", 1),
        Row("replay", 4),
        Row("contav", 1, (("temperature", 0.2),)),
        Row("lwf", 0, (("old_queries", "plain"),)),
        Row("contav", 4, (("class_weight", 0.0), ("instance_weight", 0.0))),
    ]
    names = ["LwF", "LwF + memory", "replay + 4 exemplars", "ContAV-Sep, temperature=0.2", "LwF",
             "distillation only + 4 exemplars"]  # fmt: skip
    assert [row.name for row in rows] == names
    assert list(with_titles(dict.fromkeys(rows[:4], []))) == names[:4]
    assert rows[-1].name_without_memory == "distillation only"


def test_a_row_can_have_settings_of_its_own(home, settings):
    variant = ("contav", 1, {"temperature": 0.2})
    results = run_comparison(["contav", variant], 1, **settings)
    plain, changed = (runs[0].config["method_settings"] for runs in results.values())
    assert changed == {**plain, "temperature": 0.2} != plain
    table = compare(["contav", variant], 1, **settings)
    assert table.index.tolist() == [("contav", 1), ("ContAV-Sep, temperature=0.2", 1)]


def test_the_command_line_saves_what_it_prints_for_the_seeds_it_is_given(home, settings, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("contav_lib.experiments.compare.run_comparison", partial(run_comparison_with, settings))
    monkeypatch.setattr(
        "contav_lib.experiments.template.without_network",
        lambda profile, seeds: without_network(seeds=seeds, **settings),
    )
    path = tmp_path / "results" / "two.csv"
    arguments = ["--profile", "smoke", "--seeds", "6", "8", "--methods", "finetune", "replay", "--save", str(path)]
    assert main(["compare", *arguments]) == 0
    command, table = read_results(path)
    assert command == f"contav compare {' '.join(arguments)}"
    assert table.index.tolist() == [*TEMPLATES, "fine-tuning", "replay", "replay, clips that agree"]
    templates, table = table.iloc[: len(TEMPLATES)], table.iloc[len(TEMPLATES) :]
    assert np.isfinite(templates["sdr_mean"]).all() and templates["forgetting_mean"].isna().all()
    assert table["sdr_mean"].to_numpy() == pytest.approx(table[["sdr_seed_6", "sdr_seed_8"]].mean(axis=1).to_numpy())
    assert 0 < table.loc["replay", "sdr_vs_finetune_p_holm"] <= 1
    printed = capsys.readouterr().out
    assert all(as_text(rows)["SDR"].iloc[-1] in printed for rows in (templates, table))
    assert str(path) in printed and "(2 seeds)" in printed


def run_comparison_with(settings, rows, seeds, profile, only_stored, executor, separator):
    return run_comparison(rows, seeds, only_stored=only_stored, executor=executor, separator=separator, **settings)
