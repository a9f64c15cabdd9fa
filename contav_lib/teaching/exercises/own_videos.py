"""Checkers of notebook 07: what is left of a video, and how much two boxes overlap."""

from collections.abc import Callable

from contav_lib.teaching.check import NotYet, exercise, require_number


@exercise("seconds that are kept")
def check_seconds(answer: object, heard: float, shown: float) -> str:
    """Check how long a clip is of which so many seconds are heard and so many shown."""
    seconds = require_number(answer)
    if seconds == min(heard, shown):
        return "a separator learns from what it hears and sees at once, so the shorter of the two counts."
    if seconds == max(heard, shown):
        raise NotYet("what would the separator look at in the last seconds?")
    raise NotYet("nothing is stretched and nothing is made up: which seconds have both, sound and pictures?")


@exercise("overlap of two boxes")
def check_overlap(answer: Callable[..., object]) -> str:
    """Check a function that gives the intersection over union of two boxes (left, top, right, bottom)."""
    if not callable(answer):
        raise NotYet("a function is asked for: give its name, without brackets.")
    box = (0, 0, 4, 2)

    def call(other: tuple) -> object:
        try:
            return answer(box, other)
        except Exception as error:  # of the learner's code
            raise NotYet(f"for {box} and {other} it stops with {type(error).__name__}: {error}") from error

    if call(box) in (..., None):
        raise NotYet("it gives nothing back yet: write its body, and end it with return.")

    def gives(other: tuple, why: str, right: float) -> None:
        found = require_number(call(other))
        if abs(found - right) > 1e-6:
            raise NotYet(f"for {box} and {other} it gives {found:.3g}. {why}")

    gives(box, "A box lies wholly on itself.", 1)
    gives((8, 0, 12, 2), "They lie side by side, so nothing is shared: can a width be negative?", 0)
    gives((8, 8, 12, 10), "They share nothing, in neither direction: two negative sides make a positive area.", 0)
    gives((0, 0, 2, 2), "Half of the first box is shared, and together they cover just the first one.", 0.5)
    gives((2, 0, 6, 2), "They share 4 of 12 squares: what both cover counts once in the union.", 1 / 3)
    return "what is shared, divided by what is covered: 1 for the same place, 0 for places apart."
