"""``opscore batch``: run a grid that a TOML file describes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from opscore.answers import Answer, Listing, Table
from opscore.cli.options import Runs
from opscore.cli.present import answering

if TYPE_CHECKING:
    from opscore.grids.call import BatchResult


@answering(doing="running the grid")
def batch(
    grid: Annotated[Path, typer.Argument(help="TOML file; see docs/batch.md.", dir_okay=True)],
    *,
    run: Runs,
    shard: Annotated[
        str | None, typer.Option(help="Run the i-th of n parts, i/n, for instance 1/4.")
    ] = None,
    threads: Annotated[int, typer.Option(help="Threads of each worker.")] = 1,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="List the cells, with an estimate, and compute nothing."),
    ] = False,
) -> Answer:
    """Run a grid of spaces, policies, settings and seeds; the same command goes on with it.

    Exit code 0: every cell is finished. 1: some are not; they are listed with the reason.
    """
    from opscore.grids.call import batch as run_batch
    from opscore.grids.call import planned

    if dry_run:
        store = run.store or Path("runs")
        return _plan(planned(grid, store, finished=run.finished, shard=shard), run.jobs)

    return run_batch(grid, **run.calls, shard=shard, threads=threads)


def _plan(plan: BatchResult, jobs: int) -> Listing:
    """The cells of a grid, and how long they may take."""
    from opscore.grids.call import CELL_COLUMNS
    from opscore.progress.tally import clock_text

    cells = plan.cells
    missing = cells[cells["status"] == "missing"]
    known = missing["seconds"].dropna()
    # Cells of which nothing is known are taken to last as long as the others do on average.
    total = float(known.mean() * len(missing)) / jobs if len(known) else None
    left = "" if total is None else f": about {clock_text(total)} with {jobs} workers"
    if len(missing) and total is None:
        left = "; how long they take is known when some of them are finished"
    return Listing(
        [Table("", CELL_COLUMNS, cells.assign(state=cells["status"].replace("missing", "to do")))],
        {"cells": cells, "counts": plan.counts(), "estimated_seconds": total},
        said=[f"{len(cells)} cells, {len(missing)} to do{left}"],
    )
