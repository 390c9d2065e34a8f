"""How numbers are written wherever a table is shown."""

from __future__ import annotations

from typing import Any

import pandas as pd

#: Column headings where a dataset's name is long.
_SHORT = {"imagenet16-120": "in16-120"}


def is_missing(value: Any) -> bool:
    """Whether there is nothing to write."""
    return value is None or bool(pd.isna(value))


def number(value: Any, form: str, missing: str = "-") -> str:
    """A number in this format, or 'p' for a p-value; a dash where there is none."""
    if is_missing(value):
        return missing
    if form == "p":
        return p_text(value)
    if form.endswith("d"):
        return format(round(value), form)
    # The mean of equal numbers may differ from them in its last bits, and then round apart.
    return format(round(float(value), 9), form)


def p_text(value: Any) -> str:
    """A p-value with two digits, or a dash where there is no test."""
    shown = number(value, ".2g")
    return shown if shown == "-" or float(shown) >= 0.0001 else "<.0001"


def interval_text(low: Any, high: Any, form: str = "+.2f", missing: str = "-") -> str:
    """The ends of an interval, or a dash where there is none."""
    if is_missing(low) or is_missing(high):
        return missing
    return f"{number(low, form)} .. {number(high, form)}"


def one_line(text: str) -> str:
    """A heading or a title on one line."""
    return " ".join(text.replace("-\n", "-").split())


def short_dataset(name: str) -> str:
    """A dataset's name as it fits into a table."""
    return _SHORT.get(name, name)
