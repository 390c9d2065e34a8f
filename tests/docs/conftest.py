"""docs/make.py, docs/values.py and docs/cards.py as modules."""

import importlib.util
import sys
from pathlib import Path

import pytest

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
    return _load("cards")
