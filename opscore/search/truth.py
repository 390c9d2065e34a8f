"""How good found architectures are on every dataset, and what the paper says of a method."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from opscore.experiments.settings import truth_of
from opscore.oracles import load_truth
from opscore.published import NOTHING, PAPER, Published, Setting, published_error
from opscore.search import METHODS, find_method
from opscore.settings import SearchSettings
from opscore.settings.profiles import profile_name
from opscore.spaces import DEFAULT_SPACE, State, get_space

#: One row per (method, seed, dataset).
ARCHITECTURES = {
    "method": "str",
    "seed": "Int64",  # missing for a method without draws
    "architecture": "str",
    "dataset": "str",  # '' where there is no truth; what follows is missing then
    "error": "float64",  # percent, mean over the trainings that the benchmark has
    "rank": "Int64",  # 1 + the number of architectures that are strictly better
    "percentile": "float64",  # percent of the space that is strictly worse
    "regret": "float64",  # error minus that of the best architecture, percent points
}


def evaluate_search(
    architectures: str | State | Iterable[str | State],
    space: str = DEFAULT_SPACE,
    *,
    split: str | None = None,
    epochs: int | None = None,
    source: str = "auto",
    data_dir: Path | str | None = None,
    allow_partial: bool = False,
) -> pd.DataFrame:
    """Error, rank, percentile and regret of architectures on every dataset of the benchmark.

    Args:
        architectures: the benchmark's strings, or states with one operation on every edge.
        space: name of the search space.
        split, epochs, source, data_dir, allow_partial: which tables, as in
            :func:`opscore.load_oracle`; source 'none' does without.

    Returns:
        A frame with columns architecture, dataset, error, rank, percentile, regret; one row per
        architecture and dataset, in the order given. Where there is no truth, all but the
        architecture is empty.

    Raises:
        UserError: an architecture is malformed, or the space's table is missing.
    """
    known = get_space(space)
    if isinstance(architectures, str | State):
        architectures = [architectures]
    states = [known.as_architecture(given) for given in architectures]
    truth = load_truth(space, split, epochs, source, data_dir, allow_partial=allow_partial)
    rows = [found for state in states for found in truth.judge(state)]
    columns = {name: kind for name, kind in ARCHITECTURES.items() if name not in ("method", "seed")}
    return pd.DataFrame(rows, columns=list(columns)).astype(columns)


def published_beside(method: str, dataset: str, settings: SearchSettings) -> Published:
    """The paper's mean error of a method with these settings, as :mod:`opscore.published` rules."""
    if method.partition("(")[0] not in METHODS:  # a store may have methods of other packages
        return NOTHING
    made = {**find_method(method).key(settings), "order": settings.order}
    if "training" in made:
        made["training"] = profile_name(made["training"])
    split = settings.oracle.split or PAPER.split
    retrained = settings.space == PAPER.space and truth_of(settings).retrained
    setting = Setting(settings.space, dataset, split, retrained)
    return published_error(method, setting, made)
