"""The data card says what the generator does: its table of presets, its counts, its version."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pretty_midi
import pytest

from contav_lib.config import Config
from contav_lib.datasets.clip import SPLITS
from contav_lib.minimusic import MINIMUSIC_VERSION
from contav_lib.minimusic import generate as mini
from contav_lib.minimusic.composition import INSTRUMENTS, Note, Score
from contav_lib.minimusic.specimen import draw_specimen
from contav_lib.minimusic.synth import OVERSAMPLING, RATE, play

CARD = (Path(__file__).parents[2] / "data" / "README.md").read_text(encoding="utf-8")


def table(header: str) -> list[list[str]]:
    """Cells of the rows below a header line, the line of dashes left out."""
    rows = []
    for line in CARD.split(f"{header}\n", 1)[1].splitlines()[1:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def test_the_table_of_classes_is_that_of_the_generator():
    rows = table("| class | presets | number | pitches |")
    assert [row[0] for row in rows] == list(INSTRUMENTS)
    for label, presets, number, pitches in rows:
        kinds = list(dict.fromkeys(INSTRUMENTS[label].presets))
        assert [int(program) for program in re.findall(r"\((\d+)\)", presets)] == [program for program, *_ in kinds]
        assert int(number) == len(kinds)
        assert pitches == f"{min(low for _, low, _ in kinds)}–{max(high for *_, high in kinds)}"
        if label != "drum":  # General MIDI has no names for kits
            assert presets == ", ".join(f"{pretty_midi.program_to_instrument_name(p)} ({p})" for p, *_ in kinds)


def test_the_classes_of_one_preset_are_named():
    named = re.search(r"\*\*One preset only\*\*: (.+?)\.", CARD)[1]
    single = [label for label, instrument in INSTRUMENTS.items() if len(set(instrument.presets)) == 1]
    assert re.split(r", | and ", named) == single


def test_no_class_has_an_equaliser_of_its_own():
    single = [label for label, instrument in INSTRUMENTS.items() if len(set(instrument.presets)) == 1]
    drawn = {replace(draw_specimen(label, np.random.default_rng(0)), preset=(0, 0, 0)) for label in single}
    assert len(drawn) == 1  # the same chances, the same specimen


def test_the_splits_are_those_of_the_generator():
    cells = table("| split | clips per class | specimens | asks for |")
    rows = {split: (clips, specimens) for split, clips, specimens, _ in cells}
    counts = Config.profile("lab").clips_per_class
    every = mini._with_melody(dict(zip(mini.COUNTED, counts, strict=True)))
    assert list(rows) == list(SPLITS)
    assert {split: int(clips) for split, (clips, _) in rows.items()} == every
    drawn = {
        split: {mini.clip_specimen("cello", SPLITS.index(split) * mini.BLOCK + i) for i in range(count)}
        for split, count in every.items()
    }
    assert int(rows["train"][1]) == len(drawn["train"])
    assert drawn["melody"] <= drawn["train"]
    for split in ("validation", "test"):
        assert rows[split][1] == "one per clip" and len(drawn[split]) == every[split]
    assert drawn["train"].isdisjoint(drawn["validation"] | drawn["test"])
    assert drawn["validation"].isdisjoint(drawn["test"])
    assert f"--counts {counts[0]} {counts[1]} {counts[2]} --seed 0" in CARD


def test_the_format_and_the_version_are_those_of_the_generator():
    assert f"# Data card: MiniMUSIC {MINIMUSIC_VERSION}\n" in CARD
    assert table("| version | what it is |")[0][0] == str(MINIMUSIC_VERSION)
    width, height = mini.SIZE
    assert (
        f"{mini.SECONDS:g} s, H.264 pictures of {width} x {height} at {mini.FRAME_RATE:g} a second, AAC sound at {RATE:,} Hz"
        in CARD
    )


def tone(program: int, pitch: int = 70) -> np.ndarray:
    return play(Score("violin", program, (Note(0.0, 0.5, pitch, 90),), 0.8), 0.0, 0.0, OVERSAMPLING * RATE)


@pytest.mark.parametrize(
    ("one", "other", "least", "most"),
    [(40, 110, 0.6, 0.95), (0, 1, 0.999, 1.001), (40, 42, -0.5, 0.5)],
    ids=["fiddle and violin", "pianos", "cello and violin"],
)
def test_presets_share_samples_where_the_card_says_so(one, other, least, most):
    alike = np.corrcoef(tone(one), tone(other))[0, 1]
    assert least < alike < most


def test_the_card_says_how_new_the_specimens_of_test_are():
    counts = mini._with_melody(dict(zip(mini.COUNTED, Config.profile("lab").clips_per_class, strict=True)))

    def drawn(label: str, split: str) -> list:
        first = SPLITS.index(split) * mini.BLOCK
        return [mini.clip_specimen(label, first + number) for number in range(counts[split])]

    presets = same = 0
    everywhere = []
    for label in INSTRUMENTS:
        known, asked = drawn(label, "train"), drawn(label, "test")
        presets += sum(each.preset in {one.preset for one in known} for each in asked)
        both = [(each.preset, each.shift) in {(one.preset, one.shift) for one in known} for each in asked]
        same += sum(both)
        everywhere += [label] * all(both)
    assert f"160 test specimens {presets} play a preset that training has" in CARD.replace("\n", " ")
    assert f"and {same} ({same / 160:.0%};".replace("%", " %") in CARD
    assert set(everywhere) == {"clarinet", "tuba", "banjo", "cello", "ukulele"}
