"""The site: README, guides, notebooks with their outputs, the API and the data card as pages that need no network.

`make site` renders it. The notebooks are those that `make run` has executed, or else the stored ones.
"""

import shutil
from pathlib import Path

from sphinx.application import Sphinx

import contav_lib
from contav_lib.teaching.notebooks import NOTEBOOKS
from contav_lib.utils import paths

HERE = Path(__file__).parent
ROOT = HERE.parent

project, author = "The ContAV kit", "The ContAV kit contributors"
release = version = contav_lib.__version__
html_title = f"{project} {version}"
html_theme = "furo"
html_show_copyright = html_show_sphinx = False
html_copy_source = False
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx-mathjax-offline",
]
exclude_patterns = ["_templates"]
templates_path = ["_templates"]

myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3
suppress_warnings = ["myst.header", "mystnb.unknown_mime_type", "ref.python"]
# What a widget shows without a kernel (plain players, figures) comes before the widget, which needs one.
nb_mime_priority_overrides = [("html", "application/vnd.jupyter.widget-view+json", None)]
nb_execution_mode = "off"
nb_merge_streams = True

autosummary_generate = True
autodoc_member_order = "bysource"
autodoc_inherit_docstrings = False
autodoc_default_options = {"ignore-module-all": True}
napoleon_custom_sections = [("Class attributes", "Attributes")]
napoleon_use_ivar = True
napoleon_use_rtype = False
add_module_names = False
default_role = "code"


PAGES = {  # texts that lie beside what they speak of, by what they are called on the site
    "index": "README.md",
    "data_card": "data/README.md",
    "paper_setting": "contav_lib/profiles/paper_setting.md",
    "contributing": "CONTRIBUTING.md",
    "changelog": "CHANGELOG.md",
}
CONTENTS = """
```{toctree}
:hidden:
:caption: Learn

notebooks
data_card
```

```{toctree}
:hidden:
:caption: Use

results
class
script
videos
machines
paper_setting
```

```{toctree}
:hidden:
:caption: Look inside

library
contributing
changelog
```
"""


def _copy_pages() -> None:
    """Bring in the texts of `PAGES`; `_link` mends their links."""
    for page, source in PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8").replace("](docs/", "](").replace("](data/", "](../data/")
        text = text.replace("](../data/README.md)", "](data/README.md)")
        (HERE / f"{page}.md").write_text(text + (CONTENTS if page == "index" else ""), encoding="utf-8")


def _link(app: Sphinx, page: str, source: list[str]) -> None:
    """Lead links to the texts of `PAGES` to their pages, in whatever page they stand."""
    for other, path in PAGES.items():
        source[0] = source[0].replace(f"](../{path})", f"]({other}.md)").replace(f"]({path})", f"]({other}.md)")


def _copy_notebooks() -> None:
    """Bring in each notebook: as the main job has executed it, if it has."""
    folder = HERE / "notebooks"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for stored in sorted(NOTEBOOKS.glob("[0-9]*.ipynb")):
        executed = paths.runs() / "notebooks" / stored.name
        shutil.copyfile(executed if executed.exists() else stored, folder / stored.name)


def setup(app: Sphinx) -> None:
    """Sphinx calls it."""
    app.connect("source-read", _link)


_copy_pages()
_copy_notebooks()
