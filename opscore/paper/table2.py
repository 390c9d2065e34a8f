"""``opscore.table2``: error of every search method on every dataset (Table 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from opscore.paper.sampling import EXPECTED, recorded_expectations
from opscore.paper.searches import (
    Picture,
    Searches,
    SearchReport,
    beside,
    recorded_searches,
    summarise,
    with_settings,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def table2(found: Searches | None = None) -> SearchReport:
    """Table 2: error of every search method on every dataset, a figure for each dataset.

    found: searches and a note on them; those that the package ships by default.
    """
    rows, note = found or recorded_searches("search")
    # What is exact belongs to the record's truth; searches made now may have another.
    table = tabulate(rows, None if found else recorded_expectations())
    pictures = []
    for dataset, own in table.groupby("dataset", sort=False):

        def make(own: pd.DataFrame = own, title: str = f"Table 2: {dataset}") -> Axes:
            from opscore.analysis import search_figures as draw

            return draw.error_bars(own, "method", title=title, note=note)

        pictures.append(Picture(f"table2_{dataset}", own, make))
    return SearchReport("table2", table, ("method", "setting", "dataset"), note, tuple(pictures))


def tabulate(rows: pd.DataFrame, expected: pd.DataFrame | None = None) -> pd.DataFrame:
    """Table 2: error of every method on every dataset, beside the published one.

    Args:
        rows: a frame of searches.
        expected: exact expectations (see :func:`opscore.paper.sampling.expectations`) of methods
            that only draw, on the same truth; none by default.

    Returns:
        A row per method, setting and dataset. Methods that the paper does not have keep an empty
        published side. Column ``setting`` says where a row's settings are not the paper's;
        ``expected`` and ``expected_std`` are missing where nothing exact is known.
    """
    found = summarise(with_settings(rows), ["method", "setting", "dataset"])
    if expected is None:
        expected = pd.DataFrame(columns=list(EXPECTED)).astype(EXPECTED)
    found = found.merge(expected.drop(columns="evaluations"), "left", ["method", "dataset"])
    return beside(found)
