"""``opscore batch``: run a grid that a TOML file describes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from opscore.cli.common import (
    JsonOption,
    QuietOption,
    console,
    print_json,
)
from opscore.cli.options import Only, chosen, grouped
from opscore.settings import RunSettings

if TYPE_CHECKING:
    from opscore.grids.call import BatchResult

#: Exit code when some cells are not finished.
INCOMPLETE = 1


@grouped
def batch(
    grid: Annotated[Path, typer.Argument(help="TOML file; see docs/batch.md.", dir_okay=True)],
    out: Annotated[
        Path, typer.Option("--out", help="Run store that cells are found and kept in.")
    ] = Path("runs"),
    *,
    run: Annotated[RunSettings, Only("jobs", "finished", "retries")],
    backend: Annotated[str, typer.Option(help="loky (processes), threading or dask.")] = ("loky"),
    scheduler: Annotated[
        str | None, typer.Option(help="Address of a running dask scheduler.")
    ] = None,
    shard: Annotated[
        str | None, typer.Option(help="Run the i-th of n parts, i/n, for instance 1/4.")
    ] = None,
    threads: Annotated[int, typer.Option(help="Threads of each worker.")] = 1,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="List the cells, with an estimate, and compute nothing."),
    ] = False,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Run a grid of spaces, policies, settings and seeds; the same command goes on with it.

    Exit code 0: every cell is finished. 1: some are not; they are listed with the reason.
    """
    from opscore.grids.call import batch as run_batch
    from opscore.grids.call import planned
    from opscore.progress import shown

    if dry_run:
        _print_plan(
            planned(grid, out, finished=run.finished, shard=shard), run.jobs, as_json=as_json
        )
        return

    with shown("running the grid", quiet=quiet or as_json):
        result = run_batch(
            grid,
            out,
            **chosen(run, "jobs", "finished", "retries"),
            backend=backend,
            scheduler=scheduler,
            shard=shard,
            threads=threads,
        )
    _print_result(result, as_json=as_json)
    raise typer.Exit(0 if result.ok else INCOMPLETE)


def _print_plan(plan: BatchResult, jobs: int, *, as_json: bool) -> None:
    from opscore.progress import clock_text

    cells = plan.cells
    missing = cells[cells["status"] == "missing"]
    known = missing["seconds"].dropna()
    # Cells of which nothing is known are taken to last as long as the others do on average.
    total = float(known.mean() * len(missing)) / jobs if len(known) else None
    if as_json:
        print_json({"cells": cells, "counts": plan.counts(), "estimated_seconds": total})
        return
    table = Table("run", "space", "policy or method")
    for column in ("seed", "state", "seconds"):
        table.add_column(column, justify="right" if column != "state" else "left")
    for row in cells.to_dict("records"):
        state = "to do" if row["status"] == "missing" else row["status"]
        seconds = "?" if row["seconds"] != row["seconds"] else f"{row['seconds']:.1f}"
        table.add_row(row["run"], row["space"], row["policy"], _seed(row), state, seconds)
    console.print(table)
    left = "" if total is None else f": about {clock_text(total)} with {jobs} workers"
    if len(missing) and total is None:
        left = "; how long they take is known when some of them are finished"
    line = f"{len(cells)} cells, {len(missing)} to do{left}"
    console.print(line, markup=False, highlight=False)


def _print_result(result: BatchResult, *, as_json: bool) -> None:
    counts = result.counts()
    if as_json:
        print_json({"cells": result.cells, "counts": counts, "store": result.store.root})
        return
    told = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    root = result.store.root
    line = f"{len(result.cells)} cells: {told or 'none'}; they are kept in {root}"
    console.print(line, markup=False, highlight=False, soft_wrap=True)
    for row in result.failed.head(20).to_dict("records"):
        why = row["error"] or "not computed"
        line = f"{_name(row)}: {why} (opscore runs show {row['run']} --runs {root})"
        console.print(line, style="red", markup=False, highlight=False, soft_wrap=True)
    if len(result.failed) > 20:
        console.print(f"... and {len(result.failed) - 20} more", style="red")


def _name(row: Mapping[Any, Any]) -> str:
    seed = _seed(row)
    return f"{row['kind']} {row['space']} {row['policy']}{f', seed {seed}' if seed else ''}"


def _seed(row: Mapping[Any, Any]) -> str:
    text = str(row["seed"])
    return "" if text in {"<NA>", "nan", "None"} else text
