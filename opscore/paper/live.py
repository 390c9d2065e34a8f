"""Searches that are made now, for the paper's tables of searches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from opscore.experiments import resolve
from opscore.paper.figure4 import proposals_of
from opscore.paper.searches import SEARCHES, searches
from opscore.progress import label, outline
from opscore.search import find_method
from opscore.settings import RunSettings, SearchSettings

if TYPE_CHECKING:
    from opscore.search.result import SearchResult


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
    """A frame of these searches in each of these orders."""
    parts = []
    with outline(_labels(settings) * len(orders)):
        for order in orders:
            found = _search(settings, run, order=order)
            parts.append(searches(found.architectures, found.costs, found.settings))
    return pd.concat(parts, ignore_index=True).astype(SEARCHES)


def live_proposals(
    settings: SearchSettings, run: RunSettings, rounds: Sequence[int]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Proposals of one long search of each seed, and their candidates' scores for every V.

    Returns (seed, proposal, architecture) and (seed, validation, architecture, score).
    """
    parts, proposals = [], pd.DataFrame()
    with outline(_labels(settings) * len(rounds)):
        for validation in rounds:
            found = _search(settings, run, validation=validation)
            if proposals.empty:
                proposals = proposals_of(found.trace)
            parts.append(found.candidates.assign(validation=validation))
    scores = pd.concat(parts, ignore_index=True)
    return proposals, scores[["seed", "validation", "architecture", "score"]]


def _search(settings: SearchSettings, run: RunSettings, **changed: object) -> SearchResult:
    from opscore.search.call import run_search

    found: SearchResult = run_search(settings, **run.calls, **changed)
    return found


def _labels(settings: SearchSettings) -> list[str]:
    """What progress calls the searches with one order and V."""
    return [
        label(method, seed)
        for method in settings.methods
        for seed in (settings.seeds if find_method(method).seeded else (None,))
    ]
