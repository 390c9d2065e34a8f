"""``opscore.search_cost``: error of search methods against what they compute."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from opscore.answers import Picture
from opscore.paper.searches import (
    Searches,
    SearchReport,
    recorded_searches,
    summarise,
    with_settings,
)
from opscore.search.base import Cost

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def search_cost(found: Searches | None = None) -> SearchReport:
    """Error on CIFAR-10 against forward passes; ``found`` as for :func:`table2`."""
    rows, note = found or recorded_searches("search")
    table = error_against_cost(rows)

    def make() -> Axes:
        from opscore.analysis import search_figures as draw

        return draw.error_cost(table, title="Error against cost, CIFAR-10", note=note)

    pictures = (Picture("error_against_cost", table, make),)
    by = ("method", "setting", "forward_passes")
    return SearchReport("search_cost", table, note, by, pictures)


def error_against_cost(rows: pd.DataFrame, dataset: str = "cifar10") -> pd.DataFrame:
    """Error and cost of every method: one row per (method, setting).

    Adds the mean of every field of Cost; ``forward_passes`` is evaluations of a network on a
    minibatch, training steps not included.
    """
    own = with_settings(rows[rows["dataset"] == dataset])
    by = ["method", "setting"]
    found = summarise(own, by)
    costs = own.groupby(by, sort=False)[list(Cost.__dataclass_fields__)].mean().reset_index()
    return found.merge(costs, on=by)
