"""How long a listener waits: `python tests/benchmarks/bench_widgets.py`; a minute, needs Chromium.

In a JupyterLab on this machine, with a player of 6 stems of 6 seconds, medians of some tries:

- from a key to sound: 50 ms at most. From the moment of the key press that the browser notes to the moment when the
  first sample leaves the AudioContext for the loudspeaker, by the browser's own account of its output's delay.
- from the end of the cell to the first paint of the player: 300 ms at most. The cell has ended when JupyterLab has
  Python's reply; the player is painted when the frame that first holds its waveforms is.
- what travels for it: 1 MB at most.

With a mixing desk of two and of four sounds, on the last stored result of `lab` (without one, it is left out):

- from a gain that is changed to the answer on the page, and what of it Python takes: 300 ms at most. Python's time also as a
  ratio to a yardstick (`yardstick.py`, a width of 16), measured in turns, for machines that do other things, too.
"""

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright
from yardstick import Yardstick, interleaved, ratios

from contav_lib import Result
from contav_lib.utils import paths
from contav_lib.widgets.mixing_desk import MixingDesk

sys.path.insert(0, str(Path(__file__).parent.parent / "browser"))
from conftest import FLAGS, find_browser
from harness import JupyterServer

SETUP = """
import numpy as np
from contav_lib.widgets.stem_player import StemPlayer
stems = {f"stem {n}": 0.1 * np.random.default_rng(n).standard_normal(6 * 11025).clip(-3, 3) for n in range(6)}
"""
PLAYER = "player = StemPlayer(stems)\nplayer"

DESK = """
from contav_lib import Result
from contav_lib.widgets.mixing_desk import MixingDesk
desk = MixingDesk(Result({folder!r}), {clips!r})
desk
"""

FIRST_PAINT = """async () => {
  const painted = new Promise((done) => {
    const observer = new MutationObserver(() => {
      const paths = document.querySelectorAll(".contav-stem-player:not(.seen) path");
      if (paths.length < 6) return;
      observer.disconnect();
      paths[0].closest(".contav-stem-player").classList.add("seen");
      requestAnimationFrame(() => setTimeout(() => done(performance.now())));
    });
    observer.observe(document.body, { childList: true, subtree: true });
  });
  await jupyterapp.commands.execute("notebook:run-cell");
  const ran = performance.now();
  return Math.max(0, (await painted) - ran);
}"""

LATENCY = """(el) => new Promise((done) => {
  const engine = el.stemPlayer;
  el.addEventListener("keydown", (event) => setTimeout(() => {
    const { contextTime, performanceTime } = engine.context.getOutputTimestamp();
    done(performanceTime + 1000 * (engine.when - contextTime) - event.timeStamp);
  }, 200), { once: true });
})"""

ANSWER = """(el, gain) => new Promise((done) => {
  const slider = el.querySelector("[aria-label='Gain of sound 1, dB']");
  const scores = el.querySelector(".contav-scores");
  const start = performance.now();
  const observer = new MutationObserver(() => {
    observer.disconnect();
    requestAnimationFrame(() => setTimeout(() => done(performance.now() - start)));
  });
  observer.observe(scores, { childList: true });
  slider.value = gain;
  slider.dispatchEvent(new Event("input"));
})"""


def lab_result() -> Path | None:
    """The last stored result of `lab` with four tasks."""
    pages = [page for page in paths.runs().glob("lab-*/config.json") if json.loads(page.read_text())["tasks"] == 4]
    return max((page.parent for page in pages), key=lambda folder: folder.stat().st_mtime, default=None)


def kernel_answers(folder: Path, clips: list[str], tries: int) -> tuple[list[float], tuple[float, float, float]]:
    """Milliseconds that Python takes for an answer, and the ratios to a yardstick."""
    desk, count = MixingDesk(Result(folder), clips), iter(range(tries + 1))

    def ask() -> None:
        first, *others = desk.wanted["slots"]
        desk.wanted = {**desk.wanted, "slots": [{**first, "gain": -1 - next(count)}, *others]}

    answers, yards = interleaved(ask, Yardstick(16).once, tries)
    return [1000 * answer for answer in answers], ratios(answers, yards)


def first_paint(page: Page) -> float:
    """Milliseconds; the cell of the player is the selected one."""
    page.locator(".jp-CodeCell").nth(1).locator(".jp-InputPrompt").click()
    return page.evaluate(FIRST_PAINT)


def latency(page: Page) -> float:
    """Milliseconds from the space bar to sound."""
    player = page.locator(".contav-stem-player")
    player.focus()
    measured = player.evaluate_handle(f"(el) => ({{ latency: ({LATENCY})(el) }})")
    page.keyboard.press(" ")
    page.wait_for_timeout(400)
    page.keyboard.press(" ")
    page.wait_for_timeout(100)
    return measured.evaluate("(measured) => measured.latency")


def main() -> int:
    """Print the table; the exit status is 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=9)
    tries = parser.parse_args().tries
    path = find_browser()
    if path is None:
        print("There is no Chromium on this machine: nothing was measured.")
        return 0
    figures: list[tuple[str, list[float], int]] = []
    stored = lab_result()
    classes = Result(stored).classes if stored else []
    desks = {count: classes[:count] for count in (2, 4)} if stored else {}
    for count, clips in desks.items():
        answers, (middle, *_) = kernel_answers(stored, clips, tries)
        figures.append((f"Python's answer to {count} sounds, ms ({middle:.2f} yards)", answers, 300))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        server = JupyterServer(Path(folder) / "lab", "jupyterlab", browser)
        try:
            with server.open([SETUP, PLAYER]) as screen:
                screen.page.wait_for_selector(".contav-stem-player path", state="attached")
                paints = [first_paint(screen.page) for _ in range(tries)]
                latencies = [latency(screen.page) for _ in range(tries)]
                size = screen.ask(
                    "sum(map(len, player.sounds + player.pictures)) + len(player._esm) + len(player._css)"
                )
            for count, clips in desks.items():
                with server.open([DESK.format(folder=str(stored), clips=clips)], name=f"desk{count}") as screen:
                    screen.page.wait_for_selector(".contav-mixing-desk canvas", state="attached", timeout=60_000)
                    desk = screen.page.locator(".contav-mixing-desk")
                    answers = [desk.evaluate(ANSWER, -1 - number) for number in range(tries)]
                figures.append((f"gain to answer on the page, {count} sounds, ms", answers, 300))
        finally:
            server.stop()
            browser.close()
    figures += [
        ("key to sound, ms", latencies, 50),
        ("end of the cell to first paint, ms", paints, 300),
        ("sent for 6 stems of 6 s, kB", [size / 1000], 1000),
    ]
    print(f"{'':52}{'median':>8}{'lowest':>8}{'highest':>8}{'target':>9}")
    for name, values, target in figures:
        print(f"{name:52}{statistics.median(values):8.1f}{min(values):8.1f}{max(values):8.1f}{f'<= {target}':>9}")
    return int(any(statistics.median(values) > target for _, values, target in figures))


if __name__ == "__main__":
    sys.exit(main())
