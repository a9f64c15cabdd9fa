"""Drawn diagrams: SVG that takes the colours of the page it stands in, light or dark."""

from dataclasses import dataclass
from importlib.resources import files
from xml.etree import ElementTree

from contav_lib.utils.registry import did_you_mean

_FOLDER = files("contav_lib.plots").joinpath("drawn")
_SVG = "{http://www.w3.org/2000/svg}"


@dataclass(frozen=True)
class Diagram:
    """A drawing, shown by being the last line of a cell.

    Attributes:
        svg: the drawing. description: what it shows, for who can't see it: its element `desc`.
    """

    svg: str
    description: str

    def __repr__(self) -> str:
        return f"Diagram: {self.description}"

    def _repr_html_(self) -> str:
        return f'<div style="max-width: 960px">{self.svg}</div>'


def diagram(name: str) -> Diagram:
    """Return a drawing by name: "separator" or "training step".

    Raises:
        ValueError: there is none of this name; the nearest is given.
    """
    names = sorted(path.name.removesuffix(".svg").replace("_", " ") for path in _FOLDER.iterdir())
    if name not in names:
        raise ValueError(f"There is no diagram called {name!r}; {did_you_mean(name, names)}")
    svg = _FOLDER.joinpath(f"{name.replace(' ', '_')}.svg").read_text(encoding="utf-8")
    description = ElementTree.fromstring(svg).findtext(f"{_SVG}desc", "")  # noqa: S314 (a file of the kit)
    return Diagram(svg, " ".join(description.split()))
