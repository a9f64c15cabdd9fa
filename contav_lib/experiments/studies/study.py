"""A study: experiments as rows of settings, and the families of differences that answer its question."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pandas as pd

from contav_lib.config import Config
from contav_lib.experiments.plans import NamedSettings, Plan, Seeds, first_classes, over_seeds
from contav_lib.experiments.result import Result
from contav_lib.experiments.studies.retest import added_in_another_test
from contav_lib.experiments.tables import as_sentences, measures_table, paired_differences, results_table, with_verdicts
from contav_lib.utils.registry import find_by_name

Results = Mapping[str, Sequence[Result]]  # by name, one a seed


class Family(NamedTuple):
    """Comparisons of one kind, corrected together for their number.

    Attributes:
        against: what the rows are held against, in words.
        reference_of: a row's name -> that of its reference; a row that is its own, or whose reference is not there, has none.
    """

    against: str
    reference_of: Callable[[str], str]

    def pairs(self, names: Iterable[str]) -> dict[str, str]:
        """Each row that has a reference, with it."""
        there = list(names)
        return {name: other for name in there if (other := self.reference_of(name)) in there and other != name}

    def differences(self, results: Results) -> pd.DataFrame:
        """`tables.paired_differences` of the final SDR of every pair, with Holm's correction over all of them, in dB.

        Args:
            results: one pair at least; pairs need not share their test mixtures with other pairs.

        Raises:
            ValueError: a pair has no seed in common, or was tested on different mixtures.
        """
        rows = [
            paired_differences({name: results[name], other: results[other]}, other)
            for name, other in self.pairs(results).items()
        ]
        return with_verdicts(pd.concat(rows))


def against(row: str) -> Family:
    """All other rows against one."""
    return Family(row, lambda name: row)


@dataclass(frozen=True)
class Study:
    """Question with an answer in numbers: what is run, and what is compared.

    Attributes:
        rows: settings by name.
        families: by the prefix of their columns, `sdr_<prefix>_<column>`: differences of the final SDR.
        common: settings of all rows.
        profiles: whose settings the rows change; none: any.
        paper: the rows are the paper's: its numbers stand beside them, and the families' references are compared in all
            measures, as in `tables.measures_table`.
        other_tests: by condition, another test of its separators, with and without: its name, settings of `scored_again`.
    """

    rows: NamedSettings
    families: Mapping[str, Family]
    common: Mapping[str, Any] = field(default_factory=dict)
    profiles: tuple[str, ...] = ()
    paper: bool = False
    other_tests: Mapping[str, tuple[str, dict[str, bool]]] = field(default_factory=dict)

    def plan(self, profile: str, seeds: Seeds, only: Sequence[str] = (), **overrides: Any) -> Plan:
        """One experiment a row and seed.

        Args:
            only: conditions, each with its row "<condition>, without"; all rows by default.
            overrides: settings of all rows, as for `Config.profile`. Other data have other classes: as many as in `common`.

        Raises:
            ValueError: a profile whose sizes are not those that the rows change, or no such condition.
        """
        if self.profiles and profile not in self.profiles:
            raise ValueError(f"profile={profile!r}: the conditions of this study are made for {self.profiles[0]!r}.")
        rows = self.rows
        if only:
            conditions = {name: settings for name, settings in rows.items() if f"{name}, without" in rows}
            rows = {}
            for name in only:
                settings = find_by_name(conditions, name, "condition")
                rows |= {f"{name}, without": self.rows[f"{name}, without"], name: settings}
        common = {**self.common, **overrides}
        if "data" in overrides and "classes" in self.common:
            common["classes"] = first_classes(Config.profile(profile, **overrides), len(self.common["classes"]))
        return over_seeds(profile, seeds, rows, **common)

    def table(self, results: Results) -> pd.DataFrame:
        """All measures as numbers, one row a name: `tables.measures_table`, with the families' differences."""
        if self.paper:
            return measures_table(results, {family.against: prefix for prefix, family in self.families.items()})
        # One at a time, for conditions may have test mixtures of their own.
        table = pd.concat([measures_table({name: runs}, {}) for name, runs in results.items()])
        for prefix, family in self.families.items():
            table = table.join(family.differences(results).add_prefix(f"sdr_{prefix}_"))
        return table

    def as_text(self, results: Results) -> str:
        """Final scores, then every family's differences in words, then other tests."""
        parts = [results_table(results, paper=self.paper).to_string()]
        for family in self.families.values():
            parts.append(as_sentences(family.differences(results), family.against, "final SDR"))
        for name, (test, settings) in self.other_tests.items():
            if name in results:
                pair = {row: results[row] for row in (f"{name}, without", name)}
                parts.append(added_in_another_test(pair, test, **settings))
        return "\n\n".join(parts)
