"""Checks of what people bring in a table: a number that cannot be is one line that names it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from opscore.errors import UserError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Kind:
    """What numbers of a column are.

    Attributes:
        name: what an error message calls them.
        lowest: the least value there can be.
        highest: the largest value there can be.
        scaled: values that are all within 0 and 1 are a mistake: they were divided by 100.
    """

    name: str
    lowest: float
    highest: float
    scaled: bool = False


NUMBER = Kind("a number that is not infinite", -np.finfo(float).max, np.finfo(float).max)
PERCENT = Kind("percent, 0 to 100", 0, 100, scaled=True)
#: Errors of classifications.
FRACTION = Kind("a fraction, 0 to 1", 0, 1)
#: Structural similarity.
SSIM = Kind("a structural similarity, -1 to 1", -1, 1)
#: A loss with its sign turned.
NEGATIVE_LOSS = Kind("minus a loss, 0 or less", -np.finfo(float).max, 0)

LATENCY = Kind("milliseconds, 0 or more", 0, np.finfo(float).max)
ENERGY = Kind("millijoules, 0 or more", 0, np.finfo(float).max)

#: Kinds by the names that descriptions of tables use.
KINDS = {
    "percent": PERCENT,
    "error": FRACTION,
    "ssim": SSIM,
    "negative loss": NEGATIVE_LOSS,
    "latency": LATENCY,
    "energy": ENERGY,
}


def numbers(name: str, column: pd.Series[Any], kind: Kind = PERCENT) -> pd.Series[Any]:
    """The values of a column in float64; NaN where there is nothing.

    Numbers may be text.

    Raises:
        UserError: a value is no number, or cannot be what ``kind`` says; the message names the
            first such row.
    """
    import pandas as pd

    found = pd.to_numeric(column, errors="coerce").astype(float)
    text = found.isna().to_numpy() & column.notna().to_numpy()
    if text.any():
        raise UserError(_wrong(name, column, text, "a number, with a decimal point"))
    values = found.to_numpy()
    bad = _impossible(values, kind)
    if bad.any():
        raise UserError(_wrong(name, column, bad, f"{kind.name}, or nothing"))
    _refuse_fractions(name, values, kind)
    return found


def refuse_impossible(name: str, values: NDArray[np.float64], kind: Kind = PERCENT) -> None:
    """UserError when a value of an array cannot be what ``kind`` says; NaN is nothing."""
    bad = _impossible(values, kind)
    if bad.any():
        raise UserError(f"{name} holds {values[bad][0]:g}; wanted: {kind.name}, or nothing")
    _refuse_fractions(name, values, kind)


def _impossible(values: NDArray[Any], kind: Kind) -> NDArray[np.bool_]:
    return (values < kind.lowest) | (values > kind.highest)


def _refuse_fractions(name: str, values: NDArray[Any], kind: Kind) -> None:
    most = np.fmax.reduce(values, axis=None, initial=-np.inf)
    if kind.scaled and values.size > 1 and 0 < most <= 1:
        raise UserError(
            f"{name} holds fractions (the largest is {most:.4g}); accuracies are percent: "
            "multiply it by 100"
        )


def texts(name: str, column: pd.Series[Any]) -> list[str]:
    """The texts of a column without spaces around them; they may be bytes.

    UserError that names the first row that has none.
    """
    return [_text(name, row, value) for row, value in enumerate(column)]


def refuse_twins(keys: Sequence[object]) -> None:
    """UserError that names the first two rows with the same key."""
    first: dict[object, int] = {}
    for row, key in enumerate(keys):
        if key in first:
            raise UserError(f"rows {first[key]} and {row} name the same architecture twice: {key}")
        first[key] = row


def _text(name: str, row: int, value: Any) -> str:
    if isinstance(value, bytes):
        value = value.decode("utf-8", errors="replace")
    if not isinstance(value, str):
        raise UserError(f"row {row} has no {name}")
    return value.strip()


def _wrong(name: str, column: pd.Series[Any], where: NDArray[np.bool_], wanted: str) -> str:
    row = int(np.flatnonzero(where)[0])
    more = f" (and {int(where.sum()) - 1:,} more)" if where.sum() > 1 else ""
    return f"{name} of row {row} is '{column.iloc[row]}'{more}; wanted: {wanted}"
