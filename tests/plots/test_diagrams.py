"""Drawn diagrams: each can be read by who can't see it, and names no colour that a dark page would swallow."""

import re
from xml.etree import ElementTree

import pytest

from contav_lib.plots import diagram
from contav_lib.plots.diagrams import _FOLDER

NAMES = sorted(path.stem.replace("_", " ") for path in _FOLDER.iterdir())


@pytest.mark.parametrize("name", NAMES)
def test_a_diagram_is_described_and_takes_the_colour_of_the_page(name):
    drawn = diagram(name)
    assert len(drawn.description.split()) > 40 and drawn.description in repr(drawn)
    root = ElementTree.fromstring(drawn.svg)
    ids = {element.get("id") for element in root.iter()}
    assert set(root.get("aria-labelledby").split()) <= ids and root.get("role") == "img"
    assert re.search(r"text \{[^}]*fill: var\(--jp-ui-font-color1, var\(--color-foreground-primary", drawn.svg)
    assert drawn.svg in drawn._repr_html_()


def test_an_unknown_name_is_told_with_the_nearest():
    with pytest.raises(ValueError, match="no diagram called 'training stop'.*'training step'"):
        diagram("training stop")
