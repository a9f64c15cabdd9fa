"""The site renders without a warning, and its pages ask the network for nothing."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from contav_lib.teaching.notebooks import NOTEBOOKS

ROOT = Path(__file__).parents[1]
# What a page fetches by itself when it is opened; links are left to who clicks them.
FETCHED = re.compile(
    r"<(?:script|img|audio|video|source|iframe)[^>]*\ssrc=\"(https?:)?//|<link[^>]*href=\"(https?:)?//"
)


@pytest.mark.slow
def test_the_site_is_whole_and_needs_no_network(tmp_path):
    site = tmp_path / "pages" / "site"
    job = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-d", str(tmp_path / "trees"), "docs", str(site)],
        cwd=ROOT,
        env=os.environ | {"CONTAV_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert job.returncode == 0, job.stderr[-3000:]
    pages = {page.relative_to(site).as_posix(): page.read_text(encoding="utf-8") for page in site.rglob("*.html")}
    numbered = {f"notebooks/{path.stem}.html" for path in NOTEBOOKS.glob("[0-9]*.ipynb")}
    assert {"index.html", "data_card.html", "results.html", "api/contav_lib.losses.html"} | numbered <= pages.keys()
    for name, page in pages.items():
        assert not FETCHED.search(page), name
    assert 'id="contav_lib.losses.contrastive_loss"' in pages["api/contav_lib.losses.html"]
    assert 'href="notebooks.html"' in pages["index.html"]
