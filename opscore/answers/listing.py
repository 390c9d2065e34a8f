"""Answers that are made where they are asked for: lists of what there is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from opscore.answers.answer import Answer
from opscore.answers.pictures import Picture
from opscore.answers.table import Table


@dataclass(frozen=True, repr=False)
class Listing(Answer):
    """Tables, and the same as plain values.

    Attributes:
        listed: its tables.
        values: what JSON has.
        rests_on: what it rests on, a line each.
        said: what is said beside its tables, a line each.
        then: what one may do next, a line each.
        wrong: what went wrong, '' if it is in the tables; None if nothing did.
        kept: frames by the names of their files.
        drawn: its figures.
    """

    listed: Sequence[Table]
    values: Mapping[str, Any]
    rests_on: Sequence[str] = ()
    said: Sequence[str] = ()
    then: Sequence[str] = ()
    wrong: str | None = None
    kept: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    drawn: Sequence[Picture] = ()

    def tables(self) -> list[Table]:
        """Its tables."""
        return list(self.listed)

    def notes(self) -> list[str]:
        """What it rests on."""
        return list(self.rests_on)

    def lines(self) -> list[str]:
        """What is said beside its tables."""
        return list(self.said)

    def hints(self) -> list[str]:
        """What one may do next."""
        return list(self.then)

    def payload(self) -> Mapping[str, Any]:
        """The same as plain values."""
        return self.values

    def files(self) -> Mapping[str, pd.DataFrame]:
        """Frames by the names of their files."""
        return self.kept

    def pictures(self) -> list[Picture]:
        """Its figures."""
        return list(self.drawn)

    def trouble(self) -> str | None:
        """What went wrong."""
        return self.wrong


@dataclass(frozen=True, repr=False)
class NamedTable(Answer):
    """One table that has a name, and a note on what it rests on.

    Attributes:
        name: of the table and its files.
        table: its numbers.
        note: what they rest on.
    """

    name: str
    table: pd.DataFrame
    note: str

    def notes(self) -> list[str]:
        """What the numbers rest on."""
        return [self.note]

    def payload(self) -> dict[str, Any]:
        """The table, and what it rests on."""
        return {self.name: self.table, "settings": {"note": self.note}}

    def files(self) -> dict[str, pd.DataFrame]:
        """The table, as CSV and Parquet."""
        return {f"{self.name}{end}": self.table for end in (".csv", ".parquet")}
