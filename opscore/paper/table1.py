"""``opscore.table1``: the architecture that each policy picks edge by edge (Table 1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from opscore.analysis import Selection
from opscore.answers import Answer, Column, Picture, Table
from opscore.experiments.dependencies import made_with
from opscore.oracles import Truth, load_truth
from opscore.paper.measured import PUBLISHED, Measured, given, sources
from opscore.published import PAPER, published_pick, table1_choices
from opscore.published import table1 as published_table1
from opscore.spaces import NASBENCH201

if TYPE_CHECKING:
    from matplotlib.figure import Figure


#: Operations in few letters, so that six of them fit into a column.
_LETTERS = {
    "none": "none",
    "skip_connect": "skip",
    "nor_conv_1x1": "c1x1",
    "nor_conv_3x3": "c3x3",
    "avg_pool_3x3": "pool",
}

_PICKS = (
    Column("policy", once=True),
    Column("source"),
    Column("seed", kind="whole", form="d"),
    Column("operations", "operations on edges 0-5"),
    Column("error", "error %", "number"),
    Column("rank", kind="whole"),
    Column("skip_connections", "skips", "whole"),
)
_MEANS = (
    Column("policy"),
    Column("source"),
    Column("n_seeds", "seeds", "whole"),
    Column("error", "error %", "number", beside="published_error"),
    Column("best_error", "from .. to", "number", end="worst_error"),
    Column("rank", "mean rank", "number", ",.0f", beside="published_rank"),
    Column("skip_connections", "skips", "number", ".1f"),
)


@dataclass(frozen=True, repr=False)
class Table1(Answer):
    """Table 1: the architecture that each policy picks edge by edge.

    Attributes:
        measured: what stands beside the published numbers, one entry for each size and training.
        data_dir: where the oracle is looked for first.
    """

    measured: tuple[Measured, ...]
    data_dir: Path | None = None

    @cached_property
    def truth(self) -> Truth:
        """The table that errors and ranks are of."""
        return load_truth(data_dir=self.data_dir)

    @cached_property
    def selections(self) -> pd.DataFrame:
        """One row for each (source, policy, seed, dataset), published rows first.

        Columns source, those of schema SELECTION, and skip_connections (Table A12: how many of an
        architecture's edges have one); published rows have CIFAR-10 only.
        """
        published = published_table1().merge(table1_choices()[["policy", "architecture"]])
        published["percentile"] = 100 * (1 - published["rank"] / NASBENCH201.size)
        published["seed"] = pd.array([pd.NA] * len(published), dtype="Int64")
        parts = [published.assign(source=PUBLISHED, dataset="cifar10")]
        for measured in self.measured:
            parts.append(Selection()(measured.scores, self.truth).assign(source=measured.label))
        columns = ["source", "policy", "seed", "architecture", "dataset", "error", "rank"]
        rows = pd.concat([part[[*columns, "percentile"]] for part in parts], ignore_index=True)
        return rows.assign(skip_connections=rows["architecture"].str.count("skip_connect"))

    @cached_property
    def summary(self) -> pd.DataFrame:
        """One row for each (source, policy): mean over seeds on CIFAR-10 beside the published.

        Columns source, policy, n_seeds, error, error_std (sample standard deviation), best_error,
        worst_error, rank and skip_connections (means), published_error, published_rank; the last
        two are missing where the settings are not those of the published pick.
        """
        rows = self.selections[self.selections["dataset"] == "cifar10"]
        groups = rows[rows["source"] != PUBLISHED].groupby(["source", "policy"], sort=False)
        table = groups.agg(
            n_seeds=("error", "size"),
            error=("error", "mean"),
            error_std=("error", "std"),
            best_error=("error", "min"),
            worst_error=("error", "max"),
            rank=("rank", "mean"),
            skip_connections=("skip_connections", "mean"),
        ).reset_index()
        settings = {measured.label: measured.settings for measured in self.measured}
        published = [
            published_pick(policy, PAPER, made_with(policy, settings[source]))
            for source, policy in zip(table["source"], table["policy"], strict=True)
        ]
        return table.assign(
            published_error=[error.value for error, _ in published],
            published_rank=[rank for _, rank in published],
        )

    def notes(self) -> list[str]:
        """What the numbers rest on, a line for each source."""
        return [
            "published: one run; tenas has a tie on one edge broken by hand",
            f"measured errors and ranks: {self.truth.describe()}",
            *sources(self.measured),
        ]

    def tables(self) -> list[Table]:
        """What each policy picks, published and measured; then means over seeds."""
        rows = self.selections[self.selections["dataset"] == "cifar10"]
        order = list(dict.fromkeys(rows["policy"]))
        rows = rows.assign(
            source=rows["source"].map(_source),
            operations=rows["architecture"].map(short_architecture),
        ).sort_values("policy", key=lambda names: names.map(order.index), kind="stable")
        summary = self.summary.assign(source=self.summary["source"].map(_source))
        return [
            Table("Architecture picked edge by edge; error on CIFAR-10", _PICKS, rows,
                  sections="policy"),
            Table("Mean over seeds, CIFAR-10; published for the same settings in brackets",
                  _MEANS, summary),
        ]  # fmt: skip

    def payload(self) -> dict[str, Any]:
        """All tables, and what they rest on."""
        settings = {"command": "table1", "notes": self.notes()}
        return {"selection": self.selections, "summary": self.summary, "settings": settings}

    def files(self) -> dict[str, pd.DataFrame]:
        """The table and its mean over seeds."""
        return {"table1.parquet": self.selections, "table1_mean.csv": self.summary}

    def pictures(self) -> list[Picture]:
        """The picks by their rank."""
        return [Picture("table1", self.selections, self.figure)]

    def figure(self) -> Figure:
        """The picks by their rank."""
        from opscore.analysis.side_by_side import table1_strip

        rows = self.selections
        return table1_strip(rows[rows["dataset"] == "cifar10"], note="\n".join(self.notes()))


def _source(name: str) -> str:
    return name.removeprefix("measured, ")


def short_architecture(architecture: str) -> str:
    """The operations of an architecture's edges in few letters."""
    parts = [part for part in architecture.replace("+", "|").split("|") if part]
    return " ".join(_LETTERS[part.partition("~")[0]] for part in parts)


def table1(measured: Sequence[Measured] | None = None, data_dir: Path | None = None) -> Table1:
    """Table 1 with measured selections beside the published ones.

    Args:
        measured: score tables by :mod:`opscore.paper.measured`; the shipped ones by default.
        data_dir: where the table that gives errors and ranks is looked for first.

    Raises:
        UserError: there is nothing to set beside the published numbers.
    """
    return Table1(given(measured), data_dir)
