"""``opscore.table1``: the architecture that each policy picks edge by edge (Table 1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from opscore.analysis import Selection
from opscore.data.files import write_table
from opscore.experiments.dependencies import made_with
from opscore.oracles import Truth, load_truth
from opscore.paper.measured import PUBLISHED, Measured, given, sources
from opscore.published import PAPER, published_pick, table1_choices
from opscore.published import table1 as published_table1
from opscore.spaces import NASBENCH201


@dataclass(frozen=True)
class Table1:
    """Table 1: the architecture that each policy picks edge by edge.

    Attributes:
        measured: what stands beside the published numbers, one entry for each size.
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

        Columns source, then those of schema SELECTION; published rows have CIFAR-10 only.
        """
        published = published_table1().merge(table1_choices()[["policy", "architecture"]])
        published["percentile"] = 100 * (1 - published["rank"] / NASBENCH201.size)
        published["seed"] = pd.array([pd.NA] * len(published), dtype="Int64")
        parts = [published.assign(source=PUBLISHED, dataset="cifar10")]
        for measured in self.measured:
            parts.append(Selection()(measured.scores, self.truth).assign(source=measured.label))
        columns = ["source", "policy", "seed", "architecture", "dataset", "error", "rank"]
        return pd.concat([part[[*columns, "percentile"]] for part in parts], ignore_index=True)

    @cached_property
    def summary(self) -> pd.DataFrame:
        """One row for each (source, policy): mean over seeds on CIFAR-10 beside the published.

        Columns source, policy, n_seeds, error, error_std (sample standard deviation), best_error,
        worst_error, rank (mean), published_error, published_rank; the last two are missing where
        the settings are not those of the published pick.
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

    def save(self, folder: Path | str) -> list[Path]:
        """Write the table (CSV, Parquet), its mean over seeds (CSV) and a figure into a folder."""
        target = Path(folder)
        rows = self.selections
        from opscore.analysis.side_by_side import table1_strip
        from opscore.answers.pictures import save_figure

        figure = table1_strip(rows[rows["dataset"] == "cifar10"], note="\n".join(self.notes()))
        return [
            *save_figure(figure, target / "table1", rows),
            write_table(target / "table1.parquet", rows),
            write_table(target / "table1_mean.csv", self.summary),
        ]


def table1(measured: Sequence[Measured] | None = None, data_dir: Path | None = None) -> Table1:
    """Table 1 with measured selections beside the published ones.

    Args:
        measured: score tables by :mod:`opscore.paper.measured`; the shipped ones by default.
        data_dir: where the table that gives errors and ranks is looked for first.

    Raises:
        UserError: there is nothing to set beside the published numbers.
    """
    return Table1(given(measured), data_dir)
