"""``opscore.table3``, ``table4``, ``table6``, ``table7``: errors of networks trained to the end.

Each of those errors is of a network that was trained for hundreds of epochs, which nothing here
has done: every row stands as it was published, and what can be computed of the same architectures
stands beside it, their parameters and multiplications.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from opscore.answers import Column, NamedTable, Table
from opscore.data.records import read_record
from opscore.errors import unknown
from opscore.published import trained

#: Parameters and multiplications by target, of the authors' genotypes by name, and of cells that
#: were found here.
RECORD = "genotype_sizes"

#: Where searches of our own on DARTS ended, and what that took: a frame of searches.
OWN = "search_darts"

#: What runs here as a row of Table 4.
_METHODS = {
    "zero-cost-pt(nwot), random": "zero-cost-pt(nwot)",
    "NASWOT(2500)": "naswot(nwot)",
    "Zero-Cost-EVO": "evolution(nwot)",
}

#: What each table is of.
TITLES = {
    3: "DARTS space, CIFAR-10: proposals N and minibatches of validation V",
    4: "DARTS space, CIFAR-10",
    6: "DARTS space, ImageNet",
    7: "MobileNet-like space, ImageNet",
}

_ROW = (
    Column("method", "method"),
    Column("proposals", "N", "whole"),
    Column("validation", "V", "whole"),
)

#: What is shown of a table; a column without any value is left out.
SHOWN = (
    *_ROW,
    Column("error", "error, %\npublished", "number", beside="error_std"),
    Column("best", "best", "number"),
    Column("top5", "top-5", "number", beside="top5_std"),
    Column("measured", "here"),
    Column("params", "M params\npublished", "number"),
    Column("counted_params", "counted", "number"),
    Column("counted_flops", "M FLOPs\ncounted", "number", form=",.0f"),
    Column("gpu_days", "GPU-days\npublished", "number", form="g"),
)

#: What is shown of the rows that were searched here.
SEARCHED = (
    *_ROW,
    Column("own_seeds", "seeds", "whole"),
    Column("counted_params", "M params\nauthors'", "number"),
    Column("own_params", "here", "number"),
    Column("counted_flops", "M FLOPs\nauthors'", "number", form=",.0f"),
    Column("own_flops", "here", "number", form=",.0f"),
    Column("own_passes", "networks x\nminibatches", "number", form=",.0f"),
    Column("own_minutes", "minutes of\none core", "number", form=",.0f"),
    Column("gpu_days", "GPU-days\npublished", "number", form="g"),
)

_TARGETS = {3: "cifar10", 4: "cifar10", 6: "imagenet", 7: "imagenet"}

#: Seeds of the authors' searches.
_SEEDS = range(4)


@dataclass(frozen=True, repr=False)
class TrainedTable(NamedTable):
    """One of the tables.

    Attributes:
        number: of the table in the paper.
        table: one row for each published row: method, proposals and validation (N, V), error (mean,
            percent; top-1 on ImageNet), error_std, best, top5, top5_std, params (millions),
            gpu_days, genotypes (their names, ``{}`` is the seed), counted_params and counted_flops
            (millions, means over the genotypes), n_genotypes, measured ('not trained'). Tables 3
            and 4 also have what searches of our own found and took, means over own_seeds:
            own_params and own_flops (millions), own_minutes and own_passes (networks x
            minibatches).
    """

    number: int

    def tables(self) -> list[Table]:
        """See :meth:`Answer.tables`."""
        shown = [self._table(f"Table {self.number}: {TITLES[self.number]}", SHOWN, self.table)]
        if "own_params" in self.table:
            own = self.table.dropna(subset="own_params")
            shown.append(self._table(f"Table {self.number}: searched here", SEARCHED, own))
        return shown

    def _table(self, title: str, columns: Sequence[Column], rows: pd.DataFrame) -> Table:
        return Table(title, columns, rows, look="open").without_empty()


def trained_table(number: int) -> TrainedTable:
    """Table 3, 4, 6 or 7; UserError for another."""
    if number not in TITLES:
        raise unknown("table of trained networks", str(number), map(str, TITLES))
    rows = trained(number)
    sizes, _ = read_record(RECORD)
    sizes = sizes[sizes["target"] == _TARGETS[number]].set_index("name")
    counted = [_counted(sizes, names) for names in rows["genotypes"]]
    table = rows.join(pd.DataFrame(counted, index=rows.index)).assign(measured="not trained")
    note = (
        "errors, parameters (M) and GPU-days: published; counted: means over the authors' "
        "genotypes of a row, built here (parameters without the auxiliary head, multiplications "
        "for one image); no network was trained to the end here"
    )
    if number in (3, 4):
        own, facts = read_record(OWN)
        method = rows["method"].replace(_METHODS)
        asked = [method, rows["proposals"].fillna(0), rows["validation"].fillna(0)]
        found = _searched(own, sizes).reindex(pd.MultiIndex.from_arrays(asked))
        table = table.join(found.set_axis(table.index))
        note += f"; searched here: {facts['note']}"
    return TrainedTable(f"table{number}", table, note, number)


def _searched(own: pd.DataFrame, sizes: pd.DataFrame) -> pd.DataFrame:
    """Sizes and costs of our searches by method, N and V, means over seeds."""
    millions = sizes.loc[own["architecture"], ["params", "flops"]].reset_index(drop=True) / 1e6
    costs = {"minutes": own["seconds"] / 60, "passes": own["forward_passes"]}
    groups = own.assign(**millions, **costs).groupby(["method", "proposals", "validation"])
    means = groups[["params", "flops", "minutes", "passes"]].mean().add_prefix("own_")
    return means.assign(own_seeds=groups["seed"].nunique())


def _counted(sizes: pd.DataFrame, names: object) -> dict[str, float]:
    """Mean size in millions of the genotypes that a pattern names, where there are any."""
    if not isinstance(names, str):
        return {"counted_params": math.nan, "counted_flops": math.nan, "n_genotypes": 0}
    own = sizes.loc[[names.format(seed) for seed in _SEEDS]]
    return {
        "counted_params": own["params"].mean() / 1e6,
        "counted_flops": own["flops"].mean() / 1e6,
        "n_genotypes": len(own),
    }


def table3() -> TrainedTable:
    """Table 3: Zero-Cost-PT on the DARTS space by numbers of proposals and minibatches."""
    return trained_table(3)


def table4() -> TrainedTable:
    """Table 4: the DARTS space on CIFAR-10, all sixteen rows."""
    return trained_table(4)


def table6() -> TrainedTable:
    """Table 6: networks of the DARTS space, searched on CIFAR-10, on ImageNet."""
    return trained_table(6)


def table7() -> TrainedTable:
    """Table 7: the MobileNet-like space on ImageNet."""
    return trained_table(7)
