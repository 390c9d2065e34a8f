"""What a policy would pick by maximising each edge on its own (paper, Table 1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from opscore import schema
from opscore.errors import UserError, one_of
from opscore.oracles import Truth
from opscore.spaces import SearchSpace

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
        one_of("tie break", self.tie_break, TIE_BREAKS)

    def __call__(self, scores: pd.DataFrame, truth: Truth) -> pd.DataFrame:
        """Pick an architecture per (policy, seed) at iteration 0 and look it up.

        Args:
            scores: a score table (schema SCORES).
            truth: of the space; where it has no table, what only a table tells stays empty.

        Returns:
            A frame (schema SELECTION), one row per (policy, seed, dataset). A policy that has no
            score on some edge picks nothing and has no row; ``frame.attrs['left_out']`` lists
            these as records with policy, seed and the edges without a score.

        Raises:
            UserError: the table names an unknown edge or operation, or an operation has two rows.
        """
        space = truth.space
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
            state = space.architecture([ops for ops in choices if ops is not None])
            rows.extend(
                {"policy": str(policy), "seed": pd.NA if seed is None else seed, **found}
                for found in truth.judge(state)
            )
        frame = pd.DataFrame(rows, columns=list(schema.SELECTION))
        frame = schema.conform(frame, "selection")
        frame.attrs["left_out"] = left_out
        return frame

    def _choices(self, group: pd.DataFrame, space: SearchSpace) -> list[tuple[int, ...] | None]:
        """The strongest operations of each edge, as many as it keeps; None where too few scored."""
        by_edge: list[dict[int, float]] = [{} for _ in space.edges]
        usable = group[(group["status"] == "ok") & group["strength"].notna()]
        for edge, op, strength in zip(
            usable["edge"].tolist(), usable["op"].tolist(), usable["strength"].tolist(), strict=True
        ):
            by_edge[space.edge_index(int(edge))][space.operation_index(int(edge), op)] = strength
        return [
            self._strongest(strengths, kept)
            for strengths, kept in zip(by_edge, space.keeps, strict=True)
        ]

    def _strongest(self, strengths: Mapping[int, float], kept: int) -> tuple[int, ...] | None:
        if len(strengths) < kept:
            return None
        sign = 1 if self.tie_break == "first" else -1
        order = sorted(strengths, key=lambda op: (-strengths[op], sign * op))
        return tuple(sorted(order[:kept]))
