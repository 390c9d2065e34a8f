from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest

from opscore import schema
from opscore.errors import OpscoreError


def test_the_json_contract_has_these_fields():
    # Scripts read these names; adding one is fine, losing or renaming one is not.
    assert list(schema.SCORES) == [
        "policy", "seed", "iteration", "edge", "op", "score", "strength", "status", "seconds",
    ]  # fmt: skip
    assert list(schema.CORRELATION) == [
        "policy", "reference", "iteration", "rho", "ci_low", "ci_high", "p_value", "p_holm",
        "p_common", "p_common_least", "p_common_holm", "p_kinds", "p_kinds_least", "n_seeds",
        "n_edges", "n_excluded",
    ]  # fmt: skip
    assert list(schema.SELECTION) == [
        "policy", "seed", "architecture", "dataset", "error", "rank", "percentile",
    ]  # fmt: skip
    assert list(schema.ORACLE) == ["edge", "op", "best", "mean"]


def test_conform_orders_types_and_drops():
    frame = pd.DataFrame({"mean": [1], "op": ["none"], "edge": [0], "best": [2], "extra": [1]})
    table = schema.conform(frame, "oracle")
    assert list(table.columns) == ["edge", "op", "best", "mean"]
    assert table["best"].dtype == "float64"


def test_conform_names_what_is_missing():
    with pytest.raises(OpscoreError, match=r"'oracle' table needs the column\(s\) best, mean"):
        schema.conform(pd.DataFrame({"edge": [0], "op": ["a"]}), "oracle")


def test_json_is_strict_and_keeps_missing_values_as_null():
    frame = pd.DataFrame({"seed": pd.array([1, None], dtype="Int64"), "x": [math.inf, 1.5]})
    text = schema.dumps({"t": frame, "n": np.int64(3), "nested": {"p": (np.float64("nan"), True)}})
    assert json.loads(text) == {
        "t": [{"seed": 1, "x": None}, {"seed": None, "x": 1.5}],
        "n": 3,
        "nested": {"p": [None, True]},
    }


@pytest.mark.parametrize("table", list(schema.TABLES))
def test_empty_tables_have_the_columns(table):
    assert list(schema.empty(table).columns) == list(schema.TABLES[table])
