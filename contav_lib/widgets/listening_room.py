"""A page for a class: choose a stored experiment, listen to what it separated, and vote without knowing which one plays."""

import asyncio
import secrets
from collections.abc import Callable
from html import escape
from typing import Any

import ipywidgets
import pandas as pd
from ipywidgets import HTML, Box, Button, Dropdown, Layout, Tab, VBox

from contav_lib.utils import paths
from contav_lib.utils.storage import StorageError
from contav_lib.widgets.blind_test import BlindTest, probability_by_guessing
from contav_lib.widgets.mixing_desk import MixingDesk
from contav_lib.widgets.shelf import Shelf, find_shelves
from contav_lib.widgets.stem_player import StemPlayer
from contav_lib.widgets.votes import Votes

QUESTIONS = {"Which one is better?": "pick", "Can you hear a difference at all?": "abx"}
COUNTS = (4, 8, 16)
_LISTEN = "The slider goes from task to task."
_VOTE = "The method chosen above and another one, on all mixtures; you are not told which one you hear."
OF_THE_KIT = """
<p>Nothing has been run here yet: these are the results that come with the kit, of one seed. <code>make run</code> makes yours,
and this page then shows them.</p>
"""
_MIX = "Any sounds of the test, or a file of yours, mixed and separated anew: swap the pictures, change gains, ask for others."
_STYLE = (
    "<style>.jupyter-widget-tab .lm-TabBar-tabLabel { color: var(--jp-ui-font-color1) }</style>"  # to be read easily
)
_CHANCE = "p: how probable an outcome at least as uneven is by guessing."
_KEYS = ["experiments", "question", "one", "other"]
_EVERY = 2  # seconds, after which the votes of others are looked for
_AS_WIDE = {"width": "auto", "max_width": "100%"}
NOTHING_HERE = """
<p><b>There is nothing to hear yet.</b> This page plays what experiments have separated, and <code>{folder}</code> holds no
finished experiment with sounds.</p>
<p>In a terminal, in the folder of the kit, run one of these; then load this page again:</p>
<pre>make run                 # the experiments of the notebooks: about ten minutes
make run PROFILE=smoke   # a try-out in two minutes; what it separates is not worth hearing</pre>
"""
DAMAGED = """
<p><b>The first sound can't be played.</b> {error}</p>
<p>Remove the folder <code>{folder}/examples</code> and run the experiment again: nothing is learned anew, only measured and
separated. Then load this page again.</p>
"""


class ListeningRoom(VBox):
    """Listening room: menus, a `StemPlayer`, a `BlindTest` with a table of all listeners' votes, a `MixingDesk`.

    Votes are kept in `runs/votes.sqlite`. A listener sees the class's votes when a first test of his or her own is done, and
    from then on as they come in.

    Args:
        profile: whose results are chosen first, where there are any.

    Attributes:
        player: the player; None where nothing is stored, or the first sound is damaged.
        test: the blind test that is going on or was the last; None before the first.
        desk: the mixing desk that was opened last; None before the first.
    """

    def __init__(self, profile: str = ""):
        self.shelves, left_out = find_shelves()
        self.player: StemPlayer | None = None
        self.test: BlindTest | None = None
        self.pool, self.listener = Votes(paths.runs() / "votes.sqlite"), secrets.token_hex(4)
        self._watch: asyncio.Task | None = None
        self.desk: MixingDesk | None = None
        if not self.shelves:
            super().__init__([HTML(NOTHING_HERE.format(folder=escape(str(paths.runs()))) + _left_out(left_out))])
            return
        titles = sorted(self.shelves, key=lambda title: not title.startswith(f"{profile}:"))
        self._shelf = _menu("Experiments", titles)
        self._method, self._other = _menu("Method"), _menu("The other")
        self._mixture = _menu("Mixture")
        self._question, self._count = _menu("Question", list(QUESTIONS)), _menu("Times", COUNTS)
        self._notice, self._booth, self._table, self._studio = HTML(), VBox(), HTML(), VBox()
        start, mix = _button("Start the blind test", self._start), _button("Open the mixing desk", self._open_desk)
        self._count.value = 8  # once each sound of a mixture a task, with four tasks
        self._fill()
        try:
            self.player = StemPlayer.from_result(self._result, self._mixture.value)
        except (ValueError, OSError) as error:
            super().__init__([HTML(DAMAGED.format(error=escape(str(error)), folder=escape(str(self._result.folder))))])
            return
        super().__init__(
            [
                _row(self._shelf, self._method, HTML(_STYLE)),
                Tab(
                    [
                        VBox([_row(self._mixture, HTML(_LISTEN)), self._notice, self.player]),
                        VBox(
                            [
                                HTML(_VOTE),
                                _row(self._other, self._question, self._count, start),
                                self._booth,
                                self._table,
                            ]
                        ),
                        VBox([HTML(_MIX), _row(mix), self._studio]),
                    ],
                    titles=["Listen", "Vote", "Mix"],
                ),
                HTML(_left_out(left_out)),
                HTML("" if self._result.folder.is_relative_to(paths.runs()) else OF_THE_KIT),
            ]
        )
        self._shelf.observe(self._change_shelf, "value")
        for menu in (self._method, self._mixture):
            menu.observe(self._load, "value")

    @property
    def votes(self) -> pd.DataFrame:
        """Answers of all listeners' finished tests, see `votes.COLUMNS`."""
        return self.pool.read()

    def to_frame(self) -> pd.DataFrame:
        """Table of the votes: a line a question and pair of methods, with the p-value."""
        rows = []
        for (experiments, question, one, other), part in self.votes.groupby(_KEYS, sort=False):
            kind = QUESTIONS[question]
            chosen = part["correct"] if kind == "abx" else part["chosen"].dropna() == one
            hits, count = int(chosen.sum()), len(chosen)
            outcome = f"{hits} of {count} right" if kind == "abx" else f"{hits} : {count - hits}"
            listeners = part["listener"].nunique()
            row = dict(experiments=experiments, question=question, methods=f"{one} : {other}", listeners=listeners)
            rows.append({**row, "outcome": outcome, "p": round(probability_by_guessing(hits, count, kind), 3)})
        return pd.DataFrame(rows, columns=["experiments", "question", "methods", "listeners", "outcome", "p"])

    def _repr_mimebundle_(self, **kwargs: Any) -> dict:
        """The room, and what is played in it for where no widget can be."""
        fallback = {"text/html": self.player.static_html()} if self.player else {}
        return {**super()._repr_mimebundle_(**kwargs), **fallback}

    @property
    def _results(self) -> Shelf:
        return self.shelves[self._shelf.value]

    @property
    def _result(self):
        return self._results[self._method.value]

    def _fill(self) -> None:
        """Fill the menus from another shelf."""
        names = list(self._results)
        self._filling = True  # between its first and its last menu the choices don't belong together
        _offer(self._method, names)
        methods = [result.config["method"] for result in self._results.values()]
        _offer(
            self._other, names, next((n for n, method in enumerate(methods) if method != methods[0]), len(names) - 1)
        )
        examples = self._result.examples()
        _offer(self._mixture, [(_describe(entry), number) for number, entry in enumerate(examples)])
        self._filling = False

    def _change_shelf(self, _change: Any) -> None:
        self._fill()
        self._load()

    def _load(self, _change: Any = None) -> None:
        """Load another sound; what is heard of it, and after which task, stays as far as it can."""
        if self._filling:
            return
        player = self.player
        assert player is not None  # without a player there are no menus that call this
        place, solo = player.steps[player.step], player.solo
        try:
            player.load_result(self._result, self._mixture.value)
        except (ValueError, OSError) as error:
            self._notice.value = escape(str(error))
            return
        self._notice.value = ""
        player.step = player.steps.index(place) if place in player.steps else player.step
        player.solo = [name for name in solo if name in player.names] or player.solo

    def _start(self) -> None:
        one, other = self._method.value, self._other.value
        try:
            if one == other:
                raise ValueError("Choose two different methods.")
            pair = {name: self._results[name] for name in self._results if name in (one, other)}
            test = BlindTest.from_results(pair, QUESTIONS[self._question.value], trials=self._count.value)
        except (ValueError, OSError) as error:
            self._booth.children = [HTML(escape(str(error)))]
            return
        assert self.player is not None  # without a player there is no button that calls this
        self.player.playing = False
        self.test, asked = test, (self._shelf.value, self._question.value, *pair)
        test.observe(lambda _change: self._keep(test, asked), "done")
        self._booth.children = [test]

    def _open_desk(self) -> None:
        """Open a desk of the chosen experiments on the chosen mixture, with the method that is chosen first."""
        chosen = self._method.value
        self._studio.children = [HTML("The sounds are being read …")]
        try:
            clips = self._result.examples()[self._mixture.value]["clips"]
            self.desk = MixingDesk({chosen: self._result} | dict(self._results), clips)
        except (ValueError, OSError) as error:
            self._studio.children = [HTML(escape(str(error)))]
            return
        self._studio.children = [self.desk]

    def _keep(self, test: BlindTest, asked: tuple[str, ...]) -> None:
        try:
            self.pool.add(test.answers, self.listener, dict(zip(_KEYS, asked, strict=True)))
        except StorageError as error:
            self._table.value = escape(str(error))
            return
        self._show_votes()
        if self._watch is None and (loop := _running_loop()):
            self._watch = loop.create_task(self._follow())

    def _show_votes(self) -> None:
        try:
            table = self.to_frame().to_html(index=False, border=0, justify="left")
        except StorageError as error:
            self._table.value = escape(str(error))
            return
        self._table.value = f"<h3 style='margin: 0'>Votes so far, of all listeners</h3>{table}<p>{_CHANCE}</p>"

    async def _follow(self) -> None:
        """Show the votes of others as they come in, as long as this page's kernel lives."""
        while True:
            await asyncio.sleep(_EVERY)
            self._show_votes()  # an unchanged text is not sent again


def _running_loop() -> asyncio.AbstractEventLoop | None:
    """The kernel's loop; a script has none."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _menu(label: str, options: Any = ()) -> Dropdown:
    return Dropdown(options=options, description=label, style={"description_width": "initial"}, layout=_AS_WIDE)


def _button(text: str, on_click: Callable[[], None]) -> Button:
    button = Button(description=text, button_style="primary", layout=Layout(width="auto"))
    button.on_click(lambda _button: on_click())
    return button


def _row(*widgets: ipywidgets.Widget) -> Box:
    return Box(widgets, layout=Layout(flex_flow="row wrap", align_items="center", grid_gap="4px 16px"))


def _offer(menu: Dropdown, options: list, place: int = 0) -> None:
    menu.options = options
    menu.index = place


def _describe(example: dict[str, Any]) -> str:
    labels = " + ".join(label.replace("_", " ") for label in example["labels"])
    why = f" ({example['why']})" if example["why"] else ""
    return f"task {example['task'] + 1}: {labels}{why}"


def _left_out(count: int) -> str:
    if not count:
        return ""
    why = "unfinished, damaged, of another version of the kit, or by a separator that only a notebook knows"
    return f"<p>Left out: {count} in the same folder, {why}.</p>"
