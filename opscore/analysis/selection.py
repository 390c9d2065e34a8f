"""What a policy would pick by maximising each edge on its own (paper, Table 1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from opscore import schema
from opscore.errors import UserError, unknown
from opscore.oracles import Oracle
from opscore.spaces import SearchSpace, State

TIE_BREAKS = ("first", "last")


@dataclass(frozen=True)
class Selection:
    """The architecture that maximises the strength of every edge independently.

    Attributes:
        tie_break: which of equally strong operations is taken: the 'first' in the space's order,
            as in the authors' code, or the 'last'.
    """

    tie_break: str = "first"

    def __post_init__(self) -> None:
        if self.tie_break not in TIE_BREAKS:
            raise unknown("tie break", self.tie_break, TIE_BREAKS)

    def __call__(self, scores: pd.DataFrame, oracles: Mapping[str, Oracle]) -> pd.DataFrame:
        """Pick an architecture per (policy, seed) at iteration 0 and look it up.

        Args:
            scores: a score table (schema SCORES).
            oracles: the truth by dataset; all of one space.

        Returns:
            A frame (schema SELECTION), one row per (policy, seed, dataset). A policy that has no
            score on some edge picks nothing and has no row; ``frame.attrs['left_out']`` lists
            these as records with policy, seed and the edges without a score.

        Raises:
            UserError: no oracle is given, the table names an unknown edge or operation, or an
                operation has two rows.
        """
        if not oracles:
            raise UserError("a selection needs at least one oracle")
        space = next(iter(oracles.values())).space
        rows: list[dict[str, Any]] = []
        left_out: list[dict[str, Any]] = []
        initial = scores[scores["iteration"] == 0].astype({"seed": "Int64"})
        if initial.duplicated(["policy", "seed", "edge", "op"]).any():
            raise UserError("the score table scores an operation twice for one policy and seed")
        for (policy, raw_seed), group in initial.groupby(
            ["policy", "seed"], sort=False, dropna=False
        ):
            seed = None if raw_seed is pd.NA else int(str(raw_seed))
            choices = self._choices(group, space)
            missing = [edge for edge, op in enumerate(choices) if op is None]
            if missing:
                left_out.append({"policy": str(policy), "seed": seed, "edges": missing})
                continue
            state = space.architecture([op for op in choices if op is not None])
            rows.extend(
                {
                    "policy": str(policy),
                    "seed": pd.NA if seed is None else seed,
                    **_look_up(state, dataset, oracle),
                }
                for dataset, oracle in oracles.items()
            )
        frame = pd.DataFrame(rows, columns=list(schema.SELECTION))
        frame = schema.conform(frame, "selection")
        frame.attrs["left_out"] = left_out
        return frame

    def _choices(self, group: pd.DataFrame, space: SearchSpace) -> list[int | None]:
        """The index of the strongest operation of each edge; None where nothing was scored."""
        by_edge: list[dict[int, float]] = [{} for _ in space.edges]
        usable = group[(group["status"] == "ok") & group["strength"].notna()]
        for edge, op, strength in zip(
            usable["edge"].tolist(), usable["op"].tolist(), usable["strength"].tolist(), strict=True
        ):
            by_edge[space.edge_index(int(edge))][space.operation_index(int(edge), op)] = strength
        return [self._strongest(strengths) for strengths in by_edge]

    def _strongest(self, strengths: Mapping[int, float]) -> int | None:
        if not strengths:
            return None
        best = max(strengths.values())
        tied = [op for op, strength in strengths.items() if strength == best]
        return min(tied) if self.tie_break == "first" else max(tied)


def _look_up(state: State, dataset: str, oracle: Oracle) -> dict[str, Any]:
    return {
        "architecture": oracle.space.format(state),
        "dataset": dataset,
        "error": oracle.error(state),
        "rank": oracle.rank(state),
        "percentile": oracle.percentile(state),
    }
