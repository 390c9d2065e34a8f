"""``opscore.batch``: a grid of runs, done cell by cell by workers, until all that can be is done.

Each cell is a run of the store: it is found when it is finished, goes on from its pieces when it
was stopped, and is kept with its error when it fails, which stops no other cell. Whatever ends a
batch, the same call goes on with what is missing. Results do not depend on the number of workers.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from statistics import median
from typing import Any

import pandas as pd
import torch

from opscore import progress
from opscore.answers import Answer, Column, Table
from opscore.data.files import writable_folder
from opscore.errors import UserError, note
from opscore.fingerprint import named_once
from opscore.grids.grid import Grid, GridCell
from opscore.isolation import isolated
from opscore.runs.loop import End, Manner, ends, known
from opscore.runs.reading import StoredRun, stored_runs
from opscore.runs.store import RunStore
from opscore.runs.studies import remember
from opscore.typed import made

#: One row per cell, in the grid's order (:attr:`BatchResult.cells`).
CELLS = {
    "run": "str",  # the name of its folder
    "kind": "str",
    "space": "str",
    "policy": "str",  # or the search method
    "seed": "Int64",
    "status": "str",  # finished, failed; missing where nothing was to be computed
    "found": "bool",  # it was there already
    "seconds": "float64",  # that it took; before it is done: that it will take, where known
    "error": "str",
}


CELL_COLUMNS = (
    Column("run"),
    Column("space"),
    Column("policy", "policy or method"),
    Column("seed", kind="whole", form="d"),
    Column("state", kind="status"),
    Column("seconds", kind="number", form=".1f", missing="?"),
    Column("error", missing="", detail=True),
)

#: A part of a grid.
_SHARD = re.compile(r"([1-9][0-9]{0,8})/([1-9][0-9]{0,8})")

#: Cells without a result that are named one by one.
_MOST_NAMED = 20


@dataclass(frozen=True, repr=False)
class BatchResult(Answer):
    """What became of a grid.

    Attributes:
        cells: one row per cell (columns: :data:`CELLS`).
        store: where the results are.
    """

    cells: pd.DataFrame
    store: RunStore

    @property
    def ok(self) -> bool:
        """Whether every cell is finished."""
        return bool((self.cells["status"] == "finished").all())

    @property
    def failed(self) -> pd.DataFrame:
        """The cells that are not finished."""
        return self.cells[self.cells["status"] != "finished"]

    def tables(self) -> list[Table]:
        """Every cell."""
        return [Table("Cells", CELL_COLUMNS, self.cells.assign(state=self.cells["status"]),
                      detail=True)]  # fmt: skip

    def lines(self) -> list[str]:
        """How many cells there are by what became of them, and what went wrong with some."""
        told = ", ".join(f"{count} {name}" for name, count in self.counts().items() if count)
        root, failed = self.store.root, self.failed
        named = [
            f"{_who(row)}: {row['error'] or 'not computed'} (opscore runs show {row['run']} "
            f"--runs {root})"
            for row in failed.head(_MOST_NAMED).to_dict("records")
        ]
        more = [f"... and {len(failed) - _MOST_NAMED} more"] * (len(failed) > _MOST_NAMED)
        line = f"{len(self.cells)} cells: {told or 'none'}; they are kept in {root}"
        return [line, *named, *more]

    def payload(self) -> dict[str, Any]:
        """Every cell, and where their results are."""
        return {"cells": self.cells, "counts": self.counts(), "store": self.store.root}

    def trouble(self) -> str | None:
        """Not None where some cells are not finished; :meth:`lines` names them."""
        return None if self.ok else ""

    def counts(self) -> dict[str, int]:
        """Cells that were computed, found, failed and are missing."""
        done = self.cells["status"] == "finished"
        return {
            "computed": int((done & ~self.cells["found"]).sum()),
            "found": int((done & self.cells["found"]).sum()),
            "failed": int((self.cells["status"] == "failed").sum()),
            "missing": int((self.cells["status"] == "missing").sum()),
        }


def _who(row: Mapping[Hashable, Any]) -> str:
    """Which cell a row is."""
    seed = "" if pd.isna(row["seed"]) else f", seed {row['seed']}"
    return f"{row['kind']} {row['space']} {row['policy']}{seed}"


@progress.shows_progress
@isolated()
@named_once()
def batch(
    grid: Grid | Path | str | Mapping[str, Any],
    store: RunStore | Path | str,
    *,
    jobs: int = 1,
    finished: str = "only-missing",
    retries: int = 0,
    shard: str | None = None,
    threads: int = 1,
) -> BatchResult:
    """Run a grid: every space with every policy, setting and seed.

    ::

        result = opscore.batch("grid.toml", "runs", jobs=2)
        result.ok                                   # whether every cell is finished
        result.failed                               # those that are not, and why
        opscore.runs.reading.export(result.store)   # all results in one frame

    Args:
        grid: a TOML file, or what such a file would hold (:mod:`opscore.grids.grid`).
        store: the run store that finished cells are found and kept in.
        jobs: worker processes. Results do not depend on it.
        finished: what to do with cells that were tried before, see
            :class:`opscore.settings.RunSettings`.
        retries: how often a cell that failed is tried again at once.
        shard: 'i/n' runs the i-th of n parts of the grid, i from 1;
            :func:`opscore.runs.upkeep.merge` puts their stores together.
        threads: of each worker; more of them may change the last digits of results.

    Raises:
        UserError: a name, a setting or an option is wrong; nothing has been computed then.
        StoreFullError: the store cannot be written any more; what is finished stays.
    """
    how = {"jobs": jobs, "finished": finished, "retries": retries, "threads": threads}
    manner = made(Manner, {**how, "alone": True})
    kept, cells = _asked(grid, store, shard)
    cells = [_on_device(cell, place) for place, cell in enumerate(cells)]
    if finished != "only-cache":
        writable_folder(kept.root)
        for asked, own in groupby(cells, lambda cell: cell.asked):
            if asked is not None:
                remember(kept, asked, {cell.run.label: cell.key for cell in own})
    rows = [_row(cell) for cell in cells]
    for end in ends(
        [cell.run for cell in cells],
        kept,
        manner,
        keys=[(cell.key, cell.piece_key) for cell in cells],
        labels=[cell.label for cell in cells],
    ):
        cell = cells[end.place]
        if isinstance(end.error, UserError):  # that is this cell's, and the others go on
            kept.keep_error(cell.key, end.error)
        rows[end.place] |= _ended(cell, end, kept)
        if end.status == "failed":
            note(f"{cell.label} failed: {rows[end.place]['error']}")
    return BatchResult(pd.DataFrame(rows, columns=list(CELLS)).astype(CELLS), kept)


def planned(
    grid: Grid | Path | str | Mapping[str, Any],
    store: RunStore | Path | str,
    *,
    finished: str = "only-missing",
    shard: str | None = None,
) -> BatchResult:
    """What :func:`batch` would do, without doing it.

    The cells to be computed are 'missing'; their seconds are an estimate from what cells of the
    same policy took in this store, in the same space and size if there are any; missing where
    nothing is known.
    """
    manner = made(Manner, {"finished": finished, "alone": True})
    kept, cells = _asked(grid, store, shard)
    usual = _usual_seconds(stored_runs(kept) if kept.root.is_dir() else [])
    rows = []
    for cell in cells:
        end = None if finished == "always" else known(0, kept, cell.key, manner, mend=False)
        seen = [usual[k] for k in _kinds(cell.kind, cell.policy, cell.key) if k in usual]
        guess = {"seconds": seen[0]} if seen else {}
        rows.append(_row(cell) | (guess if end is None else _ended(cell, end, kept)))
    return BatchResult(pd.DataFrame(rows, columns=list(CELLS)).astype(CELLS), kept)


def _asked(
    grid: Grid | Path | str | Mapping[str, Any], out: RunStore | Path | str, shard: str | None
) -> tuple[RunStore, list[GridCell]]:
    """The store, and the cells of this part of the grid."""
    store = out if isinstance(out, RunStore) else RunStore(out)
    store.check()
    return store, in_shard(Grid.of(grid).cells(store.root / "supernets"), shard)


def in_shard(cells: Sequence[GridCell], shard: str | None) -> list[GridCell]:
    """The cells of the i-th of n parts of a grid, 'i/n': every n-th one.

    UserError for another form, or an i that is not from 1 to n.
    """
    if shard is None:
        return list(cells)
    match = _SHARD.fullmatch(shard)
    if match is None or int(match[1]) > int(match[2]):
        raise UserError(f"bad shard '{shard}'; the form is i/n with i from 1 to n, such as 1/4")
    return list(cells[int(match[1]) - 1 :: int(match[2])])


def _row(cell: GridCell) -> dict[str, Any]:
    seed = pd.NA if cell.seed is None else cell.seed
    who = {"run": cell.name, "kind": cell.kind, "space": cell.space, "policy": cell.policy}
    unknown = {"status": "missing", "found": False, "seconds": float("nan"), "error": ""}
    return {**who, "seed": seed, **unknown}


def _on_device(cell: GridCell, place: int) -> GridCell:
    """The cell on one of the GPUs, in turn, where there are several and none was asked for."""
    settings: Any = getattr(cell.run, "settings", None)
    count = torch.cuda.device_count() if getattr(settings, "device", "") == "cuda" else 0
    if count < 2:
        return cell
    run: Any = cell.run
    return replace(
        cell, run=replace(run, settings=replace(settings, device=f"cuda:{place % count}"))
    )


def _ended(cell: GridCell, end: End, store: RunStore) -> dict[str, Any]:
    """What a row says of the end of its cell."""
    seconds, error = end.seconds, ""
    if end.found and end.status == "finished":
        record = store.record(cell.key) or {}
        spent = StoredRun(cell.name, store.path(cell.key), "finished", record).seconds
        seconds = seconds if spent is None else spent
    if end.error is not None:
        lines = str(end.error).strip().splitlines()
        error = lines[0] if lines else ""
        error = error if end.found else f"{type(end.error).__name__}: {error}"
    return {"status": end.status, "found": end.found, "seconds": seconds, "error": error}


def _usual_seconds(runs: Sequence[StoredRun]) -> dict[tuple[Any, ...], float]:
    """The median of the seconds that finished runs took, by :func:`_kinds`."""
    seen: dict[tuple[Any, ...], list[float]] = {}
    for run in runs:
        if run.status == "finished" and run.seconds is not None:
            for kind in _kinds(run.kind, run.policy, run.key):
                seen.setdefault(kind, []).append(run.seconds)
    return {kind: median(seconds) for kind, seconds in seen.items()}


def _kinds(kind: str, policy: str, key: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """What a cell shares with others that take about as long, the most first."""
    space, size, batch = key.get("space"), key.get("size"), key.get("batch_size")
    return [(kind, policy, space, size, batch), (kind, policy, space, size), (kind, policy, size)]
