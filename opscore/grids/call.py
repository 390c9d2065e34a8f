"""``opscore.batch``: a grid of runs, done cell by cell by workers, until all that can be is done.

Each cell is a run of the store: it is found when it is finished, goes on from its pieces when it
was stopped, and is kept with its error when it fails, which stops no other cell. Whatever ends a
batch, the same call goes on with what is missing. Results depend neither on the number of workers
nor on the backend: a worker has the same number of threads in all of them.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import torch
from threadpoolctl import threadpool_limits

from opscore import progress
from opscore.data.files import REFUSALS, reason_of, refusal_of, writable_folder
from opscore.errors import OpscoreError, UserError, note, unknown, whole_number
from opscore.fingerprint import named_once
from opscore.grids.backends import BACKENDS, backend_ready
from opscore.grids.grid import Cell, Grid
from opscore.isolation import isolated
from opscore.runs.reading import StoredRun, stored_runs
from opscore.runs.run import work
from opscore.runs.store import DamagedRunError, RunStore
from opscore.runs.upkeep import clean
from opscore.runs.workers import WorkerKilledError, in_workers

#: What to do with cells that were tried before.
FINISHED = {
    "only-missing": "compute the cells without a result, failed ones again",
    "always": "compute every cell again, and replace its result",
    "never": "compute only cells that were never tried, and leave failed ones as they are",
    "only-cache": "compute nothing, and say what is missing",
}

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


class StoreFullError(OpscoreError):
    """The store cannot be written any more."""


class End(NamedTuple):
    """How a cell ended, as its worker tells."""

    place: int
    status: str
    seconds: float
    error: str
    full: bool = False


@dataclass(frozen=True)
class BatchResult:
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

    def counts(self) -> dict[str, int]:
        """Cells that were computed, found, failed and are missing."""
        done = self.cells["status"] == "finished"
        return {
            "computed": int((done & ~self.cells["found"]).sum()),
            "found": int((done & self.cells["found"]).sum()),
            "failed": int((self.cells["status"] == "failed").sum()),
            "missing": int((self.cells["status"] == "missing").sum()),
        }


#: Called with the row of each cell as it is found or ends.
OnCell = Callable[[Mapping[str, Any]], object]


@progress.shows_progress
@isolated()
@named_once()
def batch(
    grid: Grid | Path | str | Mapping[str, Any],
    out: RunStore | Path | str,
    *,
    jobs: int = 1,
    backend: str = "loky",
    scheduler: str | None = None,
    finished: str = "only-missing",
    retries: int = 0,
    shard: str | None = None,
    threads: int = 1,
    on_cell: OnCell | None = None,
) -> BatchResult:
    """Run a grid: every space with every policy, setting and seed.

    ::

        result = opscore.batch("grid.toml", "runs", jobs=2)
        result.ok                                   # whether every cell is finished
        result.failed                               # those that are not, and why
        opscore.runs.reading.export(result.store)   # all results in one frame

    Args:
        grid: a TOML file, or what such a file would hold (:mod:`opscore.grids.grid`).
        out: the run store that finished cells are found and kept in.
        jobs: workers. Results do not depend on it.
        backend: 'loky' (processes), 'threading' or 'dask'.
        scheduler: address of a dask scheduler; None starts one here.
        finished: what to do with cells that were tried before, one of :data:`FINISHED`.
        retries: how often a cell that failed is tried again at once.
        shard: 'i/n' runs the i-th of n parts of the grid, i from 1; :func:`opscore.runs.upkeep.
            merge` puts their stores together.
        threads: of each worker; more of them may change the last digits of results.
        on_cell: called for each cell that is found, and as each cell ends.

    Raises:
        UserError: a name, a setting or an option is wrong; nothing has been computed then.
        StoreFullError: the store cannot be written any more; what is finished stays.
    """
    _check(jobs, backend, finished, retries, threads)
    store = _store(out)
    cells = in_shard(Grid.of(grid).cells(store.root / "supernets"), shard)
    cells = [_on_device(cell, place) for place, cell in enumerate(cells)]
    if finished != "only-cache":
        writable_folder(store.root)
    rows = [_row(cell) for cell in cells]
    missing = []
    progress.plan([cell.label for cell in cells])
    for place, cell in enumerate(cells):
        known = None if finished == "always" else _known(cell, store, finished)
        if known is None:
            missing.append(place)
            continue
        rows[place] |= known
        progress.found(cell.label)
        if on_cell is not None:
            on_cell(rows[place])
    if finished != "only-cache" and missing:
        work_list = _WorkList(cells, store, retries, anew=finished == "always")
        with backend_ready(backend, jobs, scheduler):
            for end in work_list.run(missing, jobs, backend, threads):
                rows[end.place] |= {
                    "status": end.status, "seconds": end.seconds, "error": end.error,
                }  # fmt: skip
                if on_cell is not None:
                    on_cell(rows[end.place])
    return BatchResult(pd.DataFrame(rows, columns=list(CELLS)).astype(CELLS), store)


def planned(
    grid: Grid | Path | str | Mapping[str, Any],
    out: RunStore | Path | str,
    *,
    finished: str = "only-missing",
    shard: str | None = None,
) -> BatchResult:
    """What :func:`batch` would do, without doing it.

    The cells to be computed are 'missing'; their seconds are an estimate from what cells of the
    same policy took in this store, in the same space and size if there are any; missing where
    nothing is known.
    """
    _check(1, "loky", finished, 0, 1)
    store = _store(out)
    cells = in_shard(Grid.of(grid).cells(store.root / "supernets"), shard)
    guess = _Estimate(stored_runs(store) if store.root.is_dir() else [])
    rows = []
    for cell in cells:
        known = None if finished == "always" else _known(cell, store, finished, mend=False)
        rows.append(_row(cell) | (known or {"seconds": guess.seconds(cell)}))
    return BatchResult(pd.DataFrame(rows, columns=list(CELLS)).astype(CELLS), store)


def in_shard(cells: Sequence[Cell], shard: str | None) -> list[Cell]:
    """The cells of the i-th of n parts of a grid, 'i/n': every n-th one.

    UserError for another form, or an i that is not from 1 to n.
    """
    if shard is None:
        return list(cells)
    first, _, second = shard.partition("/")
    if not (_is_count(first) and _is_count(second) and 1 <= int(first) <= int(second)):
        raise UserError(f"bad shard '{shard}'; the form is i/n with i from 1 to n, such as 1/4")
    return list(cells[int(first) - 1 :: int(second)])


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 10


def _check(jobs: int, backend: str, finished: str, retries: int, threads: int) -> None:
    for name, value, least in (("jobs", jobs, 1), ("retries", retries, 0), ("threads", threads, 1)):
        whole_number(value, name, least)
    if backend not in BACKENDS:
        raise unknown("backend", str(backend), BACKENDS)
    if finished not in FINISHED:
        raise unknown("way with finished cells", str(finished), FINISHED)


def _store(out: RunStore | Path | str) -> RunStore:
    store = out if isinstance(out, RunStore) else RunStore(out)
    store.check()
    return store


def _row(cell: Cell) -> dict[str, Any]:
    return {
        "run": cell.name,
        "kind": cell.kind,
        "space": cell.space,
        "policy": cell.policy,
        "seed": pd.NA if cell.seed is None else cell.seed,
        "status": "missing",
        "found": False,
        "seconds": float("nan"),
        "error": "",
    }


def _on_device(cell: Cell, place: int) -> Cell:
    """The cell on one of the GPUs, in turn, where there are several and none was asked for."""
    settings: Any = getattr(cell.run, "settings", None)
    count = torch.cuda.device_count() if getattr(settings, "device", "") == "cuda" else 0
    if count < 2:
        return cell
    run: Any = cell.run
    return replace(
        cell, run=replace(run, settings=replace(settings, device=f"cuda:{place % count}"))
    )


def _known(
    cell: Cell, store: RunStore, finished: str, *, mend: bool = True
) -> dict[str, Any] | None:
    """What the store says of a cell; None when it is to be computed.

    A damaged run is removed, to be computed again; with ``mend`` false it only counts as missing.
    """
    try:
        outcome = store.outcome(cell.key)
        record = store.record(cell.key) or {}
    except DamagedRunError as error:
        if finished == "only-cache" or not mend:
            return None
        note(f"{error}; it is computed again")
        clean(store, [cell.name])
        return None
    spent = StoredRun(cell.name, store.path(cell.key), "finished", record).seconds
    seconds = float("nan") if spent is None else spent
    if outcome is not None:
        return {"status": "finished", "found": True, "seconds": seconds}
    if finished in {"never", "only-cache"} and record.get("status") == "failed":
        return {"status": "failed", "found": True, "error": "; ".join(record.get("failed", []))}
    return None


class _WorkList:
    """Cells that are to be computed, and what became of them so far."""

    def __init__(self, cells: Sequence[Cell], store: RunStore, retries: int, *, anew: bool) -> None:
        self.cells = cells
        self.store = store
        self.retries = retries
        self.anew = anew

    def run(self, places: Sequence[int], jobs: int, backend: str, threads: int) -> Iterator[End]:
        """Compute cells; their ends as they come in."""
        if backend == "loky" and jobs == 1:
            with limited(threads):
                for place in places:
                    yield self._checked(compute(*self._call(place, None)))
            return
        with tempfile.TemporaryDirectory(prefix="opscore-batch-") as marks:
            yield from self._in_pool(list(places), jobs, backend, threads, Path(marks))

    def _in_pool(
        self, pending: list[int], jobs: int, backend: str, threads: int, marks: Path
    ) -> Iterator[End]:
        """Compute cells in workers; those that were running when one was killed go on alone."""
        deaths: Counter[int] = Counter()
        pool = pending
        alone: list[int] = []
        idle = 0
        while pool or alone:
            now = pool or alone[:1]
            before = len(pool) + len(alone)
            try:
                for end in self._ends(now, min(jobs, len(now)), backend, threads, marks):
                    pool = [place for place in pool if place != end.place]
                    alone = [place for place in alone if place != end.place]
                    yield self._checked(end)
            except WorkerKilledError as error:
                running = [place for place in now if (marks / str(place)).exists()]
                for place in running:
                    (marks / str(place)).unlink(missing_ok=True)
                    deaths[place] += 1
                alone = [*alone, *(place for place in running if place not in alone)]
                pool = [place for place in pool if place not in running]
                idle = 0 if running or len(pool) + len(alone) < before else idle + 1
                if idle > 2:
                    raise
                # One death may be another cell's doing; one that died alone did it.
                lost = [p for p in alone if deaths[p] > 1 + self.retries and now == [p]]
                for place in lost:
                    alone.remove(place)
                    yield self._lost(place, error)

    def _ends(
        self, places: Sequence[int], jobs: int, backend: str, threads: int, marks: Path
    ) -> Iterator[End]:
        calls = (self._call(place, marks / str(place)) for place in places)
        if backend == "loky":
            jobs = max(
                2, jobs
            )  # with one, joblib computes in this process, which would die instead
        return in_workers(jobs, compute, calls, threads=threads, backend=backend)

    def _call(self, place: int, mark: Path | None) -> tuple[Any, ...]:
        cell = self.cells[place]
        return place, cell, self.store.root.resolve(), self.retries, self.anew, mark

    def _lost(self, place: int, error: Exception) -> End:
        """A cell whose worker was killed each time, kept as failed."""
        cell = self.cells[place]
        why = OpscoreError("its worker process was killed, for instance because memory ran out")
        self.store.keep_error(cell.key, why.with_traceback(error.__traceback__))
        return End(place, "failed", float("nan"), f"OpscoreError: {why}")

    def _checked(self, end: End) -> End:
        if end.full:
            raise StoreFullError(
                f"cannot write into {self.store.root}: {end.error}; what is finished is kept: make "
                "room, and the same command goes on from it"
            )
        return end


def compute(place: int, cell: Cell, root: Path, retries: int, anew: bool, mark: Path | None) -> End:
    """Compute one cell, here and now, and keep what it gave, be it an error.

    mark: a file that is there while the cell runs.
    """
    if mark is not None:
        mark.touch()
    store = RunStore(root)
    begun = time.perf_counter()
    failure: Exception | None = None
    for _ in range(1 + retries):
        try:
            outcome = work(cell.run, store, cell.key, cell.piece_key, label=cell.label, anew=anew)
            why = "; ".join(dict.fromkeys(outcome.failed))
            failure = OpscoreError(why) if why else None
        except Exception as error:  # whatever it is, it is this cell's, and the others go on
            failure = error
            if (full := _full(error, root)) is not None:
                return End(place, "failed", 0.0, full, full=True)
            if isinstance(error, UserError):  # work keeps the others
                store.keep_error(cell.key, error)
                break
        if failure is None:
            break
    if mark is not None:
        mark.unlink(missing_ok=True)
    seconds = time.perf_counter() - begun
    if failure is None:
        return End(place, "finished", seconds, "")
    text = str(failure).strip().splitlines()
    return End(place, "failed", seconds, f"{type(failure).__name__}: {text[0] if text else ''}")


def _full(error: BaseException, root: Path) -> str | None:
    """Why the store takes no more files, if that is what the error comes from."""
    if not isinstance(error, OSError) or error.errno not in REFUSALS:
        return None
    found = refusal_of(root)
    return None if found is None else reason_of(found)


@contextmanager
def limited(threads: int) -> Iterator[None]:
    """A block that computes with so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with threadpool_limits(threads):
            yield
    finally:
        torch.set_num_threads(before)


class _Estimate:
    """How long cells take, from those that a store has."""

    def __init__(self, runs: Sequence[StoredRun]) -> None:
        self._seen: dict[tuple[Any, ...], list[float]] = {}
        for run in runs:
            if run.status == "finished" and run.seconds is not None:
                for name in self._names(run.kind, run.key, run.policy):
                    self._seen.setdefault(name, []).append(run.seconds)

    @staticmethod
    def _names(kind: str, key: Mapping[str, Any], policy: str) -> list[tuple[Any, ...]]:
        """What a cell shares with others, the most first."""
        space, size, batch = key.get("space"), key.get("size"), key.get("batch_size")
        return [
            (kind, policy, space, size, batch),
            (kind, policy, space, size),
            (kind, policy, "", size),
        ]

    def seconds(self, cell: Cell) -> float:
        """The median of the most similar cells; NaN where there are none."""
        for name in self._names(cell.kind, cell.key, cell.policy):
            if name in self._seen:
                return float(pd.Series(self._seen[name]).median())
        return float("nan")
