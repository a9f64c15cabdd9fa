"""The task matrix while it fills: what each method learns, and what it forgets, with the formulas filled in."""

from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any, Protocol

import anywidget
import numpy as np
import pandas as pd
import traitlets

from contav_lib.evaluation import metrics, task_matrix
from contav_lib.experiments.result import Result
from contav_lib.training.history import Callback, Record
from contav_lib.widgets import assets

NAMES = {"sdr": "SDR", "sir": "SIR", "sar": "SAR", "si_sdr": "SI-SDR", "sdr_improvement": "SDR improvement"}
LIVE = "this run"  # what a run is called that was not given a name


class Player(Protocol):
    """Player of an example of a result, such as a `StemPlayer`."""

    def load_result(self, result: Result, example: int = 0, after: int | None = None) -> None:
        """Play an example, separated after task `after` (from 0)."""


class ForgettingExplorer(anywidget.AnyWidget):
    """Task matrices side by side, a line a task, and average, forgetting and backward transfer worked out in numbers.

    Given results, it shows them. Given as a callback, it fills row by row while an experiment runs:

        explorer = ForgettingExplorer()
        display(explorer)
        result = run(config, callbacks=[explorer])

    `run(..., callbacks=[explorer.watch("replay")])` gives the run a name. `explorer.add("replay", result)` shows a result
    that was stored already (it makes no records), or takes the place of a run that is over, so that it can be heard.

    Args:
        results: by name of the method; or a single one.
        player: where a click on a cell plays that model's example of that task.

    Attributes:
        score: the score shown, one of `metrics.SCORES`.
        selected: the chosen cell: `method`, `learned` and `tested` (tasks, from 0) and `value` in dB; {} for none; read only.
        player: as given; may be set later.

    Raises:
        ValueError: something else than results was given.
    """

    _esm = assets.read("dom.js", "colours.js", "forgetting_matrix.js", "forgetting_explorer.js")
    _css = assets.read("theme.css", "forgetting_explorer.css")

    score = traitlets.Enum(metrics.SCORES, "sdr").tag(sync=True)
    selected = traitlets.Dict(read_only=True)

    _scores = traitlets.Dict().tag(sync=True)  # what the scores are called
    # {"name", "tasks", "matrix": {score: [T][T]}}, null where not measured
    _methods = traitlets.List(traitlets.Dict()).tag(sync=True)
    _progress = traitlets.Dict().tag(sync=True)  # {"method", "task", "text"} of a run that is going on
    _cell = traitlets.Dict().tag(sync=True)  # {"method", "learned", "tested"}
    _notice = traitlets.Unicode().tag(sync=True)

    def __init__(self, results: Mapping[str, Result] | Result | None = None, player: Player | None = None):
        super().__init__(_scores={name: NAMES[name] for name in metrics.SCORES})
        assets.answer_pings(self)
        self.player = player
        self._results: dict[str, Result] = {}
        for name, result in ({LIVE: results} if isinstance(results, Result) else results or {}).items():
            self.add(name, result)

    def __call__(self, record: Record) -> None:
        """Take a record of the history of a run: see `contav_lib.training.history.History`."""
        self._take(LIVE, record)

    def watch(self, name: str) -> Callback:
        """Return a callback for `run` that fills the matrix called `name`."""
        return lambda record: self._take(name, record)

    def add(self, name: str, result: Result) -> None:
        """Show a result; one of the same name is replaced."""
        if not isinstance(result, Result):
            raise ValueError(
                f"{name!r} is a {type(result).__name__}, not a Result; of several seeds, give one: runs[0]."
            )
        self._results[name] = result
        matrix = {score: _json(result.matrix(score)) for score in metrics.SCORES}
        self._put({"name": name, "tasks": result.tasks, "matrix": matrix})

    @property
    def names(self) -> list[str]:
        """Names of the methods shown."""
        return [method["name"] for method in self._methods]

    def matrix(self, name: str) -> np.ndarray:
        """Task matrix `[T, T]` of a method, in the score shown now; NaN where not measured."""
        for method in self._methods:
            if method["name"] == name:
                return np.array(method["matrix"][self.score], dtype=float)
        raise ValueError(f"There is no method called {name!r} here; there are: {', '.join(self.names) or 'none yet'}.")

    def to_frame(self) -> pd.DataFrame:
        """Table of average, forgetting and backward transfer in the score shown now, in dB; a line a method."""
        measures: dict[str, Callable] = {
            "average": task_matrix.average,
            "forgetting": task_matrix.forgetting,
            "backward transfer": task_matrix.backward_transfer,
        }
        rows = {name: {title: of(self.matrix(name)) for title, of in measures.items()} for name in self._measured()}
        return pd.DataFrame.from_dict(rows, orient="index", columns=list(measures))

    def _measured(self) -> list[str]:
        return [name for name in self.names if np.isfinite(self.matrix(name)).any()]

    def _take(self, name: str, record: Record) -> None:
        if record["kind"] == "train":
            loss = sum(record["losses"].values())
            text = f"{name} is learning task {record['task'] + 1}: step {record['step']}, loss {loss:.3f}"
            self._progress = {"method": name, "task": record["task"], "text": text}
        elif record["kind"] == "test":
            self._fill(name, record)

    def _fill(self, name: str, record: Record) -> None:
        """Add a row. The first task's begins a new run; rows of tasks learned before a stop stay empty."""
        rows, task = record["tasks"], record["task"]
        count = len(rows["sdr"])
        known = next((method["matrix"] for method in self._methods if method["name"] == name), None)
        if task == 0 or known is None or len(known["sdr"]) != count:
            known = {score: [[None] * count for _ in range(count)] for score in metrics.SCORES}
        matrix = {score: [rows[score] if at == task else row for at, row in enumerate(known[score])] for score in known}
        self._results.pop(name, None)  # of an earlier run; this one's comes with `add`
        self._put({"name": name, "tasks": [], "matrix": matrix})
        self._progress = {} if task + 1 == count else {**self._progress, "text": f"{name} has learned task {task + 1}"}

    def _put(self, method: dict[str, Any]) -> None:
        others = list(self._methods)
        place = self.names.index(method["name"]) if method["name"] in self.names else len(others)
        self._methods = [*others[:place], method, *others[place + 1 :]]

    @traitlets.observe("_cell", "_methods", "score")
    def _work_out_selected(self, _change: traitlets.Bunch) -> None:
        cell = self._cell
        if not cell or cell["method"] not in self.names:
            self.set_trait("selected", {})
            return
        self.set_trait(
            "selected", {**cell, "value": float(self.matrix(cell["method"])[cell["learned"], cell["tested"]])}
        )

    @traitlets.observe("_cell")
    def _play_selected(self, _change: traitlets.Bunch) -> None:
        cell = self._cell
        if not cell or self.player is None:
            return
        result = self._results.get(cell["method"])
        if result is None:
            self._notice = (
                f"{cell['method']} can be heard when it is done and added: explorer.add({cell['method']!r}, result)"
            )
            return
        numbers = [number for number, entry in enumerate(result.examples()) if entry["task"] == cell["tested"]]
        try:
            if not numbers:
                raise ValueError(
                    f"{cell['method']} has no stored example of task {cell['tested'] + 1}: nothing to hear."
                )
            self.player.load_result(result, example=numbers[0], after=cell["learned"])
            self._notice = ""
        except (ValueError, OSError) as error:
            self._notice = str(error)

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict, dict]:
        """The widget, and a figure for where no widget can be: a notebook on the web, or exported."""
        fallback = {"image/png": self._figure()} if self._measured() else {}
        return assets.with_fallback(super()._repr_mimebundle_(**kwargs), fallback)

    def _figure(self) -> bytes:
        import matplotlib.pyplot as plt

        from contav_lib import plots

        with plt.ioff():
            figure = plots.task_matrices({name: self.matrix(name) for name in self._measured()}, NAMES[self.score])
        file = BytesIO()
        figure.savefig(file, format="png", dpi=80)
        plt.close(figure)
        return file.getvalue()


def _json(matrix: np.ndarray) -> list[list[float | None]]:
    return [[None if np.isnan(value) else float(value) for value in row] for row in matrix]
