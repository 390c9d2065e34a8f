"""Small searches."""

from __future__ import annotations

import pytest

from opscore.experiments import ScoringContext
from opscore.search import SearchSettings, resolve_search


@pytest.fixture(scope="session")
def small():
    """Settings of a search that takes a second."""
    return {"size": "smoke", "batch_size": 8, "images": "noise", "proposals": 2, "validation": 3}


@pytest.fixture
def context(small):
    """Networks and images of seed 0."""
    return ScoringContext(resolve_search(SearchSettings(**small)), 0)
