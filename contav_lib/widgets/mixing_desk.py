"""A mixing desk: mix clips, choose what a separator is shown and asked for, and hear and see at once what it answers."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from traitlets import Bytes, Dict, Float, Int, List, TraitError, Unicode, observe, validate

from contav_lib.audio import SAMPLE_RATE
from contav_lib.experiments.result import Result
from contav_lib.methods import method_class
from contav_lib.utils.registry import did_you_mean
from contav_lib.widgets import sound
from contav_lib.widgets.base import PageWidget, as_result, drawn, read
from contav_lib.widgets.mixing import FEWEST, MOST, SOFTEST, Mixer, Separated, Slot
from contav_lib.widgets.stems import make_stems, static_page

MOST_BYTES = 50_000_000  # of a file of the user's
_OFFERED = 12  # clips of a class in the menus
_TOO_SOFT = 10 ** (-60 / 20)  # of the mixture's loudest pixel: below, a mask says nothing and is not drawn
_OF_THE_KIT = "These are the clips that come with the kit; after `make run` the desk has all test clips."
_WANTED = "MixingDesk wants results by name, or one result"


class MixingDesk(PageWidget):
    """Desk that mixes two to four test clips, or files of the user's.

    Each has its gain, crop and mute, the picture that is shown for it (looks and motion, to be swapped by dragging), and the
    class that is asked for. A change is answered at once by the separator that is chosen, as it was after the task that is
    chosen: mixture, masks and separated sounds to see and to hear, with their scores. They are those of one crop, as long as
    in training, where the scores are those of `evaluate`; or of six seconds, put together of crops as the stored examples are.

    In the browser, the outermost element (class `contav-mixing-desk`) carries `stemPlayer` as in `StemPlayer`: the mixture,
    then for each slot its true and its separated sound.

    Args:
        results: by name of the method; or a single one. The path of a result's folder stands for it. What was learned from
            other data or other features than the first one's is left out, with a note.
        clips: two to four ids of test clips; a label stands for the first clip of its class. By default of the first two
            classes that there are clips of.
        starts: of single crops, in seconds; without them six seconds are heard first, from the beginning.

    Attributes:
        wanted: what is asked, `checkpoint` (a result's name), `task` (from 0), `slots` (see `mixing.Slot`), `whole` (six
            seconds in place of a crop) and `number`, of the question; may be set.
        answer: what came of it, by slot in `stems`: `name`, `sdr`, `sir`, `sar` and `sdr_improvement` in dB, null where the
            sound is silent; and `notice`, what is wrong with the question, or "".

    Raises:
        ValueError: something else than results was given, or clips that are not there.
    """

    from_page = frozenset({"wanted"})
    _esm = read("dom.js", "colours.js", "engine.js", "sound_page.js", "lanes.js", "mixing_desk.js")
    _css = read("theme.css", "mixing_desk.css")

    wanted = Dict().tag(sync=True)
    answer = Dict().tag(sync=True)
    rate = Int(SAMPLE_RATE).tag(sync=True)
    bins = Int(sound.BINS).tag(sync=True)  # rows of a spectrogram's picture
    notes = List(Unicode()).tag(sync=True)
    about = Dict().tag(sync=True)  # what there is to choose from, and its limits
    sounds = List(Bytes()).tag(sync=True)  # the mixture; then, slot by slot, truth and what was separated
    scales = List(Float()).tag(sync=True)
    pictures = List(Bytes()).tag(sync=True)  # spectrograms of the sounds
    masks = List(Bytes()).tag(sync=True)  # `[F, T]`, 1 to 255; 0 is not to be drawn
    thumbnails = List(Bytes()).tag(sync=True)  # JPEG of each slot's own clip

    def __init__(
        self,
        results: Mapping[str, Result | Path | str] | Result | Path | str,
        clips: Sequence[str] = (),
        starts: Sequence[float] = (),
    ):
        if isinstance(results, Mapping) and results:
            named = {str(name): as_result(result, _WANTED) for name, result in results.items()}
        else:
            result = as_result(results, _WANTED)
            named = {method_class(result.config["method"]).title: result}
        self._mixer = Mixer(named)
        self._separated: Separated | None = None
        self._upload = bytearray()
        left_out = ", ".join(self._mixer.left_out)
        notes = [f"Left out, for other data or features: {left_out}."] if left_out else []
        super().__init__(notes=[*notes, *[_OF_THE_KIT] * self._mixer.of_starter])
        self._offer(clips)
        name, first = next(iter(self._mixer.results.items()))
        there = self._mixer.labels.values()
        usual = [label for label in first.classes if label in there][:FEWEST]
        chosen = [self._find(clip) for clip in clips or usual]
        begin = [float(start) for start in starts] or [0.0] * len(chosen)
        slots = [self._fresh(clip, n, start) for n, (clip, start) in enumerate(zip(chosen, begin, strict=True))]
        try:
            task, whole = first.learned - 1, not len(starts)
            self.wanted = {"number": 0, "checkpoint": name, "task": task, "slots": slots, "whole": whole}
        except TraitError as error:
            raise ValueError(str(error)) from None

    @validate("wanted")
    def _sensible(self, proposal: dict) -> dict[str, Any]:
        """Refuse what no desk can do."""
        wanted, results = proposal["value"], self._mixer.results
        if set(wanted) != {"number", "checkpoint", "task", "slots", "whole"} or type(wanted["number"]) is not int:
            raise TraitError("A question has a number, a checkpoint, a task, slots, and whether they are heard whole.")
        if type(wanted["whole"]) is not bool:
            raise TraitError(f"whole={wanted['whole']!r}: it is true or false.")
        if not isinstance(wanted["checkpoint"], str) or wanted["checkpoint"] not in results:
            raise TraitError(f"checkpoint={wanted['checkpoint']!r}: there are {', '.join(results)}.")
        learned = results[wanted["checkpoint"]].learned
        if type(wanted["task"]) is not int or not 0 <= wanted["task"] < learned:
            raise TraitError(f"task={wanted['task']!r}: {learned} tasks are learned, counted from 0.")
        try:
            self._mixer.slots(wanted["slots"])
        except ValueError as error:
            raise TraitError(str(error)) from None
        return wanted

    @observe("wanted")
    def _ask(self, change: dict) -> None:
        wanted = change["new"]
        slots = [Slot(**slot) for slot in wanted["slots"]]
        self._separated, notice = None, ""
        try:
            self._separated = self._mixer.separate(wanted["checkpoint"], wanted["task"], slots, wanted["whole"])
        except (ValueError, OSError) as error:
            notice = str(error)
        state = self._pack(self._separated) if self._separated else dict(sounds=[], scales=[], pictures=[], masks=[])
        thumbnails = [self._mixer.picture(slot.clip, slot.start + self._seconds / 2) for slot in slots]
        with self.hold_sync():
            for name, value in {**state, "thumbnails": thumbnails}.items():
                setattr(self, name, value)
            stems = self._stems(slots, self._separated) if self._separated else []
            self.answer = {"number": wanted["number"], "notice": notice, "stems": stems, "seconds": self._seconds}

    @property
    def _seconds(self) -> float:
        """Length of what is heard."""
        return len(self._separated.mixture) / SAMPLE_RATE if self._separated else self.answer.get("seconds", 0.0)

    def _pack(self, separated: Separated) -> dict[str, Any]:
        waveforms = [
            separated.mixture,
            *(part for pair in zip(separated.truth, separated.sounds, strict=True) for part in pair),
        ]
        waveforms = [waveform.numpy() for waveform in waveforms]
        packed = [sound.pack(waveform) for waveform in waveforms]
        seen = separated.spectrogram > _TOO_SOFT * separated.spectrogram.max()
        levels = (1 + 254 * separated.masks.clamp(0, 1)).round() * seen
        return dict(
            sounds=[data for data, _ in packed],
            scales=[scale for _, scale in packed],
            pictures=sound.pictures(waveforms),
            masks=[level.numpy().tobytes() for level in levels.to(torch.uint8)],
        )

    def _stems(self, slots: Sequence[Slot], separated: Separated) -> list[dict[str, Any]]:
        """What the page is told of each slot."""
        stems = [
            {"name": name, "latest": latest, "bins": separated.masks.shape[1]}
            for name, latest in zip(self._names(slots), separated.latest, strict=True)
        ]
        for score in ("sdr", "sir", "sar", "sdr_improvement"):
            for stem, value in zip(stems, separated.scores[score].tolist(), strict=True):
                stem[score] = None if np.isnan(value) else value
        return stems

    def _names(self, slots: Sequence[Slot]) -> list[str]:
        """What the slots' sounds are called: by class, those of one class with numbers; files by their names."""
        labels = self._mixer.labels
        names = [(labels[slot.clip] or slot.clip.partition(": ")[2]).replace("_", " ") for slot in slots]
        return [
            name if names.count(name) == 1 else f"{name} {names[:n].count(name) + 1}" for n, name in enumerate(names)
        ]

    def _hear(self, message: dict[str, Any], buffers: Sequence[memoryview]) -> None:
        """Take a piece of a file: its name, its size in bytes, where the piece begins, and the slot where it will sound."""
        kinds = {"file": str, "size": int, "at": int, "slot": int}
        if any(type(message.get(key)) is not kind for key, kind in kinds.items()) or len(buffers) != 1:
            raise ValueError("a piece of a file has a name, a size, a place and a slot")
        name, size, at, slot = (message[key] for key in kinds)
        if at == 0:
            self._upload = bytearray()
        if not 0 < size <= MOST_BYTES or at != len(self._upload) or at + buffers[0].nbytes > size:
            raise ValueError(f"a file has 1 to {MOST_BYTES:,} bytes, and its pieces come in order")
        if not 0 <= slot < len(self.wanted["slots"]):
            raise ValueError("there is no such slot")
        self._upload += buffers[0]
        if len(self._upload) == size:
            content, self._upload = bytes(self._upload), bytearray()
            self._take_file(Path(name).name[:80], content, slot)

    def _take_file(self, name: str, content: bytes, slot: int) -> None:
        sounding = [each["clip"] for each in self.wanted["slots"]]
        try:
            clip, remark = self._mixer.add(name, content, sounding)
        except ValueError as error:
            self.notes = [str(error)]
            return
        self._offer(sounding)
        self.notes = [remark] if remark else []
        slots = list(self.wanted["slots"])
        slots[slot] = self._fresh(clip, slot)
        self.wanted = {**self.wanted, "slots": slots}

    def _offer(self, besides: Sequence[str]) -> None:
        """Tell the page what there is to choose from: not all clips of large data, but these, too."""
        by_class: dict[str, list[str]] = {label: [] for label in self._mixer.classes}
        for clip, label in self._mixer.labels.items():
            clips = by_class.setdefault(label, [])
            if len(clips) < _OFFERED or clip in besides:
                clips.append(clip)
        results = self._mixer.results.items()
        self.about = {
            "checkpoints": [{"name": name, "tasks": result.tasks[: result.learned]} for name, result in results],
            "clips": [{"label": label, "ids": ids} for label, ids in by_class.items() if ids],
            "classes": self._mixer.classes,
            "fewest": FEWEST,
            "most": MOST,
            "softest": SOFTEST,
            "most_bytes": MOST_BYTES,
        }

    def _find(self, clip: str) -> str:
        """The id of a clip, or of the first one of a class."""
        labels = self._mixer.labels
        found = clip if clip in labels else next((name for name, label in labels.items() if label == clip), None)
        if found is None:
            raise ValueError(
                f"There is no test clip and no class {clip!r}; {did_you_mean(str(clip), self._mixer.classes)}"
            )
        return found

    def _fresh(self, clip: str, number: int, start: float = 0.0) -> dict[str, Any]:
        """A slot that sounds as it was recorded, is shown its own picture and asked for its own class."""
        asked = self._mixer.labels[clip]
        if not asked:
            asked = self._mixer.recognise(self.wanted["checkpoint"], self.wanted["task"], clip)
        return asdict(Slot(clip, start, 0.0, False, number, number, asked))

    def __repr__(self) -> str:
        return f"MixingDesk({', '.join(self._mixer.results)})"

    def _fallback(self) -> dict[str, Any]:
        """The masks as a picture, and the sounds, with their scores."""
        if not self._separated:
            return {}
        from contav_lib import plots

        separated, named = self._separated, {stem["name"]: stem for stem in self.answer["stems"]}
        masks = dict(zip(named, separated.masks, strict=True))
        figure = drawn(lambda: plots.masks(masks, separated.spectrogram, self._seconds))
        sounds = {"mixture": separated.mixture}
        for (name, stem), sound_ in zip(named.items(), separated.sounds, strict=True):
            score = "" if stem["sdr"] is None else f", SDR {stem['sdr']:.1f} dB"
            sounds[f"{name} separated{score}"] = sound_
        stems, notes = make_stems(sounds, self.rate, None, (), {}, {})
        return {"text/html": f"{figure}{static_page(stems, (), notes, self.rate)}"}
