"""Stems of a player, the groups they form, their residuals, and a page that shows them without a widget."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np

from contav_lib.analysis.pictures import pictures_of
from contav_lib.audio import SAMPLE_RATE
from contav_lib.experiments.examples import LENGTH
from contav_lib.experiments.result import Result
from contav_lib.utils.registry import did_you_mean
from contav_lib.widgets import sound
from contav_lib.widgets.base import as_result, jpeg

_VERSION = re.compile(r"(?P<group>.+) \((?P<version>truth|separated)\)")
_FULL_SCALE = 0.9999  # where 16 bits, or a loudspeaker, begin to clip


@dataclass
class Stem:
    """One row of a player."""

    name: str
    takes: list[np.ndarray]  # waveforms `[samples]`: one, or one for each step of the slider
    group: str = ""
    separated: "Stem | None" = None  # a residual is the difference of these two
    truth: "Stem | None" = None
    face: bytes = b""  # a picture of who plays it, JPEG
    remarks: Sequence[str] = ()  # on each take, such as its scores
    gains: list[float] = field(default_factory=list)  # of each take, for equal loudness
    sent: list[int] = field(default_factory=list)  # numbers of the takes among the sounds that are sent

    def marks(self) -> list[str]:
        """Remarks for the listener about the sound itself: silent, or clipped."""
        loud = sum(int((np.abs(take) >= _FULL_SCALE).sum()) for take in self.takes)
        silent = not any(take.any() for take in self.takes)
        return ["silent"] * silent + [f"clipped: {loud} samples at full scale or above"] * (loud > 0)

    def describe(self, first_picture: int | None) -> dict[str, Any]:
        """Description for the browser; `first_picture` is the number of the first take's picture."""
        plus, minus = (self.separated.sent, self.truth.sent) if self.separated and self.truth else (self.sent, [-1])
        takes = [
            {
                "plus": plus[place],
                "minus": minus[place % len(minus)],
                "gain": self.gains[place],
                "picture": -1 if first_picture is None else first_picture + place,
                "remark": self.remarks[place] if self.remarks else "",
            }
            for place in range(len(self.takes))
        ]
        described = {"name": self.name, "group": self.group, "marks": self.marks(), "takes": takes}
        return described | ({"face": self.face} if self.face else {})


def make_stems(
    sounds: Mapping[str, Any],
    rate: int,
    groups: Mapping[str, Sequence[str]] | None,
    steps: Sequence[str],
    remarks: Mapping[str, Sequence[str]],
    faces: Mapping[str, bytes],
) -> tuple[list[Stem], list[str]]:
    """Check the sounds and arrange them in rows, residuals among them; see `StemPlayer` for the arguments.

    Returns:
        The stems from top to bottom, and what the listener should know about them all.
    """
    if not isinstance(sounds, Mapping):
        raise ValueError(
            f'StemPlayer wants sounds by name, as {{"name": waveform}}, not a {type(sounds).__name__}; what an experiment '
            "separated plays with StemPlayer.from_result(result)."
        )
    takes = {
        str(name): list(value) if steps and isinstance(value, list | tuple) else [value]
        for name, value in sounds.items()
    }
    if len(takes) < len(sounds):
        raise ValueError(f"Two stems have the same name as text: {', '.join(map(repr, sounds))}.")
    for name, values in takes.items():
        if len(values) not in (1, len(steps)):
            raise ValueError(f"{name!r} has {len(values)} takes, but the slider has {len(steps)} steps.")
    keys = {name: [f"{name}, {step}" for step in steps] if len(takes[name]) > 1 else [name] for name in takes}
    flat = {key: value for name, values in takes.items() for key, value in zip(keys[name], values, strict=True)}
    there = {key: value for key, value in flat.items() if value is not None or key in takes}
    waveforms, notes = sound.as_waveforms(there, rate)
    silence = np.zeros_like(next(iter(waveforms.values())))  # where a step of the slider has no sound
    waveforms = {key: waveforms.get(key, silence) for key in flat}

    groups = _groups_in(takes) if groups is None else groups
    group_of = {member: group for group, members in groups.items() for member in members}
    for member in group_of:
        if member not in takes:
            raise ValueError(f"groups names {member!r}, which is no stem; {did_you_mean(member, takes)}")
    for name, told in remarks.items():
        if len(told) != len(takes.get(name, ())):
            raise ValueError(f"remarks on {name!r}: {len(told)}, but it has {len(takes.get(name, ()))} takes.")
    stems = [
        Stem(
            name,
            [waveforms[key] for key in keys[name]],
            group_of.get(name, ""),
            face=faces.get(name, b""),
            remarks=remarks.get(name, ()),
        )
        for name in takes
    ]
    stems = _with_residuals(stems)
    _level(stems, rate)
    return stems, notes


def pack(stems: Sequence[Stem], with_pictures: bool) -> tuple[list[bytes], list[float], list[bytes], list[dict]]:
    """Pack for the browser: sounds, their scales, pictures and descriptions; residuals are computed there."""
    packed: list[tuple[bytes, float]] = []
    for stem in stems:
        if not stem.separated:
            stem.sent = list(range(len(packed), len(packed) + len(stem.takes)))
            packed += [sound.pack(take) for take in stem.takes]
    pictures = sound.pictures([take for stem in stems for take in stem.takes]) if with_pictures else []
    described, count = [], 0
    for stem in stems:
        described.append(stem.describe(count if with_pictures else None))
        count += len(stem.takes)
    return [data for data, _ in packed], [scale for _, scale in packed], pictures, described


def example_of(given: Any, number: int, after: int | None) -> tuple[dict[str, Any], int]:
    """Return a player's arguments for a stored example, and the slider's place for task `after` (from 0), by default the first.

    Args:
        given: a result, or several by the names of their methods, which then stand side by side; or their folders.

    Raises:
        ValueError: a result has no such example, or another one, or it was not separated after this task.
    """
    named = given if isinstance(given, Mapping) else {"separated": given}
    entries = {str(name): _example(each, number) for name, each in named.items()}
    if not entries:
        raise ValueError("StemPlayer wants one result or several by name; there is none.")
    entry = next(iter(entries.values()))
    tasks = sorted(entry["separated"])
    if any((other["labels"], sorted(other["separated"])) != (entry["labels"], tasks) for other in entries.values()):
        raise ValueError(
            f"{', '.join(entries)} do not hold the same examples. Compare experiments with the same data and tasks; run those "
            "of an earlier version again with fresh=True."
        )
    after = tasks[0] if after is None else after
    if after not in tasks:
        raise ValueError(
            f"after is {after}; example {number} belongs to task {tasks[0] + 1} and was separated after tasks "
            f"{tasks[0] + 1} to {tasks[-1] + 1}: after={tasks[0]} to {tasks[-1]}."
        )
    labels = [label.replace("_", " ") for label in entry["labels"]]
    names = [label if labels.count(label) == 1 else f"{label} {n + 1}" for n, label in enumerate(labels)]
    stems: dict[str, Any] = {"mixture": entry["mixture"]}
    remarks: dict[str, list[str]] = {}
    groups: dict[str, list[str]] = {}
    faces: dict[str, bytes] = {}
    for n, name in enumerate(names):
        stems[f"{name} (truth)"] = entry["truth"][n]
        for method, other in entries.items():
            stems[f"{name} ({method})"] = [other["separated"][task][n] for task in tasks]
            remarks[f"{name} ({method})"] = [_remark(other, task, n) for task in tasks]
        groups[name] = [f"{name} ({version})" for version in ("truth", *entries)]
        faces |= dict.fromkeys(groups[name], entry["faces"][n])
    steps = [f"after task {task + 1}" for task in tasks]
    arguments = {"stems": stems, "steps": steps, "groups": groups, "remarks": remarks, "faces": faces}
    return arguments, tasks.index(after)


def _example(given: Any, number: int) -> dict[str, Any]:
    """A stored example of a result, or of that in a folder, with the `faces` of those who play."""
    result = as_result(given, "StemPlayer wants one result")
    example = result.example(number)
    return {**example, "faces": [_face(result, clip) for clip in example["clips"]] or [b""] * len(example["labels"])}


def _face(result: Result, clip: str) -> bytes:
    """Who plays a clip, as seen in the middle of what is heard of it; nothing where the video is not there."""
    pictures = pictures_of(result.config["data"], tuple(result.config["clips_per_class"]), clip)
    second = LENGTH // SAMPLE_RATE // 2
    return jpeg(pictures[min(second, len(pictures) - 1)]) if pictures else b""


def _remark(entry: Mapping[str, Any], task: int, source: int) -> str:
    """What is said of a separated sound: its scores in dB, and how it is to be called."""
    if entry["separated"][task][source] is None:
        return "not learned yet"
    scores = entry["scores"][task][source]
    if not scores:  # of a mixture with a silent source
        return ""
    numbers = f"SDR {scores['sdr']:.1f}, SIR {scores['sir']:.1f} dB: " if "sdr" in scores else ""
    return numbers + scores["kind"]


def static_page(stems: Sequence[Stem], steps: Sequence[str], notes: Sequence[str], rate: int) -> str:
    """Page of waveforms and plain audio elements, as HTML.

    To stay small it has no residuals, and of the takes of a slider only the first and the last.
    """
    stems = [stem for stem in stems if not stem.separated]
    highest = max(float(np.abs(take).max()) for stem in stems for take in stem.takes) or 1.0
    lanes = []
    for stem in stems:
        for place in sorted({0, len(stem.takes) - 1}):
            label = f"{stem.name}, {steps[place]}" if len(stem.takes) > 1 else stem.name
            remark = [stem.remarks[place]] if stem.remarks and stem.remarks[place] else []
            text = escape(", ".join([label, *remark, *stem.marks()]))
            lanes.append(
                '<div style="display: flex; flex-wrap: wrap; align-items: center; gap: 4px 12px; margin: 4px 0">'
                f'<span style="width: 210px">{text}</span>'
                f'<img alt="Waveform of {escape(label)}" style="width: 320px; height: 36px" '
                f'src="{sound.waveform_uri(stem.takes[place], highest)}">'
                f"{sound.audio_element(label, stem.takes[place], rate)}</div>"
            )
    return f"<div>{''.join(lanes)}{''.join(f'<p>{escape(note)}</p>' for note in notes)}</div>"


def _groups_in(names: Mapping[str, Any]) -> dict[str, list[str]]:
    """Groups by name: `x (truth)` and `x (separated)` are versions of x."""
    groups: dict[str, list[str]] = {}
    for name in names:
        if match := _VERSION.fullmatch(name):
            groups.setdefault(match["group"], []).append(name)
    return {group: members for group, members in groups.items() if len(members) > 1}


def _with_residuals(stems: Sequence[Stem]) -> list[Stem]:
    """Add to each separated stem whose truth is in its group what is wrong in it: separated minus truth."""
    by_name = {stem.name: stem for stem in stems}
    rows = []
    for stem in stems:
        rows.append(stem)
        match = _VERSION.fullmatch(stem.name)
        if not match or match["version"] != "separated" or not stem.group:
            continue
        truth, name = by_name.get(f"{match['group']} (truth)"), f"{match['group']} (residual)"
        if truth and truth.group == stem.group and len(truth.takes) == 1 and name not in by_name:
            takes = [take - truth.takes[0] for take in stem.takes]
            rows.append(Stem(name, takes, stem.group, separated=stem, truth=truth, face=stem.face))
    return rows


def _level(stems: Sequence[Stem], rate: int) -> None:
    """Set the gains for equal loudness. A residual has those of its separated sound: it is as loud as it is in there."""
    heard = [stem for stem in stems if not stem.separated]
    gains = iter(sound.matching_gains([take for stem in heard for take in stem.takes], rate))
    for stem in heard:
        stem.gains = [next(gains) for _ in stem.takes]
    for stem in stems:
        if stem.separated:
            stem.gains = stem.separated.gains
