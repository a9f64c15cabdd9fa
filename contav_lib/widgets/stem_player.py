"""A player of several sounds that belong together: a mixture, its sources, what a separator made of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from traitlets import Bool, Bytes, Dict, Enum, Float, Int, List, TraitError, Unicode, validate

from contav_lib.audio import SAMPLE_RATE
from contav_lib.utils.registry import did_you_mean
from contav_lib.widgets import sound
from contav_lib.widgets.base import PageWidget, read
from contav_lib.widgets.stems import example_of, make_stems, pack, static_page


class StemPlayer(PageWidget):
    """Player of stems on one clock, to be compared while they play: see, solo, mute, loop, level them.

    Two stems called `x (truth)` and `x (separated)` become a group, with their difference as a third, `x (residual)`.
    Within a group one solo replaces another, and the key V goes from one to the next. With `steps`, a slider chooses
    among the takes of a stem: what a separator made of a mixture after each task, for example.

    What the listener does arrives in these attributes, and setting them changes the player: `solo` and `mute` (names),
    `gains` (dB by name), `volume` (0 to 1), `position` (seconds), `playing`, `loop` (`[start, end]` in seconds, or
    empty), `looping`, `matched` (equal loudness, or true levels), `view` ("waveform", "spectrogram" or "mask": the share
    of the mixture), `step`.

    In the browser, the outermost element (class `contav-stem-player`) carries `stemPlayer` for tests and scripts, the
    `Engine` of `engine.js`: `position()` in seconds by the AudioContext's clock, `render()`, which promises the samples
    that would be heard from beginning to end, `play()`, `pause()`, `seek(seconds)`.

    Args:
        stems: by name; a waveform `[samples]` (array or tensor) or an audio file, or with `steps` a list of them, None where a
            step has no sound. Shorter ones are padded.
        sample_rate: of the waveforms, in Hz.
        groups: names of the stems that belong together, by the group's name; found from the names by default.
        spectrograms: whether to send pictures for the views "spectrogram" and "mask".
        steps: labels of the slider's positions.
        remarks: by a stem's name, what is said beside each of its takes, such as scores.
        faces: by a stem's name, a picture of who plays it, as JPEG.

    Raises:
        ValueError: there is no sound, too much of it, or one that can't be played; the message says what to do.
    """

    from_page = frozenset(
        {"solo", "mute", "gains", "volume", "position", "playing", "loop", "looping", "matched", "view", "step"}
    )
    _esm = read("dom.js", "colours.js", "engine.js", "sound_page.js", "lanes.js", "player_view.js", "stem_player.js")
    _css = read("theme.css", "stem_player.css")

    # What is played; set by `load`, which then counts `content` up.
    content = Int(0).tag(sync=True)
    rate = Int(SAMPLE_RATE).tag(sync=True)
    stems = List(Dict()).tag(sync=True)  # see `Stem.describe`
    sounds = List(Bytes()).tag(sync=True)  # 16-bit samples
    scales = List(Float()).tag(sync=True)  # of each sound: what full scale stands for
    pictures = List(Bytes()).tag(sync=True)
    bins = Int(sound.BINS).tag(sync=True)  # rows of a picture
    steps = List(Unicode()).tag(sync=True)
    notes = List(Unicode()).tag(sync=True)

    # What the listener does.
    solo = List(Unicode()).tag(sync=True)
    mute = List(Unicode()).tag(sync=True)
    gains = Dict(value_trait=Float(), key_trait=Unicode()).tag(sync=True)
    volume = Float(1.0, min=0.0, max=1.0).tag(sync=True)
    position = Float(0.0, min=0.0).tag(sync=True)
    playing = Bool(False).tag(sync=True)
    loop = List(Float()).tag(sync=True)
    looping = Bool(False).tag(sync=True)
    matched = Bool(True).tag(sync=True)
    view = Enum(["waveform", "spectrogram", "mask"], "waveform").tag(sync=True)
    step = Int(0, min=0).tag(sync=True)

    def __init__(
        self,
        stems: Mapping[str, Any],
        sample_rate: int = SAMPLE_RATE,
        groups: Mapping[str, Sequence[str]] | None = None,
        spectrograms: bool = True,
        steps: Sequence[str] = (),
        remarks: Mapping[str, Sequence[str]] | None = None,
        faces: Mapping[str, bytes] | None = None,
    ):
        super().__init__(**self._prepare(stems, sample_rate, groups, spectrograms, steps, remarks, faces))

    @classmethod
    def from_result(cls, result: Any, example: int = 0, after: int | None = None, scores: bool = True) -> "StemPlayer":
        """Play a stored example of an experiment in a loop, with a slider over the tasks learned since: hear what is forgotten.

        Beside each separated sound stand its scores after the task that the slider shows, and what is wrong with it
        (`evaluation.failures.KINDS`).

        Args:
            result: of `run`, or the path of its folder; or several by the names of their methods, to be heard side by side.
            example: its number in `result.examples()`.
            after: the task (from 0) after which the separator is heard first; by default the first that knows the example.
            scores: False leaves out what stands beside the sounds: for ears that are to judge by themselves.

        Raises:
            ValueError: the result has no examples, or not this one, or it was not separated after this task.
        """
        example_stems, step = example_of(result, example, after)
        player = cls(**example_stems | ({} if scores else {"remarks": {}}))
        player.step, player.looping = step, True
        return player

    def load(self, stems: Mapping[str, Any], **options: Any) -> None:
        """Play something else from now on; the arguments are the constructor's."""
        self._take_over(self._prepare(stems, **options))

    def load_result(self, result: Any, example: int = 0, after: int | None = None) -> None:
        """Play an example of an experiment from now on; see `from_result`."""
        example_stems, step = example_of(result, example, after)
        self._take_over(self._prepare(**example_stems) | {"step": step, "looping": True})

    @property
    def names(self) -> list[str]:
        """Names of the stems, from top to bottom."""
        return [stem["name"] for stem in self.stems]

    def static_html(self) -> str:
        """Return pictures of the waveforms and plain audio elements, for where no widget can live."""
        return static_page(self._stems, self.steps, self.notes, self.rate)

    def _prepare(
        self,
        stems: Mapping[str, Any],
        sample_rate: int = SAMPLE_RATE,
        groups: Mapping[str, Sequence[str]] | None = None,
        spectrograms: bool = True,
        steps: Sequence[str] = (),
        remarks: Mapping[str, Sequence[str]] | None = None,
        faces: Mapping[str, bytes] | None = None,
    ) -> dict[str, Any]:
        """The attributes of a player of these stems that nobody has touched yet."""
        rows, notes = make_stems(stems, sample_rate, groups, steps, remarks or {}, faces or {})
        sounds, scales, pictures, described = pack(rows, spectrograms)
        self._stems = rows
        return dict(
            stems=described,
            sounds=sounds,
            scales=scales,
            pictures=pictures,
            rate=sample_rate,
            steps=list(steps),
            notes=notes,
            # A mixture or versions of one sound are heard one at a time, other stems together.
            solo=[rows[0].name] if rows[0].name == "mixture" or any(row.group for row in rows) else [],
            mute=[],
            gains={},
            position=0.0,
            playing=False,
            loop=[],
            looping=False,
            view="waveform",
            step=0,
        )

    def _take_over(self, state: dict[str, Any]) -> None:
        # One message for all, and `stems` first: the names in `solo` are checked against it.
        with self.hold_sync():
            for name, value in state.items():
                setattr(self, name, value)
            self.content += 1

    @validate("step")
    def _known_step(self, proposal: dict) -> int:
        return min(proposal["value"], max(0, len(self.steps) - 1))  # beyond its end, the slider is at its end

    @validate("solo", "mute", "gains")
    def _known(self, proposal: dict) -> list[str]:
        for name in proposal["value"]:
            if name not in self.names:
                raise TraitError(f"There is no stem called {name!r}; {did_you_mean(name, self.names)}")
        return proposal["value"]

    def __repr__(self) -> str:
        return f"StemPlayer({', '.join(self.names)})"

    def _fallback(self) -> dict[str, Any]:
        return {"text/html": self.static_html()}
