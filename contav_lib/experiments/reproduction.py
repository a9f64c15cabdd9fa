"""The paper's tables, made again with error bars: what is asked for, the experiments behind it, and their numbers."""

import ast
import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, get_type_hints

import pandas as pd

from contav_lib.config import Config
from contav_lib.evaluation.intervals import Interval
from contav_lib.evaluation.metrics import BSS_EVAL, TITLES
from contav_lib.experiments.claims import TABLE_1, judge
from contav_lib.experiments.compare import with_titles
from contav_lib.experiments.executors import HERE, placed, run_all
from contav_lib.experiments.plans import over_seeds, run_plan, which_seeds
from contav_lib.experiments.result import Failed, NothingStored, Result
from contav_lib.experiments.rows import Row, as_pairs, paper_scores, rows_of
from contav_lib.experiments.run import is_finished, outcome
from contav_lib.experiments.studies.questions import TABLE_2
from contav_lib.experiments.tables import measure, paper_text, with_spread
from contav_lib.experiments.template import without_network
from contav_lib.separators import separator_class
from contav_lib.utils.registry import did_you_mean
from contav_lib.utils.settings import literal, of_kind

_TAKEN = {"method", "separator", "seed", "exemplars", "data"}  # what other parameters say
MINUTES = {"smoke": 0.2, "lab": 2.3}  # of an experiment, measured on a core of a server's processor


@dataclass(frozen=True)
class Parameters:
    """What is asked for: the parameters of notebook 06, there in capitals. Without any, the paper's tables on `lab`.

    Attributes:
        profile: as for `Config.profile`.
        dataset, data_root: a data set's name ("music21") and the folder where it lies; a folder alone holds
            `<class>/<name>.mp4`; both empty: the profile's data.
        methods: only these methods' rows; none: the paper's.
        separators: those of Table 1; iQuery's are Tables 2 and 3, too.
        seeds: which.
        memory: exemplars a class in Table 3.
        cluster: address of a scheduler that runs the experiments; "": this machine does.
        overrides: other settings of all experiments, by name.
        only_stored: run nothing, and show what is stored.

    Raises:
        ValueError: a value of another kind, or that `Config.profile` refuses; the nearest names are given.
    """

    profile: str = "lab"
    dataset: str = ""
    data_root: str = ""
    methods: tuple[str, ...] = ()
    separators: tuple[str, ...] = ("iquery", "coseparation")
    seeds: tuple[int, ...] = (6, 7, 8)
    memory: tuple[int, ...] = (1, 2, 3, 4, 10, 20, 30)
    cluster: str = ""
    overrides: Mapping[str, Any] = field(default_factory=dict)
    only_stored: bool = False

    def __post_init__(self):
        for name, kind in get_type_hints(type(self)).items():
            object.__setattr__(self, name, _of_kind(name.upper(), getattr(self, name), kind))
        object.__setattr__(self, "seeds", tuple(which_seeds(self.seeds)))
        if taken := sorted(_TAKEN & self.overrides.keys()):
            raise ValueError(f"OVERRIDES={dict(self.overrides)}: give {', '.join(taken)} by the other parameters.")
        if not self.separators:
            raise ValueError("SEPARATORS=[]: give at least one, such as 'iquery'.")
        _ = self.plans

    @classmethod
    def read(cls, namespace: Mapping[str, Any]) -> "Parameters":
        """Take them from a notebook's variables, `globals()`, with those that papermill has put there, known or not."""
        names = [*_injected(namespace.get("In", ())), *(each.name.upper() for each in fields(cls))]
        return cls.from_names({name: namespace[name] for name in names if name in namespace})

    @classmethod
    def from_names(cls, given: Mapping[str, Any]) -> "Parameters":
        """Take them by the names that they have in the notebook; those that are not given stay as they are.

        Raises:
            ValueError: there is no such parameter; the nearest names are given.
        """
        known = {each.name.upper(): each.name for each in fields(cls)}
        for name in given:
            if name not in known:
                raise ValueError(f"There is no parameter called {name!r}; {did_you_mean(name.upper(), known)}")
        return cls(**{known[name]: value for name, value in given.items()})

    @property
    def data(self) -> dict[str, str]:
        """The data that were asked for, as a setting."""
        name = ":".join(filter(None, [self.dataset, self.data_root]))
        return {"data": name} if name else {}

    @property
    def settings(self) -> dict[str, Any]:
        """Settings of all experiments, for `Config.profile`."""
        return {**self.overrides, **self.data}

    @cached_property
    def plans(self) -> dict[str, dict[Row, list[Config]]]:
        """By separator, then by row: experiments, one a seed."""
        return {separator: self.plan(separator, self.rows(separator)) for separator in self.separators}

    @property
    def experiments(self) -> list[Config]:
        """All of them."""
        return [config for plan in self.plans.values() for runs in plan.values() for config in runs]

    @property
    def command(self) -> str:
        """What one types to get this report, with what is not stored yet."""
        changed = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "only_stored"}
        changed = {name: value for name, value in changed.items() if value != getattr(Parameters, name, {})}
        as_text = {name: value if isinstance(value, str) else json.dumps(value) for name, value in changed.items()}
        words = [f"{name.upper()}={text}" for name, text in as_text.items()]
        return shlex.join(["contav", "report", *(["--set", *words] if words else [])])

    @property
    def options(self) -> str:
        """Profile, data and seeds as other commands take them: `contav compare`, `contav study`."""
        given = {"--profile": self.profile, "--dataset": self.dataset, "--data": self.data_root}
        words = [word for option, value in given.items() if value for word in (option, value)]
        seeds = map(str, self.seeds) if len(self.seeds) > 1 else [f"{self.seeds[0]}-{self.seeds[0]}"]
        return shlex.join([*words, "--seeds", *seeds])

    def to_run(self, configs: Iterable[Config] | None = None, command: str = "") -> str:
        """One line: how many experiments are not stored, what runs them, and about how long that takes.

        Args:
            configs: the experiments; all of the report, if none are given.
            command: what runs them; the report's, if none is given.
        """
        configs = self.experiments if configs is None else list(configs)
        todo = sum(not is_finished(config) for config in configs)
        if not todo:
            return (
                f"All experiments are stored: {len(configs)}." if configs else "No experiment of these was asked for."
            )
        minutes = todo * self._minutes_each
        time = f"about {max(minutes, 1):.0f} min" if minutes < 100 else f"about {minutes / 60:.1f} hours"
        time = f"{time}, one after the other" if minutes else "hours each, on a GPU"
        return f"{todo} of {len(configs)} experiments are not stored: {time}. What runs them: {command or self.command}"

    @cached_property
    def _minutes_each(self) -> float:
        """Mean minutes of the experiments that are stored; before the first, what is known of the profile, or 0."""
        stored = [run.minutes for run in map(outcome, self.experiments) if isinstance(run, Result)]
        return sum(stored) / len(stored) if stored else MINUTES.get(self.profile, 0)

    def placed(self) -> "Parameters":
        """The same with the device of the cluster's workers, which is part of the results' names (`executors.placed`)."""
        if not self.cluster or self.only_stored:
            return self
        one = self.experiments[0]
        [there] = placed([one], self.cluster)
        return self if there.name == one.name else replace(self, overrides={**self.overrides, "device": there.device})

    def plan(self, separator: str, rows: Sequence[Row]) -> dict[Row, list[Config]]:
        """Any rows' experiments, one a seed."""
        settings = {row: self.settings | row.in_full for row in rows}
        return over_seeds(self.profile, self.seeds, settings, separator=separator)

    @cached_property
    def paper(self) -> dict[str, dict[str, tuple[float, ...]]]:
        """By separator, then by row: SDR, SIR and SAR in dB, of each row that was asked for and is the paper's."""
        return {
            separator: {row.name: scores for row, runs in plan.items() if (scores := paper_scores(runs[0].to_json()))}
            for separator, plan in self.plans.items()
        }

    def table(self, number: int) -> dict[str, list[Row]]:
        """By separator: the rows that were asked for of the paper's Table 1, 2 or 3; those of no table stand in the first."""
        of_terms, of_sizes = TABLE_2_ROWS, self.sizes("contav")
        if number == 1:
            elsewhere = {*of_terms, *of_sizes} - {*TABLE_1}
            return {separator: [row for row in plan if row not in elsewhere] for separator, plan in self.plans.items()}
        asked = self.plans.get("iquery", {})
        return {"iquery": [row for row in (of_terms if number == 2 else of_sizes) if row in asked]}

    def of_table(self, number: int, *separators: str) -> list[Config]:
        """The experiments behind a table, or those of some separators among them."""
        of = {name: rows for name, rows in self.table(number).items() if name in (separators or self.separators)}
        return [run for name, rows in of.items() for row in rows for run in self.plans[name][row]]

    @cached_property
    def beside(self) -> dict[Row, list[Config]]:
        """The first separator's rows that the paper does not have; the report runs none of them."""
        separator = self.separators[0]
        others = [] if self.methods else [*rows_of(separator=separator), *self.sizes("replay")]
        return self.plan(separator, [row for row in dict.fromkeys(others) if row not in self.plans[separator]])

    def rows(self, separator: str) -> list[Row]:
        """Rows of the paper's tables for a separator, or those of the methods that are asked for."""
        separator_class(separator)
        rows = rows_of(self.methods, separator=separator) if self.methods else list(TABLE_1)
        if separator == "iquery" and "contav" in {row.method for row in rows}:
            rows += TABLE_2_ROWS + self.sizes("contav")
        return list(dict.fromkeys(rows))

    def sizes(self, method: str) -> list[Row]:
        """A method's row with each size of the memory."""
        return [Row(method, count) for count in self.memory]


TABLE_2_ROWS = [
    Row("contav", 1, as_pairs({name: settings[name] for name in settings if name != "method"}))
    for settings in TABLE_2.values()
]


def _injected(inputs: Sequence[str]) -> list[str]:
    """Names in the cell that papermill has written, if any; `inputs`: what a kernel has executed."""
    written = next((cell for cell in inputs if cell.startswith("# Parameters\n")), "")
    return [
        node.id
        for node in ast.walk(ast.parse(written))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]


def _of_kind(name: str, value: Any, kind: Any) -> Any:
    """A parameter's value; text is read as JSON or as a Python literal, or as words, for papermill's -p gives text."""
    several = kind in (tuple[str, ...], tuple[int, ...])
    if isinstance(value, str) and kind is not str:
        value = literal(value, value.replace(",", " ").split() if several else value)
    if several and not isinstance(value, list | tuple | range):
        value = which_seeds(value) if name == "SEEDS" and type(value) is int else [value]
    if several and kind == tuple[int, ...]:
        value = [literal(each, each) if isinstance(each, str) else each for each in value]
    if name == "OVERRIDES" and not (isinstance(value, Mapping) and all(isinstance(key, str) for key in value)):
        raise ValueError(f'{name}={value!r}: give settings by name, as in {{"steps": 600}}.')
    return of_kind(name, value, kind)


class Reproduction:
    """The experiments that parameters ask for, after they ran, and their numbers.

    Attributes:
        parameters: what was asked for.
        outcomes: by separator, then by row: an outcome a seed, see `run.outcome`.

    Raises:
        NothingStored: only what is stored was asked for, and nothing is.
    """

    def __init__(self, parameters: Parameters):
        self.parameters = parameters
        if not parameters.only_stored:
            run_all(parameters.experiments, keep_going=True, executor=parameters.cluster or HERE)
        self.outcomes = {
            separator: {row: list(map(outcome, runs)) for row, runs in plan.items()}
            for separator, plan in parameters.plans.items()
        }
        if parameters.only_stored and not self.all_results and not self.failures:
            raise NothingStored(f"Nothing of this report is stored yet. {parameters.to_run()}")

    @cached_property
    def results(self) -> dict[str, dict[Row, list[Result]]]:
        """By separator, then by row: what is there, one a seed."""
        return {
            separator: {row: [run for run in runs if isinstance(run, Result)] for row, runs in rows.items()}
            for separator, rows in self.outcomes.items()
        }

    @property
    def all_results(self) -> list[Result]:
        """All that is there."""
        return [run for rows in self.results.values() for runs in rows.values() for run in runs]

    @property
    def failures(self) -> dict[str, Failed]:
        """Experiments that failed, by what a reader calls them."""
        return {
            f"{row.name}, {separator}, seed {seed}": run
            for separator, rows in self.outcomes.items()
            for row, runs in rows.items()
            for seed, run in zip(self.parameters.seeds, runs, strict=True)
            if isinstance(run, Failed)
        }

    @property
    def missing(self) -> int:
        """Number of experiments without a result that did not fail either."""
        return sum(run is None for rows in self.outcomes.values() for runs in rows.values() for run in runs)

    @cached_property
    def fool(self) -> pd.DataFrame:
        """Class spectra on the same mixtures: `template.without_network`."""
        return without_network(self.parameters.profile, self.parameters.seeds, **self.parameters.settings)

    @cached_property
    def beside(self) -> dict[Row, list[Result]]:
        """Those of `Parameters.beside` whose seeds are all stored."""
        return run_plan(self.parameters.beside, only_stored=True)

    @cached_property
    def claims(self) -> pd.DataFrame:
        """Each pair of each claim: `claims.judge`."""
        sdr = {
            separator: {name: scores[0] for name, scores in rows.items()}
            for separator, rows in self.parameters.paper.items()
        }
        return judge({separator: with_titles(rows) for separator, rows in self.results.items()}, sdr)

    @cached_property
    def intervals(self) -> dict[str, dict[str, dict[Row, Interval]]]:
        """By separator, then by score: each row's mean over seeds with its 95 % interval, in dB."""
        return {
            separator: {
                score: {row: one.interval() for row, one in measure(there, score).items()} for score in BSS_EVAL
            }
            for separator, rows in self.results.items()
            for there in [{row: runs for row, runs in rows.items() if runs}]
        }

    def table_1(self) -> pd.DataFrame:
        """All rows but those of Tables 2 and 3 alone: mean and 95 % interval in dB as text, with the paper's scores."""
        parts = {separator: self._table(separator, rows) for separator, rows in self.parameters.table(1).items()}
        return pd.concat(parts, axis=1).fillna("").rename_axis("method")

    def table_2(self) -> pd.DataFrame:
        """ContAV-Sep's terms, as `table_1`; empty where they were not asked for."""
        return self._table("iquery", self.parameters.table(2)["iquery"]).rename_axis("terms")

    def table_3(self) -> pd.DataFrame:
        """ContAV-Sep with each size of the memory, as `table_1`; empty where they were not asked for."""
        rows = self.parameters.table(3)["iquery"]
        sizes = pd.Index([row.exemplars for row in rows], name="exemplars a class")
        return self._table("iquery", rows).set_axis(sizes)

    def spectra(self) -> pd.DataFrame:
        """Scores of `fool` in dB, as text; no intervals, for all but those of the exemplars are the same for every seed."""
        columns = {TITLES[score]: self.fool[f"{score}_mean"].map("{:.2f}".format) for score in BSS_EVAL}
        return pd.DataFrame(columns).rename_axis("no network")

    def _table(self, separator: str, rows: Sequence[Row]) -> pd.DataFrame:
        cells = {
            row.name: {
                **self._cells(separator, row),
                "seeds": len(self.results[separator][row]),
                "paper": paper_text(self.parameters.paper[separator].get(row.name, ())),
            }
            for row in rows
        }
        columns = [*(TITLES[score] for score in BSS_EVAL), "seeds", "paper"]
        return pd.DataFrame.from_dict(cells, orient="index", columns=columns, dtype=str).fillna("")

    def _cells(self, separator: str, row: Row) -> dict[str, str]:
        if not self.results[separator][row]:
            failed = any(isinstance(run, Failed) for run in self.outcomes[separator][row])
            return {TITLES["sdr"]: "failed" if failed else "not there"}
        found = {TITLES[score]: rows[row] for score, rows in self.intervals[separator].items()}
        return {title: with_spread(one.mean, one.half) for title, one in found.items()}
