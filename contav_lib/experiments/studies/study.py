"""What each study runs and measures: the tables behind `contav study`.

contav study terms --profile lab --seeds 3
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from contav_lib.experiments.plans import Plan
from contav_lib.experiments.result import Result
from contav_lib.experiments.studies import conditions, crosssdc
from contav_lib.experiments.studies.class_forgetting import class_forgetting
from contav_lib.experiments.studies.crosssdc import SAME_CLASS, UNCHANGED
from contav_lib.experiments.studies.families import Family, family_differences
from contav_lib.experiments.studies.generalisation import generalisation
from contav_lib.experiments.studies.representations import representations
from contav_lib.experiments.studies.retest import scored_again
from contav_lib.experiments.tables import as_sentences, ci95_halfwidth, measures_table, results_table

Results = Mapping[str, Sequence[Result]]


class Study(NamedTuple):
    """A plan of experiments, and the families of differences it asks for, by the prefix of their columns."""

    plan: Callable[..., Plan]
    families: Callable[[Results], dict[str, Family]]


STUDIES: dict[str, Study] = {
    "terms": Study(crosssdc.terms, crosssdc.families_of_terms),
    "needs": Study(crosssdc.needs, crosssdc.with_and_without),
    "learning": Study(crosssdc.learning, crosssdc.with_and_without),
    "sources": Study(conditions.sources, conditions.against_replay),
    "order": Study(conditions.order, conditions.against_replay),
    "protocol": Study(conditions.protocol, conditions.against_usual),
    "start": Study(conditions.start, conditions.against_distillation),
}
# Measurements of the stored separators of `conditions.methods`, each a table.
MEASUREMENTS: dict[str, Callable[[Results], pd.DataFrame]] = {
    "generalisation": generalisation,
    "classes": class_forgetting,
    "representations": representations,
}


def study_table(study: str, results: Results) -> pd.DataFrame:
    """All measures of a study as numbers, one row a name: `tables.measures_table`.

    Terms are compared with `crosssdc.REFERENCES` in every measure; in the other studies, columns `sdr_<family>_<column>` hold
    the differences of the final SDR (`family_differences`).
    """
    if study == "terms":
        return measures_table(results, crosssdc.REFERENCES)
    # One at a time, for conditions may have test mixtures of their own.
    table = pd.concat([measures_table({name: runs}, {}) for name, runs in results.items()])
    for prefix, family in STUDIES[study].families(results).items():
        table = table.join(family_differences(results, family).add_prefix(f"sdr_{prefix}_"))
    return table


def print_study(study: str, results: Results) -> None:
    """Print final scores, then every family's differences in words; for some conditions, another test."""
    print(results_table(results, paper=study == "terms").to_string())
    for family in STUDIES[study].families(results).values():
        print()
        print(as_sentences(family_differences(results, family), family.against, "final SDR"))
    if study == "needs":
        _print_other_tests(results)


def _print_other_tests(results: Results) -> None:
    for name, question, settings in (
        (SAME_CLASS, "mixtures of one class", dict(same_class=True)),
        (UNCHANGED, "mixtures whose classes are recognised by their looks, not given", dict(class_from_vision=True)),
    ):
        if name in results:
            pair = {row: results[row] for row in (f"{name}, without", name)}
            scores = scored_again(pair, **settings)
            apart = (scores.loc[name] - scores.loc[f"{name}, without"]).to_numpy()
            print(f"\nOn {question}, SDR improvement in dB:\n{scores.round(2).to_string()}")
            print(
                f"CrossSDC adds {apart.mean():+.2f} dB; the 95 % interval is {ci95_halfwidth(apart):.2f} to either side."
            )
