"""``opscore.table5``: error of Zero-Cost-PT by the order of edges (Table 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from opscore.answers import Picture
from opscore.errors import UserError
from opscore.paper.searches import (
    AS_PUBLISHED,
    Searches,
    SearchReport,
    beside,
    recorded_searches,
    summarise,
    with_settings,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def table5(found: Searches | None = None) -> SearchReport:
    """Table 5: error of Zero-Cost-PT (nwot) by edge order; ``found`` as for :func:`table2`."""
    rows, note = found or recorded_searches("search_orders")
    table = tabulate(rows)
    own = table[table["dataset"] == "cifar10"]

    def make() -> Axes:
        from opscore.analysis import search_figures as draw

        return draw.error_bars(own, "order", title="Table 5: edge orders, CIFAR-10", note=note)

    pictures = (Picture("table5_cifar10", own, make),)
    return SearchReport("table5", table, note, ("order", "setting", "dataset"), pictures)


def tabulate(rows: pd.DataFrame, method: str = "zero-cost-pt(nwot)") -> pd.DataFrame:
    """Table 5: error of one method by edge order, with what its proposals cost.

    Adds ``perturbations``, the measured number for one proposal, a mean over seeds.
    """
    own = rows[rows["method"] == method]
    if own.empty:
        raise UserError(f"there is no search by {method} to make Table 5 of")
    own = with_settings(own)
    found = summarise(own, ["order", "setting", "dataset"])
    each = (own["perturbations"] / own["proposals"]).groupby(own["order"]).mean()
    table = beside(found)
    measured = table["setting"] != AS_PUBLISHED
    return table.assign(perturbations=table["order"].map(each).where(measured))
