"""A real browser for the tests of this folder, and servers to look at with it; see `harness.py`."""

import os
import shutil
from collections.abc import Iterator

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--autoplay-policy=no-user-gesture-required",
]


def find_browser() -> str | None:
    """The program of a Chromium on this machine."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@pytest.fixture(scope="session")
def chromium() -> Iterator:
    """A Chromium. Where there is none, a laptop skips the tests and continuous integration (`CI` is set) fails."""
    path = find_browser()
    if path is None:
        advice = f"The browser tests need Chromium (one of {', '.join(BROWSERS)}); on Debian: apt install chromium."
        pytest.fail(advice) if os.environ.get("CI") else pytest.skip(advice)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def lab(chromium, tmp_path_factory) -> Iterator:
    """A JupyterLab: `with lab.open(cells) as screen` gives a page where the cells have run."""
    yield from _serve("jupyterlab", chromium, tmp_path_factory)


@pytest.fixture(scope="session")
def voila(chromium, tmp_path_factory) -> Iterator:
    """A Voila: `with voila.open(cells) as screen` gives the app that the cells make."""
    yield from _serve("voila", chromium, tmp_path_factory)


def _serve(app, browser, tmp_path_factory) -> Iterator:
    from harness import JupyterServer

    server = JupyterServer(tmp_path_factory.mktemp(app), app, browser)
    yield server
    server.stop()
