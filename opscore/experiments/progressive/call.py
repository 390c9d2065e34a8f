"""``opscore.progressive``: scoring along searches, over policies and seeds, in one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from opscore import progress
from opscore.experiments import (
    OracleSettings,
    ScoringSettings,
    progressive_units,
)
from opscore.experiments.initial.result import with_truth
from opscore.experiments.progressive import Order
from opscore.experiments.progressive.result import (
    REFERENCE,
    ProgressiveResult,
    check_oracle_mode,
    decisions_table,
)
from opscore.isolation import isolated
from opscore.policies import as_names
from opscore.rng import as_seeds
from opscore.runs.loop import complete
from opscore.runs.run import notes_of
from opscore.runs.store import RunStore


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
    finished: str = "only-missing",
    retries: int = 0,
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
        finished: what to do with runs that were tried before, one of
            :data:`opscore.runs.loop.FINISHED`.
        retries: how often a run that failed is tried again at once.
        oracle: which table is the truth.
        **settings: further fields of :class:`opscore.experiments.ScoringSettings`.

    Raises:
        UserError: a name is unknown, a file is missing, a number is out of range.
    """
    check_oracle_mode(oracle_mode)
    store = RunStore.of(store)
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
    outcomes = complete(units, store, jobs=jobs, finished=finished, retries=retries)
    followed = [(u, u.steps(outcome)) for u, outcome in zip(units, outcomes, strict=True)]
    return ProgressiveResult(
        settings=resolved,
        units=tuple(units),
        order=order if isinstance(order, str) else tuple(order),
        oracle_mode=oracle_mode,
        scores=pd.concat(
            [step.scores for _, steps in followed for step in steps], ignore_index=True
        ),
        decisions=decisions_table(followed),
        remarks=notes_of(outcomes),
    )
