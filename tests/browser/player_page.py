"""A stem player on a page: what a test does with it and asks of it."""

import inspect

import numpy as np

RATE = 11_025


def noise(seed: int, seconds: float = 2.0, level: float = 0.1) -> np.ndarray:
    sound = np.random.default_rng(seed).standard_normal(int(seconds * RATE))
    return (level * sound / abs(sound).max()).astype(np.float32)


# For the first cell of a notebook; later ones can make noise, too.
SETUP = f"""
import numpy as np
from contav_lib.widgets.stem_player import StemPlayer
RATE = {RATE}
{inspect.getsource(noise)}
"""


class Player:
    """One player of the page."""

    def __init__(self, screen, name: str, number: int):
        self.screen, self.name = screen, name
        self.root = screen.page.locator(".contav-stem-player").nth(number)
        self.root.scroll_into_view_if_needed()

    def reset(self, **state) -> None:
        state = dict(solo=[], mute=[], gains={}, volume=1.0, loop=[], looping=False, matched=False, step=0) | state
        self.screen.tell("; ".join(f"{self.name}.{key} = {value!r}" for key, value in state.items()))
        self.screen.tell(f"{self.name}.playing = False; {self.name}.position = 0.0; {self.name}.view = 'waveform'")
        self.wait_for("!engine.playing && engine.position() === 0")
        self.root.focus()

    def js(self, expression: str):
        return self.root.evaluate(f"async (el) => {{ const engine = el.stemPlayer; return {expression}; }}")

    def wait_for(self, condition: str) -> None:
        self.screen.page.wait_for_function(
            f"(el) => {{ const engine = el.stemPlayer; return {condition}; }}",
            arg=self.root.element_handle(),
            timeout=10_000,
        )

    def render(self) -> np.ndarray:
        return np.array(self.js("Array.from(await engine.render())"))

    def in_python(self, attribute: str, value) -> None:
        """Wait until an attribute has arrived."""
        self.screen.becomes(f"{self.name}.{attribute}", value)

    def button(self, label: str):
        return self.root.get_by_role("button", name=label, exact=True)

    def drag(self, start: float, end: float) -> None:
        """Over a waveform, from one share of its width to another; no way at all is a click."""
        box = self.root.locator(".contav-lane").first.bounding_box()
        mouse, y = self.screen.page.mouse, box["y"] + 20
        mouse.move(box["x"] + start * box["width"], y)
        mouse.down()
        mouse.move(box["x"] + end * box["width"], y, steps=4)
        mouse.up()
