"""Units of work over policies and seeds, side by side, each stored as soon as it is finished."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pandas as pd

from opscore import progress
from opscore.errors import UserError
from opscore.experiments import Unit, score_unit
from opscore.experiments.threads import in_workers
from opscore.runs.store import RunStore

#: Called with each unit's table as it comes in.
OnDone = Callable[[Unit, pd.DataFrame], None]


def run_units(
    todo: list[Unit],
    store: RunStore | None,
    *,
    jobs: int = 1,
    on_done: OnDone | None = None,
) -> list[pd.DataFrame]:
    """Score tables of the units, in their order; those that the store has are not redone.

    Args:
        todo: the units.
        store: where finished runs are found and kept; None keeps nothing.
        jobs: number of worker processes. The result does not depend on it: a unit's random draws
            come from its seed. The cores are shared out evenly between the workers.
        on_done: called for each finished unit, found or computed.
    """
    if jobs < 1:
        raise UserError(f"the number of jobs is 1 or more, got {jobs}")
    tables: dict[int, pd.DataFrame] = {}

    def finish(index: int, table: pd.DataFrame) -> None:
        tables[index] = table
        if on_done is not None:
            on_done(todo[index], table)

    progress.plan([_label(unit) for unit in todo])
    missing = []
    for index, unit in enumerate(todo):
        found = None if store is None else store.load(unit.key())
        if found is None:
            missing.append(index)
        else:
            progress.found(_label(unit))
            finish(index, found)
    for index, table in _compute(todo, missing, store, min(jobs, max(len(missing), 1))):
        finish(index, table)
    return [tables[index] for index in range(len(todo))]


def _compute(
    todo: list[Unit], missing: list[int], store: RunStore | None, jobs: int
) -> Iterable[tuple[int, pd.DataFrame]]:
    if jobs == 1:
        return ((index, _score_and_store(todo[index], store)) for index in missing)
    return in_workers(jobs, _work, ((index, todo[index], store) for index in missing))


def _work(index: int, unit: Unit, store: RunStore | None) -> tuple[int, pd.DataFrame]:
    return index, _score_and_store(unit, store)


def _score_and_store(unit: Unit, store: RunStore | None) -> pd.DataFrame:
    with progress.unit(_label(unit)):
        table = score_unit(unit)
        if store is not None:
            store.save(unit.key(), table)
    return table


def _label(unit: Unit) -> str:
    return progress.label(unit.policy, unit.seed)
