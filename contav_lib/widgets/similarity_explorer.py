"""Explorer of which sounds and pictures a separator finds alike, task after task, with what lies behind each cell."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import traitlets

from contav_lib.analysis.features import extract_features
from contav_lib.analysis.similarity import SourceFeatures
from contav_lib.audio import SAMPLE_RATE
from contav_lib.experiments.result import Result
from contav_lib.losses import Pair
from contav_lib.widgets.base import PageWidget, as_result, drawn, jpeg, read

MODALITIES = {"audio": "sound"}  # what a reader calls them, where that is another word


class SimilarityExplorer(PageWidget):
    """Cosine similarities of R sources between two modalities: an old model, a new one, and what changed.

    Hover over a cell for its value; click it (or press Enter) to hear both sounds and see both frames. With the positives
    of eq. 7 or 9 outlined, the loss of the chosen row is worked out below, term by term. Everything but sounds and
    frames also works when the kernel is gone.

    Args:
        source: a `Result` or the path of its folder, or `SourceFeatures`, made of tensors of your own.
        mixtures: fixed test mixtures of each task to listen to; for a `Result` only, see `extract_features`.

    Attributes (set them from Python, or by the controls; all are restored when a page is loaded again):
        pair: two modalities, such as ("audio", "object"): rows first.
        model: place of the new model among the models, 0 for the one after the first task.
        old: place of the old model; -1 for the one before the new one.
        view: "models" (old, new, difference) or "rows": the rows of eq. 7 to 10, the new model's and once more the old's.
        average: show means of classes instead of single sources.
        order: "learned" or "clustered" (alike sources of the new model side by side).
        positives: outlined: "none", "video" (eq. 7) or "class" (eq. 9).
        selected: the chosen cell, {} when there is none; read only, worked out in Python.

    Raises:
        ValueError: the result has no model yet, or too many sources.
    """

    from_page = frozenset({"pair", "model", "old", "view", "average", "order", "positives", "_cell"})
    _esm = read(
        "dom.js",
        "colours.js",
        "engine.js",
        "similarity_numbers.js",
        "similarity_panel.js",
        "similarity_detail.js",
        "similarity_explorer.js",
    )
    _css = read("theme.css", "similarity_explorer.css")

    pair = traitlets.Tuple(traitlets.Unicode(), traitlets.Unicode()).tag(sync=True)
    model = traitlets.Int(0).tag(sync=True)
    old = traitlets.Int(-1).tag(sync=True)
    view = traitlets.Enum(["models", "rows"], "models").tag(sync=True)
    average = traitlets.Bool(False).tag(sync=True)
    order = traitlets.Enum(["learned", "clustered"], "learned").tag(sync=True)
    positives = traitlets.Enum(["none", "video", "class"], "none").tag(sync=True)
    selected = traitlets.Dict(read_only=True)

    _about = traitlets.Dict().tag(sync=True)
    _features = traitlets.Bytes().tag(sync=True)  # float32 [modalities, T, R, D]
    _orders = traitlets.Bytes().tag(sync=True)  # int32 [modalities, modalities, T, R]: clustered
    # {"panel", "average", "row", "column"}; a place is ["new" or "old", number of a source or of a class].
    _cell = traitlets.Dict().tag(sync=True)

    def __init__(self, source: Result | Path | str | SourceFeatures, mixtures: int | None = None):
        heard = source if isinstance(source, SourceFeatures) else None
        wanted = "SimilarityExplorer wants SourceFeatures or one result"
        self.heard = heard or extract_features(as_result(source, wanted), mixtures)
        super().__init__(
            pair=self.heard.pairs[0],
            model=len(self.heard.models) - 1,
            _about=self._describe(),
            _features=torch.stack(list(self.heard.features.values())).numpy().astype("<f4").tobytes(),
            _orders=self._clustered_orders(),
        )

    def matrix(self, which: str = "new") -> torch.Tensor:
        """Values of a panel ("old", "new" or "difference") in the sources' own order: `[R, R]`, or `[C, C]` of classes.

        Raises:
            ValueError: there is no such panel, or no old model.
        """
        if which not in ("old", "new", "difference"):
            raise ValueError(f"There is no panel {which!r}; there are 'old', 'new' and 'difference'.")
        matrix = self._between("old", "old") if which == "old" else self._between("new", "new")
        if which == "difference":
            matrix = matrix - self._between("old", "old")
        return self.heard.class_means(matrix) if self.average else matrix

    def to_frame(self, which: str = "new") -> pd.DataFrame:
        """Table of `matrix(which)` with its names, by task and class."""
        heard = self.heard
        task_of = {label: number + 1 for number, task in enumerate(heard.tasks) for label in task}
        labels = heard.labels if self.average else [heard.labels[number] for number in heard.classes.tolist()]
        levels: dict[str, list] = {"task": [task_of[label] for label in labels], "class": labels}
        if not self.average:
            levels["source"] = heard.names
        index = pd.MultiIndex.from_arrays(list(levels.values()), names=list(levels))
        return pd.DataFrame(self.matrix(which).numpy(), index, index)

    def loss_table(self) -> pd.DataFrame:
        """Loss of the chosen row, one line a candidate: see `LossRows.loss_table`.

        The sum of `term` is what the row adds to the loss.

        Raises:
            ValueError: no row of single sources is chosen, positives are "none", or the row's model does not know its class.
        """
        if not self._cell or self._cell["average"] or self._cell["panel"] == "difference" or self.positives == "none":
            raise ValueError(
                "Click a cell of single sources in a panel of one model, and choose the positives of eq. 7 or 9."
            )
        which, source = self._cell["row"]
        across = self._cell["panel"] == "rows" and self._place("new") > 0
        rows = (
            self.heard.rows(self._place("new"), self._place("old")) if across else self.heard.rows(self._place(which))
        )
        row = ((rows.models == self._place(which)) & (rows.sources == source)).nonzero().flatten()
        if not len(row):
            raise ValueError(
                f"{self.heard.models[self._place(which)]} the model does not know {self.heard.names[source]} yet."
            )
        table = rows.loss_table(int(row[0]), self.pair, self.positives, self.heard.temperature)
        names = [self.heard.names[source] for source in table["source"]]
        return table.assign(model=[self.heard.models[model] for model in table["model"]], source=names)

    @traitlets.validate("pair")
    def _known_pair(self, proposal: traitlets.Bunch) -> Pair:
        names = list(self.heard.features)
        if not set(proposal.value) <= set(names) or len(set(proposal.value)) < 2:
            raise traitlets.TraitError(f"pair={proposal.value}: choose two different ones of {', '.join(names)}.")
        return proposal.value

    @traitlets.validate("model", "old")
    def _known_model(self, proposal: traitlets.Bunch) -> int:
        lowest, highest = -1 if proposal.trait.name == "old" else 0, len(self.heard.models) - 1
        if not lowest <= proposal.value <= highest:
            raise traitlets.TraitError(f"{proposal.trait.name}={proposal.value}: it must be in {lowest} .. {highest}.")
        return proposal.value

    @traitlets.validate("_cell")
    def _known_cell(self, proposal: traitlets.Bunch) -> dict[str, Any]:
        cell = proposal.value
        if not cell:
            return cell
        count = len(self.heard.labels if cell.get("average") else self.heard.names)
        places = [[which, number] for which in ("new", "old") for number in range(count)]
        if (
            cell.keys() != {"panel", "average", "row", "column"}
            or cell["panel"] not in ("old", "new", "difference", "rows")
            or type(cell["average"]) is not bool
            or not all(cell[side] in places for side in ("row", "column"))
        ):
            raise traitlets.TraitError(f"{cell} is no cell: there is no such panel, row or column")
        return cell

    @traitlets.observe("_cell", "pair", "model", "old")
    def _work_out_selected(self, _change: traitlets.Bunch) -> None:
        try:
            selected = self._work_out(**self._cell) if self._cell else {}
        except ValueError:
            selected = {}  # its panel is gone: there is no old model before the first
        self.set_trait("selected", selected)

    def _work_out(self, panel: str, average: bool, row: list, column: list) -> dict[str, Any]:
        matrix = self._between(row[0], column[0])
        if panel == "difference":
            matrix = matrix - self._between("old", "old")
        names = self.heard.labels if average else self.heard.names
        return {
            "panel": panel,
            "pair": tuple(self.pair),
            "row": names[row[1]],
            "column": names[column[1]],
            "row_model": self.heard.models[self._place(row[0])],
            "column_model": self.heard.models[self._place(column[0])],
            "value": float((self.heard.class_means(matrix) if average else matrix)[row[1], column[1]]),
        }

    def _place(self, which: str) -> int:
        """Place of the "new" or the "old" model among the models now."""
        place = self.model if which == "new" else self.old if self.old >= 0 else self.model - 1
        if place < 0:
            raise ValueError("There is no old model before the first one; set .old or .model to another place.")
        return place

    def _between(self, rows: str, columns: str) -> torch.Tensor:
        """Cosines `[R, R]`: the first modality as one of the two models hears it, the second as one of them does."""
        return self.heard.similarity(self.pair, self._place(rows), self._place(columns))

    def _describe(self) -> dict[str, Any]:
        heard = self.heard
        return {
            "modalities": list(heard.features),
            "names": [MODALITIES.get(name, name) for name in heard.features],
            "size": list(next(iter(heard.features.values())).shape),
            "models": heard.models,
            "tasks": heard.tasks,
            "classes": heard.classes.tolist(),
            "videos": heard.videos.tolist(),
            "sources": heard.names,
            "learned": heard.order_learned().tolist(),
            "temperature": heard.temperature,
            "rate": SAMPLE_RATE,
        }

    def _clustered_orders(self) -> bytes:
        names, (count, rows, _) = list(self.heard.features), self._describe()["size"]
        orders = np.zeros((len(names), len(names), count, rows), dtype="<i4")
        for a, first in enumerate(names):
            for b, second in enumerate(names[a + 1 :], start=a + 1):
                for model in range(count):
                    # Both directions of a pair have the same order: it is made from the mean of the two.
                    orders[a, b, model] = orders[b, a, model] = self.heard.order_clustered((first, second), model)
        return orders.tobytes()

    def _hear(self, message: dict[str, Any], buffers: Sequence[memoryview]) -> None:
        """Answer the page that asks for a source's sound and frame: 16-bit samples and a JPEG."""
        row = message.get("source")
        if message.get("kind") != "source" or type(row) is not int or not 0 <= row < len(self.heard.names):
            raise ValueError("there is no such source")
        try:
            sound = b"" if self.heard.sound is None else _pcm(self.heard.sound(row))
            picture = None if self.heard.picture is None else self.heard.picture(row)
            self.send({"kind": "source", "source": row}, [sound, b"" if picture is None else jpeg(picture)])
        except (ValueError, OSError) as error:
            self.send({"kind": "source", "source": row, "error": str(error)}, [b"", b""])

    def _fallback(self) -> dict[str, Any]:
        from contav_lib import plots

        heard, order = self.heard, self.heard.order_learned()
        shown = [self._place("new")] if self.model == 0 > self.old else [self._place("old"), self._place("new")]
        models = {
            heard.models[model]: {
                " x ".join(MODALITIES.get(part, part) for part in pair): heard.similarity(pair, model)[order][
                    :, order
                ].numpy()
                for pair in heard.pairs
            }
            for model in shown
        }
        classes = heard.classes[order].tolist()
        return {"text/html": drawn(lambda: plots.similarity(models, classes, heard.labels))}


def _pcm(waveform: torch.Tensor) -> bytes:
    return (waveform.clamp(-1, 1) * 32767).round().numpy().astype("<i2").tobytes()
