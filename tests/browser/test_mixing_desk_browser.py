"""The mixing desk as a learner meets it: what is chosen, dragged and typed arrives in Python, is answered, seen and heard."""

import numpy as np
import pytest
from playwright.sync_api import expect
from samples import write_tone

DESK = """
from contav_lib import Result
from contav_lib.widgets.mixing_desk import MixingDesk
desk = MixingDesk({{"tiny": Result({folder!r})}}, ["drum", "flute"])
desk
"""


@pytest.fixture(scope="module")
def screen(lab, reference):
    home = reference.folder.parent.parent
    with lab.open([f"%env CONTAV_HOME={home}", DESK.format(folder=str(reference.folder))], name="desk") as screen:
        expect(screen.page.locator(".contav-mixing-desk canvas")).to_have_count(7, timeout=90_000)
        yield screen
        assert not screen.problems


@pytest.fixture
def desk(screen):
    """The desk as it was at the beginning."""
    root = screen.page.locator(".contav-mixing-desk")
    screen.tell("first = globals().get('first') or desk.wanted")
    screen.tell("desk.wanted = {**first, 'number': desk.wanted['number'] + 1}")
    root.evaluate("(el) => el.stemPlayer.pause()")
    expect(root.locator(".contav-strip")).to_have_count(2)
    expect(root.get_by_label("Class asked for, sound 1")).to_have_value("drum")
    root.scroll_into_view_if_needed()
    return root


def heard(desk) -> np.ndarray:
    return np.array(desk.evaluate("async (el) => Array.from(await el.stemPlayer.render())"))


def sound(screen, number: int) -> np.ndarray:
    """As Python sent it."""
    return np.array(
        screen.ask(f"(np.frombuffer(desk.sounds[{number}], '<i2') / 32767 * desk.scales[{number}]).tolist()")
    )


@pytest.fixture(scope="module", autouse=True)
def numpy_there(screen):
    screen.tell("import numpy as np")


def test_each_sound_has_a_button_and_all_play_on_one_clock(screen, desk):
    for number, name in enumerate(["mixture", "in the mixture", "separated"]):
        button = desk.get_by_role("button", name=f"Hear {name}").first
        button.click()
        screen.page.wait_for_function("(el) => el.stemPlayer.playing", arg=desk.element_handle())
        expect(button).to_have_attribute("aria-pressed", "true")
        np.testing.assert_allclose(heard(desk), sound(screen, number), atol=1e-4)
        if not number:
            start = desk.evaluate("(el) => [el.stemPlayer.when, el.stemPlayer.context.currentTime]")[0]
        assert desk.evaluate("(el) => el.stemPlayer.when") == start  # it goes on; only what is heard of it changes
    button.click()
    assert desk.evaluate("(el) => el.stemPlayer.playing") is False


def test_a_gain_that_is_dragged_is_answered_last_and_heard_at_once(screen, desk):
    desk.get_by_role("button", name="Hear in the mixture").first.click()
    before = sound(screen, 1)
    number = screen.ask("desk.answer['number']")
    slider = desk.get_by_role("slider", name="Gain of sound 1, dB")
    slider.evaluate(
        """(el) => { for (let gain = -1; gain >= -20; gain--) { el.value = gain; el.dispatchEvent(new Event("input")); } }"""
    )
    screen.becomes("[desk.wanted['slots'][0]['gain'], desk.answer['number'] == desk.wanted['number']]", [-20, True])
    assert screen.ask("desk.answer['number']") - number <= 3  # not one answer a step
    expect(desk).not_to_have_class("contav-waiting")
    np.testing.assert_allclose(sound(screen, 1), before / 10, atol=1e-4)
    screen.page.wait_for_timeout(300)
    np.testing.assert_allclose(heard(desk), before / 10, atol=1e-4)
    assert desk.evaluate("(el) => el.stemPlayer.playing")
    assert (
        f"{screen.ask('desk.answer')['stems'][0]['sdr']:.1f}".replace("-", "−")
        in desk.locator(".contav-scores").first.inner_text()
    )


def test_pictures_are_swapped_by_dragging_by_clicking_and_by_menu(screen, desk):
    shown = "[[slot['looks'], slot['motion']] for slot in desk.wanted['slots']]"
    pictures = desk.locator(".contav-picture")
    source = pictures.nth(0).locator("img").get_attribute("src")
    pictures.nth(0).drag_to(pictures.nth(1))
    screen.becomes(shown, [[1, 1], [0, 0]])
    expect(pictures.nth(0)).to_contain_text("picture 2")
    assert pictures.nth(1).locator("img").get_attribute("src") == source
    pictures.nth(1).focus()
    pictures.nth(1).press("Enter")
    screen.becomes(shown, [[0, 0], [1, 1]])
    desk.get_by_label("motion shown for sound 2").select_option("nothing")
    screen.becomes(shown, [[0, 0], [1, -1]])


def test_menus_choose_clip_class_and_task(screen, desk):
    desk.get_by_label("Clip of sound 1").select_option("banjo/test1")
    screen.becomes("[desk.wanted['slots'][0][key] for key in ('clip', 'asked')]", ["banjo/test1", "banjo"])
    screen.becomes("desk.answer['stems'][0]['name']", "banjo")
    late = screen.ask("Result(desk._mixer.results['tiny'].folder).tasks[1][0]")
    desk.get_by_label("Class asked for, sound 1").select_option(late)
    desk.get_by_label("after", exact=True).select_option("0")
    expect(desk.get_by_role("alert")).to_contain_text("can't be asked for")
    expect(desk.locator("canvas")).to_have_count(0)
    expect(desk.locator(f"option[value={late}]").first).to_contain_text("not learned yet")
    desk.get_by_label("after", exact=True).select_option("1")
    expect(desk.locator("canvas")).to_have_count(7)


def test_six_seconds_or_a_crop_are_heard(screen, desk):
    assert heard(desk).size == 6 * 11_025
    assert desk.locator(".contav-seconds").first.inner_text().split() == ["0", "1", "2", "3", "4", "5", "6", "s"]
    desk.get_by_label("Length", exact=True).select_option("false")
    screen.becomes("[desk.wanted['whole'], desk.answer['seconds'] < 3]", [False, True])
    screen.page.wait_for_function("(el) => el.stemPlayer.duration < 3", arg=desk.element_handle())


def test_sounds_are_added_muted_and_removed(screen, desk):
    add = desk.get_by_role("button", name="Add a sound")
    add.click()
    expect(desk.locator("canvas")).to_have_count(10)
    add.click()
    expect(add).to_be_hidden()
    desk.get_by_role("button", name="Mute sound 4").click()
    expect(desk.locator(".contav-scores").nth(3)).to_contain_text("silent")
    desk.locator(".contav-picture").nth(0).click()  # the first two change places
    desk.get_by_role("button", name="Remove sound 1").click()
    expect(desk.locator(".contav-strip")).to_have_count(3)
    screen.becomes("[slot['looks'] for slot in desk.wanted['slots']]", [0, 1, 2])
    desk.get_by_role("button", name="Remove sound 3").click()
    expect(desk.get_by_role("button", name="Remove sound 1")).to_be_disabled()


def test_the_keyboard_plays_and_chooses(screen, desk):
    desk.focus()
    for key, number in (("0", 0), ("2", 4), ("Shift+Digit1", 1)):
        desk.press(key)
        np.testing.assert_allclose(heard(desk), sound(screen, number), atol=1e-4)
    desk.press(" ")
    assert desk.evaluate("(el) => el.stemPlayer.playing") is False
    assert screen.page.locator(".jp-CodeCell").count() == 2  # the notebook has not taken a key


def test_a_file_of_ones_own_travels_and_is_mixed(screen, desk, tmp_path):
    write_tone(tmp_path / "mine.mp4", 330.0, np.random.default_rng(0))
    desk.locator("input[type=file]").nth(1).set_input_files(tmp_path / "mine.mp4")
    expect(desk.get_by_label("Clip of sound 2")).to_have_value("your file: mine.mp4", timeout=30_000)
    screen.becomes("desk.answer['stems'][1]['name']", "mine.mp4")
    desk.get_by_role("button", name="Hear in the mixture").nth(1).click()
    screen.page.wait_for_timeout(300)
    own = heard(desk)
    spectrum = np.abs(np.fft.rfft(own * np.hanning(len(own))))
    assert np.fft.rfftfreq(len(own), 1 / 11_025)[spectrum.argmax()] == pytest.approx(330, abs=8)


def test_what_is_no_media_file_is_told(screen, desk, tmp_path):
    (tmp_path / "notes.mp3").write_text("no sound at all")
    desk.locator("input[type=file]").first.set_input_files(tmp_path / "notes.mp3")
    expect(desk).to_contain_text("notes.mp3: is not a media file")
