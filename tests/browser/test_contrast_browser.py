"""Whether every text of the widgets can be read: 4.5 to 1 against what it stands on (WCAG AA), in light and in dark."""

import pytest
from playwright.sync_api import expect
from test_similarity_browser import FEATURES

CELLS = """
from contav_lib.widgets.blind_test import BlindTest
from contav_lib.widgets.forgetting_explorer import ForgettingExplorer
from contav_lib.widgets.listening_room import ListeningRoom
from IPython.display import display
room = ListeningRoom()
room._start()
room._open_desk()
matrix = [[18.0, None, None], [12.5, 6.0, None], [-4.0, 2.0, 9.0]]
explored = ForgettingExplorer()
explored._methods = [{"name": "mine", "tasks": [["a"], ["b"], ["c"]], "matrix": dict.fromkeys(explored._scores, matrix)}]
rated = BlindTest({name: 0.1 * torch.sin(torch.arange(9000) * pitch) for name, pitch in (("a", 0.1), ("b", 0.2))}, "rate")
display(room, explored, rated, explorer)
"""

# Of an element's text: its colour against the papers below it, each over the next one; an opacity thins out both.
CONTRASTS = """() => {
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const over = (below, colour, opacity) => {
    for (const [style, alpha] of [[`rgb(${below})`, 1], [colour, opacity]]) {
      Object.assign(context, { fillStyle: style, globalAlpha: alpha });
      context.fillRect(0, 0, 1, 1);
    }
    return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  const light = (rgb) => rgb.reduce((sum, v, i) => sum + linear(v / 255) * [0.2126, 0.7152, 0.0722][i], 0);
  const ratio = (element) => {
    const chain = [];
    for (let each = element; each; each = each.parentElement) chain.unshift(getComputedStyle(each));
    let [paper, opacity] = [[255, 255, 255], 1];
    for (const style of chain) paper = over(paper, style.backgroundColor, (opacity *= style.opacity));
    const ink = over(paper, element.matches("text") ? chain.at(-1).fill : chain.at(-1).color, opacity);
    const [dark, bright] = [light(paper), light(ink)].sort((a, b) => a - b);
    return (bright + 0.05) / (dark + 0.05);
  };
  return [...document.querySelectorAll(":is(.contav, .jupyter-widgets) *")]
    .filter((each) => each.checkVisibility() && !each.matches("option, optgroup, title, style, .contav-said"))
    .filter((each) => each.matches("select") || [...each.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
    .map((each) => [each.tagName, each.className.baseVal ?? each.className, each.textContent.trim().slice(0, 40), ratio(each)]);
}"""


def check(page) -> None:
    texts = []
    for tab in ("Listen", "Vote", "Mix"):
        page.get_by_role("tab", name=tab).click()
        page.wait_for_timeout(300)
        texts += page.evaluate(CONTRASTS)
    assert len(texts) > 300
    assert not [text for text in texts if text[-1] < 4.5]


@pytest.fixture
def cells(reference):
    return [f"%env CONTAV_HOME={reference.folder.parent.parent}", FEATURES, CELLS]


def test_all_text_can_be_read_in_jupyterlab(lab, cells):
    with lab.open(cells, "contrast") as screen:
        expect(screen.page.locator(".similarity-explorer canvas").first).to_be_visible(timeout=90_000)
        check(screen.page)
        screen.dark()
        screen.page.wait_for_timeout(2500)  # its colours come slowly
        check(screen.page)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_all_text_can_be_read_in_an_app(voila, cells, theme):
    with voila.open(cells, f"contrast-{theme}", theme) as screen:
        expect(screen.page.locator(".similarity-explorer canvas").first).to_be_visible(timeout=90_000)
        check(screen.page)
