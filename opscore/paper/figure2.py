"""``opscore.figure2``: how policies agree with the truth, published beside measured (Figure 2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import pandas as pd

from opscore import schema
from opscore.analysis import Correlation
from opscore.answers import Answer, Column, Picture, Table
from opscore.oracles.references import USUAL
from opscore.paper.claims import COLUMNS, check_claims, claims_tables
from opscore.paper.measured import PUBLISHED, Measured, given, sources
from opscore.published import correlation_matrix, progressive_correlations
from opscore.spaces import NASBENCH201

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False)
class Figure2(Answer):
    """Figure 2: how policies agree with the truth at iteration 0 (left) and later (right).

    Attributes:
        measured: what stands beside the published numbers, one entry for each size and training.
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
        parts = [check_claims(measured.scores, measured.label) for measured in self.measured]
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

    def tables(self) -> list[Table]:
        """Agreement with each truth by source, then along a search, then the claims."""
        sources = [
            Column(str(source), kind="number", form="+.2f")
            for source in dict.fromkeys(self.left["source"])
        ]
        agreement = [
            Table(
                f"Spearman with {reference} at iteration 0, mean over edges and seeds",
                (Column("policy"), *sources),
                self.against(reference).reset_index(),
            )
            for reference in USUAL
        ]
        keys = ["policy", "source"]
        along = self.right.pivot_table("rho", keys, "iteration")
        along.columns = along.columns.map(str)
        search = Table(
            "Spearman with the initial best-acc along a search, by iteration",
            (
                Column("policy", once=True),
                Column("source"),
                *(Column(name, kind="number", form="+.2f") for name in along.columns),
            ),
            along.loc[pd.MultiIndex.from_frame(self.right[keys].drop_duplicates())]
            .sort_index(level="policy", sort_remaining=False, kind="stable")
            .reset_index(),
        )
        return [*agreement, search, *claims_tables(self.claims)]

    def payload(self) -> dict[str, Any]:
        """All tables, and what they rest on."""
        settings = {"command": "figure2", "notes": self.notes()}
        tables = {"left": self.left, "right": self.right, "claims": self.claims}
        return {**tables, "settings": settings}

    def files(self) -> dict[str, pd.DataFrame]:
        """The tables and the claims."""
        return {
            "figure2_left.parquet": self.left,
            "figure2_right.parquet": self.right,
            "claims.csv": self.claims,
        }

    def pictures(self) -> list[Picture]:
        """Each policy against both truths, every pair of policies, and the curves of a search."""
        truths = self.left[self.left["reference"].isin(USUAL)]
        return [
            Picture("figure2_left", truths, partial(self._drawn, "agreement_panels", truths)),
            Picture("figure2_matrix", self.left, partial(self._drawn, "matrix_panels", self.left)),
            Picture("figure2_right", self.right, partial(self._drawn, "line_panels", self.right)),
        ]

    def _drawn(self, how: str, frame: pd.DataFrame) -> Figure:
        from opscore.analysis import side_by_side

        return getattr(side_by_side, how)(frame, note="\n".join(self.notes()))  # type: ignore[no-any-return]


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
