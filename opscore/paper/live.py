"""Searches that are made now, for the paper's tables of searches."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from opscore.experiments import resolve
from opscore.paper.figure4 import proposals_of
from opscore.paper.searches import SEARCHES, searches
from opscore.progress import outline
from opscore.proxies.score import OK
from opscore.published import differences
from opscore.search.call import run_search, search_units
from opscore.search.result import made_by
from opscore.settings import RunSettings, SearchSettings


def describe_searches(settings: SearchSettings) -> str:
    """One line for figures; says so where settings are reduced."""
    settings = resolve(settings)
    whole = settings.size == "paper" and settings.batch_size == 256
    validation = f", V = {settings.validation}" if settings.validation else ""
    return (
        f"{'' if whole else 'reduced settings: '}size {settings.size}, {settings.batch_size} "
        f"images, N = {settings.proposals}{validation}, {len(settings.seeds)} seed(s)"
    )


def live_searches(
    settings: SearchSettings, run: RunSettings, orders: Sequence[str]
) -> pd.DataFrame:
    """A frame of these searches in each of these orders, and how their settings differ."""
    parts = []
    with outline([unit.label for unit in search_units(settings)] * len(orders)):
        for order in orders:
            found = run_search(settings, **run.calls, order=order)
            own = searches(found.architectures, found.costs, found.settings)
            how = {m: differences(m, made_by(m, found.settings)) for m in own["method"].unique()}
            parts.append(own.assign(setting=[", ".join(how[method]) for method in own["method"]]))
    return pd.concat(parts, ignore_index=True).astype(SEARCHES)


def live_proposals(
    settings: SearchSettings, run: RunSettings, rounds: Sequence[int]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Proposals of one long search of each seed, and their candidates' scores for every V.

    Returns (seed, proposal, architecture) and (seed, validation, architecture, score) of the
    candidates that have a score and left no race.
    """
    parts, proposals = [], pd.DataFrame()
    with outline([unit.label for unit in search_units(settings)] * len(rounds)):
        for validation in rounds:
            found = run_search(settings, **run.calls, validation=validation)
            if proposals.empty:
                proposals = proposals_of(found.trace)
            own = found.candidates[found.candidates["status"] == OK]
            parts.append(own.assign(validation=validation))
    scores = pd.concat(parts, ignore_index=True)
    return proposals, scores[["seed", "validation", "architecture", "score"]]
