"""``opscore.run_search``: search methods over seeds, in one call, each search stored."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from opscore import progress as reporting
from opscore.errors import UserError, note
from opscore.experiments import OracleSettings
from opscore.experiments.threads import in_workers
from opscore.isolation import isolated
from opscore.policies import as_names
from opscore.rng import as_seeds
from opscore.runs.search_result import SearchResult
from opscore.runs.store import RECORD_FILE, RunStore, provenance
from opscore.search import (
    CANDIDATES,
    TRACE,
    Cost,
    SearchOutcome,
    SearchSettings,
    find_method,
)
from opscore.search.base import OnProgress
from opscore.search.keys import search_key
from opscore.search.once import search_once
from opscore.spaces import get_space

_COLUMNS = {"candidates": CANDIDATES, "trace": TRACE}


@dataclass(frozen=True)
class SearchUnit:
    """One method with one seed.

    Attributes:
        settings: resolved settings.
        method: the method's name.
        seed: None for a method without draws.
    """

    settings: SearchSettings
    method: str
    seed: int | None

    def key(self) -> dict[str, Any]:
        """What the result depends on; its hash names the run."""
        return search_key(find_method(self.method), self.settings, self.seed)


#: Called with each finished search, found or computed.
OnSearch = Callable[[SearchUnit, SearchOutcome], object]


@reporting.shows_progress
@isolated()
def run_search(
    methods: str | Sequence[str] = ("zero-cost-pt(nwot)",),
    seeds: int | Sequence[int] = (0,),
    *,
    store: RunStore | Path | str | None = None,
    jobs: int = 1,
    on_done: OnSearch | None = None,
    progress: OnProgress | None = None,
    oracle: OracleSettings | None = None,
    **settings: Any,
) -> SearchResult:
    """Search with each method and each seed.

    ::

        result = opscore.run_search(["zero-cost-pt(nwot)", "random"], seeds=range(4), store="runs")
        result.architectures         # error, rank and regret on each dataset
        result.summary()             # mean, deviation, interval over seeds
        result.compare("zero-cost-pt(nwot)", "random")

    Args:
        methods: method names as the paper writes them; ``opscore methods`` lists them.
        seeds: run seeds.
        store: folder of finished searches, or None to keep nothing. A search that was stopped goes
            on after its last finished piece.
        jobs: worker processes, over searches, or within each one when there are fewer searches
            than workers. The result does not depend on it.
        on_done: called for each search, found or computed.
        progress: called while a search of this process goes on: a line, and its share done.
        oracle: which table is the truth.
        **settings: further fields of :class:`opscore.search.SearchSettings`.

    Raises:
        UserError: a name is unknown, a file is missing, a number is out of range, or no method
            could search. A method that does not fit the space is left out with a note, when others
            do.
    """
    if jobs < 1:
        raise UserError(f"the number of jobs is 1 or more, got {jobs}")
    if store is not None and not isinstance(store, RunStore):
        store = RunStore(store)
    if store is not None:
        settings.setdefault("cache", store.root / "supernets")
    resolved = SearchSettings(
        methods=as_names(methods),
        seeds=as_seeds(seeds),
        oracle=oracle or OracleSettings(),
        **settings,
    ).resolved()
    units = search_units(resolved)
    found: dict[int, SearchOutcome] = {}
    unfit: dict[int, UserError] = {}
    for place, outcome in _all(units, store, jobs, progress):
        if isinstance(outcome, UserError):
            unfit[place] = outcome
            continue
        found[place] = outcome
        if on_done is not None:
            on_done(units[place], outcome)
    if not found:
        raise unfit[min(unfit)]
    for place in sorted(unfit):
        note(f"{_label(units[place])} is left out: {unfit[place]}")
    searches = [(units[place].method, units[place].seed, found[place]) for place in sorted(found)]
    return SearchResult.of(resolved, searches)


def search_units(settings: SearchSettings) -> list[SearchUnit]:
    """Every method with every seed, or once if it draws nothing."""
    found: list[SearchUnit] = []
    for method in settings.methods:
        seeded = find_method(method).seeded
        seeds: tuple[int | None, ...] = settings.seeds if seeded else (None,)
        found.extend(SearchUnit(settings, method, seed) for seed in seeds)
    return found


def _all(
    units: Sequence[SearchUnit], store: RunStore | None, jobs: int, progress: OnProgress | None
) -> Iterator[tuple[int, SearchOutcome | UserError]]:
    reporting.plan([_label(unit) for unit in units])
    missing = []
    for place, unit in enumerate(units):
        known = None if store is None else _load(store, unit)
        if known is None:
            missing.append(place)
        else:
            reporting.found(_label(unit))
            yield place, known
    if jobs == 1 or len(missing) < jobs:
        for place in missing:
            yield place, _search(units[place], store, jobs, progress)
        return
    calls = [(place, units[place], store) for place in missing]
    yield from in_workers(jobs, _in_worker, calls)


def _in_worker(
    place: int, unit: SearchUnit, store: RunStore | None
) -> tuple[int, SearchOutcome | UserError]:
    return place, _search(unit, store, 1, None)


def _search(
    unit: SearchUnit, store: RunStore | None, jobs: int, progress: OnProgress | None
) -> SearchOutcome | UserError:
    """The search's result, or why its method cannot search under these settings."""
    root = None if store is None else store.root
    method = find_method(unit.method)
    with reporting.unit(_label(unit)), reporting.steps(1):
        try:
            outcome = search_once(
                method, unit.settings, unit.seed, root, progress=progress, jobs=jobs
            )
        except UserError as error:
            return error
        if store is not None:
            _save(store, unit, outcome)
    return outcome


def _label(unit: SearchUnit) -> str:
    return reporting.label(unit.method, unit.seed)


def _save(store: RunStore, unit: SearchUnit, outcome: SearchOutcome) -> None:
    """Write a finished search under a temporary name and rename it."""
    store.root.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=store.root))
    target = store.path(unit.key())
    try:
        for name in _COLUMNS:
            getattr(outcome, name).to_parquet(temporary / f"{name}.parquet", index=False)
        record = {
            "key": unit.key(),
            "architecture": list(outcome.architecture.architecture_indices),
            "cost": asdict(outcome.cost),
            **provenance(),
        }
        (temporary / RECORD_FILE).write_text(json.dumps(record, indent=2, default=str) + "\n")
        if not target.exists():
            temporary.rename(target)
    except OSError:
        # Another process finished the same search in between; its result is the same.
        if not target.is_dir():
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _load(store: RunStore, unit: SearchUnit) -> SearchOutcome | None:
    key = unit.key()
    folder = store.path(key)
    if not folder.is_dir():
        return None
    try:
        record: Mapping[str, Any] = json.loads((folder / RECORD_FILE).read_text())
        frames = {name: pd.read_parquet(folder / f"{name}.parquet") for name in _COLUMNS}
        if "minibatches" not in frames["candidates"]:  # a search from before it was kept
            frames["candidates"]["minibatches"] = pd.NA
        frames = {name: frames[name][list(own)].astype(own) for name, own in _COLUMNS.items()}
        architecture = get_space(unit.settings.space).architecture(record["architecture"])
        cost = Cost(**record["cost"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"run {folder} cannot be read ({error}); delete it to redo it") from None
    if record["key"] != json.loads(json.dumps(key, default=str)):
        raise UserError(f"run {folder} holds other settings than its name says; delete it")
    return SearchOutcome(architecture, frames["candidates"], frames["trace"], cost)


__all__ = ["OnSearch", "SearchResult", "SearchUnit", "run_search", "search_units"]
