"""What a saved notebook shows where there is no kernel: pictures and audio elements that play."""

import nbformat
import papermill
import pytest
from harness import new_screen, write_notebook
from nbconvert import HTMLExporter
from playwright.sync_api import expect

CELLS = [
    "import numpy as np",
    "from contav_lib.widgets.stem_player import StemPlayer",
    # As hard to compress as music: notes and a little noise.
    "noise, time = 0.003 * np.random.default_rng(0).standard_normal(66150), np.arange(66150)\n"
    "tones = {f'tone {n}': 0.3 * np.sin(0.05 * n * time) * np.exp(-(time % 4000) / 2000) + noise for n in range(1, 7)}",
    *["StemPlayer(tones)"] * 4,
    "from contav_lib import plots\nplots.curves([0, 1], {'loss': [3.0, 1.0]}, 'loss');",
]


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    """Executed by papermill as the kit does it: without the widgets' state."""
    folder = tmp_path_factory.mktemp("saved")
    write_notebook(folder / "players.ipynb", CELLS)
    done = folder / "executed.ipynb"
    papermill.execute_notebook(folder / "players.ipynb", done, progress_bar=False, store_widget_state=False)
    return done


def test_four_players_stay_under_three_megabytes(notebook):
    assert notebook.stat().st_size < 3e6
    assert "widgets" not in nbformat.read(notebook, 4).metadata


def test_a_page_made_by_nbconvert_shows_and_plays(notebook, chromium, tmp_path):
    page = tmp_path / "page.html"
    page.write_text(HTMLExporter().from_filename(str(notebook))[0], encoding="utf-8")
    with new_screen(chromium) as screen:
        screen.page.goto(page.as_uri())
        check_static(screen.page, players=4)
        assert screen.page.locator("img.contav-on-light").is_visible()


def test_jupyterlab_shows_a_strangers_notebook(notebook, lab):
    """It is not trusted and nothing in it is run: JupyterLab cleans its HTML first."""
    (lab.notebooks / "stranger.ipynb").write_bytes(notebook.read_bytes())
    with lab.screen("/doc/tree/{name}.ipynb?reset", "stranger") as screen:
        expect(screen.page.locator("audio").first).to_be_visible(timeout=60_000)
        check_static(screen.page, players=1)


def check_static(page, players: int) -> None:
    light, dark = page.locator("img.contav-on-light"), page.locator("img.contav-on-dark")
    if light.count():  # JupyterLab draws what is in view
        assert "loss from 3 to 1" in light.first.get_attribute("alt") and not dark.first.is_visible()
    sounds, pictures = page.locator("audio"), page.locator("img[alt^='Waveform of tone']")
    assert sounds.count() >= 6 * players and pictures.count() >= 6 * players
    assert pictures.nth(1).evaluate("(el) => el.naturalWidth") > 100
    sounds.nth(1).evaluate("async (el) => { await el.play(); }")
    page.wait_for_function("document.querySelectorAll('audio')[1].currentTime > 0.2", timeout=10_000)
    assert sounds.nth(1).evaluate("(el) => el.duration") == pytest.approx(6.0, abs=0.05)
