"""The similarity explorer as a person meets it, in JupyterLab."""

import numpy as np
import pytest

FEATURES = """
import torch
from contav_lib.analysis.similarity import SourceFeatures
from contav_lib.widgets.similarity_explorer import SimilarityExplorer

torch.manual_seed(0)
classes = torch.tensor([3, 0, 1, 2, 3, 0, 1, 2])
features = {name: torch.randn(3, 8, 6) for name in ("audio", "object", "motion")}
for value in features.values():
    value[0, classes > 1] = float("nan")  # the first model knows the first task only
heard = SourceFeatures(
    features, classes, [["cello", "<img src=x onerror=alert(1)>"], ["flöte", "violin"]],
    videos=[7, 1, 2, 3, 7, 5, 6, 8],
    sound=lambda row: 0.5 * torch.sin(torch.arange(3000) * (0.05 + 0.01 * row)),
    picture=lambda row: torch.full((30, 40, 3), 20 * row, dtype=torch.uint8).numpy(),
)
explorer = SimilarityExplorer(heard)
"""
CELLS = [FEATURES, "explorer"]
THEME = "theme => jupyterapp.commands.execute('apputils:change-theme', { theme })"
# Notes what is started in the page: samples, and when.
EAVESDROP = """() => {
  window.started = [];
  const start = AudioBufferSourceNode.prototype.start;
  AudioBufferSourceNode.prototype.start = function (when) {
    window.started.push({ when, samples: [...this.buffer.getChannelData(0)], rate: this.buffer.sampleRate });
    return start.apply(this, arguments);
  };
}"""


@pytest.fixture(scope="module")
def opened(lab):
    with lab.open(CELLS, "similarity") as screen:
        screen.page.wait_for_selector(".similarity-explorer canvas[data-panel=new]")
        yield screen


@pytest.fixture
def screen(opened):
    """The page as it was at the beginning; at the end nothing may have gone wrong in it."""
    opened.tell(
        "explorer.pair, explorer.model, explorer.old, explorer.view = ('audio', 'object'), 2, -1, 'models'\n"
        "explorer.average, explorer.order, explorer.positives, explorer._cell = False, 'learned', 'none', {}"
    )
    opened.page.wait_for_function(
        "document.querySelector('figure.new figcaption')?.textContent === 'new: after task 3'"
    )
    opened.page.wait_for_function("!document.querySelector('.detail .clip')")
    yield opened
    assert opened.problems == []


def shown(screen, panel: str) -> np.ndarray:
    """The numbers behind a panel of the page."""
    numbers = screen.page.evaluate(
        "panel => [...document.querySelector(`canvas[data-panel=${panel}]`).values].map(v => isNaN(v) ? null : v)",
        panel,
    )
    return np.array(numbers, dtype=float).reshape(2 * [int(len(numbers) ** 0.5)])


def expected(screen, panel: str, order: str) -> np.ndarray:
    """The numbers that Python has for it."""
    numbers = screen.ask(f"[[None if v != v else v for v in row] for row in explorer.matrix({panel!r}).tolist()]")
    places = screen.ask(order)
    return np.array(numbers, dtype=float)[np.ix_(places, places)]


def click(screen, panel: str, row: int, column: int) -> None:
    """Click the middle of a cell, by its place in the picture; Python has been told at the end."""
    screen.page.locator(f"canvas[data-panel={panel}]").click(position=middle(screen, panel, row, column))
    screen.becomes("bool(explorer._cell)", True)


def middle(screen, panel: str, row: int, column: int) -> dict[str, float]:
    """The middle of a cell, in pixels from the canvas' corner."""
    left, top, side = screen.page.evaluate(
        """panel => {
          const { left, top, side } = document.querySelector(`canvas[data-panel=${panel}]`).panel;
          return [left, top, side];
        }""",
        panel,
    )
    size = len(shown(screen, panel))
    return {"x": left + (column + 0.5) * side / size, "y": top + (row + 0.5) * side / size}


def choose(screen, control: str, text: str) -> None:
    """Choose from a menu; the panels are made anew with the next frame."""
    screen.page.locator(f"select[data-name={control}]").select_option(label=text)
    screen.page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


@pytest.mark.parametrize("panel", ["old", "new", "difference"])
def test_the_numbers_are_pythons(screen, panel):
    np.testing.assert_allclose(
        shown(screen, panel), expected(screen, panel, "heard.order_learned().tolist()"), atol=1e-6
    )


def test_every_class_has_its_name_at_its_row_and_its_column(screen):
    screen.page.evaluate(
        """() => {
          window.written = [];
          const write = CanvasRenderingContext2D.prototype.fillText;
          CanvasRenderingContext2D.prototype.fillText = function (text, x, y, most) {
            const { a } = this.getTransform(); // 0 where the text is turned
            window.written.push([this.canvas.dataset.panel, Math.abs(a) < 0.1, text, y, parseFloat(this.font)]);
            return write.call(this, text, x, y, most);
          };
        }"""
    )
    choose(screen, "average", "means of classes")
    classes = screen.ask("heard.labels")
    written = screen.page.evaluate("window.written")
    assert written
    for panel, turned in [("new", True), ("new", False), ("old", True), ("old", False), ("difference", True)]:
        own = [row for row in written if row[0] == panel and row[1] == turned]
        if turned or panel == "old":
            assert list(dict.fromkeys(row[2] for row in own)) == classes
            places = [row[3] for row in own][: len(classes)]
            assert min(np.diff(places)) >= own[0][4] >= 7  # no name lies upon another one
        else:
            assert not own  # the rows' names stand once, at the first panel


def test_the_slider_changes_the_matrix(screen):
    before = shown(screen, "new")
    slider = screen.page.locator(".similarity-explorer input[type=range]")
    slider.focus()
    screen.page.keyboard.press("ArrowLeft")
    screen.page.wait_for_function("document.querySelector('figure.new figcaption').textContent === 'new: after task 2'")
    assert slider.get_attribute("aria-valuetext") == "after task 2"
    after = shown(screen, "new")
    screen.becomes("explorer.model", 1)
    assert np.abs(after - before).max() > 0.1
    np.testing.assert_allclose(after, expected(screen, "new", "heard.order_learned().tolist()"), atol=1e-6)
    np.testing.assert_allclose(
        shown(screen, "old"), expected(screen, "old", "heard.order_learned().tolist()"), atol=1e-6
    )
    assert np.isnan(shown(screen, "old"))[4:].all()  # the first model does not know the last four
    screen.page.keyboard.press("ArrowLeft")
    screen.page.wait_for_selector("canvas[data-panel=old]", state="detached")


def test_menus_change_pair_order_and_averaging(screen):
    choose(screen, "pair", "object × motion")
    choose(screen, "order", "alike together")
    screen.becomes("[explorer.pair, explorer.order]", [["object", "motion"], "clustered"])
    order = "heard.order_clustered(explorer.pair, 2).tolist()"
    np.testing.assert_allclose(shown(screen, "new"), expected(screen, "new", order), atol=1e-6)
    choose(screen, "average", "means of classes")
    screen.becomes("explorer.average", True)
    np.testing.assert_allclose(shown(screen, "difference"), expected(screen, "difference", "list(range(4))"), atol=1e-6)


def test_hovering_tells_pair_and_value(screen):
    value = shown(screen, "new")[2, 5]
    screen.page.locator("canvas[data-panel=new]").hover(position=middle(screen, "new", 2, 5))
    text = screen.page.locator(".readout").inner_text()
    assert "sound of <img src=x onerror=alert(1)> 1 × object of flöte 2" in text
    assert f"new {value:.3f}".replace("-", "−") in text


def test_a_click_plays_both_sounds_and_shows_both_frames(screen):
    screen.page.evaluate(EAVESDROP)
    click(screen, "new", 0, 7)
    screen.page.wait_for_selector(".clip:nth-of-type(3) img, .clip + .clip img")
    screen.page.wait_for_function("window.started.length >= 2")
    first, second = screen.page.evaluate("window.started")
    places = screen.ask("[explorer._cell['row'][1], explorer._cell['column'][1]]")
    for sound, place in zip((first, second), places, strict=True):
        assert sound["rate"] == 4 * 11_025
        np.testing.assert_allclose(sound["samples"][::4], screen.ask(f"heard.sound({place}).tolist()"), atol=1e-4)
    assert second["when"] > first["when"] + len(first["samples"]) / first["rate"]
    screen.page.wait_for_function("Object.values(window.contavAudio)[0].state === 'running'")
    widths = screen.page.evaluate("[...document.querySelectorAll('.clip img')].map(image => image.naturalWidth)")
    assert widths == [40, 40]
    screen.becomes("explorer.selected.get('value')", pytest.approx(shown(screen, "new")[0, 7], abs=1e-6))
    assert screen.ask("[explorer.selected['row'], explorer.selected['column']]") == ["cello 1", "violin 2"]


@pytest.mark.parametrize(("rule", "equation"), [("video", "eq. 7: same video"), ("class", "eq. 9: same class")])
@pytest.mark.parametrize("view", ["old | new | difference", "rows of eq. 7 to 10"])
def test_the_loss_of_a_row_is_pythons(screen, rule, equation, view):
    choose(screen, "view", view)
    choose(screen, "positives", equation)
    panel = "rows" if view.startswith("rows") else "new"
    screen.page.wait_for_selector(f"canvas[data-panel={panel}]")
    click(screen, panel, 6, 1)
    result = screen.page.locator(".loss .result")
    result.wait_for()
    assert float(result.get_attribute("data-loss")) == pytest.approx(
        screen.ask("float(explorer.loss_table()['term'].sum())"), abs=1e-6
    )
    mean = (
        "float(__import__('contav_lib.losses').losses.contrastive_loss(r.features['audio'], r.features['object'], "
        f"r.positives[{rule!r}], 0.05))"
    )
    rows = "heard.rows(2, 1)" if panel == "rows" else "heard.rows(2)"
    shown_mean = float(screen.page.locator(".loss .mean").get_attribute("data-loss"))
    assert shown_mean == pytest.approx(screen.ask(f"(lambda r: {mean})({rows})"), abs=1e-5)


def test_the_keyboard_goes_from_cell_to_cell_and_plays(screen):
    screen.page.locator("canvas[data-panel=new]").focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "Enter"):
        screen.page.keyboard.press(key)
    screen.page.wait_for_selector(".detail .clip img")
    order = screen.ask("heard.order_learned().tolist()")
    screen.becomes("explorer._cell and [explorer._cell[name][1] for name in ('row', 'column')]", [order[2], order[1]])


def test_every_control_and_panel_has_a_name(screen):
    nameless = screen.page.evaluate(
        """() => [...document.querySelectorAll('.similarity-explorer :is(select, input, button, canvas)')]
          .filter(e => !e.ariaLabel && !e.closest('label')?.textContent.trim() && !e.textContent.trim()).length"""
    )
    assert nameless == 0


def test_it_follows_the_theme(screen, tmp_path):
    widget = screen.page.locator(".similarity-explorer")
    neutral = """() => {
      const scale = document.querySelector('.similarity-explorer .scale canvas');
      return [...scale.getContext('2d').getImageData(128, 0, 1, 1).data].slice(0, 3).reduce((a, b) => a + b);
    }"""
    screen.page.evaluate(THEME, "JupyterLab Light")
    screen.page.wait_for_function(f"({neutral})() > 600")  # what is unrelated has nearly the colour of the paper
    widget.screenshot(path=tmp_path / "light.png")
    screen.dark()
    screen.page.wait_for_function(f"({neutral})() < 200")
    widget.screenshot(path=tmp_path / "dark.png")
    screen.page.evaluate(THEME, "JupyterLab Light")


def test_it_works_as_an_app(voila):
    with voila.open(CELLS, "similarity") as screen:
        screen.page.wait_for_selector("canvas[data-panel=new]", timeout=60_000)
        click(screen, "new", 0, 7)
        screen.page.wait_for_function("document.querySelectorAll('.clip img').length === 2")
        assert screen.problems == []


def test_a_reload_restores_what_was_set_and_a_dead_kernel_leaves_the_numbers(lab):
    with lab.open(CELLS, "similarity_reload") as screen:
        page = screen.page
        page.wait_for_selector("canvas[data-panel=new]")
        choose(screen, "positives", "eq. 9: same class")
        click(screen, "new", 1, 2)
        page.wait_for_selector(".loss .result")
        before = shown(screen, "new"), page.locator(".loss .result").inner_text()
        page.evaluate("jupyterapp.commands.execute('docmanager:save')")
        page.wait_for_timeout(1500)
        page.reload()
        page.wait_for_selector(".loss .result", timeout=60_000)
        np.testing.assert_array_equal(shown(screen, "new"), before[0])
        assert page.locator(".loss .result").inner_text() == before[1]
        assert page.locator("select[data-name=positives]").evaluate("menu => menu.selectedOptions[0].textContent") == (
            "eq. 9: same class"
        )

        screen.kill_kernel()
        page.locator("canvas[data-panel=new]").press("ArrowDown")
        page.wait_for_selector("text=The kernel does not answer")
        page.locator(".similarity-explorer input[type=range]").press("ArrowLeft")
        page.wait_for_selector("text=new: after task 2")
        assert not np.allclose(shown(screen, "new"), before[0])
        page.locator("canvas[data-panel=new]").click(position=middle(screen, "new", 3, 5))
        page.wait_for_selector(".detail .clip")
        assert screen.problems == []
