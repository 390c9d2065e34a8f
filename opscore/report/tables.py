"""Frames as tables of the page: what a cell says, what it is sorted by, what may be filtered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import pandas as pd

from opscore.report.words import number, p_value, plain

#: Rows of a table that are shown; more would make the page slow.
MOST_ROWS = 2_000


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: in the frame.
        label: on the page.
        kind: 'text', 'code' (text of fixed width), 'number', 'whole', 'p' or 'status'.
        digits: after the point of a number.
        choice: whether a list chooses rows by this column.
        about: what it is, in a sentence.
    """

    name: str
    label: str
    kind: str = "text"
    digits: int = 2
    choice: bool = False
    about: str = ""

    @property
    def is_number(self) -> bool:
        """Whether rows are sorted by size, not by the alphabet."""
        return self.kind in {"number", "whole", "p"}


@dataclass(frozen=True)
class Cell:
    """A cell: what it says, and what rows are sorted by."""

    text: str
    sort: str


@dataclass(frozen=True)
class Table:
    """A table of the page.

    Attributes:
        caption: what it shows.
        columns: its columns.
        rows: a cell for each column.
        left_out: rows that are not shown, since they are too many.
    """

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    left_out: int = 0

    def choices(self, column: Column) -> list[str]:
        """The texts that a list offers for a column, in order; few enough to choose from."""
        place = self.columns.index(column)
        return sorted({row[place].text for row in self.rows})


def table(caption: str, frame: pd.DataFrame, columns: Sequence[Column]) -> Table:
    """A frame as a table; columns that the frame lacks, or that are empty, are left out."""
    kept = [c for c in columns if c.name in frame and (frame[c.name].notna().any() or frame.empty)]
    shown = frame.head(MOST_ROWS)
    cells = [[_cell(value, column) for value in shown[column.name]] for column in kept]
    rows = tuple(zip(*cells, strict=True)) if cells else ()
    return Table(caption, tuple(kept), rows, len(frame) - len(shown))


def _cell(value: Any, column: Column) -> Cell:
    if value is None or pd.isna(value):
        return Cell("", "")
    if not column.is_number:
        text = plain(value, 400)
        return Cell(text, text.casefold())
    if not pd.api.types.is_number(value):  # a table of somebody else's
        return Cell(plain(value), "")
    written: dict[str, Callable[[Any], str]] = {
        "whole": lambda v: number(v, 0),
        "p": p_value,
    }
    text = written.get(column.kind, lambda v: number(v, column.digits))(value)
    return Cell(text, repr(float(cast("Any", value))))


def guessed(frame: pd.DataFrame) -> list[Column]:
    """Columns for a frame of which nothing is known."""
    found = []
    for name in map(str, frame.columns):
        values = frame[name]
        if pd.api.types.is_bool_dtype(values) or not pd.api.types.is_numeric_dtype(values):
            few = 1 < values.astype(str).nunique() <= 12
            found.append(Column(name, plain(name), choice=few))
        elif pd.api.types.is_integer_dtype(values):
            found.append(Column(name, plain(name), "whole"))
        else:
            found.append(Column(name, plain(name), "number", 4))
    return found
