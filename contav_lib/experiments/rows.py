"""Rows of a comparison: the variants of all methods, and which of them an experiment is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from contav_lib.config import Config
from contav_lib.methods import Variant, all_methods, method_class
from contav_lib.separators import separator_class
from contav_lib.utils.registry import did_you_mean

Pairs = tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Row:
    """A row of a comparison: a method, its memory, and settings that differ from its own.

    Attributes:
        method: its name in `contav_lib.methods`.
        exemplars: how many clips a class it may keep.
        settings: pairs of a setting's name and value, sorted; none for the method as the profile has it.
    """

    method: str
    exemplars: int
    settings: Pairs = ()

    @property
    def name(self) -> str:
        """Title in tables and figures: "LwF", "LwF + memory", "LwF + 4 exemplars", "LwF, distillation=0.0", ..."""
        memory = {0: ", no memory", 1: " + memory"}.get(self.exemplars, f" + {self.exemplars} exemplars")
        return self._title("" if self.exemplars == method_class(self.method).exemplars else memory)

    @property
    def name_without_memory(self) -> str:
        """The same title for any number of exemplars."""
        return self._title("")

    @property
    def in_full(self) -> dict[str, Any]:
        """The settings by which `Config.profile` makes it."""
        return {**dict(self.settings), "method": self.method, "exemplars": self.exemplars}

    def _title(self, memory: str) -> str:
        method, settings = method_class(self.method), dict(self.settings)
        for variant in method.variants:
            if variant.settings == settings:
                return ", ".join(filter(None, [(variant.title or method.title) + memory, variant.note]))
        return ", ".join([method.title + memory, *(f"{name}={value}" for name, value in self.settings)])


def as_pairs(settings: Mapping[str, Any]) -> Pairs:
    """Settings as a `Row` has them."""
    return tuple(sorted((name, tuple(value) if isinstance(value, list) else value) for name, value in settings.items()))


def all_rows() -> list[Row]:
    """Every variant that has a place in a comparison: the paper's Table 1 in its order, then what a demanding reader asks for.

    That is: other memories, the control without CrossSDC, the kit's ways to ask an old model about old classes, and methods of
    other kinds.
    """
    of_methods = [(method.name, variant) for method in all_methods() for variant in method.variants]
    placed = sorted((pair for pair in of_methods if pair[1].place is not None), key=lambda pair: pair[1].place or 0)
    return [Row(name, variant.exemplars, as_pairs(variant.settings)) for name, variant in placed]


def rows_of(
    methods: Sequence[str] | None = None, exemplars: Sequence[int] | None = None, separator: str = "iquery"
) -> list[Row]:
    """Rows to compare: `all_rows`, or some methods' only, or each of these with each memory size.

    Args:
        methods: names; None for all methods that the separator can be taught by.
        exemplars: memory sizes, in clips a class; None for the rows as they stand in the table.
        separator: which separator learns.

    Raises:
        ValueError: no such method or separator.
    """
    rows, queries = all_rows(), separator_class(separator).class_queries
    taught_by = [row.method for row in rows if queries or not method_class(row.method).needs_queries]
    names = list(dict.fromkeys(methods or taught_by))
    for name in names:
        method_class(name)
    if exemplars:
        # Joint training keeps everything, however many exemplars are asked for: one row.
        counts = {name: [0] if method_class(name).joint else dict.fromkeys(exemplars) for name in names}
        if not methods:  # those that make no sense without a memory are left out where none is asked for
            counts = {name: [n for n in of if n or not method_class(name).needs_memory] for name, of in counts.items()}
        return [Row(name, count) for name in names for count in counts[name]]
    return [row for row in rows if row.method in names]


def rows_named(names: Sequence[str]) -> list[Row]:
    """Single rows of `all_rows` by their names in tables, such as "LwF + memory"; an unknown name is a ValueError."""
    known = {row.name: row for row in all_rows()}
    for name in names:
        if name not in known:
            raise ValueError(f"There is no row called {name!r}; {did_you_mean(name, list(known))}")
    return [row for name, row in known.items() if name in names]


def row_in(profile: str, row: Row, **overrides: Any) -> Row:
    """A row without settings as the variant that the profile makes of it: on `lab`, LwF asks with a new picture.

    Args:
        overrides: as for `Config.profile`.
    """
    if row.settings:
        return row
    in_force = Config.profile(profile, **{**overrides, **row.in_full}).method_settings.items()
    fitting = [each.settings for each in method_class(row.method).variants if each.settings.items() <= in_force]
    return Row(row.method, row.exemplars, as_pairs(max(fitting, key=len, default={})))


def variant_of(settings: Mapping[str, Any]) -> Variant | None:
    """The variant that an experiment is; None where it has other settings or another memory than all of them.

    Args:
        settings: `Result.config`.
    """
    config, of_a_row = Config.from_json(settings), attrgetter("method_settings", "exemplars", "exemplar_choice")
    for variant in method_class(config.method).variants:
        own = {**variant.settings, "method": config.method, "exemplars": variant.exemplars}
        if of_a_row(Config.profile(config.name_of_profile, **own)) == of_a_row(config):
            return variant
    return None


def paper_scores(settings: Mapping[str, Any]) -> tuple[float, ...]:
    """SDR, SIR and SAR in dB that Pian et al. 2024 give for an experiment's row, on their data; empty where they have none.

    Args:
        settings: `Result.config`.
    """
    variant = variant_of(settings)
    return variant.paper.get(settings["separator"], ()) if variant else ()
