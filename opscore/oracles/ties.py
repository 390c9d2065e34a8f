"""Equal means that are equal numbers: accuracies without the rounding errors of their storage.

Accuracies are shares of so many images, written with few decimals. As binary fractions they carry
rounding errors, and so do their means: (92.00 + 91.71 + 92.59) / 3 and (91.97 + 92.18 + 92.15) / 3
are both 92.1, but not the same double. Ranks, percentiles and the best k must not depend on that.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: Decimals that tables write accuracies with.
_DECIMALS = (2, 3, 4)

#: Half a unit in the last place of single precision, relative.
_SINGLE = 2.0**-24

#: Means that differ by less, relative to the largest one, are equal: far above the errors of
#: double precision, far below the steps of any table.
_EQUAL = 1e-9


def decimal_numbers(values: Array) -> Array:
    """The decimal numbers that a table was written with, where all of its values are such.

    A value counts as one with two to four decimals when single precision cannot tell the two. Any
    shape; NaN is left alone. Else the values themselves.
    """
    known = values[~np.isnan(values)]
    for decimals in _DECIMALS:
        nearest = np.round(known, decimals)
        if bool((np.abs(known - nearest) <= _SINGLE * np.abs(known)).all()):
            return np.round(values, decimals)
    return values


def equal_where_equal(values: Array) -> Array:
    """The values (any shape), those that differ by rounding replaced by one of them; NaN stays."""
    known = ~np.isnan(values)
    distinct, places = np.unique(values[known], return_inverse=True)
    if distinct.size < 2:
        return values
    apart = np.diff(distinct) > _EQUAL * np.abs(distinct).max()
    first = np.flatnonzero(np.concatenate([[True], apart]))
    groups = np.concatenate([[0], np.cumsum(apart)])
    result = values.copy()
    result[known] = distinct[first][groups[places]]
    return result
