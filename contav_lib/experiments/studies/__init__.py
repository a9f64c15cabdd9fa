"""Studies: questions that a comparison of methods leaves open, each with a name for `contav study <name>`.

terms, needs, learning                 of CrossSDC: which terms help (Table 2), under which conditions, in a single task
sources, order, protocol, start        do the methods keep their order: more sources, other classes first, ... (`questions`)
generalisation                         new music against new instruments
classes                                which class is forgotten, and which one steals its sound: `class_forgetting`
representations                        similarity of old and new features, and linear probes
"""
