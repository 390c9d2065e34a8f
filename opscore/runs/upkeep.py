"""Keeping run stores: what differs between two runs or two stores, merging, and cleaning up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from opscore.runs.reading import natural_order, plain_facts
from opscore.runs.store import TIMES, Outcome


def settings_differences(
    left: Mapping[str, Any], right: Mapping[str, Any], prefix: str = ""
) -> list[tuple[str, Any, Any]]:
    """The settings in which two keys differ: name, left, right; None where one lacks it."""
    found: list[tuple[str, Any, Any]] = []
    for name in dict.fromkeys([*left, *right]):
        mine, other = left.get(name), right.get(name)
        if isinstance(mine, Mapping) and isinstance(other, Mapping):
            found += settings_differences(mine, other, f"{prefix}{name}.")
        elif mine != other:
            found.append((f"{prefix}{name}", mine, other))
    return found


def result_differences(left: Outcome, right: Outcome) -> list[str]:
    """In what two results differ, a line each; times do not count."""
    found = []
    mine, other = (plain_facts(each.facts) for each in (left, right))
    if mine != other:
        found.append(f"facts: {mine} and {other}")
    for name in sorted({*left.tables, *right.tables}, key=natural_order):
        if name not in left.tables or name not in right.tables:
            found.append(f"{name}: only one has this table")
            continue
        a, b = (
            each.tables[name].drop(columns=TIMES, errors="ignore").reset_index(drop=True)
            for each in (left, right)
        )
        found += [f"{name}{line}" for line in _table_differences(a, b)]
    return found


def _table_differences(a: pd.DataFrame, b: pd.DataFrame) -> list[str]:
    if list(a.columns) != list(b.columns) or len(a) != len(b):
        return [f": {len(a)} rows of {len(a.columns)} columns, and {len(b)} of {len(b.columns)}"]
    found = []
    for name in a.columns:
        one, two = a[name].astype(object), b[name].astype(object)
        unequal = (one != two) & ~(one.isna() & two.isna())
        if not unequal.any():
            continue
        numbers = [pd.to_numeric(each[unequal], errors="coerce") for each in (one, two)]
        gap = float((numbers[0] - numbers[1]).abs().max())
        size: str = "" if pd.isna(gap) else f", by up to {gap:.3g}"
        found.append(f".{name}: {int(unequal.sum())} of {len(a)} rows differ{size}")
    return found
