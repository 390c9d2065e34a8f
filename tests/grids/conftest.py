"""A small grid, and a store in which it was run without disturbance."""

from __future__ import annotations

from pathlib import Path

import pytest

import opscore
from opscore.runs.reading import export_bytes

#: Two spaces, a policy that computes and one that draws: cells of some hundredths of a second.
SMALL = """
[settings]
size = "smoke"
images = "noise"
batch_size = 4

[[grid]]
spaces = ["nasbench201", "nasbench-macro"]
policies = ["disc-zc(nwot)", "random"]
seeds = "0-1"
"""


@pytest.fixture(scope="session")
def small(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A grid of two spaces, of which one has no truth but in the data folder."""
    path = tmp_path_factory.mktemp("grid") / "small.toml"
    path.write_text(SMALL)
    return path


@pytest.fixture(scope="session")
def done(small: Path, tmp_path_factory: pytest.TempPathFactory) -> opscore.grids.call.BatchResult:
    """The small grid, run by one worker; read only."""
    return opscore.batch(small, tmp_path_factory.mktemp("done"))


@pytest.fixture(scope="session")
def expected(done) -> bytes:
    """What a store that has the small grid exports."""
    return export_bytes(done.store)
