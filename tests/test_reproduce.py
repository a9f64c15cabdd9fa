"""The main job, with a small notebook and a small plan in place of the real ones (tests/notebooks runs those)."""

import nbformat
import pytest

from contav_lib.cli import main
from contav_lib.teaching import notebooks as reproduce

pytestmark = pytest.mark.slow


def write_notebook(path, *sources, parameters='PROFILE = "lab"'):
    cells = [nbformat.v4.new_code_cell(source) for source in (parameters, *sources)]
    cells[0].metadata["tags"] = ["parameters"]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)
    return path


def printed(path) -> str:
    cells = nbformat.read(path, as_version=4).cells
    return "".join(output.get("text", "") for cell in cells if cell.cell_type == "code" for output in cell.outputs)


@pytest.fixture
def small_plan(tiny, home, monkeypatch):
    """One method and one seed in each plan; the names the results table expects."""
    plan = {"fine-tuning": [tiny(method="finetune", tasks=1)]}
    for name in ("single_task", "over_seeds"):
        monkeypatch.setattr(reproduce, name, lambda *_: plan)
    monkeypatch.setattr(reproduce, "of_notebooks", lambda *_: plan["fine-tuning"])
    return home


def test_notebooks_run_side_by_side_with_their_parameters(tmp_path, capfd):
    # The second notebook has no SEEDS: it must not be handed one.
    first = write_notebook(tmp_path / "a.ipynb", "print(PROFILE, SEEDS)", parameters='PROFILE = "lab"\nSEEDS = 1')
    second = write_notebook(tmp_path / "b.ipynb", "print(PROFILE, 'SEEDS' in globals())")
    taken = reproduce.execute_notebooks([first, second], tmp_path / "out", {"PROFILE": "smoke", "SEEDS": 2})
    assert {path.name for path in taken} == {"a.ipynb", "b.ipynb"}
    assert printed(tmp_path / "out" / "a.ipynb") == "smoke 2\n"
    assert printed(tmp_path / "out" / "b.ipynb") == "smoke False\n"
    assert printed(first) == ""
    assert "WARNING" not in capfd.readouterr().err  # a kernel warns of connections that are not encrypted


def test_a_notebook_that_fails_names_notebook_cell_and_error(tmp_path):
    path = write_notebook(tmp_path / "broken.ipynb", "fine = 1", "1 / 0", "print('never')")
    with pytest.raises(reproduce.NotebookFailed) as raised:
        reproduce.execute_notebooks([path], tmp_path / "out", {"PROFILE": "smoke"})
    message = str(raised.value)
    # Cell 1 holds the parameters, cell 2 what papermill put in their place.
    assert "broken.ipynb" in message and "cell [4]" in message and "ZeroDivisionError: division by zero" in message
    assert str(tmp_path / "out" / "broken.ipynb") in message
    assert "never" not in printed(tmp_path / "out" / "broken.ipynb")


def test_a_missing_notebook_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere.ipynb"):
        reproduce.execute_notebooks([tmp_path / "nowhere.ipynb"], tmp_path / "out", {})


def test_without_notebooks_prints_results_and_where_they_are(small_plan, capsys):
    assert main(["reproduce", "--profile", "smoke", "--kernel-free"]) == 0
    text = capsys.readouterr().out
    assert "3.46 / 9.30 / 10.57" in text and "orientation only" in text
    assert str(small_plan / "runs") in text
    assert not (small_plan / "runs" / "notebooks").exists()


def test_with_notebooks_keeps_executed_copies(small_plan, tmp_path, monkeypatch, capsys):
    write_notebook(tmp_path / "00_small.ipynb", "print(PROFILE)")
    monkeypatch.setattr(reproduce, "NOTEBOOKS", tmp_path)
    assert main(["reproduce", "--profile", "smoke"]) == 0
    assert printed(small_plan / "runs" / "notebooks" / "00_small.ipynb") == "smoke\n"
    assert "00_small.ipynb" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--profile", "labb"], "did you mean 'lab'"), (["--profile", "smoke", "--seeds", "0"], "seeds=0")],
)
def test_wrong_arguments_are_explained(arguments, message, capsys):
    assert main(["reproduce", *arguments]) == 1
    assert message in capsys.readouterr().err


def test_notebooks_are_copied_and_never_over_others(tmp_path, capsys):
    folder = tmp_path / "mine"
    assert main(["notebooks", str(folder)]) == 0
    names = {path.name for path in reproduce.NOTEBOOKS.glob("*.ipynb")}
    assert {path.name for path in folder.iterdir()} == names | {"solutions"} and len(names) == 9
    assert len(list((folder / "solutions").glob("*.py"))) == 6
    (folder / "01_data.ipynb").write_text("my own work")
    assert main(["notebooks", str(folder)]) == 1
    assert "01_data.ipynb" in capsys.readouterr().err
    assert (folder / "01_data.ipynb").read_text() == "my own work"
    assert main(["notebooks", str(folder), "--overwrite"]) == 0
    assert nbformat.read(folder / "01_data.ipynb", as_version=4).cells


def test_the_room_is_served_on_this_machine_only(home, monkeypatch):
    calls = []
    monkeypatch.setattr(reproduce.subprocess, "run", lambda command, **options: calls.append((command, options)))
    assert main(["room"]) == 0
    [(command, options)] = calls
    assert command[1:4] == ["-m", "voila", str(reproduce.NOTEBOOKS / "listening_room.ipynb")]
    assert "--Voila.ip=127.0.0.1" in command and "--token" in command
    assert options["env"]["CONTAV_HOME"] == str(home)


def test_the_room_wants_a_port_that_there_is(home, capsys):
    assert main(["room", "--port", "99999"]) == 1
    assert "--port 99999" in capsys.readouterr().err
