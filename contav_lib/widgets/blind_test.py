"""A blind listening test of two methods: the listener does not know which one is playing."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from traitlets import Bool, Bytes, Float, Int, List, Unicode

from contav_lib.audio import SAMPLE_RATE
from contav_lib.experiments.result import Result
from contav_lib.widgets import sound
from contav_lib.widgets.base import PageWidget, as_result, read

KINDS = {
    "abx": "Which of the two is X?",
    "pick": "Which one is better: nearer to the reference, if there is one?",
    "rate": "How good is each, from 1 (bad) to 5 (excellent)?",
}
_REFERENCE = "the reference"


class BlindTest(PageWidget):
    """Compare two methods without knowing which is which; all sounds are made equally loud.

    A kind of test asks one question a trial. `abx`: A is one method, B the other, X one of the two; which? It tells
    whether a difference can be heard at all. `pick`: which of A and B is better? `rate`: a mark for each.
    In each trial chance decides who is A. Names never go to the browser before the last answer. Answers are taken when all
    sounds of the trial, but for a reference, have been heard.

    `answers` is a data frame, a row a trial; `p_value` says how probable an outcome at least as uneven is by guessing.

    Args:
        methods: two names; for each a sound, or a list of sounds, as many for both: the test goes through them in turn.
            A sound is a waveform `[samples]` or an audio file.
        kind: "abx", "pick" or "rate".
        trials: how many questions.
        references: the true sound to each of a method's sounds, to be heard beside A and B; none for `abx`.
        sample_rate: of the waveforms, in Hz.
        seed: of chance; None is a new test every time.

    Raises:
        ValueError: not two methods of different names, not as many sounds for each, or a sound that can't be played.
    """

    _esm = read("dom.js", "engine.js", "sound_page.js", "blind_test.js")
    _css = read("theme.css", "blind_test.css")

    kind = Unicode().tag(sync=True)
    question = Unicode().tag(sync=True)
    trial = Int(0).tag(sync=True)  # the present one, from 0; equal to `trials` at the end
    trials = Int().tag(sync=True)
    labels = List(Unicode()).tag(sync=True)  # of the sounds of this trial
    sounds = List(Bytes()).tag(sync=True)
    scales = List(Float()).tag(sync=True)
    gains = List(Float()).tag(sync=True)
    rate = Int().tag(sync=True)
    done = Bool(False).tag(sync=True)
    outcome = Unicode().tag(sync=True)  # in words, once it is done

    def __init__(
        self,
        methods: Mapping[str, Any],
        kind: str = "abx",
        trials: int = 10,
        references: Sequence[Any] | None = None,
        sample_rate: int = SAMPLE_RATE,
        seed: int | None = None,
    ):
        if kind not in KINDS:
            raise ValueError(f"kind is {kind!r}; it is one of {', '.join(map(repr, KINDS))}.")
        self._methods = _two_names(methods, "BlindTest wants the sounds of two methods", references is not None)
        if trials < 1:
            raise ValueError(f"trials is {trials}; at least one question must be asked.")
        one, other = (_as_list(sounds) for sounds in methods.values())
        if len(one) != len(other) or not one:
            counts = f"{self._methods[0]} has {len(one)} sound(s) and {self._methods[1]} {len(other)}"
            raise ValueError(f"{counts}; both need as many.")
        self._pairs = list(zip(one, other, strict=True))
        self._references = _check_references(references, kind, len(self._pairs))
        self._rng = np.random.default_rng(seed)
        self._rows: list[dict[str, Any]] = []
        self._waveforms = [self._convert(example, sample_rate) for example in range(len(self._pairs))]
        # Whole from the beginning: a page takes the sounds as soon as it hears of the widget.
        first = self._compose(0, kind, sample_rate)
        super().__init__(kind=kind, question=KINDS[kind], trials=trials, rate=sample_rate, **first)

    @classmethod
    def from_results(
        cls, results: Mapping[str, Result | Path | str], kind: str = "pick", **options: Any
    ) -> "BlindTest":
        """Compare what two experiments made of the same stored examples after their last task.

        Args:
            results: two, or paths of their folders, by the name that the end of the test gives away.
            kind: the constructor's.
            **options: the constructor's.

        Raises:
            ValueError: there are no examples, or they are not the same ones.
        """
        wanted = "BlindTest.from_results wants two results"
        _two_names(results, wanted)
        examples = {str(name): as_result(result, wanted).examples() for name, result in results.items()}
        if len({str([entry["labels"] for entry in entries]) for entries in examples.values()}) > 1 or not all(
            examples.values()
        ):
            raise ValueError(
                f"{', '.join(examples)} do not hold the same examples. Compare experiments with the same data, tasks and seed."
            )
        methods = {
            name: [file for entry in entries for file in entry["separated"][max(entry["separated"])]]
            for name, entries in examples.items()
        }
        truth = [file for entry in next(iter(examples.values())) for file in entry["truth"]]
        return cls(methods, kind, references=None if kind == "abx" else truth, **options)

    @property
    def answers(self) -> pd.DataFrame:
        """Answers, a row a trial: `trial` (from 1), `example` (from 0), `a` and `b` (methods), and what was answered.

        For `abx` also `x` (a method), `answer` ("A" or "B") and `correct`; for `pick` `chosen` (a method); for `rate`
        `rating_a`, `rating_b` and `chosen`, the method with the better mark, missing for a tie.
        """
        columns = {
            "abx": ["x", "answer", "correct"],
            "pick": ["chosen"],
            "rate": ["rating_a", "rating_b", "chosen"],
        }
        return pd.DataFrame(self._rows, columns=["trial", "example", "a", "b", *columns[self.kind]])

    @property
    def p_value(self) -> float:
        """p-value of the binomial test against guessing: one-sided for `abx`, else two-sided; ties do not count."""
        return probability_by_guessing(*self.count(), self.kind)

    def count(self) -> tuple[int, int]:
        """Count the right answers for `abx`, else the choices of the first method; and how many answers count."""
        answers = self.answers
        if self.kind == "abx":
            return int(answers["correct"].sum()), len(answers)
        chosen = answers["chosen"].dropna()
        return int((chosen == self._methods[0]).sum()), len(chosen)

    def static_html(self) -> str:
        """Return the sounds of this trial as plain audio elements, for where no widget can live."""
        a, b = (escape(self._methods[number]) for number in self._order)
        solution = f"A is {a}, B is {b}" + (f", X is {'AB'[self._order.index(self._hidden)]}" * (self.kind == "abx"))
        sounds = "".join(
            '<div style="display: flex; align-items: center; gap: 12px; margin: 4px 0"><span style="width: 80px">'
            f"{label}</span>{sound.audio_element(label, gain * waveform, self.rate)}</div>"
            for label, gain, waveform in zip(self.labels, self.gains, self._playing, strict=True)
        )
        return (
            f"<div><p><b>A blind test.</b> {self.question} With a running kernel it asks {self.trials} times; here is its "
            f"first question.</p>{sounds}<details><summary>The solution</summary>{solution}.</details></div>"
        )

    def __repr__(self) -> str:
        return f"BlindTest({self.kind}, {len(self._rows)} of {self.trials} answered)"

    def _fallback(self) -> dict[str, Any]:
        return {} if self.done else {"text/html": self.static_html()}

    def _convert(self, example: int, rate: int) -> dict[str, np.ndarray]:
        sounds = dict(zip(self._methods, self._pairs[example], strict=True))
        if self._references:
            sounds[_REFERENCE] = self._references[example]
        return sound.as_waveforms(sounds, rate)[0]

    def _compose(self, trial: int, kind: str, rate: int) -> dict[str, Any]:
        """Draw a trial by lot: the attributes that send its sounds."""
        self._example = trial % len(self._waveforms)
        waveforms = list(self._waveforms[self._example].values())
        levels = sound.matching_gains(waveforms, rate)
        first, self._hidden = (int(number) for number in self._rng.integers(0, 2, 2))
        self._order = (first, 1 - first)
        extra = [self._hidden] if kind == "abx" else [2] * bool(self._references)
        order = [*self._order, *extra]
        self._playing = [waveforms[number] for number in order]
        packed = [sound.pack(waveform) for waveform in self._playing]
        return {
            "sounds": [data for data, _ in packed],
            "scales": [scale for _, scale in packed],
            "gains": [levels[number] for number in order],
            "labels": ["A", "B", "X" if kind == "abx" else "Reference"][: len(order)],
        }

    def _hear(self, message: dict[str, Any], buffers: Sequence[memoryview]) -> None:
        """Take an answer; one to a trial that is over, one without having listened, or a wrong one, counts for nothing."""
        if self.done or message.get("trial") != self.trial:
            raise ValueError("this trial is not asked now")
        heard = message.get("heard")
        if not isinstance(heard, list) or not set(self.labels) - {"Reference"} <= set(map(str, heard)):
            raise ValueError("only who has heard all of them may answer")
        answer = self._read(message)
        a, b = (self._methods[number] for number in self._order)
        self._rows.append({"trial": self.trial + 1, "example": self._example, "a": a, "b": b, **answer})
        with self.hold_sync():
            self.trial += 1
            if self.trial < self.trials:
                for name, value in self._compose(self.trial, self.kind, self.rate).items():
                    setattr(self, name, value)
            else:
                self.done, self.outcome = True, self._tell()

    def _read(self, message: dict[str, Any]) -> dict[str, Any]:
        """Columns of `answers` for an answer."""
        named = dict(zip("AB", (self._methods[number] for number in self._order), strict=True))
        if self.kind == "rate":
            a, b = (message.get(key) for key in ("rating_a", "rating_b"))
            if type(a) is not int or type(b) is not int or not {a, b} <= set(range(1, 6)):
                raise ValueError("marks are whole numbers from 1 to 5")
            return {"rating_a": a, "rating_b": b, "chosen": None if a == b else named["AB"[b > a]]}
        if (choice := message.get("choice")) not in ("A", "B"):
            raise ValueError("the answer is A or B")
        if self.kind == "pick":
            return {"chosen": named[choice]}
        x = self._methods[self._hidden]
        return {"x": x, "answer": choice, "correct": named[choice] == x}

    def _tell(self) -> str:
        hits, count = self.count()
        chance = f"By guessing, an outcome at least as uneven has the probability p = {self.p_value:.3f}."
        if self.kind == "abx":
            return f"{hits} of {count} right. A and B were {' and '.join(self._methods)}. {chance}"
        names = f"{self._methods[0]} was preferred {hits} times, {self._methods[1]} {count - hits} times"
        return f"{names}, of {self.trials} trials. {chance if count else ''}"


def probability_by_guessing(hits: int, count: int, kind: str) -> float:
    """p-value of the binomial test against guessing: one-sided for `abx`, else two-sided; NaN for no answers."""
    from scipy.stats import binomtest

    side = "greater" if kind == "abx" else "two-sided"
    return float(binomtest(hits, count, 0.5, alternative=side).pvalue) if count else float("nan")


def _two_names(given: Any, wanted: str, with_reference: bool = False) -> list[str]:
    """The names as texts, as answers, tables and pages show them: two that differ, also from a reference's."""
    if not isinstance(given, Mapping):
        raise ValueError(f"{wanted} by name, as {{'one': ..., 'other': ...}}, not a {type(given).__name__}.")
    names = [str(name) for name in given]
    if len(names) != 2:
        raise ValueError(f"{wanted}; {len(names)} method(s) were given.")
    if names[0] == names[1] or (with_reference and _REFERENCE in names):
        raise ValueError(f"{wanted} with two different names, none of them {_REFERENCE!r}; they are {names}.")
    return names


def _as_list(sounds: Any) -> list[Any]:
    return list(sounds) if isinstance(sounds, list | tuple) else [sounds]


def _check_references(references: Sequence[Any] | None, kind: str, count: int) -> list[Any]:
    if references is None:
        return []
    references = _as_list(references)
    if kind == "abx":
        raise ValueError("abx asks only whether a difference is heard; it has no references. Choose kind='pick'.")
    if len(references) != count:
        raise ValueError(
            f"There are {len(references)} references to {count} sound(s) of each method; give one to each."
        )
    return references
