"""Several tests at once: Holm's adjustment of p-values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Holm's step-down adjustment of the p-values of one family of tests.

    Rejecting where the adjusted value is below a level keeps the probability of any false
    rejection among the family below it, whatever the dependence between the tests (Holm 1979).

    Args:
        p_values: one per test, shape (n,); NaN where there is no test, which counts as none.

    Returns:
        Adjusted p-values of the same shape, NaN where there is no test.
    """
    values = np.asarray(p_values, dtype=np.float64).ravel()
    tested = np.flatnonzero(~np.isnan(values))
    order = tested[np.argsort(values[tested], kind="stable")]
    steps = values[order] * np.arange(len(order), 0, -1)
    adjusted = np.full(len(values), np.nan)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def with_holm(frame: pd.DataFrame, by: Sequence[str], tested: Sequence[bool]) -> pd.DataFrame:
    """A table's p_value and p_common adjusted within families, as p_holm and p_common_holm.

    by: the columns whose values tell one family of tests from another. tested: for each row,
    whether it is one of its family's tests; others stand beside them, without adjusted values.
    """
    if frame.empty:
        return frame.assign(p_holm=np.nan, p_common_holm=np.nan)
    keys = [frame[name] for name in by]
    own = frame[["p_value", "p_common"]].copy()
    own.loc[~np.asarray(tested, dtype=bool)] = np.nan
    groups = own.groupby(keys, sort=False, dropna=False)
    return frame.assign(
        p_holm=groups["p_value"].transform(holm), p_common_holm=groups["p_common"].transform(holm)
    )
