"""Studies: questions that a comparison of methods leaves open, each with a name for `contav study <name>`.

terms, needs, learning                 of CrossSDC: `crosssdc`
sources, order, protocol, start        other conditions for all methods: `conditions`
generalisation                         new music against new instruments
classes                                which class is forgotten, and which one steals its sound: `class_forgetting`
representations                        similarity of old and new features, and linear probes
"""

from contav_lib.experiments.studies.class_forgetting import EnergyTaken, class_forgetting, energy_taken
from contav_lib.experiments.studies.conditions import CHANGES, METHODS, USUAL, methods, order, protocol, sources, start
from contav_lib.experiments.studies.crosssdc import (
    CONDITIONS,
    REFERENCES,
    SAME_CLASS,
    UNCHANGED,
    learning,
    needs,
    terms,
    what_crosssdc_adds,
)
from contav_lib.experiments.studies.families import Family, family_differences
from contav_lib.experiments.studies.generalisation import generalisation
from contav_lib.experiments.studies.representations import cka_to_end, linear_cka, probe_accuracy, representations
from contav_lib.experiments.studies.retest import by_looks, scored_again

__all__ = [
    "CHANGES",
    "CONDITIONS",
    "EnergyTaken",
    "Family",
    "METHODS",
    "REFERENCES",
    "SAME_CLASS",
    "UNCHANGED",
    "USUAL",
    "by_looks",
    "cka_to_end",
    "class_forgetting",
    "energy_taken",
    "family_differences",
    "generalisation",
    "learning",
    "linear_cka",
    "methods",
    "needs",
    "order",
    "probe_accuracy",
    "protocol",
    "representations",
    "scored_again",
    "sources",
    "start",
    "terms",
    "what_crosssdc_adds",
]
