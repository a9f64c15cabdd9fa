"""The task matrix while it fills: what each method learns, and what it forgets, with the formulas filled in."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import traitlets

from contav_lib.evaluation import metrics, task_matrix
from contav_lib.experiments.result import Result
from contav_lib.training.history import Callback, Record
from contav_lib.widgets.base import PageWidget, as_result, drawn, read

LIVE = "this run"  # what a run is called that was not given a name


class ResultPlayer(Protocol):
    """Player of an example of a result, such as a `StemPlayer`."""

    def load_result(self, result: Result, example: int = 0, after: int | None = None) -> None:
        """Play an example, separated after task `after` (from 0)."""


class ForgettingExplorer(PageWidget):
    """Task matrices side by side, a line a task, and average, forgetting and backward transfer worked out in numbers.

    Given results, it shows them. Given as a callback, it fills row by row while an experiment runs:

        explorer = ForgettingExplorer()
        display(explorer)
        result = run(config, callbacks=[explorer])

    `run(..., callbacks=[explorer.watch("replay")])` gives the run a name. `explorer.add("replay", result)` shows a result
    that was stored already (it makes no records), or takes the place of a run that is over, so that it can be heard.

    Args:
        results: by name of the method; or a single one. The path of a result's folder stands for it.
        player: where a click on a cell plays that model's example of that task.

    Attributes:
        score: the score shown, one of `metrics.SCORES`.
        selected: the chosen cell: `method`, `learned` and `tested` (tasks, from 0) and `value` in dB; {} for none; read only.
        player: as given; may be set later.

    Raises:
        ValueError: something else than results was given.
    """

    from_page = frozenset({"score", "_cell"})
    _esm = read("dom.js", "colours.js", "forgetting_matrix.js", "forgetting_explorer.js")
    _css = read("theme.css", "forgetting_explorer.css")

    score = traitlets.Enum(metrics.SCORES, "sdr").tag(sync=True)
    selected = traitlets.Dict(read_only=True)

    _scores = traitlets.Dict().tag(sync=True)  # what the scores are called
    # {"name", "tasks", "matrix": {score: [T][T]}}, null where not measured
    _methods = traitlets.List(traitlets.Dict()).tag(sync=True)
    _progress = traitlets.Dict().tag(sync=True)  # {"method", "task", "text"} of a run that is going on
    _cell = traitlets.Dict().tag(sync=True)  # {"method", "learned", "tested"}
    _notice = traitlets.Unicode().tag(sync=True)

    def __init__(
        self,
        results: Mapping[str, Result | Path | str] | Result | Path | str | None = None,
        player: ResultPlayer | None = None,
    ):
        super().__init__(_scores=dict(metrics.TITLES))
        self.player = player
        self._results: dict[str, Result] = {}
        named = {} if results is None else results if isinstance(results, Mapping) else {LIVE: results}
        for name, result in named.items():
            self.add(name, result)

    def __call__(self, record: Record) -> None:
        """Take a record of the history of a run: see `contav_lib.training.history.History`."""
        self._take(LIVE, record)

    def watch(self, name: str) -> Callback:
        """Return a callback for `run` that fills the matrix called `name`."""
        return lambda record: self._take(name, record)

    def add(self, name: str, result: Result | Path | str) -> None:
        """Show a result, or that in a folder; one of the same name is replaced."""
        name, result = str(name), as_result(result, "ForgettingExplorer wants results by name, or one result")
        self._results[name] = result
        matrix = {score: _json(result.matrix(score)) for score in metrics.SCORES}
        self._put({"name": name, "tasks": result.tasks, "matrix": matrix})

    @property
    def names(self) -> list[str]:
        """Names of the methods shown."""
        return [method["name"] for method in self._methods]

    def matrix(self, name: str) -> np.ndarray:
        """Task matrix `[T, T]` of a method, in the score shown now; NaN where not measured."""
        if name in self.names:
            return np.array(self._methods[self.names.index(name)]["matrix"][self.score], dtype=float)
        raise ValueError(f"There is no method called {name!r} here; there are: {', '.join(self.names) or 'none yet'}.")

    def to_frame(self) -> pd.DataFrame:
        """Table of average, forgetting and backward transfer in the score shown now, in dB; a line a method."""
        measures = (task_matrix.average, task_matrix.forgetting, task_matrix.backward_transfer)
        rows = {name: [measure(self.matrix(name)) for measure in measures] for name in self._measured()}
        return pd.DataFrame.from_dict(rows, orient="index", columns=["average", "forgetting", "backward transfer"])

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
        known = {method["name"]: method["matrix"] for method in self._methods}.get(name)
        if task == 0 or known is None or len(known["sdr"]) != count:
            known = {score: [[None] * count for _ in range(count)] for score in metrics.SCORES}
        matrix = {score: [rows[score] if at == task else row for at, row in enumerate(known[score])] for score in known}
        self._results.pop(name, None)  # of an earlier run; this one's comes with `add`
        self._put({"name": name, "tasks": [], "matrix": matrix})
        self._progress = {} if task + 1 == count else {**self._progress, "text": f"{name} has learned task {task + 1}"}

    def _put(self, method: dict[str, Any]) -> None:
        by_name = {known["name"]: known for known in self._methods} | {method["name"]: method}
        self._methods = list(by_name.values())

    @traitlets.validate("_cell")
    def _known_cell(self, proposal: traitlets.Bunch) -> dict[str, Any]:
        cell = proposal.value
        if cell and self._value_at(cell) is None:
            raise traitlets.TraitError(f"{cell} is no cell: it has a method shown, learned and tested, tasks from 0")
        return cell

    def _value_at(self, cell: dict[str, Any]) -> float | None:
        """Score in a cell; None where there is none."""
        places = [cell.get("learned"), cell.get("tested")]
        if cell.keys() != {"method", "learned", "tested"} or cell["method"] not in self.names:
            return None
        matrix = self.matrix(cell["method"])
        inside = all(type(place) is int and 0 <= place < len(matrix) for place in places)
        return float(matrix[tuple(places)]) if inside else None

    @traitlets.observe("_cell", "_methods", "score")
    def _work_out_selected(self, _change: traitlets.Bunch) -> None:
        value = self._value_at(self._cell) if self._cell else None
        self.set_trait("selected", {} if value is None else {**self._cell, "value": value})

    @traitlets.observe("_cell")
    def _play_selected(self, _change: traitlets.Bunch) -> None:
        if not self._cell or self.player is None:
            return
        name, task, after = (self._cell[key] for key in ("method", "tested", "learned"))
        try:
            if name not in self._results:
                raise ValueError(f"{name} can be heard when it is done and added: explorer.add({name!r}, result)")
            result = self._results[name]
            numbers = [number for number, entry in enumerate(result.examples()) if entry["task"] == task]
            if not numbers:
                raise ValueError(f"{name} has no stored example of task {task + 1}: nothing to hear.")
            self.player.load_result(result, example=numbers[0], after=after)
            self._notice = ""
        except (ValueError, OSError) as error:
            self._notice = str(error)

    def _fallback(self) -> dict[str, Any]:
        from contav_lib import plots

        matrices = {name: self.matrix(name) for name in self._measured()}
        return (
            {"text/html": drawn(lambda: plots.task_matrices(matrices, metrics.TITLES[self.score]))} if matrices else {}
        )


def _json(matrix: np.ndarray) -> list[list[float | None]]:
    return [[None if np.isnan(value) else float(value) for value in row] for row in matrix]
