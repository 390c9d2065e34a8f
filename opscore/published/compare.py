"""Measured numbers beside published ones."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from opscore.published.paper import (
    PAPER,
    Setting,
    correlation_matrix,
    elsewhere,
    other_correlations,
    published_progressive,
)
from opscore.published.rule import Made, differences

#: What a measured statistic is called where a published one stands beside it.
MEASURED = {"rho": "measured"}

#: Columns of published correlations.
_PUBLISHED = ["policy", "reference", "iteration", "rho", "n_seeds", "source"]


def side_by_side(
    measured: pd.DataFrame,
    reference: str = "best-acc",
    published: pd.DataFrame | None = None,
    setting: Setting = PAPER,
    made: Mapping[str, Made] | None = None,
) -> pd.DataFrame:
    """Measured correlations with the published value of the same policy beside them.

    Args:
        measured: a correlation table (schema CORRELATION).
        reference: rows of this reference are taken.
        published: a frame with columns policy, reference, iteration, rho, n_seeds, source;
            :func:`published_correlations` of the setting by default.
        setting: space and truth of the measurement.
        made: the settings that each policy was measured with, by policy; nothing published stands
            beside those whose are other (:func:`opscore.published.differences`).

    Returns:
        The rows of that reference, in their order: the columns of schema CORRELATION, with rho as
        ``measured``, then published and published_n, its seeds (both missing where there is none),
        and source.
    """
    rows = measured[measured["reference"] == reference].rename(columns=MEASURED)
    known = published_correlations(setting) if published is None else published
    other = [name for name, own in (made or {}).items() if differences(name, own, setting.space)]
    known = known[~known["policy"].isin(other)]
    known = known.rename(columns={"rho": "published", "n_seeds": "published_n"})
    keys = ["policy", "reference", "iteration"]
    joined = rows.merge(known[[*keys, "published", "published_n", "source"]], on=keys, how="left")
    return joined.astype({"published_n": "Int64"})


def published_initial(
    reference: str = "best-acc",
    setting: Setting = PAPER,
    made: Mapping[str, Made] | None = None,
) -> dict[str, float]:
    """Published rho to a reference at iteration 0, by policy.

    Args:
        reference: 'best-acc' or 'avg-acc'.
        setting: what the measurement that stands beside it is of.
        made: as for :func:`side_by_side`.

    Returns:
        Nothing for a reference, a setting or a policy of which nothing was published.
    """
    rows = published_correlations(setting)
    rows = rows[(rows["reference"] == reference) & (rows["iteration"] == 0)]
    return {
        policy: float(rho)
        for policy, rho in zip(rows["policy"].astype(str), rows["rho"], strict=True)
        if not differences(policy, (made or {}).get(policy, {}), setting.space)
    }


def published_correlations(setting: Setting = PAPER) -> pd.DataFrame:
    """Every published correlation of a setting, one row per (policy, reference, iteration).

    Iteration 0 is a study of initial scores (on NAS-Bench-201 Figure 2, left: one batch per edge);
    later ones are those of Figure 2, right: means over four seeds, but for synflow's of one.

    Returns:
        A frame with columns policy, reference, iteration, rho, n_seeds, source; without rows for a
        setting of which nothing was published.
    """
    if setting == PAPER:  # of one run
        initial = pd.concat([correlation_matrix(), other_correlations()])
        initial = initial.assign(iteration=0, n_seeds=1)
    else:
        initial = elsewhere(setting, "initial")
    later = published_progressive(setting)
    later = later[later["iteration"] > 0]
    return pd.concat([initial[_PUBLISHED], later[_PUBLISHED]], ignore_index=True)
