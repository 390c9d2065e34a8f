"""How good found architectures are on every dataset, and what the paper says of a method."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from opscore.oracles import load_truth
from opscore.published import PAPER, table2, table5
from opscore.search import SearchSettings
from opscore.search.zero_cost import FAMILIES
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

#: Columns of the published tables by the dataset's name.
_PUBLISHED = {"cifar10": "cifar10", "cifar100": "cifar100", "imagenet16-120": "imagenet16"}


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


def published_error(method: str, dataset: str, settings: SearchSettings) -> dict[str, Any]:
    """The paper's mean error and deviation for a method: published, published_std, source.

    Missing where the paper has no number for these settings (Tables 2 and 5 are of NAS-Bench-201
    with N = 10 and V = 100, weights drawn once and no race; any images, sizes and seeds are let
    through, and the notes of a result name them).
    """
    row = _published_row(method, settings)
    column = _PUBLISHED.get(dataset)
    if row is None or column is None:
        return {"published": np.nan, "published_std": np.nan, "source": ""}
    return {
        "published": row[column],
        "published_std": row[f"{column}_std"],
        "source": row["source"],
    }


def _published_row(method: str, settings: SearchSettings) -> pd.Series[Any] | None:
    """What the paper says of a method under these settings; None where it says nothing."""
    if settings.space != PAPER.space or settings.oracle.split not in (None, PAPER.split):
        return None
    family, _, argument = method.partition("(")
    searches = family in {name for name, _ in FAMILIES.values()}
    stages = (settings.proposals, settings.validation, settings.validation_weights, settings.race)
    if searches and stages != (10, 100, "once", None):
        return None
    if family == "zero-cost-pt" and settings.order != "random":
        orders = table5()
        rows = orders[orders["order"] == settings.order]
        return rows.iloc[0] if argument == "nwot)" else None
    if family == "zero-cost-disc" and settings.order != "random":
        return None
    table = table2()
    name = argument.removesuffix(")") if family == "zero-cost-pt" else method
    ours = table["group"].str.startswith("Zero-Cost-PT") == (family == "zero-cost-pt")
    rows = table[ours & (table["method"].str.lower() == name.lower())]
    return None if rows.empty else rows.iloc[0]
