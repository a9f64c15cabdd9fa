"""Blind tests answered in an app (Voila) and in Notebook 7: what arrives in Python."""

from importlib.util import find_spec

import numpy as np
import pytest
from playwright.sync_api import expect

SETUP = """
import numpy as np
from contav_lib.widgets.blind_test import BlindTest
from contav_lib.widgets.stem_player import StemPlayer
one, two = (0.1 * np.random.default_rng(seed).standard_normal(22050).clip(-3, 3) for seed in (1, 2))
methods = {"finetune": one, "contav": two}
"""
ABX = "abx = BlindTest(methods, 'abx', trials=5, seed=1)\nabx"
RATE = "rate = BlindTest(methods, 'rate', trials=2, references=[one], seed=1)\nrate"
PLAYER = "player = StemPlayer({'one': one, 'two': two})\nplayer"


@pytest.fixture(scope="module")
def app(voila):
    with voila.open([SETUP, ABX, RATE, PLAYER], name="app") as screen:
        expect(screen.page.locator(".contav-blind-test")).to_have_count(2, timeout=60_000)
        yield screen
        assert not screen.problems


def hear(test, key: str) -> np.ndarray:
    test.press(key)
    return np.array(test.evaluate("async (el) => Array.from((await el.stemPlayer.render()).slice(0, 2000))"))


def test_abx_by_keys_arrives_in_python(app):
    test = app.page.locator(".contav-blind-test").nth(0)
    test.focus()
    for trial in range(5):
        expect(test.get_by_text(f"Trial {trial + 1} of 5.")).to_be_visible()
        a, b, x = (hear(test, key) for key in "abx")
        assert np.abs(a - b).max() > 0.01
        test.press("1" if np.allclose(a, x, atol=1e-4) else "2")
    expect(test.get_by_text("5 of 5 right. A and B were finetune and contav.")).to_be_visible()
    app.becomes("abx.answers['correct'].tolist()", [True] * 5)
    assert app.ask("abx.p_value") == pytest.approx(0.5**5)


def test_marks_by_mouse_arrive_in_python(app):
    test = app.page.locator(".contav-blind-test").nth(1)
    for trial in range(2):
        expect(test.get_by_text(f"Trial {trial + 1} of 2.")).to_be_visible()
        send = test.get_by_role("button", name="Send these marks")
        expect(send).to_be_disabled()
        test.get_by_role("button", name="Hear Reference").click()
        assert test.evaluate("(el) => el.stemPlayer.playing")
        test.get_by_role("radio", name="A: 4").check()
        test.get_by_role("radio", name="B: 2").check()
        expect(send).to_be_disabled()
        expect(test.get_by_text("Listen to A and B first.")).to_be_visible()
        for sound in "AB":
            test.get_by_role("button", name=f"Hear {sound}").click()
        send.click()
    expect(test.get_by_text("Done.")).to_be_visible()
    app.becomes("rate.answers[['rating_a', 'rating_b']].values.tolist()", [[4, 2], [4, 2]])
    assert app.ask("rate.answers['chosen'].tolist() == rate.answers['a'].tolist()")
    assert not test.evaluate("(el) => el.stemPlayer.playing")


def test_names_are_hidden_until_the_end(voila):
    with voila.open([SETUP, "BlindTest(methods, 'pick', trials=1, seed=1)"], name="hidden") as screen:
        test = screen.page.locator(".contav-blind-test")
        expect(test.get_by_text("Trial 1 of 1.")).to_be_visible(timeout=60_000)
        assert "finetune" not in test.inner_text()
        for sound in "AB":
            test.get_by_role("button", name=f"Hear {sound}").click()
        test.get_by_role("button", name="A is better").click()
        expect(test.get_by_text("finetune was preferred")).to_be_visible()


def test_the_stem_player_works_in_an_app(app):
    player = app.page.locator(".contav-stem-player")
    player.focus()
    player.press("2")
    player.press(" ")
    app.page.wait_for_function("document.querySelector('.contav-stem-player').stemPlayer.position() > 0.1")
    player.press(" ")
    app.becomes("player.solo", ["two"])
    app.becomes("0.1 < player.position < 2", True)


@pytest.mark.skipif(find_spec("notebook") is None, reason="Notebook 7 is not installed: pip install notebook")
def test_the_stem_player_works_in_notebook_7(lab):
    with lab.open([SETUP, PLAYER], name="seven") as screen:
        expect(screen.page.locator(".contav-stem-player")).to_be_visible()
        screen.page.evaluate("jupyterapp.commands.execute('docmanager:save')")
        screen.tell("player.solo = ['one']")
        screen.page.goto(f"{lab.url}/notebooks/seven.ipynb?token={lab.token}")
        player = screen.page.locator(".contav-stem-player")
        expect(player.get_by_role("button", name="Solo one")).to_have_attribute("aria-pressed", "true", timeout=60_000)
        player.press("2")
        # Its console isn't ours: JupyterLab's extensions complain of Notebook.
        screen.becomes("player.solo", ["two"])
