"""Figures on pages: described in words, a picture for light pages and one for dark ones, and unchanged afterwards."""

import base64
import io
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image

from contav_lib import plots
from contav_lib.plots.pages import as_html, describe


def drawing():
    figure, ax = plt.subplots()
    ax.plot([1, 2, 3], [5.0, 3.0, 1.5], "k-o", label="fine-tuning")
    ax.plot([1, 2, 3], [5.0, 4.0, 4.2], color="#009E73", label="ContAV-Sep")
    ax.set(title="forgetting", xlabel="tasks learned", ylabel="SDR, dB")
    return figure


def pictures(page: str) -> list[np.ndarray]:
    found = re.findall(r'class="contav-on-(\w+)"[^>]*base64,([^"]+)"', page)
    assert [name for name, _ in found] == ["light", "dark"]
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGBA"), float) for _, data in found]


def test_a_figure_is_described_by_its_axes_and_lines():
    told = describe(drawing())
    assert (
        "forgetting (across: tasks learned; up: SDR, dB; fine-tuning from 5 to 1.5; ContAV-Sep from 5 to 4.2)" in told
    )
    spread = plots.curves([0, 1, 2], {"loss": [3.0, 2.0, 1.0]}, "loss")
    assert describe(spread).startswith(plots.curves.__doc__.split("\n")[0]) and "loss from 3 to 1" in describe(spread)


def test_what_is_ink_on_light_pages_is_light_on_dark_ones():
    light, dark = pictures(as_html(drawing()))
    assert light[0, 0, 3] == dark[0, 0, 3] == 0  # no ground of its own
    ink = light[..., 3] > 250
    grey = ink & (np.ptp(light[..., :3], axis=2) < 10)
    assert np.median(light[grey][:, 0]) < 30 and np.median(dark[grey][:, 0]) > 225
    green = ink & (np.abs(light[..., :3] - [0, 0x9E, 0x73]).max(2) < 5)
    assert green.sum() > 50 and np.abs(dark[green][:, :3] - [0, 0x9E, 0x73]).max() < 40


def test_a_figure_keeps_its_colours():
    figure = drawing()
    before = as_html(figure)
    assert as_html(figure) == before
    assert figure.axes[0].get_lines()[0].get_markerfacecolor() in ("k", (0, 0, 0, 1), "black")
    assert figure.axes[0].title.get_color() == "black"


def test_a_picture_in_a_file_is_described(tmp_path):
    Image.new("RGB", (4, 3), "red").save(tmp_path / "red.png")
    page = plots.Picture(tmp_path / "red.png", 'a "red" field', 40)._repr_html_()
    assert 'alt="a &quot;red&quot; field"' in page and 'width="40"' in page and "data:image/png;base64," in page


def test_the_description_is_safe_in_a_page():
    figure = drawing()
    figure.axes[0].set_title('"><script>alert(1)</script>')
    assert "<script>" not in as_html(figure)


@pytest.mark.slow
def test_a_kernels_first_figure_is_for_the_pages_theme_whoever_draws_it():
    drawing = "import matplotlib.pyplot as plt\nfrom contav_lib import plots", "plt.subplots();"
    notebook = new_notebook(cells=[new_code_cell(source) for source in drawing])
    NotebookClient(notebook, kernel_name="python3", timeout=120).execute()
    [output] = notebook.cells[1].outputs
    assert "contav-on-dark" in output.data["text/html"] and "image/png" not in output.data
