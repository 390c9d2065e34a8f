"""docs/make.py, docs/values.py and docs/cards.py as modules."""

import importlib.util
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

import opscore
from opscore.board import read_board

DOCS = Path(__file__).resolve().parents[2] / "docs"


def _load(name):
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def make():
    found = _load("make")
    _load("values")
    return found


@pytest.fixture(scope="session")
def values(make):
    return sys.modules["values"]


@pytest.fixture(scope="session")
def cards(values):
    """With the board of one policy and the bars on one truth: that of all takes long."""
    found, whole = _load("cards"), read_board()
    shown = {"zc-pt(nwot)", *found.BARS}
    few = tuple(each for each in whole.entrants if each.name in shown)
    small = replace(whole, truths=whole.truths[:1], entrants=few)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(opscore, "leaderboard", partial(opscore.leaderboard, board=small))
        found.board()
    return found
