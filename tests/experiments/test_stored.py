"""What is made of stored results: rows by name, a leaderboard, files for a paper."""

import json
import re
import shutil

import pytest
from samples import read_results

from contav_lib.cli import main
from contav_lib.experiments.examples import examples_are_whole, read_examples
from contav_lib.experiments.stored import as_rows, find_results
from contav_lib.utils import paths
from contav_lib.utils.storage import StorageError


@pytest.fixture
def stored(reference, home):
    """`stored(name, **settings)`: the reference result as if it had been another experiment's."""

    def copy(name, **settings):
        folder = home / "runs" / name
        shutil.copytree(reference.folder, folder)
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | settings))
        return folder

    return copy


def test_results_that_differ_in_the_seed_alone_are_a_row(stored, home):
    for seed in (0, 1):
        stored(f"contav{seed}", seed=seed)
    stored("finetune", method="finetune", method_settings={}, exemplars=0)
    stored("longer", steps=7)
    stored("another test", test_mixtures=9)
    stored("unknown", method="nobody's")
    tests, left_out = find_results(home / "runs")
    rows, others = map(as_rows, tests.values())
    assert len(rows) == 3 and len(others) == 1 and left_out == 1
    counts = {(name.split(",")[0], "steps=7" in name): len(runs) for name, runs in rows.items()}
    assert counts == {("ContAV-Sep", False): 2, ("ContAV-Sep", True): 1, ("fine-tuning", False): 1}


def test_the_leaderboard_escapes_what_others_wrote_and_links_only_beside_itself(stored, home, capsys):
    for seed in (0, 1):
        folder = stored(f"contav{seed}", seed=seed, data="/videos/<script>alert(1)</script>")
        examples = json.loads((folder / "examples" / "examples.json").read_text())
        examples[0]["labels"][0] = '<img src="http://elsewhere" onerror=alert(2)>'
        (folder / "examples" / "examples.json").write_text(json.dumps(examples))
    assert main(["leaderboard", "--folder", str(home / "page")]) == 0
    assert capsys.readouterr().out.strip() == str(home / "page" / "index.html")
    page = (home / "page" / "index.html").read_text()
    assert (
        page.count("<script") == 1
        and "alert(1)</script>" not in page
        and "<img" not in page
        and "&lt;script&gt;" in page
        and "&lt;img" in page
    )
    links = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert links and all(re.fullmatch(r"audio/[0-9a-f]{16}\.flac", link) for link in links)
    assert {path.name for path in (home / "page" / "audio").iterdir()} == {link.split("/")[1] for link in links}
    assert all((home / "page" / link).read_bytes()[:4] == b"fLaC" for link in links)


def test_a_damaged_result_is_left_out_and_the_others_stay(stored, home):
    stored("whole")
    (stored("damaged", seed=1) / "mixtures.json").write_bytes(b"\x00\xff rubbish")
    assert main(["leaderboard"]) == 0
    assert "1 results are left out" in (home / "runs" / "leaderboard" / "index.html").read_text()


def test_export_writes_what_a_paper_needs(finished, home, capsys):
    assert main(["export", str(home / "runs" / finished.name), "--folder", str(home / "paper")]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 4
    table = (home / "paper" / "table.tex").read_text()
    assert "\\toprule" in table and "\\usepackage{booktabs}" in table and "ContAV-Sep" in table
    command, numbers = read_results(home / "paper" / "results.csv")
    assert command.startswith("contav export ") and numbers["sdr_mean"].notna().all()
    assert f"{numbers['sdr_mean'].iloc[0]:.2f}" in table
    for name in ("scores_after_tasks", "task_matrices"):
        assert (home / "paper" / f"{name}.pdf").read_bytes().startswith(b"%PDF")


def test_examples_of_a_stranger_lead_nowhere_else(finished, tmp_path):
    secret = tmp_path / "secret.flac"
    secret.write_bytes(b"private")
    index = paths.runs() / finished.name / "examples" / "examples.json"
    entries = json.loads(index.read_text())
    entries[0]["mixture"] = str(secret)
    index.write_text(json.dumps(entries))
    with pytest.raises(StorageError, match="leads out of the folder"):
        read_examples(index.parent)
    assert not examples_are_whole(index.parent)


@pytest.mark.parametrize("command", [["leaderboard"], ["export", "."]])
def test_a_folder_without_results_says_so(command, home, monkeypatch, capsys):
    (home / "runs").mkdir()
    monkeypatch.chdir(home / "runs")
    assert main(command) == 1
    assert "no finished result" in capsys.readouterr().err
