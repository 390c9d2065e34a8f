"""One search by one method with one seed."""

from __future__ import annotations

from pathlib import Path

from opscore.experiments import ScoringContext
from opscore.search.base import Method, OnProgress, SearchOutcome, SearchSettings, SearchTask
from opscore.search.dependencies import piece_folder


def search_once(
    method: Method,
    settings: SearchSettings,
    seed: int | None,
    root: Path | None,
    *,
    progress: OnProgress | None = None,
    jobs: int = 1,
) -> SearchOutcome:
    """Search, on from the pieces that are finished.

    Args:
        method: the method.
        settings: resolved settings.
        seed: None for a method without draws.
        root: the folder that has the folders of finished pieces; None keeps nothing.
        progress: called as pieces are finished.
        jobs: worker processes; the result does not depend on it.
    """
    folder = None if root is None else piece_folder(root, method, settings, seed)
    context = ScoringContext(settings.scoring(), seed or 0)
    return method.search(SearchTask(settings, context, folder, progress, jobs))
