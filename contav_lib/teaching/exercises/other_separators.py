"""Checkers of notebook 05: who must be told the class, and which contract check finds a mistake."""

from collections.abc import Collection

from contav_lib.experiments.plans import THREE_SEPARATORS
from contav_lib.teaching.check import NotYet, exercise
from contav_lib.utils.registry import did_you_mean


@exercise("who needs the class")
def check_class(answer: object) -> str:
    """Check the names of the separators whose masks change with the class number they are told."""
    names = [answer] if isinstance(answer, str) else answer
    if not isinstance(names, list | tuple | set):
        raise NotYet('answer with a list of names, such as ["iquery", "soundofpixels"].')
    for name in names:
        if name not in THREE_SEPARATORS:
            raise NotYet(f"there is no separator called {name!r} here; {did_you_mean(str(name), THREE_SEPARATORS)}")
    if set(names) == {"iquery"}:
        return (
            "iQuery's class picks the query that asks. The other two are told by the picture alone what to listen for; "
            "Co-Separation knows classes, but only to judge its own answers while it learns."
        )
    if "coseparation" in names and "iquery" in names:
        raise NotYet("Co-Separation's classifier listens to what was separated. Does it have a say in the mask?")
    if "iquery" not in names:
        raise NotYet("one of the three has a table with a learned vector for every class, and asks with it.")
    raise NotYet("look for `classes` in the `forward` of each: where is it used, and where only handed over?")


@exercise("check that catches it")
def check_contract(answer: object, checks: Collection[str]) -> str:
    """Check which contract check fails a separator that divides by the loudest pixel of the whole batch."""
    given = str(answer).strip().strip("'\"")
    if given not in checks:
        raise NotYet(f"there is no such contract check; {did_you_mean(given, checks)}")
    if given == "mixtures apart":
        return (
            "the loudest pixel may stand in another mixture, so the answer about one mixture changes with its "
            "neighbours: tested alone, the separator says something else than in a batch."
        )
    hints = {
        "order of sources": "the sources of a mixture share their mixture: in another order they get the same answers.",
        "silence": "a silent batch would indeed divide by zero; but suppose that she adds a small number first.",
        "batch of one": "a single mixture is answered, and has the right shapes. What if there is a second one?",
    }
    raise NotYet(hints.get(given, "what does the answer about the first mixture depend on that it should not?"))
