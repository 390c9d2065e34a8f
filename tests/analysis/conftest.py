from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import pytest

from opscore import schema

#: Strengths of shape (edges, operations) by (policy, seed, iteration).
Rows = Mapping[tuple[str, int | None, int], object]


@pytest.fixture(scope="session")
def score_table() -> Callable[..., pd.DataFrame]:
    """Makes a score table; NaN becomes a failed score, operations are named a, b, c, ..."""

    def make(rows: Rows, operations: str = "abcdefgh") -> pd.DataFrame:
        records = [
            {
                "policy": policy,
                "seed": pd.NA if seed is None else seed,
                "iteration": iteration,
                "edge": edge,
                "op": operations[op],
                "score": strength,
                "strength": strength,
                "status": "failed" if np.isnan(strength) else "ok",
                "seconds": 0.0,
            }
            for (policy, seed, iteration), strengths in rows.items()
            for edge, row in enumerate(np.atleast_2d(np.asarray(strengths, dtype=float)))
            for op, strength in enumerate(row)
        ]
        return schema.conform(pd.DataFrame(records), "scores")

    return make
