"""``opscore.progressive``: scoring along searches, over policies and seeds, in one call."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from opscore import progress
from opscore.data.files import atomic_write
from opscore.errors import UserError
from opscore.experiments import (
    OracleSettings,
    ProgressiveUnit,
    ScoringSettings,
    Step,
    follow,
    progressive_units,
)
from opscore.experiments.progressive import OnStep, Order
from opscore.experiments.threads import in_workers
from opscore.isolation import isolated
from opscore.policies import as_names
from opscore.rng import as_seeds
from opscore.runs.progressive_result import (
    REFERENCE,
    ProgressiveResult,
    check_oracle_mode,
    decisions_table,
)
from opscore.runs.scoring import with_truth
from opscore.runs.store import RECORD_FILE, RunStore, provenance


@progress.shows_progress
@isolated()
def progressive(
    policies: str | Sequence[str] = ("zc-pt(nwot)",),
    seeds: int | Sequence[int] = (0,),
    *,
    order: Order = "fixed",
    retrain_epochs: int | Mapping[str, int] | None = None,
    oracle_mode: str = "initial",
    store: RunStore | Path | str | None = None,
    jobs: int = 1,
    on_step: OnStep | None = None,
    oracle: OracleSettings | None = None,
    **settings: Any,
) -> ProgressiveResult:
    """Score all open edges, discretize the next one by the policy's choice, and so on to the end.

    ::

        result = opscore.progressive(["zc-pt(nwot)"], seeds=range(4))
        result.correlation()         # Spearman per iteration, as Figure 2 (right)
        result.architectures         # where the searches ended, their error and rank

    Args:
        policies: policy names as the paper writes them; best-acc is added where the space
            has a truth.
        seeds: run seeds; each has its own supernet and minibatches.
        order: in which edges are discretized: 'fixed' (the space's order, as published), 'random'
            (drawn for each seed), or all edges by index or name.
        retrain_epochs: k, epochs of retraining after each discretization for policies that need a
            trained supernet: one number, or one by policy; else the training profile's.
        oracle_mode: 'initial' or 'conditional'; see :meth:`ProgressiveResult.correlation`.
        store: folder of finished runs, or None to keep nothing. A run that was stopped goes on
            after its last finished iteration, and within retraining after its last epoch.
        jobs: worker processes; the result does not depend on it.
        on_step: called for each iteration; with several workers, when its run is finished.
        oracle: which table is the truth.
        **settings: further fields of :class:`opscore.experiments.ScoringSettings`.

    Raises:
        UserError: a name is unknown, a file is missing, a number is out of range.
    """
    check_oracle_mode(oracle_mode)
    if jobs < 1:
        raise UserError(f"the number of jobs is 1 or more, got {jobs}")
    if store is not None and not isinstance(store, RunStore):
        store = RunStore(store)
    if store is not None:
        settings.setdefault("cache", store.root / "supernets")
    asked = ScoringSettings(
        policies=as_names(policies),
        seeds=as_seeds(seeds),
        oracle=oracle or OracleSettings(),
        **settings,
    )
    resolved = with_truth(asked, [REFERENCE])
    units = progressive_units(resolved, order, retrain_epochs)
    progress.plan([_label(unit) for unit in units])
    found = dict(_follow_all(units, store, jobs, on_step))
    followed = [(unit, found[place]) for place, unit in enumerate(units)]
    return ProgressiveResult(
        settings=resolved,
        units=tuple(units),
        order=order if isinstance(order, str) else tuple(order),
        oracle_mode=oracle_mode,
        scores=pd.concat(
            [step.scores for _, steps in followed for step in steps], ignore_index=True
        ),
        decisions=decisions_table(followed),
    )


def _follow_all(
    units: Sequence[ProgressiveUnit], store: RunStore | None, jobs: int, on_step: OnStep | None
) -> Iterable[tuple[int, list[Step]]]:
    if jobs == 1:
        for place, unit in enumerate(units):
            yield place, _follow(unit, store, on_step)
        return
    calls = ((place, unit, store) for place, unit in enumerate(units))
    for place, steps in in_workers(jobs, _work, calls):
        if on_step is not None:
            for step in steps:
                on_step(units[place], step)
        yield place, steps


def _work(place: int, unit: ProgressiveUnit, store: RunStore | None) -> tuple[int, list[Step]]:
    return place, _follow(unit, store, None)


def _label(unit: ProgressiveUnit) -> str:
    return progress.label(unit.policy, unit.seed)


def _follow(unit: ProgressiveUnit, store: RunStore | None, on_step: OnStep | None) -> list[Step]:
    with progress.unit(_label(unit)):
        return _followed(unit, store, on_step)


def _followed(unit: ProgressiveUnit, store: RunStore | None, on_step: OnStep | None) -> list[Step]:
    if store is None:
        return follow(unit, None, on_step)
    key = unit.key()
    folder = store.path(key)
    steps = follow(unit, folder, on_step)
    record = folder / RECORD_FILE
    if not record.is_file():
        with atomic_write(record) as temporary:
            content = {"key": key, **provenance()}
            temporary.write_text(json.dumps(content, indent=2, default=str) + "\n")
    return steps
