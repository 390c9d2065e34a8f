"""``opscore.figure2`` and ``opscore.table1``: the paper's results, published beside measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from opscore.analysis import Correlation, Selection, save_figure
from opscore.analysis.side_by_side import agreement_panels, line_panels, matrix_panels, table1_strip
from opscore.data.files import write_table
from opscore.errors import UserError
from opscore.oracles import load_oracles
from opscore.published import (
    correlation_matrix,
    progressive_correlations,
    table1_choices,
)
from opscore.published import table1 as published_table1
from opscore.runs.claims import COLUMNS, check_claims
from opscore.runs.measured import Measured, shipped, sources
from opscore.spaces import NASBENCH201

PUBLISHED = "published"

#: Columns of the tables behind Figure 2, beside those that a correlation has anyway.
_FIGURE2 = [
    "source",  # 'published', or what the measurement is called
    "policy",
    "reference",
    "iteration",
    "rho",
    "ci_low",
    "ci_high",
    "std",  # published curves have a standard deviation over seeds in place of an interval
    *("p_value", "p_common", "p_holm", "p_common_holm"),  # see schema CORRELATION
    "n_seeds",
    "n_edges",
    "n_excluded",
]


@dataclass(frozen=True)
class Figure2:
    """Figure 2: how policies agree with the truth at iteration 0 (left) and later (right).

    Attributes:
        measured: what stands beside the published numbers, one entry for each size.
    """

    measured: tuple[Measured, ...]

    @cached_property
    def left(self) -> pd.DataFrame:
        """Every ordered pair of policies at iteration 0, published rows first."""
        published = correlation_matrix().assign(iteration=0, n_seeds=1, n_edges=6)
        parts = [published.assign(source=PUBLISHED)]
        for measured in self.measured:
            initial = measured.scores[measured.scores["iteration"] == 0]
            parts.append(Correlation()(initial).assign(source=measured.label))
        return pd.concat([_in_order(part) for part in parts], ignore_index=True)

    @cached_property
    def right(self) -> pd.DataFrame:
        """Each policy against the initial best-acc, by iteration, published rows first."""
        published = progressive_correlations().assign(reference="best-acc", source=PUBLISHED)
        published["n_edges"] = len(NASBENCH201.edges) - published["iteration"]
        parts = [published]
        for measured in self.measured:
            table = Correlation(reference_iteration=0)(measured.scores, references=["best-acc"])
            parts.append(table.assign(source=measured.label))
        return pd.concat([_in_order(part) for part in parts], ignore_index=True)

    @cached_property
    def claims(self) -> pd.DataFrame:
        """Whether the paper's claims hold here; see :func:`opscore.runs.claims.check_claims`."""
        parts = [check_claims(measured.scores, measured.size) for measured in self.measured]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(COLUMNS))

    def against(self, reference: str = "best-acc") -> pd.DataFrame:
        """Rho to one reference at iteration 0: a row for each policy, a column for each source."""
        rows = self.left[self.left["reference"] == reference]
        table = rows.pivot_table(index="policy", columns="source", values="rho", sort=False)
        return table.sort_values(PUBLISHED, ascending=False)

    def notes(self) -> list[str]:
        """What the numbers rest on, a line for each source."""
        return [
            "published: one run, seeds mostly unknown (left); four seeds, synflow one (right)",
            *sources(self.measured),
        ]

    def save(self, folder: Path | str) -> list[Path]:
        """Write three figures (PNG, PDF, CSV), the tables (Parquet) and claims.csv into a folder.

        figure2_left has each policy against best-acc and avg-acc, figure2_matrix every pair of
        policies, figure2_right the curves along a search.
        """
        target = Path(folder)
        note = "\n".join(self.notes())
        truths = self.left[self.left["reference"].isin(["best-acc", "avg-acc"])]
        written = [
            *save_figure(agreement_panels(truths, note=note), target / "figure2_left", truths),
            *save_figure(matrix_panels(self.left, note=note), target / "figure2_matrix", self.left),
            *save_figure(line_panels(self.right, note=note), target / "figure2_right", self.right),
        ]
        for name in ("left", "right"):
            written.append(write_table(target / f"figure2_{name}.parquet", getattr(self, name)))
        return [*written, write_table(target / "claims.csv", self.claims)]


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
    def selections(self) -> pd.DataFrame:
        """One row for each (source, policy, seed, dataset), published rows first.

        Columns source, then those of schema SELECTION; published rows have CIFAR-10 only.
        """
        published = published_table1().merge(table1_choices()[["policy", "architecture"]])
        published["percentile"] = 100 * (1 - published["rank"] / NASBENCH201.size)
        published["seed"] = pd.array([pd.NA] * len(published), dtype="Int64")
        parts = [published.assign(source=PUBLISHED, dataset="cifar10")]
        oracles = load_oracles("nasbench201", data_dir=self.data_dir)
        for measured in self.measured:
            parts.append(Selection()(measured.scores, oracles).assign(source=measured.label))
        columns = ["source", "policy", "seed", "architecture", "dataset", "error", "rank"]
        return pd.concat([part[[*columns, "percentile"]] for part in parts], ignore_index=True)

    @cached_property
    def summary(self) -> pd.DataFrame:
        """One row for each (source, policy): mean over seeds on CIFAR-10 beside the published.

        Columns source, policy, n_seeds, error, error_std (sample standard deviation), best_error,
        worst_error, rank (mean), published_error, published_rank.
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
        known = published_table1()[["policy", "error", "rank"]]
        known = known.rename(columns={"error": "published_error", "rank": "published_rank"})
        return table.merge(known, on="policy", how="left")

    def notes(self) -> list[str]:
        """What the numbers rest on, a line for each source."""
        oracle = load_oracles("nasbench201", data_dir=self.data_dir)["cifar10"]
        return [
            "published: one run; tenas has a tie on one edge broken by hand",
            f"measured errors and ranks: {oracle.describe()}",
            *sources(self.measured),
        ]

    def save(self, folder: Path | str) -> list[Path]:
        """Write the table (CSV, Parquet), its mean over seeds (CSV) and a figure into a folder."""
        target = Path(folder)
        rows = self.selections
        figure = table1_strip(rows[rows["dataset"] == "cifar10"], note="\n".join(self.notes()))
        return [
            *save_figure(figure, target / "table1", rows),
            write_table(target / "table1.parquet", rows),
            write_table(target / "table1_mean.csv", self.summary),
        ]


def figure2(measured: Sequence[Measured] | None = None) -> Figure2:
    """Figure 2 with measured numbers beside the published ones.

    ::

        opscore.figure2().save("out")  # from the scores that the package ships
        mine = measure_progressive(["zc-pt(nwot)"], seeds=range(4), size="cpu")
        opscore.figure2([mine]).claims  # from one's own

    Args:
        measured: score tables by :mod:`opscore.runs.measured`; the shipped ones by default.

    Raises:
        UserError: there is nothing to set beside the published numbers.
    """
    return Figure2(_given(measured))


def table1(measured: Sequence[Measured] | None = None, data_dir: Path | None = None) -> Table1:
    """Table 1 with measured selections beside the published ones.

    Args:
        measured: score tables by :mod:`opscore.runs.measured`; the shipped ones by default.
        data_dir: where the table that gives errors and ranks is looked for first.

    Raises:
        UserError: there is nothing to set beside the published numbers.
    """
    return Table1(_given(measured), data_dir)


def _given(measured: Sequence[Measured] | None) -> tuple[Measured, ...]:
    found = tuple(shipped() if measured is None else measured)
    if not found:
        raise UserError("there are no measured scores; compute some with --live")
    return found


def _in_order(frame: pd.DataFrame) -> pd.DataFrame:
    """The columns of Figure 2's tables, missing ones empty."""
    numbers = ("ci_low", "ci_high", "std", "p_value", "p_common", "p_holm", "p_common_holm")
    return frame.reindex(columns=_FIGURE2).astype(
        dict.fromkeys(numbers, "float64") | {"n_excluded": "Int64"}
    )
