"""What store and grid add to the time of the work itself, for cells of one second.

    python benchmarks/batch.py [--cells 60] [--seconds 1] [--out benchmarks/results]

A cell keeps one core busy for so long and gives a score table as large as that of an initial run of
NAS-Bench-201. Overhead is the time beyond that work, as a share of it: finding, writing, checksums,
locks, passing cells to workers, waiting for the next one. Starting the workers, which a batch does
once, is a column of its own. Nothing is written unless --out says where.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import opscore
from opscore.grids.grid import Grid, GridCell
from opscore.runs.run import Run
from opscore.runs.store import Outcome, Pieces
from opscore.runs.workers import available_cores

#: Rows of the score table of a cell: 6 edges x 5 operations.
ROWS = 30


@dataclass(frozen=True)
class Busy(Run):
    """A run that keeps a core busy."""

    number: int
    seconds: float

    def key(self) -> dict[str, Any]:
        """What tells it from others."""
        return {"kind": "busy", "seed": self.number, "policy": "busy", "seconds": self.seconds}

    @property
    def label(self) -> str:
        """Its name."""
        return f"busy, seed {self.number}"

    def compute(self, pieces: Pieces) -> Outcome:
        """Scores, after so many seconds."""
        end = time.perf_counter() + self.seconds
        draw = np.random.default_rng(self.number)
        scores = draw.random(ROWS)
        while time.perf_counter() < end:
            pass
        return Outcome({"scores": pd.DataFrame({"row": range(ROWS), "score": scores})})


@dataclass(frozen=True)
class BusyGrid(Grid):
    """A grid of such runs."""

    first: int = 0
    count: int = 0
    seconds: float = 1.0

    def cells(self, cache: Path | None = None) -> list[GridCell]:
        """Its cells."""
        runs = [Busy(self.first + number, self.seconds) for number in range(self.count)]
        return [GridCell(r, r.key(), None, "busy", "none", "busy", r.number, r.label) for r in runs]


def timed(store: Path, grid: BusyGrid, jobs: int) -> float:
    """Seconds that a batch takes."""
    begun = time.perf_counter()
    result = opscore.batch(grid, store, jobs=jobs)
    if not result.ok or result.counts()["computed"] != grid.count:
        raise RuntimeError(f"not every cell was computed: {result.counts()}")
    return time.perf_counter() - begun


def measure(cells: int, seconds: float) -> pd.DataFrame:
    """One row per number of workers."""
    rows = []
    for jobs in sorted({1, available_cores()}):
        with tempfile.TemporaryDirectory() as folder:
            # Two cells of no work for each worker: what they take is the start.
            first = timed(Path(folder), BusyGrid((), Path(), 10**6, 2 * jobs, 0.0), jobs)
            taken = timed(Path(folder), BusyGrid((), Path(), 0, cells, seconds), jobs)
            again = time.perf_counter()
            found = opscore.batch(BusyGrid((), Path(), 0, cells, seconds), folder, jobs=jobs)
            again = time.perf_counter() - again
            if found.counts()["found"] != cells:
                raise RuntimeError("finished cells were not found")
        rounds = -(-cells // jobs)
        rows.append({
            "workers": jobs,
            "cells": cells,
            "seconds_of_a_cell": seconds,
            "seconds": round(taken, 3),
            "overhead_percent": round(100 * (taken / (rounds * seconds) - 1), 2),
            "start_seconds": round(first, 2),
            "milliseconds_to_find_a_cell": round(1000 * again / cells, 2),
        })  # fmt: skip
    return pd.DataFrame(rows)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cells", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    found = measure(given.cells, given.seconds)
    print(found.to_string(index=False))
    if given.out is not None:
        given.out.mkdir(parents=True, exist_ok=True)
        found.to_csv(given.out / "batch.csv", index=False)


if __name__ == "__main__":
    main()
