"""The listening room as a class meets it, in Voila: an app without code, on a tiny stored experiment or two."""

import nbformat
import numpy as np
import pytest
from playwright.sync_api import expect

from contav_lib import run
from contav_lib.teaching.notebooks import NOTEBOOKS

EXPLORER = """
from contav_lib.widgets.forgetting_explorer import ForgettingExplorer
explorer = ForgettingExplorer(next(iter(room.shelves.values())), room.player)
explorer
"""


@pytest.fixture(scope="module")
def app(voila, tiny, reference):
    home = reference.folder.parent.parent
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONTAV_HOME", str(home))
        run(tiny(method="finetune", exemplars=0), progress=False)
    notebook = nbformat.read(NOTEBOOKS / "listening_room.ipynb", 4)
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    with voila.open([f"%env CONTAV_HOME={home}", *cells, EXPLORER], name="room") as screen:
        expect(screen.page.locator(".contav-stem-player")).to_be_visible(timeout=90_000)
        yield screen
        assert not screen.problems


@pytest.fixture
def player(app):
    return app.page.locator(".contav-stem-player")


def choose(app, menu: str, choice: str) -> None:
    app.page.get_by_label(menu, exact=True).select_option(choice)


def turn_to(app, tab: str) -> None:
    app.page.get_by_role("tab", name=tab).click()


def heard(player) -> np.ndarray:
    return np.array(player.evaluate("async (el) => Array.from(await el.stemPlayer.render())"))


def test_it_opens_without_code_and_plays(app, player):
    assert "ListeningRoom" not in app.page.inner_text("body")
    player.focus()
    player.press(" ")
    app.page.wait_for_function("document.querySelector('.contav-stem-player').stemPlayer.position() > 0.1")
    player.press(" ")


def test_the_menus_change_what_is_heard_and_keep_to_what_is_compared(app, player):
    assert app.ask("room.player.steps[room.player.step]") == "after task 1" and app.ask("room.player.looping")
    player.focus()
    player.press("3")
    app.becomes("len(room.player.solo)", 1)
    (stem,) = app.ask("room.player.solo")
    assert stem.endswith("(separated)")
    choose(app, "Method", "fine-tuning")
    expect(player.get_by_role("button", name=f"Solo {stem}")).to_have_attribute("aria-pressed", "true")
    of_finetuning = heard(player)
    choose(app, "Method", "ContAV-Sep")
    for _ in range(300):
        if not np.array_equal(of_finetuning, heard(player)):
            break
        app.page.wait_for_timeout(100)
    assert np.abs(of_finetuning - heard(player)).max() > 1e-4
    app.becomes("room.player.solo", [stem])
    choose(app, "Mixture", app.ask("room._mixture.options[1][0]"))
    expect(player.locator("output")).to_have_count(0)  # the last task's mixture has no earlier model


def test_the_blind_test_opens_in_sight_on_a_small_screen(app):
    app.page.set_viewport_size({"width": 1024, "height": 768})
    choose(app, "Method", "fine-tuning")
    turn_to(app, "Vote")
    choose(app, "The other", "ContAV-Sep")
    app.page.get_by_role("button", name="Start the blind test").click()
    box = app.page.locator(".contav-blind-test").bounding_box()
    assert app.page.evaluate("scrollY") == 0 and box["y"] + box["height"] < 768


def test_votes_arrive_and_are_summed_up(app):
    turn_to(app, "Vote")
    choose(app, "Method", "fine-tuning")
    choose(app, "The other", "ContAV-Sep")
    choose(app, "Times", "4")
    for kind, answer in (("Which one is better?", "A is better"), ("Can you hear a difference at all?", "X is A")):
        choose(app, "Question", kind)
        app.page.get_by_role("button", name="Start the blind test").click()
        test = app.page.locator(".contav-blind-test")
        for trial in range(4):
            expect(test.get_by_text(f"Trial {trial + 1} of 4.")).to_be_visible()
            assert "fine-tuning" not in test.inner_text()
            expect(test.get_by_role("button", name=answer)).to_be_disabled()
            for sound in ("A", "B") + ("X",) * kind.startswith("Can"):
                test.get_by_role("button", name=f"Hear {sound}").click()
            test.get_by_role("button", name=answer).click()
        expect(test.get_by_text("Done.")).to_be_visible()
    expect(app.page.get_by_text("Votes so far")).to_be_visible()
    rows = app.page.locator("table.dataframe tbody tr")
    assert rows.count() == 2
    assert "fine-tuning : ContAV-Sep" in rows.nth(0).inner_text() and " of 4 right" in rows.nth(1).inner_text()
    assert app.ask("len(room.votes)") == 8
    # Another browser votes: the class's table follows without a click.
    app.tell("room.pool.add(room.test.answers, 'another', dict(zip(('experiments', 'question', 'one', 'other'),"
             " room.votes.iloc[-1][['experiments', 'question', 'one', 'other']])))")  # fmt: skip
    expect(rows.nth(1)).to_contain_text(" of 8 right")
    assert app.ask("room.to_frame()['p'].between(0, 1).all().item()")


def test_the_forgetting_explorer_plays_into_the_room(app, player):
    app.page.locator(".forgetting-explorer [data-cell='0,0,0']").click()
    expect(player.locator("output")).to_have_text("after task 1")
    app.becomes("explorer.selected.get('learned')", 0)


def test_a_mixing_desk_opens_and_plays(app):
    turn_to(app, "Mix")
    app.page.get_by_role("button", name="Open the mixing desk").click()
    desk = app.page.locator(".contav-mixing-desk")
    expect(desk.locator("canvas")).to_have_count(7, timeout=60_000)
    desk.get_by_role("button", name="Hear separated").first.click()
    app.page.wait_for_function("document.querySelector('.contav-mixing-desk').stemPlayer.position() > 0.1")
    assert np.abs(heard(desk)).max() > 0
    desk.get_by_role("button", name="Pause").click()
