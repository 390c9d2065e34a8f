"""Measured numbers beside published ones."""

from __future__ import annotations

import pandas as pd

from opscore.published.paper import (
    PAPER,
    Setting,
    correlation_matrix,
    elsewhere,
    other_correlations,
    published_progressive,
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
    measured: pd.DataFrame,
    reference: str = "best-acc",
    published: pd.DataFrame | None = None,
    setting: Setting = PAPER,
) -> pd.DataFrame:
    """Measured correlations with the published value of the same policy beside them.

    Args:
        measured: a correlation table (schema CORRELATION).
        reference: rows of this reference are taken.
        published: a frame with columns policy, reference, iteration, rho, source;
            :func:`published_correlations` of the setting by default.
        setting: space and truth of the measurement.

    Returns:
        A frame with columns policy, reference, iteration, measured (rho), ci_low, ci_high,
        n_seeds, published (missing where there is none) and source, in the order of the input.
    """
    rows = measured[measured["reference"] == reference].rename(columns={"rho": "measured"})
    known = published_correlations(setting) if published is None else published
    known = known.rename(columns={"rho": "published"})
    keys = ["policy", "reference", "iteration"]
    joined = rows.merge(known[[*keys, "published", "source"]], on=keys, how="left")
    return joined[_COLUMNS]


def published_correlations(setting: Setting = PAPER) -> pd.DataFrame:
    """Every published correlation of a setting, one row per (policy, reference, iteration).

    Iteration 0 is a study of initial scores (on NAS-Bench-201 Figure 2, left: one batch per edge);
    later ones are means over four seeds (Figure 2, right).

    Returns:
        A frame with columns policy, reference, iteration, rho, source; without rows for a setting
        of which nothing was published.
    """
    columns = ["policy", "reference", "iteration", "rho", "source"]
    later = published_progressive(setting)
    later = later.loc[later["iteration"] > 0, columns]
    if setting != PAPER:
        return pd.concat([elsewhere(setting, "initial")[columns], later], ignore_index=True)
    initial = pd.concat([correlation_matrix(), other_correlations()]).assign(iteration=0)
    frame = pd.concat([initial[columns], later, stated_correlations()[columns]])
    return frame.drop_duplicates(columns[:3], ignore_index=True)
