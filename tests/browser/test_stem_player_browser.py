"""The stem player as a listener meets it: what is seen, what would be heard, what arrives in Python."""

import numpy as np
import pytest
from player_page import RATE, SETUP, Player, noise
from playwright.sync_api import expect

PLAIN = """
plain = StemPlayer({"one": noise(1), "two": noise(2, level=0.02), "drei – 三": noise(3)})
plain
"""
VERSIONS = """
takes = [noise(5), noise(6), noise(7)]
versions = StemPlayer(
    {"mixture": noise(4), "violin (truth)": noise(5), "violin (separated)": takes}
    | {"tuba (truth)": noise(8), "tuba (separated)": noise(9)},
    steps=["after task 1", "after task 2", "after task 3"],
    remarks={"violin (separated)": ["SDR 9.0, SIR 12.0 dB: clean", "SDR 3.0, SIR 4.0 dB: leftovers", "not learned yet"]},
)
versions
"""
ODD = """
names = [f"stem {n}" for n in range(39)] + ["<img src=x onerror='window.hacked = true'><b>bold</b>"]
stems = {name: noise(n, 0.5) for n, name in enumerate(names)}
odd = StemPlayer(stems | {"none": np.zeros(100), "hot": np.ones(100)}, spectrograms=False)
odd
"""

BLIND = """
from contav_lib.widgets.blind_test import BlindTest
BlindTest({"one": noise(1), "two": noise(2)}, trials=3)
"""


@pytest.fixture(scope="module")
def screen(lab):
    with lab.open([SETUP, PLAIN, VERSIONS, ODD, BLIND], name="players") as screen:
        expect(screen.page.locator(".contav-stem-player")).to_have_count(3)
        yield screen
        assert not screen.problems


@pytest.fixture
def plain(screen) -> Player:
    player = Player(screen, "plain", 0)
    player.reset()
    return player


@pytest.fixture
def versions(screen) -> Player:
    player = Player(screen, "versions", 1)
    player.reset()
    return player


def test_all_stems_sound_as_their_sum_and_a_solo_as_the_stem(plain):
    assert np.abs(plain.render() - (noise(1) + noise(2, level=0.02) + noise(3))).max() < 1e-3
    plain.button("Solo two").click()
    assert np.abs(plain.render() - noise(2, level=0.02)).max() < 1e-4
    plain.button("Solo one").click()
    assert np.abs(plain.render() - (noise(1) + noise(2, level=0.02))).max() < 1e-3
    plain.in_python("solo", ["two", "one"])


def test_mute_gain_and_volume_do_what_they_say(plain):
    plain.button("Mute one").click()
    assert np.abs(plain.render() - (noise(2, level=0.02) + noise(3))).max() < 1e-3
    plain.button("Hear only drei – 三").click()
    plain.root.get_by_role("slider", name="Gain of drei – 三, dB").fill("-20")
    plain.root.get_by_role("slider", name="Volume").fill("0.5")
    plain.wait_for("engine.level === 0.5")
    assert np.abs(plain.render() - 0.05 * noise(3)).max() < 1e-4
    plain.in_python("gains", {"drei – 三": -20.0})


def test_equal_loudness_and_true_levels(plain):
    switch = plain.root.get_by_role("checkbox", name="equal loudness")
    switch.check()
    levels = []
    for name in ("one", "two"):
        plain.button(f"Hear only {name}").click()
        levels.append(plain.render().std())
    assert levels[0] == pytest.approx(levels[1], rel=0.1)
    switch.uncheck()
    assert plain.render().std() == pytest.approx(levels[1] * 0.2, rel=0.2)


def test_the_cursor_moves_with_the_sound_and_sits_where_it_was_sought(plain):
    plain.drag(0.25, 0.25)
    assert plain.js("engine.position()") == pytest.approx(0.5, abs=0.03)
    plain.in_python("playing", False)
    plain.root.press(" ")
    plain.wait_for("engine.playing && engine.position() > 0.7")
    sample = """await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(
        [engine.position(), engine.context.currentTime, parseFloat(el.querySelector('.contav-cursor').style.left)]))))"""
    (position, clock, cursor), (later, later_clock, later_cursor) = plain.js(sample), plain.js(sample)
    assert later > position and later_cursor > cursor
    assert later - position == pytest.approx(later_clock - clock, abs=0.03)
    assert later_cursor / 100 * 2.0 == pytest.approx(later, abs=0.03)
    before = plain.js("engine.context.currentTime")
    plain.drag(0.1, 0.1)  # while it plays
    position, after = plain.js("[engine.position(), engine.context.currentTime]")
    assert 0.17 <= position <= 0.23 + after - before  # it has gone on since, however busy the machine is
    plain.root.press(" ")
    assert plain.js("engine.playing") is False


def test_switching_stems_does_not_disturb_the_clock(plain):
    plain.root.press(" ")
    offsets = []
    for key in ("1", "2", "0", "3"):
        plain.root.press(key)
        offsets.append(plain.js("engine.position() - engine.context.currentTime"))
    assert np.ptp(offsets) < 0.001
    plain.root.press(" ")


def test_a_loop_repeats_its_region(plain):
    plain.drag(0.25, 0.5)
    plain.in_python("looping", True)
    loop = plain.screen.ask("plain.loop")
    assert loop == pytest.approx([0.5, 1.0], abs=0.02)
    plain.root.press(" ")
    plain.screen.page.wait_for_timeout(300)
    seen = [
        plain.js("[engine.position(), engine.context.currentTime]")
        for _ in range(12)
        if not plain.screen.page.wait_for_timeout(70)
    ]
    assert all(loop[0] <= position <= loop[1] for position, _ in seen)
    assert any(later < position for (position, _), (later, _) in zip(seen, seen[1:], strict=False))
    plain.root.press("l")
    plain.in_python("looping", False)
    plain.wait_for("!engine.playing")  # it ran to the end
    assert plain.js("engine.position()") == 0


def test_keys(plain):
    plain.root.press("2")
    plain.in_python("solo", ["two"])
    plain.root.press("2")
    plain.in_python("solo", [])
    plain.root.press("Shift+Digit3")
    plain.in_python("mute", ["drei – 三"])
    plain.root.press("0")
    plain.in_python("mute", [])
    plain.root.press("ArrowRight")
    assert plain.js("engine.position()") == 1.0
    plain.root.press("[")
    plain.root.press("Shift+ArrowLeft")
    assert plain.js("engine.position()") == pytest.approx(0.9)
    plain.in_python("loop", [1.0, 2.0])
    plain.root.press("ArrowDown")
    plain.in_python("volume", 0.9)
    plain.root.press("e")
    plain.in_python("matched", True)
    plain.root.press("w")
    plain.in_python("view", "spectrogram")
    assert plain.root.locator(".contav-lane canvas").count() == 3
    # None of them reached JupyterLab, where "l" numbers lines.
    assert plain.screen.page.locator(".cm-lineNumbers:visible").count() == 0


def test_arrow_keys_move_a_slider_and_not_the_notebook(screen, plain):
    volume = plain.root.get_by_role("slider", name="Volume")
    volume.press("ArrowLeft")
    plain.in_python("volume", 0.99)
    seek = screen.page.locator(".contav-blind-test").get_by_role("slider", name="Position")
    for key in ("ArrowRight", "ArrowRight", "ArrowUp"):
        seek.press(key)
    assert seek.evaluate("(el) => document.activeElement === el")
    assert screen.page.locator(".contav-blind-test").evaluate("(el) => el.stemPlayer.position()") == pytest.approx(0.03)


def test_versions_of_a_stem_at_one_key(versions):
    expected = {"violin (truth)": noise(5), "violin (separated)": noise(6), "violin (residual)": noise(6) - noise(5)}
    versions.reset(step=1, solo=["mixture"])
    for name, waveform in expected.items():
        versions.root.press("v")
        versions.in_python("solo", [name])
        assert np.abs(versions.render() - waveform).max() < 1e-3
    versions.button("Solo tuba (truth)").click()
    versions.root.press("v")
    versions.in_python("solo", ["tuba (truth)", "violin (truth)"])  # one of each group


def test_the_slider_goes_through_the_tasks(versions):
    versions.button("Hear only violin (separated)").click()
    shapes = []
    for step, label in enumerate(("after task 1", "after task 2", "after task 3")):
        versions.root.get_by_role("slider", name="Step").fill(str(step))
        expect(versions.root.locator("output")).to_have_text(label)
        assert np.abs(versions.render() - noise(5 + step)).max() < 1e-3
        shapes.append(versions.root.locator(".contav-stem").nth(2).locator("path").get_attribute("d"))
    assert len(set(shapes)) == 3
    versions.in_python("step", 2)
    versions.screen.tell("versions.step = 0")
    expect(versions.root.locator("output")).to_have_text("after task 1")


def test_what_is_said_of_a_sound_follows_the_slider(versions):
    said = versions.root.get_by_role("group", name="violin (separated)", exact=True).locator(".contav-remark")
    expect(said).to_have_text("SDR 9.0, SIR 12.0 dB: clean")
    versions.root.press(".")
    expect(said).to_have_text("SDR 3.0, SIR 4.0 dB: leftovers")
    versions.button("Hear only violin (separated)").click()
    expect(versions.root.locator(".contav-said")).to_contain_text("violin (separated), SDR 3.0, SIR 4.0 dB: leftovers")
    assert said.evaluate("one => one.scrollWidth <= one.parentElement.clientWidth")


def test_masks_are_shares_of_the_mixture(versions):
    versions.root.get_by_role("combobox", name="View").select_option("mask")
    colour = "Array.from(el.querySelectorAll('canvas')[0].getContext('2d').getImageData(60, 40, 1, 1).data)"
    assert versions.js(colour) == [252, 253, 191, 255]  # the mixture has all of itself


def test_one_player_at_a_time(plain, versions):
    plain.js("engine.play()")
    versions.js("engine.play()")
    assert plain.js("engine.playing") is False and versions.js("engine.playing") is True
    versions.js("engine.pause()")


def test_many_stems_scroll_and_names_are_text(screen):
    odd = Player(screen, "odd", 2)
    height, shown = odd.root.locator(".contav-scroll").evaluate("(el) => [el.scrollHeight, el.clientHeight]")
    assert height > 2 * shown
    assert odd.button("Hear only <img src=x onerror='window.hacked = true'><b>bold</b>").count() == 1
    assert odd.root.locator("img, b").count() == 0
    assert screen.page.evaluate("window.hacked") is None
    assert odd.root.get_by_text("silent").count() == 1 and odd.root.get_by_text("clipped").count() == 1
    assert odd.root.get_by_text("Padded with silence").count() == 1


def test_every_control_has_a_name_and_the_keyboard_reaches_it(plain):
    unnamed = plain.js(
        "[...el.querySelectorAll('button, input, select')].filter((control) =>"
        " !control.getAttribute('aria-label') && !control.textContent && !control.closest('label')?.textContent).length"
    )
    assert unnamed == 0
    plain.root.focus()
    plain.screen.page.keyboard.press("Tab")
    assert plain.screen.page.evaluate("document.activeElement.getAttribute('aria-label')") == "Play"
    plain.screen.page.keyboard.press("Enter")
    plain.wait_for("engine.playing")
    expect(plain.root.locator("[role=status]")).to_have_text("Playing: all stems")
    plain.screen.page.keyboard.press(" ")
    plain.wait_for("!engine.playing")


def test_loading_something_else(plain):
    plain.screen.tell("plain.load({'new': noise(11, 1.0), 'newer': noise(12, 1.0)})\nplain.matched = False")
    expect(plain.root.locator(".contav-stem")).to_have_count(2)
    assert np.abs(plain.render() - noise(11, 1.0) - noise(12, 1.0)).max() < 1e-3
    plain.screen.tell("plain.load({'one': noise(1), 'two': noise(2, level=0.02), 'drei – 三': noise(3)})")
    expect(plain.root.locator(".contav-stem")).to_have_count(3)


def test_between_the_samples_runs_the_true_curve(plain):
    """The page's AudioContext is faster than the sounds; what it plays between two samples must not be made up."""
    plain.screen.tell("plain.load({'tone': 0.5 * np.sin(np.arange(RATE) * 1.9)})")  # 3.3 kHz
    expect(plain.root.locator(".contav-stem")).to_have_count(1)
    plain.js("engine.warm()")
    rate, heard = plain.js("[engine.context.sampleRate, Array.from(engine.buffers[0].getChannelData(0))]")
    assert rate == 4 * RATE and len(heard) == 4 * RATE
    middle = slice(100, -100)  # the beginning and the end of a tone are no pure tone
    assert np.abs(np.array(heard) - 0.5 * np.sin(np.arange(4 * RATE) / 4 * 1.9))[middle].max() < 0.002
    plain.screen.tell("plain.load({'one': noise(1), 'two': noise(2, level=0.02), 'drei – 三': noise(3)})")
    expect(plain.root.locator(".contav-stem")).to_have_count(3)


def test_light_and_dark_can_be_read(screen, plain, tmp_path_factory):
    contrasts = """(el) => {
      const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
      const light = (css) => {
        canvas.fillStyle = css; canvas.fillRect(0, 0, 1, 1);
        const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((v) => ((v / 255 + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const paper = light(getComputedStyle(el).backgroundColor);
      const fills = [...el.querySelectorAll('.contav-lane path')].map((path) => getComputedStyle(path).fill);
      const seen = [getComputedStyle(el).color, ...fills];
      return [paper, seen.map((css) => (Math.max(light(css), paper) + 0.05) / (Math.min(light(css), paper) + 0.05))];
    }"""
    folder = tmp_path_factory.mktemp("pictures")
    papers = []
    for theme in ("JupyterLab Light", "JupyterLab Dark"):
        screen.page.evaluate(f"jupyterapp.commands.execute('apputils:change-theme', {{theme: '{theme}'}})")
        screen.page.wait_for_selector(f"body[data-jp-theme-name='{theme}']", state="attached")
        screen.page.wait_for_timeout(300)
        paper, ratios = plain.root.evaluate(contrasts)
        papers.append(paper)
        assert ratios[0] > 4.5 and min(ratios) > 3  # WCAG's limits for text and for graphics
        assert len(plain.root.screenshot(path=folder / f"{theme}.png")) > 10_000
    assert papers[0] > 0.8 and papers[1] < 0.1
    screen.page.evaluate("jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Light'})")


def test_a_page_that_is_opened_again_shows_what_was(screen, plain, chromium):
    plain.reset(solo=["two"], loop=[0.5, 1.5], looping=True, gains={"one": -6.0}, matched=True)
    plain.root.get_by_role("combobox", name="View").select_option("spectrogram")
    plain.drag(0.5, 0.5)
    screen.page.evaluate("jupyterapp.commands.execute('docmanager:save')")
    screen.page.wait_for_timeout(1000)
    screen.page.reload()
    expect(screen.page.locator(".contav-stem-player")).to_have_count(3, timeout=60_000)
    again = Player(screen, "plain", 0)
    assert again.js("engine.position()") == pytest.approx(1.0, abs=0.02)
    expect(again.button("Solo two")).to_have_attribute("aria-pressed", "true")
    expect(again.button("Loop")).to_have_attribute("aria-pressed", "true")
    assert again.root.get_by_role("slider", name="Gain of one, dB").input_value() == "-6"
    assert again.root.locator(".contav-lane canvas").count() == 3


def test_when_the_kernel_died_it_says_so_and_still_plays(screen):
    plain = Player(screen, "plain", 0)
    plain.reset()
    screen.kill_kernel()
    plain.root.press("2")
    expect(plain.root.get_by_text("The kernel does not answer")).to_be_visible(timeout=30_000)
    plain.root.press(" ")
    plain.wait_for("engine.playing && engine.position() > 0.1")
    assert np.abs(plain.render() - noise(2, level=0.02)).max() < 1e-4
    plain.root.press(" ")
