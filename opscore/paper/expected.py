"""The shipped record of what the sampling baselines of Table 2 end on, exactly."""

from __future__ import annotations

import pandas as pd

from opscore.data.records import read_record
from opscore.paper.searches import require

#: The record of exact expectations.
EXPECTATIONS = "search_expected"

#: Columns of exact expectations: mean and standard deviation of the test error, percent.
EXPECTED = {
    "method": "str",
    "dataset": "str",
    "evaluations": "int64",  # architectures drawn in one search
    "expected": "float64",
    "expected_std": "float64",
}


def recorded_expectations() -> pd.DataFrame:
    """The record of what random search and NASWOT end on, exactly; columns :data:`EXPECTED`."""
    require(EXPECTATIONS)
    return read_record(EXPECTATIONS)[0]
