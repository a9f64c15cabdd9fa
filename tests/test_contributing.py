"""CONTRIBUTING.md names files, functions and commands that are there; CITATION.cff cites what the README does."""

import re
from functools import reduce
from importlib import import_module
from pathlib import Path

import pytest
import yaml

import contav_lib
from contav_lib.cli import COMMANDS

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`([\w/]+)\.py:([\w.]+)`", TEXT)))


@pytest.mark.parametrize(("path", "name"), NAMED, ids=[":".join(pair) for pair in NAMED])
def test_what_is_named_is_there(path, name):
    reduce(getattr, name.split("."), import_module("contav_lib." + path.replace("/", ".")))


def test_both_walks_are_whole():
    for title, steps in (("one batch", 16), ("one experiment", 17)):
        walk = TEXT.split(f"## The walk of {title}\n")[1].split("\n## ")[0]
        lines = [line for line in walk.splitlines() if re.match(r"\d+\. ", line)]
        assert len(lines) == steps and all(re.match(r"\d+\. `[\w/]+\.py:[\w.]+`", line) for line in lines)


def test_commands_and_tests_that_are_named_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert set(re.findall(r"(?:^|`)contav ([a-z]+)", TEXT, re.MULTILINE)) <= set(COMMANDS)
    assert all(f"\n{target}:" in makefile for target in re.findall(r"(?:^|`)make ([a-z-]+)", TEXT, re.MULTILINE))
    for path in re.findall(r"pytest (\S+)", TEXT):
        assert (ROOT / path).exists(), path


def test_the_citation_is_the_readmes():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == contav_lib.__version__
    paper, readme = citation["preferred-citation"], (ROOT / "README.md").read_text(encoding="utf-8")
    names = " and ".join(f"{author['family-names']}, {author['given-names']}" for author in paper["authors"])
    assert f"{{{names}}}" in readme and paper["title"] in readme and paper["url"] in readme
