"""Measured numbers beside published ones."""

from __future__ import annotations

import pandas as pd

from opscore.published.paper import (
    correlation_matrix,
    other_correlations,
    progressive_correlations,
    stated_correlations,
)

_COLUMNS = [
    "policy",
    "reference",
    "iteration",
    "measured",
    "ci_low",
    "ci_high",
    "n_seeds",
    "published",
    "source",
]


def side_by_side(
    measured: pd.DataFrame, reference: str = "best-acc", published: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Measured correlations with the published value of the same policy beside them.

    Args:
        measured: a correlation table (schema CORRELATION).
        reference: rows of this reference are taken.
        published: a frame with columns policy, reference, iteration, rho, source;
            :func:`published_correlations` by default.

    Returns:
        A frame with columns policy, reference, iteration, measured (rho), ci_low, ci_high,
        n_seeds, published (missing where there is none) and source, in the order of the input.
    """
    rows = measured[measured["reference"] == reference].rename(columns={"rho": "measured"})
    known = published_correlations() if published is None else published
    known = known.rename(columns={"rho": "published"})
    keys = ["policy", "reference", "iteration"]
    joined = rows.merge(known[[*keys, "published", "source"]], on=keys, how="left")
    return joined[_COLUMNS]


def published_correlations() -> pd.DataFrame:
    """Every published correlation, one row per (policy, reference, iteration).

    Iteration 0 is Figure 2 (left), one batch per edge; later ones are Figure 2 (right), four seeds.

    Returns:
        A frame with columns policy, reference, iteration, rho, source.
    """
    initial = pd.concat([correlation_matrix(), other_correlations()]).assign(iteration=0)
    later = progressive_correlations().assign(reference="best-acc")
    later = later[later["iteration"] > 0]
    columns = ["policy", "reference", "iteration", "rho", "source"]
    frame = pd.concat([initial[columns], later[columns], stated_correlations()[columns]])
    return frame.drop_duplicates(columns[:3], ignore_index=True)
