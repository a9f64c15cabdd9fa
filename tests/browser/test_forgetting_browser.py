"""The forgetting explorer as a person meets it, in JupyterLab."""

import pytest

from contav_lib.evaluation import metrics, task_matrix

CELLS = """
from contav_lib.experiments.result import Result
from contav_lib.widgets.forgetting_explorer import ForgettingExplorer
from contav_lib.widgets.stem_player import StemPlayer

result = Result({folder!r})
player = StemPlayer.from_result(result)
explorer = ForgettingExplorer({{"<b>contav</b>": result, "Müller's": result}}, player)
live = ForgettingExplorer()
"""
THEME = "theme => jupyterapp.commands.execute('apputils:change-theme', { theme })"
RECORDS = [
    {"kind": "train", "task": 0, "step": 10, "losses": {"separation": 0.5}},
    {"kind": "test", "task": 0, "step": 20, "tasks": {name: [9.0, None, None] for name in metrics.SCORES}},
    {"kind": "test", "task": 1, "step": 20, "tasks": {name: [-2.0, 8.0, None] for name in metrics.SCORES}},
    {"kind": "test", "task": 2, "step": 20, "tasks": {name: [1.0, 3.0, 7.0] for name in metrics.SCORES}},
]


@pytest.fixture(scope="module")
def opened(lab, reference):
    cells = [CELLS.format(folder=str(reference.folder)), "explorer", "live", "player"]
    with lab.open(cells, "forgetting") as screen:
        screen.page.wait_for_selector(".forgetting-explorer table")
        screen.page.wait_for_selector(".contav-stem-player")
        yield screen


@pytest.fixture
def screen(opened):
    """The page as it was at the beginning; at the end nothing may have gone wrong in it."""
    opened.tell("explorer.score, explorer._cell, live._methods, live._progress, player.step = 'sdr', {}, [], {}, 1")
    opened.page.wait_for_function("!document.querySelector('.forgetting-explorer [aria-pressed=true]')")
    yield opened
    assert opened.problems == []


@pytest.fixture
def explorer(screen):
    return screen.page.locator(".forgetting-explorer").first


@pytest.fixture
def live(screen):
    return screen.page.locator(".forgetting-explorer").nth(1)


def values(widget, method: int = 0) -> dict[str, float]:
    """The numbers in the cells of a matrix, by row and column."""
    cells = widget.locator(f"[data-cell^='{method},']").evaluate_all(
        "all => all.map(c => [c.dataset.cell, c.dataset.value])"
    )
    return {cell.split(",", 1)[1]: float(value) for cell, value in cells}


def test_cells_hold_what_was_measured_and_follow_the_score(screen, explorer, reference):
    for score, name in (("sdr", "SDR"), ("sdr_improvement", "SDR improvement")):
        explorer.locator("select").select_option(label=name)
        matrix = reference.matrix(score)
        assert values(explorer) == {f"{i},{j}": matrix[i, j] for i in range(2) for j in range(i + 1)}
        measures = explorer.locator(".card").first.locator("[data-measure]")
        shown = measures.evaluate_all("all => all.map(one => Number(one.dataset.value))")
        expected = [task_matrix.average(matrix), task_matrix.forgetting(matrix), task_matrix.backward_transfer(matrix)]
        assert shown == pytest.approx(expected, abs=1e-9)
    screen.becomes("explorer.score", "sdr_improvement")


def test_names_are_texts(explorer):
    assert explorer.locator("caption").all_inner_texts() == ["<b>contav</b>", "Müller's"]
    assert explorer.locator("caption b").count() == 0


def test_a_click_loads_that_models_example_into_the_player(screen, explorer):
    explorer.locator("[data-cell='0,0,0']").click()
    screen.page.wait_for_function("document.querySelector('.forgetting-explorer [aria-pressed=true]')")
    chosen = "[explorer.selected.get('method'), explorer.selected.get('learned'), player.step]"
    screen.becomes(chosen, ["<b>contav</b>", 0, 0])
    explorer.locator("[data-cell='1,1,1']").click()
    first = screen.ask("result.examples()[1]['labels'][0]")
    screen.becomes("[explorer.selected.get('tested'), player.names[1]]", [1, f"{first} (truth)"])
    assert "after learning task 2, on task 2" in explorer.locator(".choice").inner_text()


def test_arrow_keys_go_from_cell_to_cell(screen, explorer):
    explorer.locator("[data-cell='0,0,0']").focus()
    for key in ("ArrowDown", "ArrowRight", "Enter"):
        screen.page.keyboard.press(key)
    screen.page.wait_for_selector(".forgetting-explorer [data-cell='0,1,1'][aria-pressed=true]")
    screen.becomes("[explorer.selected.get('learned'), explorer.selected.get('tested')]", [1, 1])


def test_it_fills_row_by_row(screen, live):
    assert "No rows yet" in live.inner_text()
    screen.tell(f"live({RECORDS[0]!r})")
    live.locator("text=this run is learning task 1: step 10, loss 0.500").wait_for()
    for count, record in zip((1, 3, 6), RECORDS[1:], strict=True):
        screen.tell(f"live({record!r})")
        live.locator(f"[data-cell='0,{record['task']},0']").wait_for()
        assert len(values(live)) == count
    assert values(live) == {"0,0": 9, "1,0": -2, "1,1": 8, "2,0": 1, "2,1": 3, "2,2": 7}
    assert live.locator("polyline").count() == 3 and live.locator(".progress").inner_text() == ""


def test_formulas_are_filled_in_and_point_at_their_cells(screen, live):
    for record in RECORDS[1:]:
        screen.tell(f"live({record!r})")
    formulas = live.locator(".formula")
    live.locator("[data-cell='0,2,2']").wait_for()
    average, forgetting, transfer = (text.replace("\u00a0", " ") for text in formulas.all_inner_texts())
    assert "average 3.67 dB" in average and "= (1.00 + 3.00 + 7.00) / 3" in average
    assert "forgetting 6.50 dB" in forgetting and "= ((9.00 − 1.00) + (8.00 − 3.00)) / 2" in forgetting
    assert "transfer −6.50 dB" in transfer and "= ((1.00 − 9.00) + (3.00 − 8.00)) / 2" in transfer
    formulas.nth(1).hover()
    used = live.locator(".used").evaluate_all("all => all.map(one => one.dataset.cell).sort()")
    assert used == ["0,0,0", "0,1,1", "0,2,0", "0,2,1"]


def test_everything_that_can_be_used_has_a_name(explorer):
    assert explorer.locator("button").evaluate_all("all => all.every(one => one.ariaLabel.includes('dB'))")
    assert explorer.locator("svg[role=img]").evaluate_all("all => all.every(one => one.ariaLabel)")
    assert explorer.get_by_label("score").count() == 1


def test_it_follows_the_theme_and_outlives_its_kernel(screen, explorer, tmp_path):
    ink = "getComputedStyle(document.querySelector('.forgetting-explorer')).color"
    screen.page.evaluate(THEME, "JupyterLab Light")
    screen.page.wait_for_timeout(1500)
    light = screen.page.evaluate(ink)
    explorer.screenshot(path=tmp_path / "light.png")
    screen.dark()
    screen.page.wait_for_function(f"{ink} !== {light!r}")
    screen.page.wait_for_timeout(1500)
    explorer.screenshot(path=tmp_path / "dark.png")
    screen.page.evaluate(THEME, "JupyterLab Light")
    assert screen.problems == []

    before = values(explorer)
    screen.kill_kernel()
    explorer.locator("[data-cell='0,1,0']").click()
    explorer.locator("text=The kernel does not answer").wait_for()
    explorer.locator("select").select_option(label="SIR")
    assert values(explorer).keys() == before.keys() and values(explorer) != before
    assert "after learning task 2, on task 1" in explorer.locator(".choice").inner_text()
