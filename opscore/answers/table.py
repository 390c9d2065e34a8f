"""A table: a frame, and the columns of it that are shown."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, Protocol

import pandas as pd

from opscore.answers.words import interval_text, is_missing, number
from opscore.schema import Column

#: Columns of a frame of which nothing is known, by the kind of their values.
_NUMBERS = {"i": ("whole", ""), "u": ("whole", ""), "f": ("number", ",.4f")}

#: Formats of numbers for which a column names none.
_FORMS = {"number": ".2f", "whole": ",d", "p": "p"}


class Entry(NamedTuple):
    """A cell.

    Attributes:
        text: what it says.
        below: what stands under that, such as a published number; '' for nothing.
        sort: what rows are sorted by on a page.
        best: whether it is the best of its row.
    """

    text: str
    below: str = ""
    sort: str = ""
    best: bool = False

    @property
    def line(self) -> str:
        """All that it says, on one line."""
        return f"{self.text} ({self.below})" if self.below else self.text


@dataclass(frozen=True)
class Table:
    """A table that is ready to be shown in any form.

    Attributes:
        title: what it shows.
        columns: those that are shown, in order; one that the frame lacks is left out.
        frame: the numbers, not rounded.
        caption: what should be known to read it, a line each.
        look: 'boxed' with lines all round, 'open' for one with many columns, 'bare' for a list.
        sections: the column at whose changes a line is drawn; '' draws none.
        best: whether the largest number of each row stands out.
        detail: whether it is shown only where there is room for it: on a page and in a file.
    """

    title: str
    columns: Sequence[Column]
    frame: pd.DataFrame
    caption: str = ""
    look: Literal["boxed", "open", "bare"] = "boxed"
    sections: str = ""
    best: bool = False
    detail: bool = False

    def shown(self, *, detail: bool = False) -> list[Column]:
        """The columns that are shown; ``detail``: also those for which there is not always room."""
        return [c for c in self.columns if c.name in self.frame and (detail or not c.detail)]

    def without_empty(self) -> Table:
        """The same without columns in which nothing stands; one without rows keeps its own."""
        kept = [
            column
            for column in self.columns
            if column.name in self.frame
            and (self.frame.empty or self.frame[column.name].notna().any())
        ]
        return replace(self, columns=kept)

    def head(self, most: int | None) -> Table:
        """The first rows, and a word on how many more there are; all of them for None."""
        if most is None or len(self.frame) <= most:
            return self
        left_out = f"{len(self.frame) - most:,} further rows are not shown"
        caption = "\n".join(filter(None, (left_out, self.caption)))
        return replace(self, frame=self.frame.head(most), caption=caption)

    def heading(self, column: Column) -> str:
        """What stands above a column, with the least value that it can take whatever is scored."""
        name = column.heading or column.name
        if not column.least or self.frame[column.least].isna().all():
            return name
        return f"{name}\n≥ {number(self.frame[column.least].min(), '.2g')}"

    def rows(self, *, detail: bool = False) -> Iterator[list[Entry]]:
        """The cells of each row, one for each column that is shown."""
        columns = self.shown(detail=detail)
        for row in self.records():
            cells = [entry_of(row, column) for column in columns]
            bests = self._bests(row, columns)
            yield [cell._replace(best=best) for cell, best in zip(cells, bests, strict=True)]

    def records(self) -> Iterator[Mapping[Hashable, Any]]:
        """The frame's rows; a column of whole numbers stays one where some are missing."""
        names = list(self.frame.columns)
        values = (self.frame[name].tolist() for name in names)
        for row in zip(*values, strict=True):
            yield dict(zip(names, row, strict=True))

    def values(self) -> pd.DataFrame:
        """The columns that are shown, with every detail, as they are in the frame."""
        names = dict.fromkeys(n for c in self.shown(detail=True) for n in c.names)
        return self.frame[[name for name in names if name in self.frame]]

    def _bests(self, row: Mapping[Hashable, Any], columns: Sequence[Column]) -> list[bool]:
        """Which cells of a row stand out."""
        values: list[Any] = [row[c.name] if c.is_number else None for c in columns]
        largest = max((value for value in values if not is_missing(value)), default=None)
        return [self.best and not is_missing(value) and value == largest for value in values]


def guessed(frame: pd.DataFrame) -> list[Column]:
    """Columns for a frame of which nothing is known."""
    found = []
    for name in map(str, frame.columns):
        kind, form = _NUMBERS.get(getattr(frame[name].dtype, "kind", "O"), ("text", ""))
        found.append(Column(name, kind=kind, form=form))  # type: ignore[arg-type]
    return found


class Shown(Protocol):
    """What can be shown in any form; see :class:`opscore.answers.Answer`."""

    def tables(self) -> list[Table]:
        """Its tables."""

    def notes(self) -> list[str]:
        """What they rest on."""

    def lines(self) -> list[str]:
        """What is said beside them."""

    def hints(self) -> list[str]:
        """What one may do next."""

    def payload(self) -> Mapping[str, Any]:
        """All of it as plain values."""


def entry_of(row: Mapping[Hashable, Any], column: Column) -> Entry:
    """What a row's cell in a column says."""
    value = row[column.name]
    if not column.is_number:
        text = column.missing if is_missing(value) else str(value)
        return Entry(text, _below(row, column), text.casefold())
    form = column.form or _FORMS[column.kind]
    if is_missing(value):
        text = column.missing
    elif isinstance(value, str):  # a table of somebody else's
        return Entry(value)
    elif column.end:
        text = interval_text(value, row[column.end], form, column.missing)
    else:
        text = number(value, form) + column.unit
    if column.beside and not is_missing(row[column.beside]) and not is_missing(value):
        text += f" ({number(row[column.beside], column.beside_form or form)})"
    sort = "" if is_missing(value) else repr(float(value))
    return Entry(text, _below(row, column), sort)


def _below(row: Mapping[Hashable, Any], column: Column) -> str:
    if not column.below or is_missing(row[column.below]):
        return ""
    value = row[column.below]
    return number(value, column.form or _FORMS[column.kind]) if column.is_number else str(value)
