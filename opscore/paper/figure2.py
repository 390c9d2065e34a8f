"""``opscore.figure2``: how policies agree with the truth, published beside measured (Figure 2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from opscore import schema
from opscore.analysis import Correlation
from opscore.data.files import write_table
from opscore.paper.claims import COLUMNS, check_claims
from opscore.paper.measured import PUBLISHED, Measured, given, sources
from opscore.published import correlation_matrix, progressive_correlations
from opscore.spaces import NASBENCH201


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
        """Whether the paper's claims hold here; see :func:`opscore.paper.claims.check_claims`."""
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
            "published: one run, seeds mostly unknown; along a search four seeds, synflow one",
            *sources(self.measured),
        ]

    def save(self, folder: Path | str) -> list[Path]:
        """Write three figures (PNG, PDF, CSV), the tables (Parquet) and claims.csv into a folder.

        figure2_left has each policy against best-acc and avg-acc, figure2_matrix every pair of
        policies, figure2_right the curves along a search.
        """
        from opscore.analysis.side_by_side import agreement_panels, line_panels, matrix_panels
        from opscore.answers.pictures import save_figure

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


def figure2(measured: Sequence[Measured] | None = None) -> Figure2:
    """Figure 2 with measured numbers beside the published ones.

    ::

        opscore.figure2().save("out")  # from the scores that the package ships
        mine = measure_progressive(["zc-pt(nwot)"], seeds=range(4), size="cpu")
        opscore.figure2([mine]).claims  # from one's own

    Args:
        measured: score tables by :mod:`opscore.paper.measured`; the shipped ones by default.

    Raises:
        UserError: there is nothing to set beside the published numbers.
    """
    return Figure2(given(measured))


def _in_order(frame: pd.DataFrame) -> pd.DataFrame:
    """The columns of Figure 2's tables: source, those of CORRELATION, std; missing ones empty.

    Published curves have a standard deviation over seeds in place of an interval.
    """
    columns = {"source": "str", **schema.CORRELATION, "std": "float64"}
    kept = {name: "Int64" if kind == "int64" else kind for name, kind in columns.items()}
    return frame.reindex(columns=list(columns)).astype(kept)
