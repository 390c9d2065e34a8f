"""One search by one method with one seed."""

from __future__ import annotations

from opscore.experiments import ScoringContext
from opscore.runs.store import Pieces
from opscore.search.base import Method, SearchOutcome, SearchTask
from opscore.settings import SearchSettings


def search_once(
    method: Method,
    settings: SearchSettings,
    seed: int | None,
    pieces: Pieces,
    *,
    jobs: int = 1,
) -> SearchOutcome:
    """Search, on from the pieces that are finished.

    Args:
        method: the method.
        settings: resolved settings.
        seed: None for a method without draws.
        pieces: those that are finished, and where further ones are kept.
        jobs: worker processes; the result does not depend on it.
    """
    context = ScoringContext(settings, seed or 0)
    return method.search(SearchTask(settings, context, pieces, jobs))
