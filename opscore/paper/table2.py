"""``opscore.table2``: error of every search method on every dataset (Table 2)."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pandas as pd

from opscore.answers import Picture
from opscore.paper.expected import EXPECTED, recorded_expectations
from opscore.paper.searches import (
    AS_PUBLISHED,
    OF_TABLE2,
    Searches,
    SearchReport,
    beside,
    recorded_searches,
    summarise,
    with_settings,
)
from opscore.published import published_methods

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def table2(found: Searches | None = None) -> SearchReport:
    """Table 2: error of every search method on every dataset, a figure for each dataset.

    found: searches and a note on them; those that the package ships by default.
    """
    rows, note = found or recorded_searches(*OF_TABLE2)
    # What is exact belongs to the record's truth; searches made now may have another.
    table = tabulate(rows, None if found else recorded_expectations())
    pictures = []
    for dataset, own in table.groupby("dataset", sort=False):

        def make(own: pd.DataFrame = own, title: str = f"Table 2: {dataset}") -> Axes:
            from opscore.analysis import search_figures as draw

            return draw.error_bars(own, "method", title=title, note=note)

        pictures.append(Picture(f"table2_{dataset}", own, make))
    return SearchReport("table2", table, note, ("method", "dataset", "setting"), tuple(pictures))


def tabulate(rows: pd.DataFrame, expected: pd.DataFrame | None = None) -> pd.DataFrame:
    """Table 2: error of every method on every dataset, beside the published one.

    Args:
        rows: a frame of searches.
        expected: exact expectations (see :func:`opscore.paper.expected.expectations`) of methods
            that only draw, on the same truth; none by default.

    Returns:
        A row per method, setting and dataset. Methods that the paper does not have keep an empty
        published side, and those that were not searched by an empty measured one. Column
        ``setting`` says where a row's settings are not the paper's; ``expected`` and
        ``expected_std`` are missing where nothing exact is known.
    """
    found = summarise(with_settings(rows), ["method", "setting", "dataset"])
    found = pd.concat([found, _unmeasured(found)], ignore_index=True)
    if expected is None:
        expected = pd.DataFrame(columns=list(EXPECTED)).astype(EXPECTED)
    found = found.merge(expected.drop(columns="evaluations"), "left", ["method", "dataset"])
    table = beside(found)
    return table.assign(setting=table["setting"].where(table["n_seeds"] > 0, AS_PUBLISHED))


def _unmeasured(found: pd.DataFrame) -> pd.DataFrame:
    """A row without numbers for each method of the paper that is not among those found."""
    missing = [name for name in published_methods() if name not in set(found["method"])]
    places = itertools.product(missing, dict.fromkeys(found["dataset"]))
    rows = [{"method": name, "setting": "", "dataset": where} for name, where in places]
    return pd.DataFrame(rows, columns=["method", "setting", "dataset"]).assign(n_seeds=0)
